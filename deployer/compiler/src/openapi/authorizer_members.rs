//! Members of a security scheme and of its `x-amazon-apigateway-authorizer` that would be lost: the
//! authorizer would differ from the one that the document declares.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authorizer.html>

use super::extension_places::Place;
use super::extensions::check_extensions;
use crate::api::AuthorizerType;
use crate::source::diagnostic::{Code, Diagnostics, closest, suggestion_or_list};
use crate::source::document::{Entry, Node, Value};

pub(super) const AUTHORIZER: &str = "x-amazon-apigateway-authorizer";
pub(super) const AUTHTYPE: &str = "x-amazon-apigateway-authtype";
/// The value of the extension for IAM authorization; it has no other value with an effect.
pub(super) const SIGV4: &str = "awsSigv4";
const TYPES: [&str; 3] = ["token", "request", "cognito_user_pools"];
const MEMBERS: [&str; 7] = [
    "authorizerCredentials",
    "authorizerResultTtlInSeconds",
    "authorizerUri",
    "identitySource",
    "identityValidationExpression",
    "providerARNs",
    "type",
];
/// The members of authorizers of HTTP APIs.
const OF_HTTP_APIS: [&str; 2] = ["authorizerPayloadFormatVersion", "enableSimpleResponses"];

/// Reports what a security scheme declares beside IAM authorization, and a misspelling of it.
pub(super) fn check_scheme(scheme: &Entry, node: &Node, diagnostics: &mut Diagnostics) {
    let name = &scheme.key;
    let Some(authtype) = node.member(AUTHTYPE) else { return };
    let text = authtype.text().unwrap_or_default();
    if text == SIGV4 {
        if let Some(authorizer) = node.entry(AUTHORIZER) {
            let message =
                format!("security scheme `{name}` has IAM authorization and an authorizer");
            let help = format!("remove `{AUTHORIZER}`, or `{AUTHTYPE}: {SIGV4}`");
            diagnostics.error(authorizer.key_span, message, help);
        }
    } else if text.eq_ignore_ascii_case(SIGV4) || closest(text, [SIGV4]).is_some() {
        let message = format!("unknown `{AUTHTYPE}` `{text}`");
        diagnostics.error(authtype.span, message, format!("did you mean `{SIGV4}`?"));
    }
}

/// Reports members of an authorizer that are not understood. Returns whether there is none.
pub(super) fn check_authorizer(
    scheme: &str,
    extension: &Node,
    diagnostics: &mut Diagnostics,
) -> bool {
    let subject = format!("authorizer of security scheme `{scheme}`");
    let mut error = |span, message: String, help: Option<String>| {
        diagnostics.error(span, format!("{subject}: {message}"), help);
        false
    };
    if !matches!(extension.value, Value::Map(_)) {
        let message = format!("expected a map, found {}", extension.kind());
        return error(extension.span, message, None);
    }
    let kind = extension.entry("type").filter(|entry| entry.node.value != Value::Null);
    if let Some(Entry { node, .. }) = kind
        && let Some((message, help)) = type_problem(node)
    {
        return error(node.span, message, Some(help));
    }
    let mut is_known = true;
    let declared = extension.entries().iter().filter(|entry| entry.node.value != Value::Null);
    for entry in declared.clone() {
        let name = entry.key.as_str();
        if OF_HTTP_APIS.contains(&name) || name.starts_with("x-") {
            continue;
        }
        if !MEMBERS.contains(&name) {
            let help = match name {
                "jwtConfiguration" => "remove it: it requires the type `jwt`".to_owned(),
                _ => suggestion_or_list(name, &MEMBERS),
            };
            is_known = error(entry.key_span, format!("unknown member `{name}`"), Some(help));
        } else if let Some((problem, help)) = value_problem(entry) {
            is_known = error(entry.node.span, problem, help);
        }
    }
    for entry in declared.filter(|entry| OF_HTTP_APIS.contains(&entry.key.as_str())) {
        let message = format!("{subject}: `{}` has no effect in a REST API", entry.key);
        diagnostics.warning(Code::NotImported, entry.key_span, message, "remove it".to_owned());
    }
    check_extensions(extension, Place::Other, diagnostics);
    is_known
}

/// Returns the cause why a type of an authorizer is not supported, and the fix.
fn type_problem(node: &Node) -> Option<(String, String)> {
    let Some(text) = node.text() else {
        return Some((format!("`type`: expected a string, found {}", node.kind()), expected("")));
    };
    match AuthorizerType::from(text.to_ascii_uppercase()) {
        AuthorizerType::Other(name) if name == "JWT" => Some((
            format!("unsupported type `{text}`, API Gateway's own JWT authorizer"),
            "remove the extension, and add [authorizer.NAME] with the issuers and audiences to portcullis.toml"
                .to_owned(),
        )),
        AuthorizerType::Other(_) => Some((format!("unknown type `{text}`"), expected(text))),
        _ => None,
    }
}

fn expected(found: &str) -> String {
    suggestion_or_list(&found.to_ascii_lowercase(), &TYPES)
}

/// Returns the cause why the value of a member cannot be read, and the fix. The TTL is examined with
/// the authorizer.
fn value_problem(entry: &Entry) -> Option<(String, Option<String>)> {
    let Entry { key, node, .. } = entry;
    let is_list_of_texts = || {
        matches!(node.value, Value::List(_))
            && node.items().iter().all(|item| item.text().is_some())
    };
    match key.as_str() {
        "authorizerResultTtlInSeconds" => None,
        "providerARNs" if is_list_of_texts() => None,
        "providerARNs" => Some((format!("`{key}`: expected a list of strings"), None)),
        _ if node.text().is_some() => None,
        _ => Some((format!("`{key}`: expected a string, found {}", node.kind()), None)),
    }
}
