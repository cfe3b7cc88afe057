//! Lambda functions: their state, versions and aliases, and the permission to invoke them.

use serde_json::Value as Json;

use super::api_call::if_found;
use super::{ApiCall, Aws, Call, CallErrorKind};
use compiler::api::Arn;
use deployment::function::{BuildMetadata, FunctionAlias, PublishedFunction};

impl Aws {
    /// Returns the state of a function, if it exists. A function that can be invoked is `Active`.
    pub fn function_state<'a>(&'a self, arn: &'a str) -> Call<'a, Option<String>> {
        Box::pin(async move {
            let call = ApiCall::idempotent("lambda", format!("reading function {arn}"));
            let (name, qualifier) = split_qualifier(arn);
            let version = qualifier.filter(|one| !one.starts_with(|c: char| c.is_ascii_digit()));
            if let Some(alias) = version {
                let found = self.caller.call(&call, || {
                    self.lambda.get_alias().function_name(&name).name(&alias).send()
                });
                if if_found(found.await)?.is_none() {
                    return Ok(None);
                }
            }
            let found = self.caller.call(&call, || {
                self.lambda.get_function_configuration().function_name(&name).send()
            });
            let Some(found) = if_found(found.await)? else { return Ok(None) };
            Ok(Some(found.state().map_or("Active", |state| state.as_str()).to_owned()))
        })
    }

    /// Returns the version that the ARN of a function, a version or an alias refers to.
    pub fn published_function<'a>(&'a self, arn: &'a str) -> Call<'a, PublishedFunction> {
        Box::pin(async move {
            let call = ApiCall::idempotent("lambda", format!("reading function {arn}"));
            let (name, qualifier) = split_qualifier(arn);
            let found = self.caller.call(&call, || {
                let configuration = self.lambda.get_function_configuration().function_name(&name);
                configuration.set_qualifier(qualifier.clone()).send()
            });
            let Some(found) = if_found(found.await)? else { return Ok(PublishedFunction::Missing) };
            let architecture = found.architectures().first().map_or("x86_64", |one| one.as_str());
            Ok(PublishedFunction::Version {
                number: found.version().unwrap_or_default().to_owned(),
                build: BuildMetadata::read(found.description().unwrap_or_default()),
                architecture: architecture.to_owned(),
            })
        })
    }

    /// Invokes a version of a function, and returns its response or its error document.
    pub fn invoke<'a>(
        &'a self,
        name: &'a str,
        version: &'a str,
        event: &'a Json,
    ) -> Call<'a, Json> {
        Box::pin(async move {
            let call = ApiCall::idempotent(
                "lambda",
                format!("invoking function {name}, version {version}"),
            );
            let response = self.caller.call(&call, || {
                let payload = aws_sdk_lambda::primitives::Blob::new(event.to_string());
                self.lambda.invoke().function_name(name).qualifier(version).payload(payload).send()
            });
            let response = response.await?;
            let payload = response.payload().map(AsRef::as_ref).unwrap_or_default();
            Ok(serde_json::from_slice(payload).unwrap_or_default())
        })
    }

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

    /// Grants an API permission to invoke a function, unless it was granted before.
    pub fn grant_invoke<'a>(&'a self, function: &'a str, api: &'a str) -> Call<'a, ()> {
        Box::pin(async move {
            let context = format!("granting API Gateway permission to invoke {function}");
            let statement = format!("portcullis-{api}");
            let (name, qualifier) = split_qualifier(function);
            let call = ApiCall::idempotent("lambda", &context);
            let policy = self.caller.call(&call, || {
                self.lambda
                    .get_policy()
                    .function_name(&name)
                    .set_qualifier(qualifier.clone())
                    .send()
            });
            let policy = if_found(policy.await)?;
            let policy: Json = policy
                .and_then(|policy| serde_json::from_str(policy.policy()?).ok())
                .unwrap_or_default();
            let statements = policy.get("Statement").and_then(Json::as_array);
            if statements.is_some_and(|all| all.iter().any(|one| one["Sid"] == statement.as_str()))
            {
                return Ok(());
            }
            let target = &self.target;
            let source = format!(
                "arn:{}:execute-api:{}:{}:{api}/*",
                target.partition, target.region, target.account
            );
            let added = self.caller.call(&call, || {
                self.lambda
                    .add_permission()
                    .function_name(&name)
                    .set_qualifier(qualifier.clone())
                    .statement_id(&statement)
                    .action("lambda:InvokeFunction")
                    .principal("apigateway.amazonaws.com")
                    .source_arn(&source)
                    .send()
            });
            match added.await {
                Err(error) if error.kind != CallErrorKind::Conflict => Err(error),
                _ => Ok(()),
            }
        })
    }

    /// Revokes the permission of `grant_invoke`, if it exists.
    pub fn revoke_invoke<'a>(&'a self, function: &'a str, api: &'a str) -> Call<'a, ()> {
        Box::pin(async move {
            let call = ApiCall::idempotent(
                "lambda",
                format!("revoking the permission of API {api} to invoke {function}"),
            );
            let (name, qualifier) = split_qualifier(function);
            let removed = self.caller.call(&call, || {
                self.lambda
                    .remove_permission()
                    .function_name(&name)
                    .set_qualifier(qualifier.clone())
                    .statement_id(format!("portcullis-{api}"))
                    .send()
            });
            if_found(removed.await).map(|_| ())
        })
    }
}

/// Splits a function's ARN into the unqualified ARN and the version or alias.
fn split_qualifier(function: &str) -> (String, Option<String>) {
    match Arn::function(function).and_then(|_| function.rsplit_once(':')) {
        Some((name, qualifier)) if function.split(':').count() == 8 => {
            (name.to_owned(), Some(qualifier.to_owned()))
        }
        _ => (function.to_owned(), None),
    }
}
