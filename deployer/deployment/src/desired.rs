//! The desired state on AWS, in one account and Region.

use std::collections::{BTreeMap, BTreeSet};

use crate::function::{
    DesiredVersion, FunctionSettings, ObservedFunctions, Publication, api_fingerprint,
    configuration_fingerprint,
};
use crate::invoke_role::{Role, RoleOwner};
use crate::observed::{AwsTarget, TAG_API, TAG_MANAGED, TAG_PLANS};
use crate::record::Record;
use crate::revision::Annotation;
use crate::target::{api_tag, function_arn};
use compiler::api::{
    Api, Arn, Authorizer, AuthorizerFunction, FunctionTable, IntegrationKind, LogDestination,
    PinnedFunction,
};
use compiler::definition::{ApiDefinition, DefinitionError, scheme_of, scheme_on_aws};
use compiler::fingerprint::fingerprint;

/// The desired state.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// The API, every authorizer with its invoke role.
    pub api: Api,
    /// The account and the Region.
    pub target: AwsTarget,
    /// The API definition.
    pub definition: ApiDefinition,
    /// The record of the definition.
    pub record: Record,
    /// The invoke roles to create, by name.
    pub roles: BTreeMap<String, Role>,
    /// The execution roles of functions to create, by name.
    pub execution_roles: BTreeMap<String, Role>,
    /// The pinned versions, by authorizer.
    pub versions: BTreeMap<String, DesiredVersion>,
    /// The versions to publish, in the order of the authorizers.
    pub publications: Vec<Publication>,
    /// The tags of the API.
    pub tags: BTreeMap<String, String>,
    /// The annotation of the revision, if it is a new one.
    pub annotation: Annotation,
}

/// The reason the configuration has no desired state in an account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DesiredStateError {
    /// The API definition is invalid.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// An ARN of another partition.
    #[error(
        "{resource} is in partition `{found}`, expected `{expected}`, the partition of account {account}"
    )]
    Partition {
        /// The resource that the ARN names.
        resource: String,
        /// Its partition.
        found: String,
        /// The account's.
        expected: String,
        /// The account.
        account: String,
    },
    /// The stage's access log is in another account or Region, where API Gateway does not write.
    #[error("the access log of stage `{stage}` is in {found}, expected {expected}")]
    AccessLog {
        /// The stage.
        stage: String,
        /// The account and the Region of the access log.
        found: String,
        /// Those of the API.
        expected: String,
    },
}

impl Desired {
    /// Returns the desired state of an API in an account and Region. Pinned versions are unpublished
    /// until [`Desired::pinned`].
    pub fn new(mut api: Api, target: AwsTarget) -> Result<Self, DesiredStateError> {
        check_partitions(&api, &target)?;
        let versions = desired_versions(&api, &target);
        for (name, version) in &versions {
            pin(&mut api, name, version, &target, UNPUBLISHED);
        }
        let roles = assign_roles(&mut api, &target);
        let execution_roles = execution_roles(&api, &target);
        let definition = ApiDefinition::from_api(&api)?;
        let record = Record::declared(&api, &definition);
        let mut tags = api.deployment_settings.tags.clone();
        tags.insert(TAG_API.to_owned(), api_tag(&api.name));
        tags.insert(TAG_MANAGED.to_owned(), "true".to_owned());
        if api.usage_plan.is_some() {
            tags.insert(TAG_PLANS.to_owned(), "true".to_owned());
        }
        let publications = Vec::new();
        let mut desired = Self {
            api,
            target,
            definition,
            record,
            roles,
            execution_roles,
            versions,
            publications,
            tags,
            annotation: Annotation::default(),
        };
        desired.publications = desired.publications(&ObservedFunctions::new(), None);
        Ok(desired)
    }

    /// Returns the desired state with the published versions of these functions. `live` is the record
    /// of the revision that the stage serves; `binaries` are the fingerprints of the binaries to
    /// publish, by function. Without one, the binary is that of the live version.
    pub fn pinned(
        mut self,
        functions: &ObservedFunctions,
        live: Option<&Record>,
        binaries: &BTreeMap<String, String>,
    ) -> Result<Self, DesiredStateError> {
        for (name, version) in &mut self.versions {
            let function = functions.get(&version.function).and_then(Option::as_ref);
            let current = live_version(live, name, &version.function);
            let current = current.and_then(|number| function?.version(number));
            let unchanged = current.and_then(|current| current.build.as_ref()?.binary.clone());
            version.binary = binaries.get(&version.function).cloned().or(unchanged);
            let live = current.map(|current| current.number);
            let published = function.and_then(|function| version.published(function, live));
            if version.binary.is_none() {
                // A stage without a version has the content of the one that it will use.
                let reused = published.and_then(|number| function?.version(number));
                version.binary = reused.and_then(|reused| reused.build.as_ref()?.binary.clone());
            }
            let qualifier = published.map_or(UNPUBLISHED.to_owned(), |number| number.to_string());
            pin(&mut self.api, name, version, &self.target, &qualifier);
        }
        self.publications = self.publications(functions, live);
        self.definition = ApiDefinition::from_api(&self.api)?;
        self.record = Record::declared(&self.api, &self.definition);
        Ok(self)
    }

    /// Returns the versions that are not published.
    fn publications(
        &self,
        functions: &ObservedFunctions,
        live: Option<&Record>,
    ) -> Vec<Publication> {
        let unpublished = self.versions.iter().filter(|(name, _)| {
            let authorizer = self.api.authorizers.get(*name);
            let arn = authorizer.and_then(Authorizer::function_arn);
            arn.is_some_and(|arn| arn.qualifier() == Some(UNPUBLISHED))
        });
        let publication = |(name, version): (&String, &DesiredVersion)| {
            let function = functions.get(&version.function).and_then(Option::as_ref);
            let live = live_version(live, name, &version.function);
            Publication {
                authorizer: name.clone(),
                function: version.function.clone(),
                exists: function.is_some(),
                build: version.build(),
                settings: fingerprint(&version.settings),
                base: live.filter(|number| {
                    function.is_some_and(|function| function.version(*number).is_some())
                }),
            }
        };
        unpublished.map(publication).collect()
    }

    /// Returns the fingerprint of everything that a plan is made from, besides the observed state.
    pub fn fingerprint(&self) -> String {
        let Self { definition, record, roles, execution_roles, versions, tags, .. } = self;
        fingerprint(&(definition, record, roles, execution_roles, versions, tags))
    }

    /// Checks that the stage's access log is in the account and Region of the API.
    pub fn check_access_log(&self) -> Result<(), DesiredStateError> {
        let log = self.api.stage_settings.access_log.as_ref();
        let Some(Ok(log)) = log.map(|log| LogDestination::read(&log.destination)) else {
            return Ok(());
        };
        let AwsTarget { account, partition, region } = &self.target;
        if (log.partition, log.region, log.account) == (partition, region, account) {
            return Ok(());
        }
        Err(DesiredStateError::AccessLog {
            stage: self.api.stage.clone(),
            found: format!("{}/{}", log.account, log.region),
            expected: format!("{account}/{region}"),
        })
    }

    /// Returns the owner of the API's invoke roles.
    pub fn role_owner(&self) -> RoleOwner<'_> {
        RoleOwner { api: &self.api.name, target: &self.target }
    }

    /// Returns whether this is the name of a role to create.
    pub fn makes_role(&self, name: &str) -> bool {
        self.roles.contains_key(name) || self.execution_roles.contains_key(name)
    }

    /// Returns the names on AWS of the authorizers of portcullis.toml that routes use.
    pub fn portcullis_authorizers(&self) -> BTreeSet<String> {
        let own: BTreeSet<String> =
            self.api.authorizers.keys().map(|scheme| scheme_on_aws(scheme)).collect();
        let names = self.definition.authorizers.keys();
        names.filter(|name| own.contains(scheme_of(name))).cloned().collect()
    }

    /// Returns the operations' functions that API Gateway invokes by a resource-based permission,
    /// because their integrations have no role.
    pub fn functions_without_role(&self) -> Vec<Arn> {
        let mut functions: Vec<Arn> = Vec::new();
        for route in &self.api.routes {
            let integration = &route.integration;
            let invoked = integration.uri.as_deref().and_then(Arn::in_uri);
            if integration.kind == IntegrationKind::AwsProxy
                && integration.credentials.is_none()
                && let Some(arn) = invoked.and_then(Arn::function)
                && !functions.contains(&arn)
            {
                functions.push(arn);
            }
        }
        functions
    }
}

/// Checks that the resources that the files name are in the partition of the account.
fn check_partitions(api: &Api, target: &AwsTarget) -> Result<(), DesiredStateError> {
    let authorizers = api.authorizers.iter().flat_map(|(name, authorizer)| {
        let function = (format!("the function of `{name}`"), authorizer.function_arn());
        let role = (format!("the invoke role of `{name}`"), authorizer.invoke_role.as_ref());
        [function, role]
            .into_iter()
            .filter_map(|(resource, arn)| Some((resource, arn?.partition())))
    });
    let boundary = api.deployment_settings.invoke_role.permissions_boundary.as_deref();
    let boundary = boundary.and_then(|arn| arn.split(':').nth(1));
    let boundary = boundary.map(|found| ("the permissions boundary".to_owned(), found));
    let mut named = authorizers.chain(boundary);
    match named.find(|(_, found)| *found != target.partition) {
        None => Ok(()),
        Some((resource, found)) => Err(DesiredStateError::Partition {
            resource,
            found: found.to_owned(),
            expected: target.partition.clone(),
            account: target.account.clone(),
        }),
    }
}

/// The qualifier of a version that is not published. No version or alias can have this name.
pub const UNPUBLISHED: &str = "$UNPUBLISHED";

/// Returns the versions that the pinned functions of used authorizers need, with any binary.
fn desired_versions(api: &Api, target: &AwsTarget) -> BTreeMap<String, DesiredVersion> {
    let owner = RoleOwner { api: &api.name, target };
    let path = owner.path(&api.deployment_settings.invoke_role);
    let version = |(name, authorizer): (&String, &Authorizer)| {
        let function = authorizer.function.as_ref()?.pinned()?;
        let role = match &function.settings.role {
            Some(role) => role.as_str().to_owned(),
            None => owner.arn(&path, &owner.execution_role_name(&path, &function.name)),
        };
        let FunctionTable { architecture, memory_mb, timeout_seconds, environment, vpc, .. } =
            function.settings.clone();
        let version = DesiredVersion {
            function: function.name.clone(),
            config: configuration_fingerprint(&api.authorizer_document(name)?),
            binary: None,
            api: api_fingerprint(&api.name),
            settings: FunctionSettings {
                architecture,
                memory_mb,
                timeout_seconds,
                role,
                environment,
                vpc,
            },
        };
        Some((name.clone(), version))
    };
    let used = api.authorizers.iter().filter(|(name, _)| api.uses_authorizer(name));
    used.filter_map(version).collect()
}

/// Sets the version of an authorizer's function.
fn pin(api: &mut Api, name: &str, version: &DesiredVersion, target: &AwsTarget, qualifier: &str) {
    let Some(authorizer) = api.authorizers.get_mut(name) else { return };
    let Some(AuthorizerFunction::Pinned(function)) = &mut authorizer.function else { return };
    let arn = function_arn(target, &function.name);
    function.version = arn.map(|arn| arn.with_qualifier(qualifier));
    function.content = version.content();
}

/// Returns the version of a function that an authorizer of a record invokes.
fn live_version(record: Option<&Record>, authorizer: &str, function: &str) -> Option<u32> {
    let record = record?.authorizers.get(&scheme_on_aws(authorizer))?;
    let (arn, version) = record.pinned_function()?;
    version.filter(|_| arn.rsplit(':').next() == Some(function))
}

/// Returns the execution roles of the functions without a configured one, by name.
fn execution_roles(api: &Api, target: &AwsTarget) -> BTreeMap<String, Role> {
    let settings = &api.deployment_settings.invoke_role;
    let owner = RoleOwner { api: &api.name, target };
    let path = owner.path(settings);
    let functions = api.authorizers.values().filter_map(|one| one.function.as_ref()?.pinned());
    let functions = functions.filter(|function| function.settings.role.is_none());
    let role = |function: &PinnedFunction| {
        let name = owner.execution_role_name(&path, &function.name);
        (name, owner.execution_role(settings, &function.name))
    };
    functions.map(role).collect()
}

/// Assigns each authorizer without a role the one of its function, and returns these roles by name.
fn assign_roles(api: &mut Api, target: &AwsTarget) -> BTreeMap<String, Role> {
    let settings = &api.deployment_settings.invoke_role;
    let owner = RoleOwner { api: &api.name, target };
    let path = owner.path(settings);
    let mut functions: BTreeMap<String, Vec<Arn>> = BTreeMap::new();
    for authorizer in api.authorizers.values_mut() {
        let Some(function) = authorizer.function_arn() else { continue };
        if authorizer.invoke_role.is_none() {
            let name = owner.role_name(&path, function);
            // The versions of a pinned function are not known in advance.
            let function = if authorizer.is_pinned() {
                function.with_qualifier("*")
            } else {
                function.clone()
            };
            functions.entry(name.clone()).or_default().push(function);
            authorizer.invoke_role = Arn::role(&owner.arn(&path, &name));
        }
    }
    let role = |(name, functions): (String, Vec<Arn>)| (name, owner.role(settings, &functions));
    functions.into_iter().map(role).collect()
}
