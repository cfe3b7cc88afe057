//! What `dev` says: how to try it, and a line a request. Pure: text from values.

use serde_json::{Value as Json, json};

use super::examples::{ExampleRequest, Examples};
use gateway::trace::RequestTrace;

/// What was started.
#[derive(Clone, Debug)]
pub struct StartSummary {
    /// The API's name.
    pub api: String,
    /// The base URL, stage included.
    pub url: String,
    /// The URL of the page.
    pub page: String,
    /// The local issuer's URL, if there is one.
    pub issuer: Option<String>,
    /// Where the authorizer is.
    pub authorizer: String,
    /// Where requests go.
    pub backend: String,
    /// Requests to try, with a token of the local issuer's.
    pub examples: Option<(Examples, String)>,
    /// What is refused here though AWS would serve it.
    pub notes: Vec<String>,
}

impl StartSummary {
    fn curl(&self, call: &ExampleRequest, token: Option<&str>) -> String {
        let method =
            if call.method == "GET" { String::new() } else { format!(" -X {}", call.method) };
        let header =
            token.map(|token| format!(" -H 'Authorization: Bearer {token}'")).unwrap_or_default();
        format!("curl -i{method} '{}{}'{header}", self.url, call.path)
    }

    /// Returns the status to expect, why, and the line to paste.
    fn lines(&self) -> Vec<(u16, String, String)> {
        let Some((examples, token)) = &self.examples else { return Vec::new() };
        let mut lines = vec![
            (
                200,
                format!("token with scope `{}`", examples.scope),
                self.curl(&examples.allowed, Some(token)),
            ),
            (401, "no token".to_owned(), self.curl(&examples.allowed, None)),
        ];
        if let Some(call) = &examples.insufficient_scope {
            lines.push((
                403,
                "the same token, too little scope".to_owned(),
                self.curl(call, Some(token)),
            ));
        }
        lines
    }

    /// Writes it for people.
    pub fn text(&self) -> String {
        let mut paragraphs = vec![self.heading()];
        if let Some((_, token)) = &self.examples {
            paragraphs.push(format!("  token       {token}"));
        }
        let examples = self.lines().into_iter();
        paragraphs
            .extend(examples.map(|(status, reason, line)| format!("# {status}: {reason}\n{line}")));
        paragraphs.push("ctrl-c ends it\n".to_owned());
        paragraphs.join("\n\n")
    }

    fn heading(&self) -> String {
        let mut lines = vec![
            format!("{} is served at {}", self.api, self.url),
            format!("  authorizer  {}", self.authorizer),
            format!("  backend     {}", self.backend),
            format!("  page        {}", self.page),
        ];
        if let Some(issuer) = &self.issuer {
            let form = "-d grant_type=client_credentials -d scope=…";
            lines.push(format!("  issuer      {issuer}  (a token: curl {form} {issuer}/token)"));
        }
        lines.extend(self.notes.iter().map(|limit| format!("  note        {limit}")));
        lines.join("\n")
    }

    /// Writes it for machines.
    pub fn json(&self) -> Json {
        let examples = self.lines().into_iter().map(
            |(status, reason, curl)| json!({"status": status, "reason": reason, "curl": curl}),
        );
        json!({
            "event": "ready",
            "api": self.api,
            "url": self.url,
            "page": self.page,
            "issuer": self.issuer,
            "authorizer": self.authorizer,
            "backend": self.backend,
            "token": self.examples.as_ref().map(|(_, token)| token),
            "examples": examples.collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }
}

/// Writes a request's line for people.
pub fn line(trace: &RequestTrace) -> String {
    format!(
        "{} {} {}  {} ({} ms)",
        trace.status,
        trace.method,
        escaped(&trace.path),
        escaped(&trace.reason),
        trace.milliseconds
    )
}

/// Writes a request's line for machines.
pub fn json_line(trace: &RequestTrace) -> Json {
    let mut line = json!({"event": "request"});
    if let (Json::Object(line), Json::Object(trace)) = (&mut line, trace.line()) {
        line.extend(trace);
    }
    line
}

/// A path can hold what a terminal would obey.
fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}
