//! The rules of API Gateway's import, as `check` reports them.

mod accepted;
mod authorizers;
mod integrations;
mod placeholders;
mod quotas;
mod responses;

use serde_json::Value;

use crate::compiling::check;
use crate::{MANIFEST, OPENAPI, deployer, folder, transcript};

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:f";

/// Returns what `check` reports of an operation with this extension, without the beginnings of the
/// messages of the integration.
#[track_caller]
fn integration(extension: &str) -> Vec<String> {
    let operation =
        format!("operationId: getThing\n      x-amazon-apigateway-integration: {{ {extension} }}");
    let found = check(("", ""), ("operationId: getThing", &operation));
    let subject = ": integration of `GET /things/{id}`: ";
    found
        .into_iter()
        .map(|one| match one.split_once(subject) {
            Some((at, message)) if at.starts_with("warning") => format!("warning: {message}"),
            Some((_, message)) => message.to_owned(),
            None => one,
        })
        .collect()
}

/// Returns the integration in the document for AWS.
#[track_caller]
fn exported(extension: &str) -> Value {
    let operation =
        format!("operationId: getThing\n      x-amazon-apigateway-integration: {{ {extension} }}");
    let folder = folder(MANIFEST, &OPENAPI.replace("operationId: getThing", &operation));
    let output = deployer(folder.path(), &["export", "--document"]);
    let document: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", transcript(&output)));
    document["paths"]["/things/{id}"]["get"]["x-amazon-apigateway-integration"].clone()
}

fn lambda(path: &str) -> String {
    format!("uri: 'arn:aws:apigateway:eu-west-1:lambda:path/{path}'")
}

fn invocation(date: &str, operation: &str) -> String {
    lambda(&format!("{date}/functions/{FUNCTION}/{operation}"))
}

/// Returns what `check` reports of a scheme with this authorizer, without the beginnings of the messages.
#[track_caller]
fn authorizer(extension: &str) -> Vec<String> {
    let scheme = format!(
        "    own: {{ type: apiKey, in: header, name: A, x-amazon-apigateway-authtype: custom, x-amazon-apigateway-authorizer: {{ {extension} }} }}\n    key:"
    );
    let found = check(("", ""), ("    key:", &scheme));
    let subject = "authorizer of security scheme `own`: ";
    found.into_iter().map(|one| one.split_once(subject).unwrap().1.to_owned()).collect()
}
