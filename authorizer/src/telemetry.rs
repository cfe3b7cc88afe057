//! What is told about a decision: one JSON line, never a byte of a token.

use serde::Serialize;

/// What was decided, for logs. Every text is JSON-escaped when written, so none can forge a
/// second line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// `allow`, `deny` (403), `unauthorized` (401) or `fault` (500).
    pub decision: Verdict,
    /// The stable reason code of a refusal or fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The reason in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// `TOKEN` or `REQUEST`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// The configured issuer that the token names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The key the token names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The guarded route that the request belongs to, such as `GET /pets/{id}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// What opens that route, where it is not open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_scope: Option<String>,
}

/// How a request ends as far as the authorizer can say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The policy opens the route.
    Allow,
    /// The policy does not open it: 403.
    Deny,
    /// The token is refused: 401.
    Unauthorized,
    /// No decision could be made: 500.
    #[default]
    Fault,
}

#[derive(Serialize)]
struct Line<'a> {
    request_id: &'a str,
    #[serde(flatten)]
    decision: &'a Decision,
}

/// Writes a decision as one line of JSON, without the newline.
pub fn line(request_id: &str, decision: &Decision) -> String {
    // Strings and enums cannot fail to serialise; if they ever did, the line says so.
    serde_json::to_string(&Line { request_id, decision })
        .unwrap_or_else(|_| r#"{"decision":"fault","reason":"telemetry"}"#.to_owned())
}
