//! The document → [`Case`]s, with a diagnostic for every error.

use std::collections::BTreeMap;

use super::{Case, Expected, Token};
use compiler::source::diagnostic::{Diagnostics, suggestion};
use compiler::source::document::{Entry, Node, Section, Value};

/// Reads the cases of a document; `line` returns the line of a byte offset.
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
        let help =
            "for example: `cases: [{ request: GET /pets, expect: { none: 401 } }]`".to_owned();
        diagnostics.error(top.span, "missing `cases`", help);
    }
    let mut cases = Vec::new();
    for node in listed.map(|entry| entry.node.items()).unwrap_or_default() {
        cases.extend(cases_of_entry(node, &tokens, line, diagnostics));
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
            let help = "for a token without scopes: `scopes: \"\"`".to_owned();
            diagnostics.error(span, "a token must have either `scopes` or `text`", help);
            None
        }
    }
}

/// Reads an entry of `cases`: each of its requests with each of its tokens is a case.
fn cases_of_entry(
    node: &Node,
    tokens: &BTreeMap<String, Token>,
    line: &dyn Fn(usize) -> usize,
    diagnostics: &mut Diagnostics,
) -> Vec<Case> {
    let mut section = Section::open(node, "case", diagnostics);
    let requests: Vec<&Node> = match section.entry("request").map(|entry| &entry.node) {
        Some(Node { value: Value::List(items), .. }) => items.iter().collect(),
        Some(one) => vec![one],
        None => {
            let help = "for example: `request: GET /pets`".to_owned();
            diagnostics.error(section.span, "missing `request`", help);
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
        let help = "for example: `expect: { none: 401 }`".to_owned();
        diagnostics.error(section.span, "missing `expect`", help);
    }
    section.finish(diagnostics);
    let expect = expect.map(|entry| entry.node.entries()).unwrap_or_default();
    let mut cases = Vec::new();
    for request in requests {
        let Some((method, path)) = method_and_path(request, diagnostics) else { continue };
        for entry in expect {
            let Some(token) = token_of(entry, tokens, diagnostics) else { continue };
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

fn method_and_path<'a>(
    request: &'a Node,
    diagnostics: &mut Diagnostics,
) -> Option<(&'a str, &'a str)> {
    let text = request.text().unwrap_or_default();
    let found = text.split_once(' ').filter(|(method, path)| {
        path.starts_with('/') && method.bytes().all(|byte| byte.is_ascii_uppercase())
    });
    if found.is_none() {
        let help = "for example: `GET /pets?kind=dog`, without the stage".to_owned();
        diagnostics.error(
            request.span,
            format!("invalid request `{text}`: expected a method and a path"),
            help,
        );
    }
    found
}

/// Returns the token that an expectation names.
fn token_of<'a>(
    expectation: &Entry,
    tokens: &'a BTreeMap<String, Token>,
    diagnostics: &mut Diagnostics,
) -> Option<&'a Token> {
    let token = tokens.get(&expectation.key);
    if token.is_none() {
        let known = tokens.keys().map(String::as_str);
        let help = suggestion(&expectation.key, known)
            .unwrap_or_else(|| "define it in `tokens`".to_owned());
        let message = format!("unknown token `{}`", expectation.key);
        diagnostics.error(expectation.key_span, message, help);
    }
    token
}

fn expected(entry: &Entry, diagnostics: &mut Diagnostics) -> Option<Expected> {
    let status = |node: &Node| match &node.value {
        Value::Number(number) => number.as_u64().and_then(|status| u16::try_from(status).ok()),
        _ => None,
    };
    let default_backend = |status: u16| matches!(status, 401 | 403).then_some(false);
    let expected = if let Value::Map(_) = entry.node.value {
        let mut section = Section::open(&entry.node, "expect", diagnostics);
        let code = section.entry("status").and_then(|entry| status(&entry.node));
        let body = section.text("body", diagnostics).map(|(body, _)| body.to_owned());
        let backend = section.entry("backend").map(|entry| entry.node.value == Value::Bool(true));
        section.finish(diagnostics);
        // By default, a refused request is expected not to reach the backend.
        code.map(|status| Expected { status, body, backend: backend.or(default_backend(status)) })
    } else {
        status(&entry.node).map(|status| Expected {
            status,
            body: None,
            backend: default_backend(status),
        })
    };
    if expected.is_none() {
        let help = "for example: `401`, or `{ status: 200, body: \"part of it\", backend: true }`"
            .to_owned();
        diagnostics.error(entry.node.span, "expected a status code", help);
    }
    expected
}
