//! Aliases: the versions that they point to.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_lambda::types::AliasConfiguration;

use crate::api_call::if_found;
use crate::{ApiCall, Aws, Call, CallError, CallErrorKind};
use deployment::function::FunctionAlias;

impl Aws {
    /// Returns the version that an alias points to, if the alias exists.
    pub fn alias_version<'a>(&'a self, function: &'a FunctionAlias) -> Call<'a, Option<String>> {
        Box::pin(async move {
            let FunctionAlias { name, alias } = function;
            let call = ApiCall::idempotent("lambda", format!("reading alias {name}:{alias}"));
            let found = self
                .caller
                .call(&call, || self.lambda.get_alias().function_name(name).name(alias).send());
            Ok(if_found(found.await)?.and_then(|found| found.function_version))
        })
    }

    /// Points an alias at a version; creates it if it does not exist.
    pub fn point_alias<'a>(
        &'a self,
        function: &'a FunctionAlias,
        version: &'a str,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            let FunctionAlias { name, alias } = function;
            let context = format!("pointing alias {name}:{alias} at version {version}");
            let call = ApiCall::idempotent("lambda", &context);
            if self.alias_version(function).await?.is_none() {
                let created = self.caller.call(&call, || {
                    let alias = self.lambda.create_alias().function_name(name).name(alias);
                    alias.function_version(version).send()
                });
                match created.await {
                    // Created concurrently, or by an attempt without a response.
                    Err(error) if error.kind == CallErrorKind::Conflict => {}
                    created => return created.map(|_| ()),
                }
            }
            let updated = self.caller.call(&call, || {
                let alias = self.lambda.update_alias().function_name(name).name(alias);
                alias.function_version(version).send()
            });
            updated.await.map(|_| ())
        })
    }
}

impl Aws {
    /// Returns the versions that each alias of a function points or routes to.
    pub(super) async fn aliases(
        &self,
        name: &str,
    ) -> Result<BTreeMap<String, BTreeSet<u32>>, CallError> {
        let call = ApiCall::idempotent("lambda", format!("reading the aliases of function {name}"));
        let mut aliases = BTreeMap::new();
        let mut marker: Option<String> = None;
        loop {
            let page = self.caller.call(&call, || {
                self.lambda.list_aliases().function_name(name).set_marker(marker.clone()).send()
            });
            let page = page.await?;
            aliases.extend(page.aliases().iter().filter_map(versions_of));
            marker = page.next_marker.filter(|next| !next.is_empty());
            if marker.is_none() {
                return Ok(aliases);
            }
        }
    }
}

/// Returns an alias and the versions that it points or routes to; `$LATEST` is none of them.
fn versions_of(alias: &AliasConfiguration) -> Option<(String, BTreeSet<u32>)> {
    let weights = alias.routing_config().and_then(|routing| routing.additional_version_weights());
    let routed = weights.into_iter().flat_map(|weights| weights.keys().map(String::as_str));
    let versions = alias.function_version().into_iter().chain(routed);
    Some((alias.name()?.to_owned(), versions.filter_map(|one| one.parse().ok()).collect()))
}

#[cfg(test)]
mod tests {
    use super::{AliasConfiguration, BTreeSet, versions_of};
    use aws_sdk_lambda::types::AliasRoutingConfiguration;

    #[test]
    fn an_alias_uses_the_versions_that_it_points_or_routes_to() {
        let routing =
            AliasRoutingConfiguration::builder().additional_version_weights("8", 0.1).build();
        let alias = AliasConfiguration::builder().name("live").function_version("7");
        let alias = alias.routing_config(routing).build();
        assert_eq!(versions_of(&alias), Some(("live".to_owned(), BTreeSet::from([7, 8]))));
        let latest = AliasConfiguration::builder().name("dev").function_version("$LATEST").build();
        assert_eq!(versions_of(&latest), Some(("dev".to_owned(), BTreeSet::new())));
    }
}
