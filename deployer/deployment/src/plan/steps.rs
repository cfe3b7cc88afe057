//! The steps from the observed to the desired state, in the one order that is safe: the stage is
//! updated last, after everything that it needs was verified.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::NextDeployment;
use super::canary::CanaryUpdate;
use super::prune::{PrunedVersion, Unused, unused};
use super::roles::{RoleUpdate, role_updates};
use super::stage::{remove_canary, serve};
use crate::desired::Desired;
use crate::function::Publication;
use crate::invoke_role::Role;
use crate::observed::{Canary, Observed, ObservedApi, ObservedStage, ObservedUsagePlan, TAG_PLANS};
use crate::patch::Patch;
use crate::percent::Percent;
use crate::record::Record;
use crate::revision::Revision;
use compiler::api::{
    AuthorizerShape, EndpointConfiguration, GatewayResponse, RouteKey, StageSettings, UsagePlan,
};
use compiler::definition::{Method, scheme_of};
use compiler::openapi::{add_endpoint, remove_internal_extensions, render_definition, set_member};

/// A step of a plan, complete except for the ids that AWS assigns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields of a step are named after what they are on AWS")]
pub enum Step {
    /// Creates an empty, tagged API. The tags find it again if the response is lost.
    CreateApi { name: String, endpoint: EndpointConfiguration, tags: BTreeMap<String, String> },
    /// Updates the API's tags.
    TagApi { set: BTreeMap<String, String>, unset: Vec<String> },
    /// Changes the API's endpoint type.
    UpdateEndpoint { from: EndpointConfiguration, to: EndpointConfiguration },
    /// Creates or updates the role that API Gateway assumes to invoke an authorizer.
    PutRole { name: String, role: Role, exists: bool },
    /// Publishes a version of a function, and tests it. Steps that need its number are planned again
    /// once it is known.
    PublishVersion(Publication),
    /// Imports the API definition, overwriting the one before.
    ImportDefinition { document: Json },
    /// Corrects what an import left out or duplicated.
    ReconcileImport {
        /// The authorizers by their names on AWS.
        authorizers: BTreeMap<String, AuthorizerShape>,
        /// The gateway responses by type; none if the import does not change them.
        gateway_responses: Option<BTreeMap<String, GatewayResponse>>,
    },
    /// Grants API Gateway permission to invoke the operations' functions.
    GrantInvoke { functions: Vec<String> },
    /// Test-invokes the authorizers.
    TestAuthorizers { authorizers: BTreeSet<String> },
    /// Creates a deployment that no stage serves yet.
    CreateDeployment { revision: Revision },
    /// Verifies that the API definition, and so its deployment, is the imported one.
    VerifyDefinition { methods: BTreeMap<RouteKey, Method> },
    /// Creates a stage.
    CreateStage { name: String, deployment: Option<String>, settings: StageSettings },
    /// Updates a stage, completely or not at all.
    UpdateStage {
        name: String,
        /// The observed stage: it must be unchanged, and a rollback restores it.
        before: ObservedStage,
        /// The deployment to serve; `None` for the new one.
        deployment: Option<String>,
        /// True if the stage's deployment changes.
        changes_deployment: bool,
        patches: Vec<Patch>,
        settings: StageSettings,
    },
    /// Routes a share of a stage's requests to a deployment; the stage serves the same one.
    UpdateCanary {
        name: String,
        /// The observed stage: its traffic must be unchanged, and a rollback restores it.
        before: ObservedStage,
        /// The canary's deployment; `None` for the new one.
        deployment: Option<String>,
        percent: Percent,
    },
    /// Creates or updates the stage's usage plan.
    PutUsagePlan {
        name: String,
        stage: String,
        plan: UsagePlan,
        /// The observed one.
        existing: Option<ObservedUsagePlan>,
    },
    /// Deletes the stage's usage plan.
    DeleteUsagePlan { name: String, stage: String, id: String },
    /// Flushes the cache of authorizer results of a stage.
    FlushCache { stage: String },
    /// Deletes unused deployments, roles and versions of functions.
    DeleteUnused { deployments: Vec<String>, roles: Vec<String>, versions: Vec<PrunedVersion> },
}

impl Step {
    /// Returns the description of the step.
    pub fn description(&self) -> String {
        match self {
            Self::CreateApi { name, endpoint, .. } => {
                format!("create API {name} ({})", endpoint.kind.name().to_ascii_lowercase())
            }
            Self::TagApi { .. } => "update the tags of the API".to_owned(),
            Self::UpdateEndpoint { from, to } if from == to => {
                "verify the endpoint of the API".to_owned()
            }
            Self::UpdateEndpoint { from, to } => format!("change the endpoint from {from} to {to}"),
            Self::PutRole { name, role, exists } => {
                let verb = if *exists { "update" } else { "create" };
                let kind = if role.is_execution_role() { "execution" } else { "invoke" };
                format!("{verb} {kind} role {name}")
            }
            Self::PublishVersion(Publication { function, exists, .. }) => {
                let create = if *exists { "" } else { "create the function and " };
                format!("{create}publish a version of function {function}")
            }
            Self::ImportDefinition { .. } => {
                "import the API definition (PutRestApi, overwrite)".to_owned()
            }
            Self::ReconcileImport { gateway_responses: None, .. } => {
                "verify authorizers".to_owned()
            }
            Self::ReconcileImport { gateway_responses: Some(_), .. } => {
                "verify authorizers and gateway responses".to_owned()
            }
            Self::GrantInvoke { functions } => {
                format!("grant API Gateway permission to invoke {}", functions.join(", "))
            }
            Self::TestAuthorizers { authorizers } => {
                let names: Vec<&str> = authorizers.iter().map(|name| scheme_of(name)).collect();
                format!("test-invoke authorizer {} (TestInvokeAuthorizer)", names.join(", "))
            }
            Self::CreateDeployment { revision, .. } => {
                format!("create deployment (revision {})", revision.number)
            }
            Self::VerifyDefinition { .. } => "verify the imported definition".to_owned(),
            Self::CreateStage { name, .. } => format!("create stage {name}"),
            Self::UpdateStage { name, changes_deployment: false, .. } => {
                format!("update the settings of stage {name}")
            }
            Self::UpdateStage { name, deployment: None, .. } => {
                format!("update stage {name} to the new deployment")
            }
            Self::UpdateStage { name, deployment: Some(id), .. } => {
                format!("update stage {name} to deployment {id}")
            }
            Self::UpdateCanary { name, deployment: None, percent, .. } => {
                format!("route {percent} of the requests of stage {name} to the new deployment")
            }
            Self::UpdateCanary { name, deployment: Some(id), percent, .. } => {
                format!("route {percent} of the requests of stage {name} to deployment {id}")
            }
            Self::PutUsagePlan { name, existing: None, .. } => format!("create usage plan {name}"),
            Self::PutUsagePlan { name, existing: Some(_), .. } => {
                format!("update usage plan {name}")
            }
            Self::DeleteUsagePlan { name, .. } => format!("delete usage plan {name}"),
            Self::FlushCache { stage } => {
                format!("flush the authorizer result cache of stage {stage}")
            }
            Self::DeleteUnused { deployments, roles, versions } => {
                let counts = [
                    ("deployments", deployments.len()),
                    ("roles", roles.len()),
                    ("function versions", versions.len()),
                ];
                let counts = counts.iter().filter(|(_, count)| *count > 0);
                let counts: Vec<String> =
                    counts.map(|(name, count)| format!("{name} ({count})")).collect();
                format!("delete unused {}", counts.join(", "))
            }
        }
    }
}

/// Returns the steps from the observed to the desired state, or to a canary on the stage.
pub(super) fn steps(
    desired: &Desired,
    observed: &Observed,
    next: &NextDeployment,
    canary: Option<&CanaryUpdate<'_>>,
    flushes: bool,
) -> Vec<Step> {
    let api = observed.api.as_ref();
    let mut steps = Vec::new();
    match api {
        None => steps.push(Step::CreateApi {
            name: desired.api.name.clone(),
            endpoint: desired.api.endpoint.clone(),
            tags: desired.tags.clone(),
        }),
        Some(api) => steps.extend(tag_step(desired, api)),
    }
    let imports = api.is_none_or(|api| must_import(desired, api, next));
    if imports {
        steps.push(Step::ImportDefinition { document: import_document(desired, api, next) });
    }
    steps.extend(imported_endpoint_step(desired, api, imports));
    if imports {
        steps.push(Step::ReconcileImport {
            authorizers: desired.definition.authorizers.clone(),
            gateway_responses: changed_responses(desired, api),
        });
        let functions = desired.functions_without_role();
        if !functions.is_empty() {
            let functions = functions.iter().map(|arn| arn.as_str().to_owned()).collect();
            steps.push(Step::GrantInvoke { functions });
        }
    }
    let stage_update = match canary {
        Some(canary) => canary_step(desired, canary, next),
        None => stage_step(desired, api, next),
    };
    let changes_deployment = stage_update.is_some() && !matches!(next, NextDeployment::Current(_));
    let authorizers = desired.portcullis_authorizers();
    if (imports || changes_deployment) && !authorizers.is_empty() {
        steps.push(Step::TestAuthorizers { authorizers });
    }
    steps.extend(endpoint_step(desired, api));
    if let NextDeployment::New { revision, .. } = next {
        steps.push(Step::CreateDeployment { revision: revision.clone() });
    }
    if imports || matches!(next, NextDeployment::New { .. }) {
        steps.push(Step::VerifyDefinition { methods: desired.definition.methods.clone() });
    }
    steps.extend(stage_update);
    // A canary may share the cache: AWS does not document it.
    let (mut moves_stage, mut ends_canary) = (false, false);
    for step in &steps {
        match step {
            Step::UpdateStage { before, changes_deployment, .. } => {
                moves_stage |= *changes_deployment;
                ends_canary |= before.canary.is_some();
            }
            Step::UpdateCanary { .. } => moves_stage = true,
            _ => {}
        }
    }
    if flushes && moves_stage || ends_canary {
        steps.push(Step::FlushCache { stage: desired.api.stage.clone() });
    }
    if canary.is_none() {
        steps.extend(usage_plan_step(desired, api));
    }
    let has_other_steps = !steps.is_empty();
    let roles = role_updates(desired, observed, has_other_steps).into_iter();
    let roles = roles.map(|RoleUpdate { name, role, exists }| Step::PutRole { name, role, exists });
    // The import requires the roles and the versions, and the versions require execution roles.
    let publications = desired.publications.iter().cloned().map(Step::PublishVersion);
    let first: Vec<Step> = roles.chain(publications).collect();
    steps.splice(0..0, first);
    if !steps.is_empty() {
        // Unused resources alone are no reason to deploy.
        let unused = unused(desired, observed, next);
        steps.extend(unused.map(|Unused { deployments, roles, versions }| Step::DeleteUnused {
            deployments,
            roles,
            versions,
        }));
    }
    steps
}

/// Returns the gateway responses, unless the API has them already. The import contains them in any
/// case.
fn changed_responses(
    desired: &Desired,
    api: Option<&ObservedApi>,
) -> Option<BTreeMap<String, GatewayResponse>> {
    let responses = &desired.definition.gateway_responses;
    let is_unchanged = api.is_some_and(|api| api.definition.gateway_responses == *responses);
    (!is_unchanged).then(|| responses.clone())
}

/// Returns the step of the API's tags, if they differ.
pub(super) fn tag_step(desired: &Desired, api: &ObservedApi) -> Option<Step> {
    let tags = desired.tags.iter();
    let set: BTreeMap<String, String> = tags
        .filter(|(name, value)| api.tags.get(*name) != Some(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    // Tags of AWS itself cannot be removed.
    let unset: Vec<String> = (api.tags.keys())
        .filter(|name| !desired.tags.contains_key(*name))
        .filter(|name| !name.starts_with("aws:") && *name != TAG_PLANS)
        .cloned()
        .collect();
    let differs = !set.is_empty() || !unset.is_empty();
    differs.then_some(Step::TagApi { set, unset })
}

/// Returns the endpoint that an API has during and after its import, which may reset VPC endpoints and
/// open the default endpoint: neither may last until the end of the run, or beyond it. The type changes,
/// and the default endpoint is opened, at the end.
fn imported_endpoint(desired: &Desired, api: Option<&ObservedApi>) -> EndpointConfiguration {
    let wanted = &desired.api.endpoint;
    let Some(now) = api.map(|api| &api.endpoint) else { return wanted.clone() };
    let base = if now.kind == wanted.kind { wanted } else { now };
    let disabled = now.disable_execute_api_endpoint || wanted.disable_execute_api_endpoint;
    EndpointConfiguration { disable_execute_api_endpoint: disabled, ..base.clone() }
}

/// Returns the step that patches the endpoint directly after an import.
fn imported_endpoint_step(
    desired: &Desired,
    api: Option<&ObservedApi>,
    imports: bool,
) -> Option<Step> {
    let to = imported_endpoint(desired, api);
    let from = api.map_or_else(|| to.clone(), |api| api.endpoint.clone());
    let may_be_reset = !to.vpc_endpoints.is_empty() || to.disable_execute_api_endpoint;
    (from != to || imports && may_be_reset).then_some(Step::UpdateEndpoint { from, to })
}

/// Returns the step that completes the endpoint: after the import of the resource policy that a private
/// API needs, and after everything that may fail before the deployment.
fn endpoint_step(desired: &Desired, api: Option<&ObservedApi>) -> Option<Step> {
    let (from, to) = (imported_endpoint(desired, api), desired.api.endpoint.clone());
    (from != to).then_some(Step::UpdateEndpoint { from, to })
}

/// Returns whether the API definition must be imported: it differs, its record differs, or an
/// authorizer is duplicated.
fn must_import(desired: &Desired, api: &ObservedApi, next: &NextDeployment) -> bool {
    let names: BTreeSet<&String> = api.authorizers.values().collect();
    let desired_names: BTreeSet<&String> = desired.definition.authorizers.keys().collect();
    Record::observed(&api.definition) != Record::observed(&desired.definition)
        || api.last_import() != Some(Ok(&desired.record))
        || api.record(next.number()).is_none()
        || names != desired_names
        || names.len() != api.authorizers.len()
}

/// Returns the document to import: the desired definition and the records of all revisions that
/// have deployments.
fn import_document(desired: &Desired, api: Option<&ObservedApi>, next: &NextDeployment) -> Json {
    let mut document =
        render_definition(&desired.definition, &desired.api.name, &desired.api.version);
    let mut schemas: Map<String, Json> = desired.definition.models.clone().into_iter().collect();
    schemas.extend(record_models(api));
    schemas.extend([desired.record.model(next.number())]);
    if let Some(components) = document.get_mut("components") {
        set_member(components, "schemas", schemas.into());
    }
    add_endpoint(&mut document, &imported_endpoint(desired, api));
    remove_internal_extensions(&mut document);
    document
}

/// Returns the models of the deployments' records, readable or not.
fn record_models(api: Option<&ObservedApi>) -> impl Iterator<Item = (String, Json)> {
    let deployments = api.into_iter().flat_map(|api| api.deployments.iter().map(move |d| (api, d)));
    deployments.filter_map(|(api, deployment)| {
        let number = deployment.revision.as_ref()?.number;
        Some(match api.records.get(&number)? {
            Ok(record) => record.model(number),
            Err(unreadable) => unreadable.model(number),
        })
    })
}

/// Returns the step of a canary; `None` if the stage has exactly this one.
fn canary_step(
    desired: &Desired,
    update: &CanaryUpdate<'_>,
    next: &NextDeployment,
) -> Option<Step> {
    let CanaryUpdate { stage, percent } = *update;
    let deployment = match next {
        NextDeployment::Existing { id, .. } => Some(id.clone()),
        NextDeployment::Current(_) | NextDeployment::New { .. } => None,
    };
    let is_current = |canary: &Canary| {
        canary.percent.total_cmp(&percent.as_f64()).is_eq()
            && deployment.as_ref() == Some(&canary.deployment)
    };
    if stage.canary.as_ref().is_some_and(is_current) {
        return None;
    }
    let (name, before) = (desired.api.stage.clone(), stage.clone());
    Some(Step::UpdateCanary { name, before, deployment, percent })
}

fn stage_step(desired: &Desired, api: Option<&ObservedApi>, next: &NextDeployment) -> Option<Step> {
    let name = desired.api.stage.clone();
    let settings = desired.api.stage_settings.clone();
    let deployment = match next {
        NextDeployment::Existing { id, .. } => Some(id.clone()),
        NextDeployment::Current(_) | NextDeployment::New { .. } => None,
    };
    let Some(stage) = api.and_then(|api| api.stages.get(&name)) else {
        return Some(Step::CreateStage { name, deployment, settings });
    };
    let changes_deployment = !matches!(next, NextDeployment::Current(_));
    let mut patches = stage.settings.patches(&stage.settings.with(&settings));
    patches.extend(stage.canary.as_ref().map(|_| remove_canary()));
    patches.extend(deployment.as_deref().map(|id| serve(id, &stage.served)).into_iter().flatten());
    if !changes_deployment && patches.is_empty() {
        return None;
    }
    let before = stage.clone();
    Some(Step::UpdateStage { name, before, deployment, changes_deployment, patches, settings })
}

pub(super) fn usage_plan_step(desired: &Desired, api: Option<&ObservedApi>) -> Option<Step> {
    let existing = api.and_then(|api| api.usage_plan.as_ref());
    let name = plan_name(&desired.api.name, &desired.api.stage);
    let stage = desired.api.stage.clone();
    let Some(plan) = desired.api.usage_plan.as_ref() else {
        let id = existing?.id.clone();
        return Some(Step::DeleteUsagePlan { name, stage, id });
    };
    let mut plan = plan.clone();
    plan.keys.sort();
    if existing.is_some_and(|existing| existing.has_stage && existing.plan == plan) {
        return None;
    }
    Some(Step::PutUsagePlan { name, stage, plan, existing: existing.cloned() })
}

/// Returns the name of a stage's usage plan.
pub fn plan_name(api: &str, stage: &str) -> String {
    format!("{api} {stage}")
}
