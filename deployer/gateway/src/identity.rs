//! The identity: the values of the identity sources. It is the cache key of an authorizer's
//! results; a request without it does not reach the authorizer.

use http::HeaderMap;
use regex::Regex;

use super::template::Context;
use compiler::api::IdentitySource;

/// The `context` variables that are available locally before an authorizer is called.
const CONTEXT: [&str; 14] = [
    "accountId",
    "apiId",
    "domainName",
    "domainPrefix",
    "httpMethod",
    "identity.apiKey",
    "identity.sourceIp",
    "identity.userAgent",
    "path",
    "protocol",
    "requestId",
    "resourceId",
    "resourcePath",
    "stage",
];

/// Returns whether an identity source is supported locally.
pub fn is_supported(source: &IdentitySource) -> bool {
    match source {
        IdentitySource::Context(name) => CONTEXT.contains(&name.as_str()),
        IdentitySource::Header(_) | IdentitySource::Query(_) | IdentitySource::StageVariable(_) => {
            true
        }
    }
}

/// Compiles an identity validation expression: it must match the whole value.
pub fn validation(expression: &str) -> Result<Regex, regex::Error> {
    Regex::new(&format!("^(?:{expression})$"))
}

/// Returns the value of every source. Fails for a source without a single value, and for a token
/// that does not match the validation expression.
pub fn identity(
    sources: &[IdentitySource],
    validation: Option<&Regex>,
    context: &Context<'_>,
) -> Result<Vec<String>, String> {
    let identity: Vec<String> =
        sources.iter().map(|source| value(source, context)).collect::<Result<_, String>>()?;
    if let Some(expression) = validation
        && !identity.iter().all(|value| expression.is_match(value))
    {
        let sources = sources.iter().map(ToString::to_string).collect::<Vec<_>>();
        return Err(format!(
            "{} does not match the identity validation expression",
            sources.join(", ")
        ));
    }
    Ok(identity)
}

fn value(source: &IdentitySource, context: &Context<'_>) -> Result<String, String> {
    let value = match source {
        IdentitySource::Header(name) => return header(&context.head.headers, name),
        IdentitySource::Query(name) => {
            let pairs = context.head.query_pairs();
            let mut values = pairs.into_iter().filter(|(found, _)| found == name);
            let value = values.next().map(|(_, value)| value);
            if values.next().is_some() {
                return Err(format!("duplicate query parameter `{name}`"));
            }
            value
        }
        IdentitySource::Context(name) => context.value(name),
        IdentitySource::StageVariable(name) => {
            context.api.stage_settings.variables.get(name).cloned()
        }
    };
    value.filter(|value| !value.is_empty()).ok_or_else(|| format!("missing `{source}`"))
}

/// Returns the value of a header that occurs once.
fn header(headers: &HeaderMap, name: &str) -> Result<String, String> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().ok_or_else(|| format!("missing `{name}` header"))?;
    if values.next().is_some() {
        return Err(format!("duplicate `{name}` header"));
    }
    match first.to_str() {
        Ok("") => Err(format!("empty `{name}` header")),
        Ok(value) => Ok(value.to_owned()),
        Err(_) => Err(format!("`{name}` header is not visible ASCII")),
    }
}
