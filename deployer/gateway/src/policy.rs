//! An authorizer's answer: read strictly, and judged against a request as IAM would.
//!
//! What is not understood is an error of the authorizer's configuration, never an Allow.

use authorizer::UnixTime;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

mod condition;
mod json;
mod pattern;

use condition::Condition;
use json::{OneOrMany, Unique};
use pattern::{Resource, TextPattern};

/// The longest `Resource` that API Gateway takes.
const MAX_RESOURCE: usize = 512;

/// The languages of policies; only the newer one has variables in it.
const VERSIONS: [&str; 2] = ["2008-10-17", "2012-10-17"];

/// What an authorizer answered.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedPolicy {
    /// Who is calling.
    pub principal: String,
    /// What the backend may be told.
    pub context: Vec<(String, String)>,
    /// The API key that the caller counts as.
    pub usage_key: Option<String>,
    /// The answer as it was given.
    pub text: String,
    statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq)]
struct Statement {
    allow: bool,
    actions: OneSide<TextPattern>,
    resources: OneSide<Resource>,
    conditions: Vec<Condition>,
}

/// An element or its opposite: what is listed, or what is not.
#[derive(Clone, Debug, PartialEq)]
enum OneSide<T> {
    Listed(Vec<T>),
    NotListed(Vec<T>),
}

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the authorizer's answer is no policy: {0}")]
pub struct InvalidPolicy(String);

/// What a policy is judged by.
#[derive(Clone, Copy, Debug)]
pub struct RequestContext<'a> {
    /// What is called.
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

/// What a policy says about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// This allows it, and nothing denies it.
    Allowed(MatchedStatement<'a>),
    /// This denies it.
    ExplicitlyDenied(MatchedStatement<'a>),
    /// Nothing is said about it.
    ImplicitlyDenied,
}

/// What of a policy spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchedStatement<'a> {
    /// The statement's index, from 0.
    pub index: usize,
    /// The resource; none where it was one that `NotResource` does not list.
    pub resource: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerJson {
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
    #[expect(dead_code, reason = "allowed, and says nothing")]
    id: Option<String>,
    statement: OneOrMany<StatementJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StatementJson {
    #[serde(default)]
    #[expect(dead_code, reason = "allowed, and says nothing")]
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
        let json: AnswerJson =
            serde_json::from_str(text).map_err(|error| InvalidPolicy(error.to_string()))?;
        if json.principal_id.is_empty() {
            return Err(InvalidPolicy("`principalId` is empty".to_owned()));
        }
        let policy = json.policy_document;
        if !VERSIONS.contains(&policy.version.as_str()) {
            return Err(InvalidPolicy(format!("there is no version `{}`", policy.version)));
        }
        let variables = policy.version != VERSIONS[0];
        let statements: Vec<Statement> = policy
            .statement
            .into_vec()
            .into_iter()
            .map(|statement| Statement::read(statement, variables))
            .collect::<Result<_, String>>()
            .map_err(InvalidPolicy)?;
        if statements.is_empty() {
            return Err(InvalidPolicy("there is no statement".to_owned()));
        }
        let scalar = |(name, value): (String, Json)| match value {
            Json::String(text) => Some((name, text)),
            Json::Bool(_) | Json::Number(_) => Some((name, value.to_string())),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        };
        let context = json.context.into_iter().map(scalar).collect::<Option<_>>();
        let context = context.ok_or_else(|| {
            InvalidPolicy("a value of `context` is no string, number or truth value".to_owned())
        })?;
        Ok(Self {
            principal: json.principal_id,
            context,
            usage_key: json.usage_identifier_key,
            text: text.to_owned(),
            statements,
        })
    }

    /// Judges a request: an explicit Deny wins, then an Allow; otherwise nothing is allowed.
    pub fn evaluate(&self, request: &RequestContext<'_>) -> Verdict<'_> {
        let speaking = |allow: bool| {
            let statements = self.statements.iter().enumerate();
            statements
                .filter(|(_, statement)| statement.allow == allow)
                .find_map(|(at, statement)| statement.speaks_of(request, at))
        };
        match (speaking(false), speaking(true)) {
            (Some(matched), _) => Verdict::ExplicitlyDenied(matched),
            (None, Some(matched)) => Verdict::Allowed(matched),
            (None, None) => Verdict::ImplicitlyDenied,
        }
    }
}

impl Statement {
    /// Reads a statement; `variables` says that the policy's language has them.
    fn read(json: StatementJson, variables: bool) -> Result<Self, String> {
        // Actions are compared without case.
        let action = |text: String| TextPattern::read(&text.to_ascii_lowercase(), false);
        let resource = |text: String| {
            if text.chars().count() > MAX_RESOURCE {
                return Err("a `Resource` is longer than 512 characters".to_owned());
            }
            Resource::read(&text, variables)
        };
        let mut conditions = Vec::new();
        for (operator, keys) in json.condition.into_iter().flat_map(Unique::into_pairs) {
            for (key, values) in keys.into_pairs() {
                conditions.push(Condition::read(&operator, &key, &values.into_vec(), variables)?);
            }
        }
        Ok(Self {
            allow: json.effect == EffectJson::Allow,
            actions: OneSide::read("Action", json.action, json.not_action, action)?,
            resources: OneSide::read("Resource", json.resource, json.not_resource, resource)?,
            conditions,
        })
    }

    fn speaks_of(&self, request: &RequestContext<'_>, at: usize) -> Option<MatchedStatement<'_>> {
        let invokes = |action: &TextPattern| action.matches("execute-api:invoke");
        let is_called = |resource: &Resource| resource.matches(request.method_arn);
        let speaks = self.actions.speaks(invokes)
            && self.resources.speaks(is_called)
            && self.conditions.iter().all(|condition| condition.holds(request));
        let resource = || self.resources.listed(is_called).map(Resource::text);
        speaks.then(|| MatchedStatement { index: at, resource: resource() })
    }
}

impl<T> OneSide<T> {
    fn read(
        name: &str,
        listed: Option<OneOrMany<String>>,
        not_listed: Option<OneOrMany<String>>,
        read: impl Fn(String) -> Result<T, String>,
    ) -> Result<Self, String> {
        let (texts, make): (_, fn(Vec<T>) -> Self) = match (listed, not_listed) {
            (Some(texts), None) => (texts, Self::Listed),
            (None, Some(texts)) => (texts, Self::NotListed),
            _ => return Err(format!("a statement needs one of `{name}` and `Not{name}`")),
        };
        let items: Vec<T> =
            texts.into_vec().into_iter().map(read).collect::<Result<_, String>>()?;
        if items.is_empty() {
            return Err(format!("the `{name}` of a statement is empty"));
        }
        Ok(make(items))
    }

    /// Says whether something that matches one item, or none of them, is meant.
    fn speaks(&self, matches: impl Fn(&T) -> bool) -> bool {
        match self {
            Self::Listed(items) => items.iter().any(matches),
            Self::NotListed(items) => !items.iter().any(matches),
        }
    }

    /// Finds the first item that matches, where it is what is listed that is meant.
    fn listed(&self, matches: impl Fn(&T) -> bool) -> Option<&T> {
        match self {
            Self::Listed(items) => items.iter().find(|item| matches(item)),
            Self::NotListed(_) => None,
        }
    }
}
