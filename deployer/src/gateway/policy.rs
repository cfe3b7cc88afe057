//! An authorizer's answer: read strictly, and judged against a method ARN as IAM would.
//!
//! What is not understood is an error of the authorizer's configuration, never an Allow.

use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// The longest `Resource` that API Gateway takes.
const MAX_RESOURCE: usize = 512;

/// What an authorizer answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who is calling.
    pub principal: String,
    /// What the backend may be told.
    pub context: Vec<(String, String)>,
    statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Statement {
    allow: bool,
    actions: Vec<String>,
    resources: Vec<String>,
}

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the authorizer's answer is no policy: {0}")]
pub struct NotAPolicy(String);

/// What a policy says about one method ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// This pattern allows it, and nothing denies it.
    Allowed(&'a str),
    /// This pattern denies it.
    ExplicitlyDenied(&'a str),
    /// Nothing is said about it.
    NotAllowed,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerJson {
    principal_id: String,
    policy_document: PolicyJson,
    #[serde(default)]
    context: Map<String, Json>,
    #[serde(default)]
    #[expect(dead_code, reason = "read so that a wrong type is refused")]
    usage_identifier_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PolicyJson {
    #[expect(dead_code, reason = "read so that a missing one is refused")]
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
    action: OneOrMany<String>,
    resource: OneOrMany<String>,
}

#[derive(Deserialize, PartialEq)]
enum EffectJson {
    Allow,
    Deny,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

impl Answer {
    /// Reads an answer.
    pub fn read(text: &str) -> Result<Self, NotAPolicy> {
        let refused = |reason: &str| NotAPolicy(reason.to_owned());
        let json: AnswerJson =
            serde_json::from_str(text).map_err(|error| NotAPolicy(error.to_string()))?;
        if json.principal_id.is_empty() {
            return Err(refused("`principalId` is empty"));
        }
        let statements: Vec<Statement> = json
            .policy_document
            .statement
            .into_vec()
            .into_iter()
            .map(|statement| Statement {
                allow: statement.effect == EffectJson::Allow,
                actions: statement.action.into_vec(),
                resources: statement.resource.into_vec(),
            })
            .collect();
        if statements.iter().any(|s| s.actions.is_empty() || s.resources.is_empty())
            || statements.is_empty()
        {
            return Err(refused("a statement, its `Action` or its `Resource` is empty"));
        }
        if statements
            .iter()
            .flat_map(|s| &s.resources)
            .any(|resource| resource.len() > MAX_RESOURCE)
        {
            return Err(refused("a `Resource` is longer than 512 characters"));
        }
        let scalar = |(name, value): (String, Json)| match value {
            Json::String(text) => Some((name, text)),
            Json::Bool(_) | Json::Number(_) => Some((name, value.to_string())),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        };
        let context = json.context.into_iter().map(scalar).collect::<Option<_>>();
        let context = context
            .ok_or_else(|| refused("a value of `context` is no string, number or truth value"))?;
        Ok(Self { principal: json.principal_id, context, statements })
    }

    /// Judges a method ARN: an explicit Deny wins, then an Allow; otherwise nothing is allowed.
    pub fn judge(&self, method_arn: &str) -> Verdict<'_> {
        let matching = |allow: bool| {
            let statements =
                self.statements.iter().filter(move |statement| statement.allow == allow);
            let invoking = statements
                .filter(|statement| statement.actions.iter().any(|action| covers_invoke(action)));
            invoking
                .flat_map(|statement| &statement.resources)
                .find(|pattern| matches(pattern, method_arn))
        };
        match (matching(false), matching(true)) {
            (Some(pattern), _) => Verdict::ExplicitlyDenied(pattern),
            (None, Some(pattern)) => Verdict::Allowed(pattern),
            (None, None) => Verdict::NotAllowed,
        }
    }
}

/// Actions are compared without case.
fn covers_invoke(action: &str) -> bool {
    matches(&action.to_ascii_lowercase(), "execute-api:invoke")
}

/// Says whether a pattern matches as IAM's do: `*` is any run of characters, `/` among them
/// and none as well; `?` is one; everything else is itself.
fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    let mut star: Option<(&str, &str)> = None;
    loop {
        let mut rest = text.chars();
        let mut wanted = pattern.chars();
        match (wanted.next(), rest.next()) {
            (Some('*'), _) => {
                pattern = wanted.as_str();
                star = Some((pattern, text));
                continue;
            }
            (None, None) => return true,
            (Some(expected), Some(actual)) if expected == '?' || expected == actual => {
                (pattern, text) = (wanted.as_str(), rest.as_str());
                continue;
            }
            _ => {}
        }
        // Lets the last `*` take one character more, if there is one.
        let Some((after, taken)) = star else { return false };
        let mut taken = taken.chars();
        if taken.next().is_none() {
            return false;
        }
        (pattern, text, star) = (after, taken.as_str(), Some((after, taken.as_str())));
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Verdict, matches};
    use serde_json::{Value, json};

    #[test]
    fn wildcards_are_iams() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("*", "a/b", true),
            ("a", "A", false),
            ("GET/pets/*", "GET/pets/", true),
            ("GET/pets/*", "GET/pets/1/owner", true),
            ("GET/pets/*", "GET/pets", false),
            ("GET/pets/*/owner", "GET/pets/1/2/owner", true),
            ("GET/pets/*/owner", "GET/pets/1/owners", false),
            ("?", "", false),
            ("?", "é", true),
            ("a.c", "abc", false),
            ("**a**b", "xxaxxb", true),
            ("*/*", "GET/", true),
            ("[a]", "a", false),
            ("*a", "aaaaaaaaaaaaaaab", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    fn answer(statement: &Value) -> Value {
        json!({"principalId": "p", "policyDocument": {"Version": "2012-10-17", "Statement": statement}})
    }

    fn statement(effect: &str, resource: &Value) -> Value {
        json!({"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource})
    }

    #[test]
    fn an_explicit_deny_wins_and_silence_is_no_allow() {
        let policy = answer(&json!([
            statement("Allow", &json!(["arn/GET/a/*", "arn/GET/b"])),
            statement("Deny", &json!("arn/GET/a/*/secret")),
        ]));
        let policy = Answer::read(&policy.to_string()).unwrap();
        assert_eq!(policy.judge("arn/GET/a/1"), Verdict::Allowed("arn/GET/a/*"));
        assert_eq!(policy.judge("arn/GET/b"), Verdict::Allowed("arn/GET/b"));
        assert_eq!(
            policy.judge("arn/GET/a/1/secret"),
            Verdict::ExplicitlyDenied("arn/GET/a/*/secret")
        );
        assert_eq!(policy.judge("arn/GET/c"), Verdict::NotAllowed);
    }

    #[test]
    fn only_statements_about_invoking_count() {
        for (action, allowed) in [
            (json!("execute-api:Invoke"), true),
            (json!("EXECUTE-API:invoke"), true),
            (json!("execute-api:*"), true),
            (json!("*"), true),
            (json!(["s3:GetObject", "execute-api:Invoke"]), true),
            (json!("s3:*"), false),
            (json!("execute-api:ManageConnections"), false),
        ] {
            let policy = answer(&json!({"Effect": "Allow", "Action": action, "Resource": "*"}));
            let policy = Answer::read(&policy.to_string()).unwrap();
            assert_eq!(policy.judge("x") == Verdict::Allowed("*"), allowed, "{action}");
        }
    }

    #[test]
    fn what_is_not_understood_is_no_answer() {
        let allow = || statement("Allow", &json!("*"));
        let with = |name: &str, value: Value| {
            let mut statement = allow();
            statement[name] = value;
            answer(&statement)
        };
        let without = |name: &str| {
            let mut statement = allow();
            statement.as_object_mut().unwrap().remove(name);
            answer(&statement)
        };
        let mut no_principal = answer(&allow());
        no_principal["principalId"] = json!("");
        let mut nested = answer(&allow());
        nested["context"] = json!({"a": {"b": 1}});
        let mut null = answer(&allow());
        null["context"] = json!({"a": null});
        for wrong in [
            json!(null),
            json!({}),
            json!({"isAuthorized": true}),
            json!({"policyDocument": {"Version": "2012-10-17", "Statement": [allow()]}}),
            json!({"principalId": "p", "policyDocument": {"Statement": [allow()]}}),
            answer(&json!([])),
            answer(&json!("Allow")),
            with("Effect", json!("allow")),
            with("Effect", json!("Maybe")),
            with("Action", json!([])),
            with("Resource", json!([])),
            with("Resource", json!("x".repeat(513))),
            with("Condition", json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})),
            with("NotAction", json!("s3:*")),
            with("NotResource", json!("*")),
            with("Principal", json!("*")),
            without("Effect"),
            without("Action"),
            without("Resource"),
            no_principal,
            nested,
            null,
        ] {
            assert!(Answer::read(&wrong.to_string()).is_err(), "{wrong}");
        }
        assert!(Answer::read("not JSON").is_err());
        let mut fine = answer(&allow());
        fine["context"] = json!({"a": "x", "b": 1, "c": true});
        let fine = Answer::read(&fine.to_string()).unwrap();
        assert_eq!(fine.context.len(), 3);
    }
}
