//! An authorizer's response: parsed strictly, and evaluated against a request as IAM would.
//!
//! A response that is not understood is an authorizer configuration error, never an Allow.

use authorizer::UnixTime;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use compiler::source::document::MemberError;

mod condition;
mod json;
mod pattern;

use condition::Condition;
use json::{OneOrMany, Unique};
use pattern::{Resource, TextPattern};

/// The longest `Resource` that API Gateway accepts, in characters.
const MAX_RESOURCE_CHARS: usize = 512;

/// The versions of the policy language; only the newer one has variables.
const VERSIONS: [&str; 2] = ["2008-10-17", "2012-10-17"];

/// An authorizer's response with its policy.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedPolicy {
    /// The principal.
    pub principal: String,
    /// The context for the integration.
    pub context: Vec<(String, String)>,
    /// The usage identifier key: the caller's API key.
    pub usage_key: Option<String>,
    /// The response as received.
    pub text: String,
    statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq)]
struct Statement {
    allow: bool,
    actions: Element<TextPattern>,
    resources: Element<Resource>,
    conditions: Vec<Condition>,
}

/// A policy element, such as `Action`, or its negation, such as `NotAction`.
#[derive(Clone, Debug, PartialEq)]
enum Element<T> {
    Positive(Vec<T>),
    Negated(Vec<T>),
}

/// The response of an authorizer is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid response: {0}")]
pub struct InvalidPolicy(String);

/// The request context that a policy is evaluated with.
#[derive(Clone, Copy, Debug)]
pub struct RequestContext<'a> {
    /// The method ARN.
    pub method_arn: &'a str,
    /// `aws:SourceIp`
    pub source_ip: &'a str,
    /// `aws:UserAgent`
    pub user_agent: Option<&'a str>,
    /// `aws:Referer`
    pub referer: Option<&'a str>,
    /// `aws:CurrentTime` and `aws:EpochTime`
    pub now: UnixTime,
}

/// The decision of a policy about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// This statement allows the request, and none denies it.
    Allowed(MatchedStatement<'a>),
    /// This statement denies the request.
    ExplicitlyDenied(MatchedStatement<'a>),
    /// No statement applies to the request.
    ImplicitlyDenied,
}

/// The statement that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchedStatement<'a> {
    /// The statement's index, from 0.
    pub index: usize,
    /// The resource that matched; none if the statement has `NotResource`.
    pub resource: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponseJson {
    principal_id: String,
    policy_document: PolicyJson,
    #[serde(default)]
    context: Map<String, Json>,
    #[serde(default)]
    usage_identifier_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PolicyJson {
    version: String,
    #[serde(default)]
    #[expect(dead_code, reason = "allowed, without effect")]
    id: Option<String>,
    statement: OneOrMany<StatementJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StatementJson {
    #[serde(default)]
    #[expect(dead_code, reason = "allowed, without effect")]
    sid: Option<String>,
    effect: EffectJson,
    #[serde(default)]
    action: Option<OneOrMany<String>>,
    #[serde(default)]
    not_action: Option<OneOrMany<String>>,
    #[serde(default)]
    resource: Option<OneOrMany<String>>,
    #[serde(default)]
    not_resource: Option<OneOrMany<String>>,
    #[serde(default)]
    condition: Option<Unique<Unique<OneOrMany<Json>>>>,
}

#[derive(Deserialize, PartialEq)]
enum EffectJson {
    Allow,
    Deny,
}

impl ParsedPolicy {
    /// Parses an authorizer's response.
    pub fn parse(text: &str) -> Result<Self, InvalidPolicy> {
        let json: ResponseJson = serde_json::from_str(text)
            .map_err(|error| InvalidPolicy(MemberError::from(&error).cause))?;
        if json.principal_id.is_empty() {
            return Err(InvalidPolicy("empty `principalId`".to_owned()));
        }
        let policy = json.policy_document;
        if !VERSIONS.contains(&policy.version.as_str()) {
            return Err(InvalidPolicy(format!("unknown policy version `{}`", policy.version)));
        }
        let variables = policy.version != VERSIONS[0];
        let statements: Vec<Statement> = policy
            .statement
            .into_vec()
            .into_iter()
            .map(|statement| Statement::parse(statement, variables))
            .collect::<Result<_, String>>()
            .map_err(InvalidPolicy)?;
        if statements.is_empty() {
            return Err(InvalidPolicy("`Statement` is empty".to_owned()));
        }
        let scalar = |(name, value): (String, Json)| match value {
            Json::String(text) => Some((name, text)),
            Json::Bool(_) | Json::Number(_) => Some((name, value.to_string())),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        };
        let context = json.context.into_iter().map(scalar).collect::<Option<_>>();
        let context = context.ok_or_else(|| {
            InvalidPolicy("values of `context` must be strings, numbers or booleans".to_owned())
        })?;
        Ok(Self {
            principal: json.principal_id,
            context,
            usage_key: json.usage_identifier_key,
            text: text.to_owned(),
            statements,
        })
    }

    /// Evaluates a request: an explicit Deny wins, then an Allow; otherwise it is implicitly denied.
    pub fn evaluate(&self, request: &RequestContext<'_>) -> Verdict<'_> {
        let applicable = |allow: bool| {
            let statements = self.statements.iter().enumerate();
            statements
                .filter(|(_, statement)| statement.allow == allow)
                .find_map(|(index, statement)| statement.applies_to(request, index))
        };
        match (applicable(false), applicable(true)) {
            (Some(matched), _) => Verdict::ExplicitlyDenied(matched),
            (None, Some(matched)) => Verdict::Allowed(matched),
            (None, None) => Verdict::ImplicitlyDenied,
        }
    }
}

impl Statement {
    /// Parses a statement; `variables` is whether the policy language has variables.
    fn parse(json: StatementJson, variables: bool) -> Result<Self, String> {
        // Actions are case-insensitive.
        let action = |text: String| TextPattern::parse(&text.to_ascii_lowercase(), false);
        let resource = |text: String| {
            if text.chars().count() > MAX_RESOURCE_CHARS {
                return Err("`Resource` exceeds 512 characters".to_owned());
            }
            Resource::parse(&text, variables)
        };
        let mut conditions = Vec::new();
        for (operator, keys) in json.condition.into_iter().flat_map(Unique::into_pairs) {
            for (key, values) in keys.into_pairs() {
                conditions.push(Condition::parse(&operator, &key, &values.into_vec(), variables)?);
            }
        }
        Ok(Self {
            allow: json.effect == EffectJson::Allow,
            actions: Element::parse("Action", json.action, json.not_action, action)?,
            resources: Element::parse("Resource", json.resource, json.not_resource, resource)?,
            conditions,
        })
    }

    fn applies_to(&self, request: &RequestContext<'_>, at: usize) -> Option<MatchedStatement<'_>> {
        let invokes = |action: &TextPattern| action.matches("execute-api:invoke");
        let matches_arn = |resource: &Resource| resource.matches(request.method_arn);
        let applies = self.actions.matches(invokes)
            && self.resources.matches(matches_arn)
            && self.conditions.iter().all(|condition| condition.holds(request));
        let resource = || self.resources.find(matches_arn).map(Resource::text);
        applies.then(|| MatchedStatement { index: at, resource: resource() })
    }
}

impl<T> Element<T> {
    fn parse(
        name: &str,
        positive: Option<OneOrMany<String>>,
        negated: Option<OneOrMany<String>>,
        parse: impl Fn(String) -> Result<T, String>,
    ) -> Result<Self, String> {
        let (texts, make): (_, fn(Vec<T>) -> Self) = match (positive, negated) {
            (Some(texts), None) => (texts, Self::Positive),
            (None, Some(texts)) => (texts, Self::Negated),
            _ => return Err(format!("a statement must have either `{name}` or `Not{name}`")),
        };
        let items: Vec<T> =
            texts.into_vec().into_iter().map(parse).collect::<Result<_, String>>()?;
        if items.is_empty() {
            return Err(format!("`{name}` is empty"));
        }
        Ok(make(items))
    }

    /// Returns whether a value matches one of the items, or none of them if it is negated.
    fn matches(&self, matches: impl Fn(&T) -> bool) -> bool {
        match self {
            Self::Positive(items) => items.iter().any(matches),
            Self::Negated(items) => !items.iter().any(matches),
        }
    }

    /// Finds the first item that matches; none if the element is negated.
    fn find(&self, matches: impl Fn(&T) -> bool) -> Option<&T> {
        match self {
            Self::Positive(items) => items.iter().find(|item| matches(item)),
            Self::Negated(_) => None,
        }
    }
}
