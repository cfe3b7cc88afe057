//! YAML 1.2, and JSON with it → [`Node`]. Bounded: a small file cannot grow into a large tree.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as Marks};
use serde_json::Number;

use super::{Entry, Node, Value};
use crate::source::diagnostic::{Diagnostics, Span};

/// Far more than an API of 300 resources needs. Without a limit, aliases could multiply.
const MAX_NODES: usize = 500_000;

/// Deeper than any schema, and shallow enough for the stack.
const MAX_DEPTH: usize = 100;

/// Reads a file that holds one YAML or JSON document.
pub fn read(text: &str, diagnostics: &mut Diagnostics) -> Option<Node> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        offsets: text.char_indices().map(|(at, _)| at).chain([text.len()]).collect(),
        anchors: BTreeMap::new(),
        nodes: 0,
        diagnostics,
    };
    match reader.document() {
        Ok(node) => node,
        Err(Stop::Syntax(error)) => {
            let at = reader.offset(error.marker().index());
            let (cause, help) = syntax_error(error.info());
            let message = format!("invalid YAML: {cause}");
            reader.diagnostics.error(Span { start: at, end: at }, message, help.map(str::to_owned));
            None
        }
        Err(Stop::Refused(span, message)) => {
            reader.diagnostics.error(span, message, None);
            None
        }
    }
}

/// Returns the cause of a syntax error in the user's terms, and the fix.
fn syntax_error(info: &str) -> (&'static str, Option<&'static str>) {
    let table: [(&str, &'static str, Option<&'static str>); 27] = [
        ("recursion limit", "nested too deeply", None),
        ("tab", "a tab is not allowed here", Some("indent with spaces")),
        (
            "flow construct",
            "wrong indentation inside `[` or `{`",
            Some("close the bracket, or indent the line"),
        ),
        (
            "quoted scalar, found unexpected end",
            "quoted text is not closed",
            Some("add the closing quote"),
        ),
        ("flow sequence", "expected `,` or `]`", None),
        ("flow mapping", "expected `,` or `}`", None),
        ("bracket", "unexpected bracket", Some("quote text that begins with a bracket")),
        ("indent", "wrong indentation", Some("indent the members of a map equally, with spaces")),
        (
            "block mapping",
            "expected a key",
            Some("indent the members of a map equally, with spaces"),
        ),
        (
            "block collection",
            "expected `-`",
            Some("indent the items of a list equally, with spaces"),
        ),
        ("sequence entries", "unexpected `-`", Some("begin a list on a new line")),
        ("mapping", "unexpected `:`", Some("quote text that contains `: `")),
        ("':' indicator", "unexpected `:`", Some("quote text that contains `: `")),
        ("simple key", "expected `:` after the key", None),
        (
            "quoted scalar",
            "invalid quoted text",
            Some("write a backslash as `\\\\` in double quotes"),
        ),
        ("double-quoted", "unexpected text after the closing quote", None),
        ("unknown anchor", "the alias refers to an unknown anchor", None),
        ("duplicated anchor", "duplicate anchor", None),
        ("anchor", "invalid anchor or alias", Some("quote text that begins with `&` or `*`")),
        ("irective", "YAML directives are not supported", None),
        ("tag", "YAML tags are not supported", Some("quote text that begins with `!`")),
        ("handle", "YAML tags are not supported", Some("quote text that begins with `!`")),
        ("block scalar", "invalid text block after `|` or `>`", None),
        ("plain scalar", "invalid unquoted text", Some("quote the text")),
        ("unexpected character", "unexpected character", Some("quote the text")),
        ("unprintable", "unprintable character", None),
        ("byte order mark", "unexpected byte order mark", None),
    ];
    let known = table.iter().find(|(part, ..)| info.contains(part));
    known.map_or(("invalid syntax", None), |(_, cause, help)| (*cause, *help))
}

struct Reader<'a, 'd> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    /// The byte offset of each character: the parser counts characters.
    offsets: Vec<usize>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    diagnostics: &'d mut Diagnostics,
}

enum Stop {
    Syntax(ScanError),
    Refused(Span, &'static str),
}

impl<'a> Reader<'a, '_> {
    fn offset(&self, character: usize) -> usize {
        self.offsets.get(character).or(self.offsets.last()).copied().unwrap_or_default()
    }

    fn span(&self, marks: Marks) -> Span {
        Span { start: self.offset(marks.start.index()), end: self.offset(marks.end.index()) }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        match self.events.next() {
            Some(Ok((event, marks))) => Ok((event, self.span(marks))),
            Some(Err(error)) => Err(Stop::Syntax(error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => break,
                (
                    Event::StreamStart
                    | Event::DocumentStart(_)
                    | Event::DocumentEnd
                    | Event::Nothing,
                    _,
                ) => {}
                (_, span) if root.is_some() => {
                    return Err(Stop::Refused(span, "more than one YAML document in the file"));
                }
                (event, span) => root = Some(self.node(event, span, 0)?),
            }
        }
        if root.is_none() {
            self.diagnostics.error(Span::default(), "the file is empty", None);
        }
        Ok(root)
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Stop> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Stop::Refused(span, "more than 500,000 values in one file"));
        }
        if depth > MAX_DEPTH {
            return Err(Stop::Refused(span, "nested too deeply: more than 100 levels"));
        }
        let (anchor, tag, node) = match event {
            Event::Alias(id) => {
                let node = self.anchors.get(&id).cloned();
                let node = node.ok_or(Stop::Refused(span, "the alias refers to itself"))?;
                self.nodes += count(&node);
                return Ok(Node { span, ..node });
            }
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, tag, Node { value: scalar(&text, style), span })
            }
            Event::SequenceStart(anchor, tag) => (anchor, tag, self.list(span, depth)?),
            Event::MappingStart(anchor, tag) => (anchor, tag, self.map(span, depth)?),
            _ => return Err(Stop::Refused(span, "unexpected end of file")),
        };
        if let Some(tag) = tag {
            let (message, help) = tag_error(&tag.suffix);
            self.diagnostics.error(span, message, help);
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, mut span: Span, depth: usize) -> Result<Node, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, end) => {
                    span.end = span.end.max(end.end);
                    return Ok(Node { value: Value::List(items), span });
                }
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, mut span: Span, depth: usize) -> Result<Node, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (key, key_span) = match self.next()? {
                (Event::MappingEnd, end) => {
                    span.end = span.end.max(end.end);
                    return Ok(Node { value: Value::Map(entries), span });
                }
                (Event::Scalar(key, ..), key_span) => (key.into_owned(), key_span),
                (_, span) => return Err(Stop::Refused(span, "a key must be a string")),
            };
            let (event, value_span) = self.next()?;
            let node = self.node(event, value_span, depth + 1)?;
            if key == "<<" {
                let help = "copy the members: YAML 1.2 has no merge keys".to_owned();
                self.diagnostics.error(key_span, "the merge key `<<` is not supported", help);
            } else if entries.iter().any(|entry| entry.key == key) {
                self.diagnostics.error(key_span, format!("duplicate key `{key}`"), None);
            } else {
                entries.push(Entry { key, key_span, node });
            }
        }
    }
}

fn count(node: &Node) -> usize {
    let below: usize = match &node.value {
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(entries) => entries.iter().map(|entry| count(&entry.node)).sum(),
        _ => 0,
    };
    below + 1
}

/// Returns the value of an unquoted text by the core schema (YAML 1.2 section 10.3.2); a quoted
/// one is text.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    let as_text = || Value::Text(text.to_owned());
    if style != ScalarStyle::Plain {
        return as_text();
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) => {
            as_text()
        }
        _ => {
            let whole = text.parse::<i64>().ok().map(Number::from);
            let number = whole.or_else(|| text.parse().ok().and_then(Number::from_f64));
            number.map_or_else(as_text, Value::Number)
        }
    }
}

/// The functions of CloudFormation that have a tag.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>
const CLOUDFORMATION: [&str; 15] = [
    "And",
    "Base64",
    "Cidr",
    "Equals",
    "FindInMap",
    "GetAZs",
    "GetAtt",
    "If",
    "ImportValue",
    "Join",
    "Not",
    "Or",
    "Ref",
    "Select",
    "Sub",
];

/// Returns the message and the help of a tag.
fn tag_error(name: &str) -> (String, Option<String>) {
    if !CLOUDFORMATION.contains(&name) {
        return ("YAML tags are not supported".to_owned(), None);
    }
    let help = "write its result, such as an ARN; values that differ by stage can be stage variables, `${stageVariables.NAME}`";
    (
        format!("`!{name}` is a function of CloudFormation, which is not resolved"),
        Some(help.to_owned()),
    )
}
