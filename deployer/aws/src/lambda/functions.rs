//! Functions: their state, their code, and their deletion.

use serde_json::Value as Json;

use super::qualifier::split_qualifier;
use crate::api_call::if_found;
use crate::{ApiCall, Aws, Call};
use deployment::function::{BuildMetadata, PublishedFunction};

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

    /// Returns the URL from which the package of a version can be downloaded for some minutes. It
    /// grants access by itself, so it must not be written anywhere.
    pub fn function_code_url<'a>(
        &'a self,
        name: &'a str,
        version: &'a str,
    ) -> Call<'a, Option<String>> {
        Box::pin(async move {
            let context = format!("reading the code of function {name}, version {version}");
            let call = ApiCall::idempotent("lambda", context);
            let found = self.caller.call(&call, || {
                self.lambda.get_function().function_name(name).qualifier(version).send()
            });
            let code = if_found(found.await)?.and_then(|found| found.code);
            Ok(code.and_then(|code| code.location))
        })
    }

    /// Deletes a function with all of its versions and aliases, if it exists.
    pub fn delete_function<'a>(&'a self, name: &'a str) -> Call<'a, ()> {
        Box::pin(async move {
            let call = ApiCall::idempotent("lambda", format!("deleting function {name}"));
            let deleted = self
                .caller
                .call(&call, || self.lambda.delete_function().function_name(name).send());
            if_found(deleted.await).map(|_| ())
        })
    }

    /// Returns the unqualified ARN of a function of this account and Region.
    pub(super) fn function_arn(&self, name: &str) -> String {
        let target = &self.target;
        format!(
            "arn:{}:lambda:{}:{}:function:{name}",
            target.partition, target.region, target.account
        )
    }
}
