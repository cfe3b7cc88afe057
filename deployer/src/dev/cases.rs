//! `cases.yaml`: requests, the tokens they are sent with, and what must come of it. Pure: text
//! → [`Case`]s, and an answer → what is wrong with it.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use compiler::source::diagnostic::{Diagnostics, suggestion};
use compiler::source::document::{Entry, Node, Section, Value};

/// A request with a token, and what must come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The method.
    pub method: String,
    /// The path below the stage, with its query.
    pub path: String,
    /// Headers beside the token's.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
    /// The token's name in the file.
    pub token_name: String,
    /// The token.
    pub token: Token,
    /// What must come of it.
    pub expected: Expected,
    /// The line of the file that says so.
    pub line: usize,
}

/// What a request is sent with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// Nothing.
    None,
    /// Something that is no token.
    Text(String),
    /// A token of an issuer's.
    Issued {
        /// Its scopes, between spaces.
        scopes: String,
        /// Whether it has expired.
        expired: bool,
        /// Whom it is for, if not for this API.
        audience: Option<String>,
    },
}

/// What must come of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The status.
    pub status: u16,
    /// A part of the body.
    pub body: Option<String>,
    /// Whether the backend is reached.
    pub backend: Option<bool>,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actual {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// Whether the backend was reached, where that can be known.
    pub backend: Option<bool>,
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it must.
    Passed,
    /// Otherwise.
    Failed(String),
    /// It was not asked.
    Skipped(String),
}

impl Case {
    /// Returns what a report calls it.
    pub fn name(&self) -> String {
        format!("{} {} with {}", self.method, self.path, self.token_name)
    }

    /// Says what is wrong with what came of it.
    pub fn judge(&self, came: &Actual) -> Outcome {
        let Expected { status, body, backend } = &self.expected;
        let mut wrong = Vec::new();
        if came.status != *status {
            wrong.push(format!("it answers {} and not {status}", came.status));
        }
        if let Some(part) = body.as_ref().filter(|part| !came.body.contains(part.as_str())) {
            wrong.push(format!("its body is without `{part}`"));
        }
        match (backend, came.backend) {
            (Some(true), Some(false)) => wrong.push("the backend was not reached".to_owned()),
            (Some(false), Some(true)) => wrong.push("the backend was reached".to_owned()),
            _ => {}
        }
        if wrong.is_empty() { Outcome::Passed } else { Outcome::Failed(wrong.join(", and ")) }
    }
}

/// Reads the file's tree; `line` tells where a byte of it stands.
pub fn read(
    root: &Node,
    line: &dyn Fn(usize) -> usize,
    diagnostics: &mut Diagnostics,
) -> Vec<Case> {
    let mut top = Section::open(root, "cases.yaml", diagnostics);
    let mut tokens = BTreeMap::from([
        ("none".to_owned(), Token::None),
        ("garbage".to_owned(), Token::Text("garbage".to_owned())),
    ]);
    for entry in top.entry("tokens").map(|entry| entry.node.entries()).unwrap_or_default() {
        if let Some(token) = token(&entry.node, diagnostics) {
            tokens.insert(entry.key.clone(), token);
        }
    }
    let listed = top.entry("cases");
    if listed.is_none_or(|entry| entry.node.items().is_empty()) {
        let help = "list them: cases: [{ request: GET /pets, expect: { none: 401 } }]".to_owned();
        diagnostics.error(top.span, "there are no cases", help);
    }
    let mut cases = Vec::new();
    for node in listed.map(|entry| entry.node.items()).unwrap_or_default() {
        cases.extend(of_entry(node, &tokens, line, diagnostics));
    }
    top.finish(diagnostics);
    cases
}

fn token(node: &Node, diagnostics: &mut Diagnostics) -> Option<Token> {
    let mut section = Section::open(node, "token", diagnostics);
    let text = section.text("text", diagnostics);
    let scopes = section.text("scopes", diagnostics);
    let audience = section.text("audience", diagnostics);
    let expired = section.entry("expired").map(|entry| entry.node.value == Value::Bool(true));
    let span = section.span;
    section.finish(diagnostics);
    match (text, scopes) {
        (Some((text, _)), None) => Some(Token::Text(text.to_owned())),
        (None, Some((scopes, _))) => Some(Token::Issued {
            scopes: scopes.to_owned(),
            expired: expired.unwrap_or(false),
            audience: audience.map(|(audience, _)| audience.to_owned()),
        }),
        _ => {
            let help = "`scopes: \"\"` is a token without any".to_owned();
            diagnostics.error(span, "a token has either `scopes` or `text`", help);
            None
        }
    }
}

fn of_entry(
    node: &Node,
    tokens: &BTreeMap<String, Token>,
    line: &dyn Fn(usize) -> usize,
    diagnostics: &mut Diagnostics,
) -> Vec<Case> {
    let mut section = Section::open(node, "case", diagnostics);
    let request = section.entry("request").map(|entry| &entry.node);
    let requests: Vec<&Node> = match request {
        Some(Node { value: Value::List(items), .. }) => items.iter().collect(),
        Some(one) => vec![one],
        None => {
            let help = "say `request: GET /pets`".to_owned();
            diagnostics.error(section.span, "the case has no `request`", help);
            Vec::new()
        }
    };
    let headers = section.entry("headers").map(|entry| entry.node.entries()).unwrap_or_default();
    let headers: Vec<(String, String)> = headers
        .iter()
        .filter_map(|entry| Some((entry.key.clone(), entry.node.text()?.to_owned())))
        .collect();
    let body = section.entry("body").map(|entry| match &entry.node.value {
        Value::Text(text) => text.clone(),
        _ => entry.node.to_json().to_string(),
    });
    let expect = section.entry("expect");
    if expect.is_none() {
        let help = "say `expect: { none: 401 }`".to_owned();
        diagnostics.error(section.span, "the case has no `expect`", help);
    }
    section.finish(diagnostics);
    let mut cases = Vec::new();
    for request in requests {
        let text = request.text().unwrap_or_default();
        let Some((method, path)) = text.split_once(' ').filter(|(method, path)| {
            path.starts_with('/') && method.bytes().all(|byte| byte.is_ascii_uppercase())
        }) else {
            let help = "write a method and a path below the stage: GET /pets?kind=dog".to_owned();
            diagnostics.error(request.span, format!("`{text}` is no request"), help);
            continue;
        };
        for entry in expect.map(|entry| entry.node.entries()).unwrap_or_default() {
            let Some(token) = tokens.get(&entry.key) else {
                let known = tokens.keys().map(String::as_str);
                let help = suggestion(&entry.key, known)
                    .unwrap_or_else(|| "describe it under `tokens`".to_owned());
                let message = format!("there is no token `{}`", entry.key);
                diagnostics.error(entry.key_span, message, help);
                continue;
            };
            let Some(expected) = expected(entry, diagnostics) else { continue };
            cases.push(Case {
                method: method.to_owned(),
                path: path.to_owned(),
                headers: headers.clone(),
                body: body.clone(),
                token_name: entry.key.clone(),
                token: token.clone(),
                expected,
                line: line(entry.key_span.start),
            });
        }
    }
    cases
}

fn expected(entry: &Entry, diagnostics: &mut Diagnostics) -> Option<Expected> {
    let status = |node: &Node| match &node.value {
        Value::Number(number) => number.as_u64().and_then(|status| u16::try_from(status).ok()),
        _ => None,
    };
    let refused = |status: u16| matches!(status, 401 | 403).then_some(false);
    let found = if let Value::Map(_) = entry.node.value {
        let mut section = Section::open(&entry.node, "expect", diagnostics);
        let code = section.entry("status").and_then(|entry| status(&entry.node));
        let body = section.text("body", diagnostics).map(|(body, _)| body.to_owned());
        let backend = section.entry("backend").map(|entry| entry.node.value == Value::Bool(true));
        section.finish(diagnostics);
        // A gateway that refuses calls nobody, unless somebody expects otherwise.
        code.map(|status| Expected { status, body, backend: backend.or(refused(status)) })
    } else {
        status(&entry.node).map(|status| Expected { status, body: None, backend: refused(status) })
    };
    if found.is_none() {
        let help =
            "say `401`, or `{ status: 200, body: \"part of it\", backend: true }`".to_owned();
        diagnostics.error(entry.node.span, "there is no status", help);
    }
    found
}

/// What came of cases.
#[derive(Clone, Debug, Default)]
pub struct Results(pub Vec<(Case, Outcome)>);

impl Results {
    /// Says whether one of them failed.
    pub fn failed(&self) -> bool {
        self.counts().1 > 0
    }

    /// Counts what passed, what failed and what was skipped.
    fn counts(&self) -> (usize, usize, usize) {
        let count = |fits: fn(&Outcome) -> bool| self.0.iter().filter(|(_, o)| fits(o)).count();
        (
            count(|outcome| *outcome == Outcome::Passed),
            count(|outcome| matches!(outcome, Outcome::Failed(_))),
            count(|outcome| matches!(outcome, Outcome::Skipped(_))),
        )
    }

    /// Writes how many, for people.
    pub fn text(&self) -> String {
        let (passed, failed, skipped) = self.counts();
        format!("{passed} passed, {failed} failed, {skipped} skipped")
    }

    /// Writes them for machines.
    pub fn json(&self) -> Json {
        let (passed, failed, skipped) = self.counts();
        let cases = self.0.iter().map(|(case, outcome)| {
            let (outcome, why) = outcome.said();
            json!({"case": case.name(), "line": case.line, "outcome": outcome, "why": why})
        });
        let cases: Vec<Json> = cases.collect();
        json!({"passed": passed, "failed": failed, "skipped": skipped, "cases": cases})
    }

    /// Writes them in the XML of `JUnit`, which every CI reads.
    pub fn junit(&self, file: &str) -> String {
        let (_, failed, skipped) = self.counts();
        let mut lines = vec![
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned(),
            "<testsuites>".to_owned(),
            format!(
                "  <testsuite name=\"portcullis\" tests=\"{}\" failures=\"{failed}\" \
                 errors=\"0\" skipped=\"{skipped}\">",
                self.0.len()
            ),
        ];
        for (case, outcome) in &self.0 {
            let head = format!(
                "    <testcase classname=\"portcullis\" name=\"{}\" file=\"{}\" line=\"{}\"",
                escaped(&case.name()),
                escaped(file),
                case.line
            );
            let element = match outcome {
                Outcome::Passed => {
                    lines.push(format!("{head}/>"));
                    continue;
                }
                Outcome::Failed(_) => "failure",
                Outcome::Skipped(_) => "skipped",
            };
            let why = escaped(outcome.said().1.unwrap_or_default());
            lines.push(format!("{head}>"));
            lines.push(format!("      <{element} message=\"{why}\"/>"));
            lines.push("    </testcase>".to_owned());
        }
        lines.extend(["  </testsuite>".to_owned(), "</testsuites>".to_owned()]);
        lines.join("\n")
    }
}

impl Outcome {
    /// Returns how it ended in a word, and why.
    fn said(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Passed => ("passed", None),
            Self::Failed(why) => ("failed", Some(why)),
            Self::Skipped(why) => ("skipped", Some(why)),
        }
    }
}

/// What XML 1.0 cannot hold is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(' '),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}
