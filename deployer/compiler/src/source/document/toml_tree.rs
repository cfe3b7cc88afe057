//! TOML → [`Node`].

use std::ops::Range;

use serde_json::Number;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Entry, Node, Value};
use crate::source::diagnostic::{Diagnostics, Span};

/// Reads a TOML file. Every syntax error is reported, as far as the parser recovers.
pub fn read(text: &str, diagnostics: &mut Diagnostics) -> Option<Node> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().map(Span::from).unwrap_or_default();
        diagnostics.error(span, format!("invalid TOML: {}", cause(error.message().trim())), None);
    }
    errors.is_empty().then(|| Node { span: table.span().into(), value: members(table.get_ref()) })
}

/// Returns the cause of a syntax error without the parser's own words.
fn cause(message: &str) -> &str {
    if message.contains("recurs") { "nested too deeply" } else { message }
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end }
    }
}

fn members(table: &DeTable<'_>) -> Value {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_span: key.span().into(),
            node: node(value),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    Value::Map(entries)
}

fn node(value: &Spanned<DeValue<'_>>) -> Node {
    let content = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => {
            let digits = i64::from_str_radix(number.as_str(), number.radix());
            digits.map_or(Value::Null, |number| Value::Number(number.into()))
        }
        DeValue::Float(number) => {
            let float = number.as_str().parse().ok().and_then(Number::from_f64);
            float.map_or(Value::Null, Value::Number)
        }
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(node).collect()),
        DeValue::Table(table) => members(table),
    };
    Node { value: content, span: value.span().into() }
}
