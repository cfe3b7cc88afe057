//! The permission of an API to invoke a function.

use serde_json::Value as Json;

use super::qualifier::split_qualifier;
use crate::api_call::if_found;
use crate::{ApiCall, Aws, Call, CallErrorKind};

impl Aws {
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
