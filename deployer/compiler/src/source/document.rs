//! A file's text → a tree in which every value knows where it stands. YAML, JSON and TOML
//! come out alike, so that one reader serves all.

use serde_json::{Number, Value as Json};

use crate::source::diagnostic::{Diagnostics, Span, suggestion};

mod toml_tree;
mod yaml_tree;

pub use toml_tree::read as read_toml;
pub use yaml_tree::read as read_yaml;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

/// What a [`Node`] is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Members, in the order of the file, no name twice.
    Map(Vec<Entry>),
}

/// A member of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name.
    pub key: String,
    /// Where the name stands.
    pub key_span: Span,
    /// Its value.
    pub node: Node,
}

impl Node {
    /// Returns the members of a map; none if it is no map.
    pub fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// Returns the items of a list; none if it is no list.
    pub fn items(&self) -> &[Node] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// Returns a member of a map.
    pub fn member(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// Returns a member of a map with its name's place.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Returns the text, if it is one.
    pub fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// Returns what kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a truth value",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a table",
        }
    }

    /// Returns the value without its places.
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

/// Reads the members of a table one by one and tells which of them nobody asked for.
pub struct Section<'a> {
    entries: &'a [Entry],
    known: Vec<&'static str>,
    /// Where the section begins, for what is missing in it.
    pub span: Span,
}

impl<'a> Section<'a> {
    /// Opens a table; tells if it is none.
    pub fn open(node: &'a Node, name: &str, diagnostics: &mut Diagnostics) -> Self {
        if !matches!(node.value, Value::Map(_)) {
            diagnostics.error(node.span, format!("`{name}` is {}, not a table", node.kind()), None);
        }
        Self { entries: node.entries(), known: Vec::new(), span: node.span }
    }

    /// Returns a member.
    pub fn entry(&mut self, key: &'static str) -> Option<&'a Entry> {
        self.known.push(key);
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Returns a member that must be text; tells if it is something else.
    pub fn text(
        &mut self,
        key: &'static str,
        diagnostics: &mut Diagnostics,
    ) -> Option<(&'a str, Span)> {
        let node = &self.entry(key)?.node;
        let text = node.text();
        if text.is_none() {
            diagnostics.error(node.span, format!("`{key}` is {}, not text", node.kind()), None);
        }
        Some((text?, node.span))
    }

    /// Returns a member that must be a list of texts; tells if it is something else.
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
            _ => {
                diagnostics.error(node.span, format!("`{key}` is not a list of texts"), None);
                None
            }
        }
    }

    /// Tells of members that were never asked for.
    pub fn finish(self, diagnostics: &mut Diagnostics) {
        for entry in self.entries.iter().filter(|entry| !self.known.contains(&entry.key.as_str())) {
            let known = || {
                let mut names: Vec<String> =
                    self.known.iter().map(|name| format!("`{name}`")).collect();
                names.sort_unstable();
                format!("known here: {}", names.join(", "))
            };
            let help = suggestion(&entry.key, self.known.iter().copied()).unwrap_or_else(known);
            diagnostics.error(entry.key_span, format!("unknown key `{}`", entry.key), help);
        }
    }
}
