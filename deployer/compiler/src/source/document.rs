//! A file's text → a tree of values with their positions. YAML, JSON and TOML have the same
//! tree, so that one reader serves all.

use serde_json::{Number, Value as Json};

use crate::source::diagnostic::{Diagnostics, Span, suggestion};

mod member_error;
mod toml_tree;
mod yaml_tree;

pub use member_error::{MemberError, deserialize};
pub use toml_tree::read as read_toml;
pub use yaml_tree::read as read_yaml;

/// A value and its position.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Its range in the file.
    pub span: Span,
}

/// The value of a [`Node`].
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// A Boolean value.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Members in the order of the file; names are unique.
    Map(Vec<Entry>),
}

/// A member of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name.
    pub key: String,
    /// The range of the name.
    pub key_span: Span,
    /// Its value.
    pub node: Node,
}

impl Node {
    /// Returns the members of a map; empty for any other value.
    pub fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// Returns the items of a list; empty for any other value.
    pub fn items(&self) -> &[Node] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// Returns the value of a member of a map. A `null` is an absent member, as it is for API Gateway.
    pub fn member(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node).filter(|node| node.value != Value::Null)
    }

    /// Returns the value at a path such as `require[1].any[0]`, or the innermost value on it that
    /// exists.
    pub fn at(&self, path: &str) -> &Self {
        let segments = path.split(['.', '[', ']']).filter(|segment| !segment.is_empty());
        let mut node = self;
        for segment in segments {
            let item = segment.parse::<usize>().ok().and_then(|at| node.items().get(at));
            match item.or_else(|| node.member(segment)) {
                Some(found) => node = found,
                None => break,
            }
        }
        node
    }

    /// Returns a member of a map.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Returns the text; nothing for any other value.
    pub fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// Returns the kind of the value for messages, such as `a number`.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "no value",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// Returns the value without positions.
    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(number) => Json::Number(number.clone()),
            Value::Text(text) => Json::String(text.clone()),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect()
            }
        }
    }
}

/// Reads the settings of a map one by one, and reports those that were not read as unknown.
pub struct Section<'a> {
    entries: &'a [Entry],
    known: Vec<&'static str>,
    /// The range of the section, for settings that are missing in it.
    pub span: Span,
}

impl<'a> Section<'a> {
    /// Opens a map. Any other value is an error.
    pub fn open(node: &'a Node, name: &str, diagnostics: &mut Diagnostics) -> Self {
        if !matches!(node.value, Value::Map(_)) {
            diagnostics.error(
                node.span,
                format!("`{name}`: expected a map, found {}", node.kind()),
                None,
            );
        }
        Self { entries: node.entries(), known: Vec::new(), span: node.span }
    }

    /// Returns a setting.
    pub fn entry(&mut self, key: &'static str) -> Option<&'a Entry> {
        self.known.push(key);
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Returns a setting that must be a string. Any other value is an error.
    pub fn text(
        &mut self,
        key: &'static str,
        diagnostics: &mut Diagnostics,
    ) -> Option<(&'a str, Span)> {
        let node = &self.entry(key)?.node;
        let text = node.text();
        if text.is_none() {
            diagnostics.error(
                node.span,
                format!("`{key}`: expected a string, found {}", node.kind()),
                None,
            );
        }
        Some((text?, node.span))
    }

    /// Returns a setting that must be a list of strings. Any other value is an error.
    pub fn texts(
        &mut self,
        key: &'static str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Vec<String>> {
        let node = &self.entry(key)?.node;
        let texts: Option<Vec<String>> =
            node.items().iter().map(|item| item.text().map(str::to_owned)).collect();
        match (&node.value, texts) {
            (Value::List(_), Some(texts)) => Some(texts),
            (Value::List(items), None) => {
                for item in items.iter().filter(|item| item.text().is_none()) {
                    let message = format!("`{key}`: expected a string, found {}", item.kind());
                    diagnostics.error(item.span, message, None);
                }
                None
            }
            _ => {
                let message = format!("`{key}`: expected a list of strings, found {}", node.kind());
                diagnostics.error(node.span, message, None);
                None
            }
        }
    }

    /// Reports settings that were not read.
    pub fn finish(self, diagnostics: &mut Diagnostics) {
        for entry in self.entries.iter().filter(|entry| !self.known.contains(&entry.key.as_str())) {
            let known = || {
                let mut names: Vec<String> =
                    self.known.iter().map(|name| format!("`{name}`")).collect();
                names.sort_unstable();
                names.dedup();
                format!("known settings: {}", names.join(", "))
            };
            let help = suggestion(&entry.key, self.known.iter().copied()).unwrap_or_else(known);
            diagnostics.error(entry.key_span, format!("unknown setting `{}`", entry.key), help);
        }
    }
}
