//! The output of `dev`: a start summary and a line for each request. Pure: text from values.

use serde_json::{Value as Json, json};

use super::examples::{ExampleRequest, Examples};
use compiler::api::PresentedToken;
use gateway::trace::RequestTrace;

/// The summary of what `dev` started.
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
    /// The authorizer's location.
    pub authorizer: String,
    /// The backend.
    pub backend: String,
    /// Example requests, and a token of the local issuer.
    pub examples: Option<(Examples, String)>,
    /// Differences from AWS.
    pub notes: Vec<String>,
}

impl StartSummary {
    fn curl(&self, request: &ExampleRequest, token: Option<&str>) -> String {
        let method =
            if request.method == "GET" { String::new() } else { format!(" -X {}", request.method) };
        let url = format!("{}{}", self.url, request.path);
        let presented = token.map(|token| PresentedToken::new(&request.token, token));
        let header = presented.as_ref().and_then(PresentedToken::header);
        let header = header
            .map(|(name, value)| format!(" -H {}", quoted(&format!("{name}: {value}"))))
            .unwrap_or_default();
        let url = presented.as_ref().map_or(url.clone(), |presented| presented.url(&url));
        format!("curl -i{method} {}{header}", quoted(&url))
    }

    /// Returns the expected status, a description and a command for each example.
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
        if let Some(request) = &examples.insufficient_scope {
            lines.push((
                403,
                "same token, insufficient scope".to_owned(),
                self.curl(request, Some(token)),
            ));
        }
        lines
    }

    /// Returns the text for people.
    pub fn text(&self) -> String {
        let mut paragraphs = vec![self.heading()];
        if let Some((_, token)) = &self.examples {
            paragraphs.push(format!("  token       {token}"));
        }
        let examples = self.lines().into_iter();
        paragraphs.extend(
            examples
                .map(|(status, description, line)| format!("# {status}: {description}\n{line}")),
        );
        paragraphs.push("press Ctrl-C to stop\n".to_owned());
        paragraphs.join("\n\n")
    }

    fn heading(&self) -> String {
        let mut lines = vec![
            format!("serving {} at {}", self.api, self.url),
            format!("  authorizer  {}", self.authorizer),
            format!("  backend     {}", self.backend),
            format!("  page        {}", self.page),
        ];
        if let Some(issuer) = &self.issuer {
            let parameters = "-d grant_type=client_credentials -d scope=…";
            lines.push(format!(
                "  issuer      {issuer}  (get a token: curl {parameters} {issuer}/token)"
            ));
        }
        lines.extend(self.notes.iter().map(|note| format!("  note        {note}")));
        lines.join("\n")
    }

    /// Returns the JSON for programs.
    pub fn json(&self) -> Json {
        let examples = self.lines().into_iter().map(
            |(status, description, curl)| json!({"status": status, "description": description, "curl": curl}),
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

/// Quotes a word for a shell. The name of a cookie may contain a quote.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Returns a request's line for people.
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

/// Returns a request's line for programs.
pub fn json_line(trace: &RequestTrace) -> Json {
    let mut line = json!({"event": "request"});
    if let (Json::Object(line), Json::Object(trace)) = (&mut line, trace.line()) {
        line.extend(trace);
    }
    line
}

/// Escapes control characters, which a terminal would interpret.
fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}
