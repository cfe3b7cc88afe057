//! The identity: what an authorizer's answers are cached by, and without which it is not asked
//! at all.

use std::sync::LazyLock;

use http::HeaderMap;
use regex::Regex;

use super::request::RequestHead;
use super::router::Match;
use super::{ACCOUNT, API_ID};
use crate::api::{Authorizer, BEARER_TOKEN, IdentitySource};

/// The parts of `context` that are known here.
const CONTEXT: [&str; 9] = [
    "accountId",
    "apiId",
    "httpMethod",
    "identity.sourceIp",
    "identity.userAgent",
    "path",
    "resourceId",
    "resourcePath",
    "stage",
];

/// Says whether a source's value can be known here at all.
pub fn is_known(source: &IdentitySource) -> bool {
    match source {
        IdentitySource::Context(name) => CONTEXT.contains(&name.as_str()),
        IdentitySource::Header(_) | IdentitySource::Query(_) => true,
        // Stages have none here.
        IdentitySource::StageVariable(_) => false,
    }
}

/// Finds the value of every source, or says which one has none, or that the token's header is
/// not what the authorizer is asked about.
pub fn identity(
    settings: &Authorizer,
    stage: &str,
    head: &RequestHead,
    found: &Match<'_>,
) -> Result<Vec<String>, String> {
    let sources = settings.identity.iter();
    let identity: Vec<String> =
        sources.map(|source| value(source, stage, head, found)).collect::<Result<_, String>>()?;
    if settings.validation().is_some() && !identity.iter().all(|value| is_bearer_token(value)) {
        let header = settings.identity.iter().map(ToString::to_string).collect::<Vec<_>>();
        return Err(format!("{} is not one bearer token", header.join(", ")));
    }
    Ok(identity)
}

fn is_bearer_token(value: &str) -> bool {
    static EXPRESSION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(BEARER_TOKEN).ok());
    EXPRESSION.as_ref().is_some_and(|expression| expression.is_match(value))
}

fn value(
    source: &IdentitySource,
    stage: &str,
    head: &RequestHead,
    found: &Match<'_>,
) -> Result<String, String> {
    let value = match source {
        IdentitySource::Header(name) => return header(&head.headers, name),
        IdentitySource::Query(name) => {
            let pairs = head.query_pairs();
            let mut values = pairs.into_iter().filter(|(found, _)| found == name);
            let value = values.next().map(|(_, value)| value);
            if values.next().is_some() {
                return Err(format!("the query has `{name}` more than once"));
            }
            value
        }
        IdentitySource::Context(name) => context(name, stage, head, found),
        IdentitySource::StageVariable(_) => None,
    };
    value.filter(|value| !value.is_empty()).ok_or_else(|| format!("there is no {source}"))
}

/// Returns the value of a header that is there once.
fn header(headers: &HeaderMap, name: &str) -> Result<String, String> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().ok_or_else(|| format!("there is no {name} header"))?;
    if values.next().is_some() {
        return Err(format!("there is more than one {name} header"));
    }
    match first.to_str() {
        Ok("") => Err(format!("the {name} header is empty")),
        Ok(value) => Ok(value.to_owned()),
        Err(_) => Err(format!("the {name} header is not visible ASCII")),
    }
}

fn context(name: &str, stage: &str, head: &RequestHead, found: &Match<'_>) -> Option<String> {
    Some(match name {
        "accountId" => ACCOUNT.to_owned(),
        "apiId" => API_ID.to_owned(),
        "httpMethod" => head.method.clone(),
        "identity.sourceIp" => head.source_ip.clone(),
        "identity.userAgent" => head.headers.get("user-agent")?.to_str().ok()?.to_owned(),
        "path" => format!("/{stage}{}", head.path),
        "resourceId" | "resourcePath" => found.route.path.to_string(),
        "stage" => stage.to_owned(),
        _ => return None,
    })
}
