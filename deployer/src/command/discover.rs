//! `deployer discover`: every REST API of the account in the Region, with its stages, and who
//! may call what on each.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::Failure;
use super::deploy::url;
use super::session::Session;
use crate::apply::number;
use crate::cli;
use crate::output::{Exit, Output};
use aws::apigateway::{Listed, MethodSummary};
use compiler::api::RouteKey;
use deployment::observed::TAG_API;

pub(super) fn run(access: &cli::Access, output: Output) -> Result<Exit, Failure> {
    let session = Session::open(access, output)?;
    let apis = session.wait(session.aws.apis())?;
    let mut lines = vec![format!(
        "REST APIs in {}, {}: {}",
        session.aws.place.account,
        session.aws.place.region,
        apis.len()
    )];
    let mut all = Vec::new();
    for api in &apis {
        output.note(&format!("  looking at {} ({})", api.name, api.id));
        let (text, json) = one(&session, api)?;
        lines.extend(text);
        all.push(json);
    }
    output.data(&lines.join("\n"), &json!({"place": session.aws.place, "apis": all}));
    Ok(Exit::Done)
}

fn one(session: &Session, api: &Listed) -> Result<(Vec<String>, Json), Failure> {
    let aws = &session.aws;
    let stages = session.wait(aws.stages(&api.id))?;
    let deployments = session.wait(aws.deployments(&api.id))?;
    let ours = api.tags.get(TAG_API);
    let records = match ours {
        Some(_) => session.wait(aws.records(&api.id))?,
        None => BTreeMap::new(),
    };
    let mark = ours.map_or("", |_| ", ours");
    let endpoint = api.endpoint.to_ascii_lowercase();
    let mut lines = vec![format!("\n{} ({}), {endpoint}{mark}", api.name, api.id)];
    if stages.is_empty() {
        lines.push("  no stage".to_owned());
    }
    let mut told = Vec::new();
    for (name, stage) in &stages {
        let revision = deployments.iter().find(|d| d.id == stage.deployment);
        let revision = revision.and_then(|deployment| deployment.revision.as_ref());
        let record = revision.and_then(|revision| records.get(&revision.number));
        let (routes, source) = if let Some(record) = record {
            let auth = record.0.iter().filter_map(|(part, says)| {
                Some((part.parse().ok()?, says.says.get("auth")?.clone()))
            });
            (auth.collect::<BTreeMap<RouteKey, String>>(), "record")
        } else {
            let summary = session.wait(aws.summary(&api.id, &stage.deployment))?;
            if summary.is_empty() {
                // A deployment that says nothing of itself: what is being edited is nearest.
                let draft = session.wait(aws.methods_of(&api.id))?;
                let auth = draft.into_iter().map(|(name, method)| {
                    let key = if method.api_key { " and API key" } else { "" };
                    (name, format!("{}{key}", method.authorization))
                });
                (auth.collect(), "draft")
            } else {
                (summary.iter().map(|(name, m)| (name.clone(), auth(m))).collect(), "deployment")
            }
        };
        let url = url(&aws.place, &api.id, name);
        lines.push(format!("  stage {name}: {} at {url}", number(revision)));
        lines.extend(routes.iter().map(|(route, auth)| format!("    {route}  {auth}")));
        told.push(json!({
            "stage": name,
            "url": url,
            "deployment": stage.deployment,
            "revision": revision,
            "routes": routes,
            "source": source,
        }));
    }
    let json = json!({
        "id": api.id,
        "name": api.name,
        "endpoint": api.endpoint,
        "tags": api.tags,
        "ours": ours.is_some(),
        "stages": told,
    });
    Ok((lines, json))
}

fn auth(method: &MethodSummary) -> String {
    let guard = match method.authorization.as_str() {
        "NONE" => None,
        "CUSTOM" => Some("an authorizer"),
        "COGNITO_USER_POOLS" => Some("a Cognito user pool"),
        other => Some(other),
    };
    match (guard, method.api_key) {
        (None, false) => "public".to_owned(),
        (None, true) => "API key".to_owned(),
        (Some(guard), false) => guard.to_owned(),
        (Some(guard), true) => format!("{guard} and API key"),
    }
}
