//! The steps that make AWS what the files ask for, in the one order that is safe: what a stage
//! serves changes last, and what it needs is checked before.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::Target;
use super::prune::{Unneeded, unneeded};
use super::stage::{Patch, no_canary, patches, serve};
use crate::desired::Desired;
use crate::observed::{Observed, ObservedApi, ObservedStage, Role, TAG_PLANS};
use crate::record::Record;
use crate::revision::Revision;
use compiler::api::{
    AuthorizerShape, Endpoint, GatewayResponse, RouteKey, StageSettings, UsagePlan,
};
use compiler::definition::{Method, scheme_of};
use compiler::openapi::{remove_internal_extensions, render_definition, set_member};

/// One step, with all that it needs: `apply` adds ids that AWS gives, and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields of a step are named after what they are on AWS")]
#[expect(clippy::large_enum_variant, reason = "a plan has a dozen of them")]
pub enum Step {
    /// An API without anything in it, already tagged, so that it is found again whatever
    /// becomes of the answer.
    CreateApi {
        name: String,
        endpoint: Endpoint,
        vpc_endpoints: Vec<String>,
        tags: BTreeMap<String, String>,
    },
    /// The API's tags.
    TagApi { set: BTreeMap<String, String>, unset: Vec<String> },
    /// Where the API is reached from.
    UpdateEndpoint { from: Endpoint, to: Endpoint },
    /// A role to invoke an authorizer.
    PutRole { name: String, role: Role, exists: bool },
    /// The whole draft.
    ImportDefinition { document: Json },
    /// What of the draft an import may have left out or doubled.
    ReconcileImport {
        /// The authorizers by their name on AWS.
        authorizers: BTreeMap<String, AuthorizerShape>,
        /// The answers that API Gateway makes itself.
        gateway_responses: BTreeMap<String, GatewayResponse>,
    },
    /// Functions behind operations let API Gateway in.
    GrantInvoke { functions: Vec<String> },
    /// Authorizers are asked before any request is.
    TestAuthorizers { authorizers: BTreeSet<String> },
    /// A deployment of the draft, which no stage serves yet.
    CreateDeployment { revision: Revision },
    /// The draft still is what was put, so what was deployed of it is too.
    VerifyDefinition { methods: BTreeMap<RouteKey, Method> },
    /// A stage that was not there.
    CreateStage { name: String, deployment: Option<String>, settings: StageSettings },
    /// A stage that was there: all or nothing.
    UpdateStage {
        name: String,
        /// What it is now: it must still serve that, and goes back to it.
        before: ObservedStage,
        /// What it is to serve; the new deployment, if none is named.
        to: Option<String>,
        /// Whether it changes_deployment at all.
        changes_deployment: bool,
        patches: Vec<Patch>,
        settings: StageSettings,
    },
    /// The usage plan of the stage.
    PutUsagePlan {
        name: String,
        stage: String,
        id: Option<String>,
        plan: UsagePlan,
        existing_keys: Vec<String>,
        has_stage: bool,
    },
    /// What is not needed any more.
    DeleteUnused { deployments: Vec<String>, roles: Vec<String> },
}

impl Step {
    /// Says what it does.
    pub fn description(&self) -> String {
        match self {
            Self::CreateApi { name, endpoint, .. } => {
                format!("create the API {name} ({})", endpoint.name().to_ascii_lowercase())
            }
            Self::TagApi { .. } => "set the API's tags".to_owned(),
            Self::UpdateEndpoint { from, to } => format!("change the endpoint from {from} to {to}"),
            Self::PutRole { name, exists: false, .. } => format!("create the invoke role {name}"),
            Self::PutRole { name, exists: true, .. } => format!("mend the invoke role {name}"),
            Self::ImportDefinition { .. } => "put the whole API into the definition".to_owned(),
            Self::ReconcileImport { .. } => "check what was put".to_owned(),
            Self::GrantInvoke { functions } => {
                format!("let API Gateway invoke {}", functions.join(", "))
            }
            Self::TestAuthorizers { authorizers } => {
                let names: Vec<&str> = authorizers.iter().map(|name| scheme_of(name)).collect();
                format!("ask {} before any request does", names.join(", "))
            }
            Self::CreateDeployment { revision, .. } => format!("make revision {}", revision.number),
            Self::VerifyDefinition { .. } => "check that it holds what was put".to_owned(),
            Self::CreateStage { name, .. } => format!("create the stage {name}"),
            Self::UpdateStage { name, changes_deployment: true, .. } => {
                format!("move the stage {name}")
            }
            Self::UpdateStage { name, changes_deployment: false, .. } => {
                format!("set up the stage {name}")
            }
            Self::PutUsagePlan { name, .. } => format!("set up the usage plan {name}"),
            Self::DeleteUnused { deployments, roles } => {
                format!("remove {} old deployments and {} roles", deployments.len(), roles.len())
            }
        }
    }
}

/// Returns the steps.
pub(super) fn steps(desired: &Desired, observed: &Observed, target: &Target) -> Vec<Step> {
    let api = observed.api.as_ref();
    let mut steps = Vec::new();
    match api {
        None => steps.push(Step::CreateApi {
            name: desired.api.name.clone(),
            endpoint: desired.api.endpoint.clone(),
            vpc_endpoints: desired.api.deployment_settings.vpc_endpoints.clone(),
            tags: desired.tags.clone(),
        }),
        Some(api) => steps.extend(about_the_api(desired, api)),
    }
    for (name, role) in &desired.roles {
        let known = observed.roles.get(name);
        if known != Some(role) {
            steps.push(Step::PutRole {
                name: name.clone(),
                role: role.clone(),
                exists: known.is_some(),
            });
        }
    }
    let puts = api.is_none_or(|api| must_put(desired, api, target));
    if puts {
        steps.push(Step::ImportDefinition { document: draft_document(desired, api, target) });
        steps.push(Step::ReconcileImport {
            authorizers: desired.definition.authorizers.clone(),
            gateway_responses: desired.definition.gateway_responses.clone(),
        });
        let functions = desired.functions_without_role();
        if !functions.is_empty() {
            let functions = functions.iter().map(|arn| arn.as_str().to_owned()).collect();
            steps.push(Step::GrantInvoke { functions });
        }
    }
    let changes_deployment = !matches!(target, Target::Same(_));
    let authorizers = desired.portcullis_authorizers();
    if (puts || changes_deployment) && !authorizers.is_empty() {
        steps.push(Step::TestAuthorizers { authorizers });
    }
    if let Target::New { revision, .. } = target {
        steps.push(Step::CreateDeployment { revision: revision.clone() });
    }
    if puts || matches!(target, Target::New { .. }) {
        steps.push(Step::VerifyDefinition { methods: desired.definition.methods.clone() });
    }
    steps.extend(about_the_stage(desired, api, target));
    steps.extend(usage_plan(desired, api));
    if !steps.is_empty() {
        // Tidying up is no reason to do anything.
        let unneeded = unneeded(desired, observed, target);
        steps.extend(
            unneeded
                .map(|Unneeded { deployments, roles }| Step::DeleteUnused { deployments, roles }),
        );
    }
    steps
}

pub(super) fn about_the_api(desired: &Desired, api: &ObservedApi) -> Vec<Step> {
    let mut steps = Vec::new();
    let tags = desired.tags.iter();
    let set: BTreeMap<String, String> = tags
        .filter(|(name, value)| api.tags.get(*name) != Some(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    // AWS's own are not ours to remove.
    let unset: Vec<String> = (api.tags.keys())
        .filter(|name| !desired.tags.contains_key(*name))
        .filter(|name| !name.starts_with("aws:") && *name != TAG_PLANS)
        .cloned()
        .collect();
    if !set.is_empty() || !unset.is_empty() {
        steps.push(Step::TagApi { set, unset });
    }
    if api.endpoint != desired.api.endpoint {
        let (from, to) = (api.endpoint.clone(), desired.api.endpoint.clone());
        steps.push(Step::UpdateEndpoint { from, to });
    }
    steps
}

/// Says whether the draft must be put: it differs, its record does, or an authorizer stands
/// there twice.
fn must_put(desired: &Desired, api: &ObservedApi, target: &Target) -> bool {
    let names: BTreeSet<&String> = api.authorizers.values().collect();
    let wanted: BTreeSet<&String> = desired.definition.authorizers.keys().collect();
    Record::observed(&api.definition) != Record::observed(&desired.definition)
        || api.last_import() != Some(Ok(&desired.record))
        || api.record(target.number()).is_none()
        || names != wanted
        || names.len() != api.authorizers.len()
}

/// Returns the document to put: what is asked for, and the records of what is kept.
fn draft_document(desired: &Desired, api: Option<&ObservedApi>, target: &Target) -> Json {
    let mut document =
        render_definition(&desired.definition, &desired.api.name, &desired.api.version);
    let mut schemas: Map<String, Json> = desired.definition.models.clone().into_iter().collect();
    schemas.extend(records(api));
    schemas.extend([desired.record.model(target.number())]);
    if let Some(components) = document.get_mut("components") {
        set_member(components, "schemas", schemas.into());
    }
    if !desired.api.deployment_settings.vpc_endpoints.is_empty() {
        // `overwrite` resets them otherwise.
        let ids = json!({"vpcEndpointIds": desired.api.deployment_settings.vpc_endpoints});
        set_member(&mut document, "x-amazon-apigateway-endpoint-configuration", ids);
    }
    remove_internal_extensions(&mut document);
    document
}

/// Returns the models of the records of deployments that are kept, readable or not.
fn records(api: Option<&ObservedApi>) -> impl Iterator<Item = (String, Json)> {
    let deployments = api.into_iter().flat_map(|api| api.deployments.iter().map(move |d| (api, d)));
    deployments.filter_map(|(api, deployment)| {
        let number = deployment.revision.as_ref()?.number;
        Some(match api.records.get(&number)? {
            Ok(record) => record.model(number),
            Err(unreadable) => unreadable.model(number),
        })
    })
}

fn about_the_stage(desired: &Desired, api: Option<&ObservedApi>, target: &Target) -> Option<Step> {
    let name = desired.api.stage.clone();
    let settings = desired.api.stage_settings.clone();
    let to = match target {
        Target::Other { id, .. } => Some(id.clone()),
        Target::Same(_) | Target::New { .. } => None,
    };
    let Some(stage) = api.and_then(|api| api.stages.get(&name)) else {
        return Some(Step::CreateStage { name, deployment: to, settings });
    };
    let changes_deployment = !matches!(target, Target::Same(_));
    let mut wanted = patches(&stage.settings, &settings);
    wanted.extend(stage.canary.as_ref().map(|_| no_canary()));
    wanted.extend(to.as_deref().map(|to| serve(to, &stage.served)).into_iter().flatten());
    if !changes_deployment && wanted.is_empty() {
        return None;
    }
    let before = stage.clone();
    Some(Step::UpdateStage { name, before, to, changes_deployment, patches: wanted, settings })
}

pub(super) fn usage_plan(desired: &Desired, api: Option<&ObservedApi>) -> Option<Step> {
    let plan = desired.api.usage_plan.as_ref()?;
    let known = api.and_then(|api| api.usage_plan.as_ref());
    let mut wanted = plan.clone();
    wanted.keys.sort();
    if known.is_some_and(|known| known.has_stage && known.plan == wanted) {
        return None;
    }
    Some(Step::PutUsagePlan {
        name: plan_name(&desired.api.name, &desired.api.stage),
        stage: desired.api.stage.clone(),
        id: known.map(|known| known.id.clone()),
        existing_keys: known.map(|known| known.plan.keys.clone()).unwrap_or_default(),
        has_stage: known.is_some_and(|known| known.has_stage),
        plan: wanted,
    })
}

/// Returns the name of a stage's usage plan.
pub fn plan_name(api: &str, stage: &str) -> String {
    format!("{api} {stage}")
}
