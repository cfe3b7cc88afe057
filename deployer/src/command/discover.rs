//! `deployer discover`: lists all REST APIs of the account in the Region, with the stages, routes
//! and authorization of each.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::deploy::url;
use super::session::Session;
use super::{Failure, Invocation};
use crate::apply::revision_text;
use crate::output::Exit;
use aws::apigateway::{ListedApi, MethodSummary};
use compiler::api::RouteKey;
use deployment::observed::{ObservedStage, TAG_API};
use deployment::record::{AuthSummary, Record};

pub(super) fn run(invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let session = invocation.connect()?;
    let apis = session.block_on(session.aws.apis())?;
    let target = &session.aws.target;
    let mut lines =
        vec![format!("REST APIs in {}/{}: {}", target.account, target.region, apis.len())];
    let mut all = Vec::new();
    for api in &apis {
        invocation.output.note(&format!("  reading {} ({})", api.name, api.id));
        let (text, json) = describe(&session, api)?;
        lines.extend(text);
        all.push(json);
    }
    let json = json!({"target": target, "apis": all});
    invocation.output.data(&lines.join("\n"), &json);
    Ok(Exit::Success)
}

/// Returns an API with its stages, as lines and as JSON.
fn describe(session: &Session, api: &ListedApi) -> Result<(Vec<String>, Json), Failure> {
    let aws = &session.aws;
    let stages = session.block_on(aws.stages(&api.id))?;
    let deployments = session.block_on(aws.deployments(&api.id))?;
    let managed = api.tags.get(TAG_API);
    let records = match managed {
        Some(_) => session.block_on(aws.records(&api.id))?,
        None => BTreeMap::new(),
    };
    let mark = managed.map_or("", |_| ", managed by Portcullis");
    let endpoint = api.endpoint.kind.name().to_ascii_lowercase();
    let mut lines = vec![format!("\n{} ({}), {endpoint}{mark}", api.name, api.id)];
    if stages.is_empty() {
        lines.push("  no stages".to_owned());
    }
    let mut described = Vec::new();
    for (name, stage) in &stages {
        let revision = deployments.iter().find(|d| d.id == stage.deployment);
        let revision = revision.and_then(|deployment| deployment.revision.as_ref());
        let record = revision.and_then(|revision| records.get(&revision.number)?.as_ref().ok());
        let RouteAuthorization { routes, source } =
            route_authorization(session, &api.id, stage, record)?;
        let url = url(&aws.target, &api.id, name);
        lines.push(format!("  stage {name}: {} at {url}", revision_text(revision)));
        lines.extend(routes.iter().map(|(route, auth)| format!("    {route}  {auth}")));
        described.push(json!({
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
        "endpoint": api.endpoint.kind,
        "tags": api.tags,
        "managed": managed.is_some(),
        "stages": described,
    });
    Ok((lines, json))
}

/// The authorization of each route of a stage, and the source it was read from.
struct RouteAuthorization {
    routes: BTreeMap<RouteKey, String>,
    source: &'static str,
}

fn route_authorization(
    session: &Session,
    api: &str,
    stage: &ObservedStage,
    record: Option<&Record>,
) -> Result<RouteAuthorization, Failure> {
    let aws = &session.aws;
    if let Some(record) = record {
        let auth = record.methods.iter();
        let auth = auth.map(|(key, method)| (key.clone(), method.auth.to_string()));
        return Ok(RouteAuthorization { routes: auth.collect(), source: "record" });
    }
    let summary = session.block_on(aws.deployment_summary(api, &stage.deployment))?;
    if !summary.is_empty() {
        let routes = summary.iter().map(|(name, m)| (name.clone(), auth(m))).collect();
        return Ok(RouteAuthorization { routes, source: "deployment" });
    }
    // A deployment without a summary: the current definition is the best approximation.
    let methods = session.block_on(aws.methods(api))?;
    let auth = methods.into_iter().map(|(key, method)| {
        let auth = AuthSummary::from(&method);
        (key, auth.to_string())
    });
    Ok(RouteAuthorization { routes: auth.collect(), source: "definition" })
}

fn auth(method: &MethodSummary) -> String {
    let guard = match method.authorization.as_str() {
        "NONE" => None,
        "CUSTOM" => Some("Lambda authorizer"),
        "COGNITO_USER_POOLS" => Some("Cognito user pool"),
        other => Some(other),
    };
    match (guard, method.api_key) {
        (None, false) => "public".to_owned(),
        (None, true) => "API key".to_owned(),
        (Some(guard), false) => guard.to_owned(),
        (Some(guard), true) => format!("{guard} and API key"),
    }
}
