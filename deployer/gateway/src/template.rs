//! Variables: `$context.NAME`, `$stageVariables.NAME` and the parts of a request, in gateway
//! responses, parameter mappings and templates.
//!
//! API Gateway's templates are written in VTL. A template that requires VTL is refused when a
//! gateway starts; one that only substitutes variables is supported.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html>

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::request::RequestHead;
use super::router::Match;
use super::{ACCOUNT, API_ID};
use compiler::api::Api;

/// The values of a request's variables.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The API.
    pub api: &'a Api,
    /// The request.
    pub head: &'a RequestHead,
    /// Its route, if it has one.
    pub found: Option<&'a Match<'a>>,
    /// Values added during processing: `authorizer.principalId`, `error.message`…
    pub added: Cow<'a, BTreeMap<String, String>>,
}

impl<'a> Context<'a> {
    /// Creates the context of a request on its receipt.
    pub fn new(api: &'a Api, head: &'a RequestHead, found: Option<&'a Match<'a>>) -> Self {
        Self { api, head, found, added: Cow::Owned(BTreeMap::new()) }
    }
}

impl Context<'_> {
    /// Returns the context with more values.
    #[must_use]
    pub fn with<const N: usize>(&self, values: [(&str, String); N]) -> Self {
        let mut context = self.clone();
        let added = context.added.to_mut();
        added.extend(values.map(|(name, value)| (name.to_owned(), value)));
        context
    }

    /// Returns a request header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// Returns the value of `$context.NAME`.
    pub fn value(&self, name: &str) -> Option<String> {
        let route = self.found.map(|found| found.route);
        let stage = &self.api.stage;
        Some(match name {
            "accountId" => ACCOUNT.to_owned(),
            "apiId" | "domainPrefix" => API_ID.to_owned(),
            "domainName" => self.header("host")?.to_owned(),
            "extendedRequestId" => self.head.extended_id.clone(),
            "httpMethod" => self.head.method.clone(),
            "identity.apiKey" => self.header("x-api-key")?.to_owned(),
            "identity.sourceIp" => self.head.source_ip.clone(),
            "identity.userAgent" => self.header("user-agent")?.to_owned(),
            "path" => format!("/{stage}{}", self.head.path),
            "protocol" => "HTTP/1.1".to_owned(),
            "requestId" => self.head.id.clone(),
            "requestTime" => self.head.time.common_log_format(),
            "requestTimeEpoch" => self.head.time.milliseconds().to_string(),
            "resourceId" | "resourcePath" => route?.path.to_string(),
            "stage" => stage.clone(),
            name => self.added.get(name)?.clone(),
        })
    }

    fn stage_variable(&self, name: &str) -> Option<String> {
        self.api.stage_settings.variables.get(name).cloned()
    }

    /// Returns a part of the request: `header.NAME`, `querystring.NAME` or `path.NAME`.
    fn request(&self, part: &str) -> Option<String> {
        let (location, name) = part.split_once('.')?;
        match location {
            "header" | "multivalueheader" => self.header(name).map(str::to_owned),
            "querystring" | "multivaluequerystring" => {
                let pairs = self.head.query_pairs();
                pairs.into_iter().rev().find(|(found, _)| found == name).map(|(_, value)| value)
            }
            "path" => {
                let parameters = &self.found?.parameters;
                let value = parameters.iter().find(|(known, _)| *known == name);
                value.map(|(_, value)| Match::decoded(value))
            }
            _ => None,
        }
    }
}

/// Evaluates a parameter mapping: `'text'`, `context.NAME`, `stageVariables.NAME` or
/// `method.request.LOCATION.NAME`.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-parameter-mapping-sources.html>
pub fn expression(mapped: &str, context: &Context<'_>) -> Option<String> {
    if let Some(text) = mapped.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return Some(text.to_owned());
    }
    if let Some(name) = mapped.strip_prefix("context.") {
        return context.value(name);
    }
    if let Some(name) = mapped.strip_prefix("stageVariables.") {
        return context.stage_variable(name);
    }
    context.request(mapped.strip_prefix("method.request.")?)
}

/// Returns whether [`expression`] supports a mapping.
pub fn is_expression(mapped: &str) -> bool {
    let locations =
        ["header.", "multivalueheader.", "querystring.", "multivaluequerystring.", "path."];
    (mapped.len() >= 2 && mapped.starts_with('\'') && mapped.ends_with('\''))
        || mapped.starts_with("context.")
        || mapped.starts_with("stageVariables.")
        || mapped
            .strip_prefix("method.request.")
            .is_some_and(|part| locations.iter().any(|location| part.starts_with(location)))
}

/// Substitutes `$context.NAME`, `$stageVariables.NAME` and `$method.request.LOCATION.NAME`; unknown
/// ones with an empty text.
pub fn substitute(template: &str, context: &Context<'_>) -> String {
    substitute_with(template, |name| expression(name, context).unwrap_or_default())
}

/// Substitutes the references of a text, each by its name without the `$`.
pub(super) fn substitute_with(template: &str, value: impl Fn(&str) -> String) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        text.push_str(rest.get(..at).unwrap_or_default());
        let after = rest.get(at..).unwrap_or_default();
        let end = reference(after);
        match after.get(1..end).filter(|name| !name.is_empty()) {
            Some(name) => {
                text.push_str(&value(name));
                rest = after.get(end..).unwrap_or_default();
            }
            None => {
                text.push('$');
                rest = after.get(1..).unwrap_or_default();
            }
        }
    }
    text.push_str(rest);
    text
}

/// Substitutes `${stageVariables.NAME}` in a URI.
pub fn stage_variables(uri: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    let mut text = String::with_capacity(uri.len());
    let mut rest = uri;
    while let Some((before, after)) = rest.split_once("${stageVariables.") {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let value = variables.get(name);
        let value = value.ok_or_else(|| format!("missing stage variable `{name}`"))?;
        text.push_str(before);
        text.push_str(value);
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

/// Returns the end of a reference that begins with `$`; 1 if it is not a supported one.
fn reference(text: &str) -> usize {
    let known = ["$context.", "$stageVariables.", "$method.request."];
    if !known.iter().any(|start| text.starts_with(start)) {
        return 1;
    }
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let end = text.char_indices().skip(1).find(|(_, c)| !part(*c)).map_or(text.len(), |(at, _)| at);
    // A full stop at the end of a sentence is not part of the name.
    text.get(..end).map_or(1, |name| name.trim_end_matches('.').len())
}

/// A template without VTL directives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// `$context.NAME` and its like.
    Reference(String),
    /// `$input.body`, and `$input.json('$')`, which is the same for JSON.
    Body,
    /// `$input.params('NAME')`: of the path, the query or the headers, in this order.
    Parameter(String),
}

impl Template {
    /// Parses a template; none if it requires VTL.
    pub fn parse(text: &str) -> Option<Self> {
        // A directive or a comment begins with `#`; a color or a heading is neither.
        let directive = |at: usize| {
            let next = text.get(at + 1..).and_then(|rest| rest.chars().next());
            next.is_none_or(|c| c.is_ascii_alphabetic() || matches!(c, '#' | '*' | '{' | '@'))
        };
        if text.match_indices('#').any(|(at, _)| directive(at)) {
            return None;
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            let (before, after) = rest.split_at_checked(at)?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            let (piece, left) = Piece::parse(after)?;
            pieces.push(piece);
            rest = left;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Some(Self(pieces))
    }

    /// Renders it for a request with this body.
    pub fn render(&self, body: &str, context: &Context<'_>) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Body => text.push_str(body),
                Piece::Reference(name) => {
                    text.push_str(&expression(name, context).unwrap_or_default());
                }
                Piece::Parameter(name) => {
                    let locations = ["path", "querystring", "header"];
                    let mut values = locations
                        .iter()
                        .filter_map(|location| context.request(&format!("{location}.{name}")));
                    text.push_str(&values.next().unwrap_or_default());
                }
            }
        }
        text
    }
}

impl Piece {
    fn parse(text: &str) -> Option<(Self, &str)> {
        for form in ["$input.body", "$input.json('$')", "$input.json(\"$\")"] {
            if let Some(rest) = text.strip_prefix(form) {
                return Some((Self::Body, rest));
            }
        }
        if let Some(rest) = text.strip_prefix("$input.params('") {
            let (name, rest) = rest.split_once("')")?;
            return Some((Self::Parameter(name.to_owned()), rest));
        }
        // A method called on a value requires VTL.
        let end = reference(text);
        let (name, rest) = text.split_at_checked(end)?;
        let name = name.strip_prefix('$').filter(|name| !name.is_empty())?;
        (!rest.starts_with('(')).then(|| (Self::Reference(name.to_owned()), rest))
    }
}
