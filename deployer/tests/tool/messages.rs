//! The list of every text that people read, which tests/snapshots/messages.txt holds.
//!
//! A string literal of the code is in the list if it has a letter and a space outside of its
//! placeholders. The text of an `#[error]` is in it in any case, and so are the members of
//! JSON. Attributes, comments, and files and items under `cfg(test)` are not.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use authorizer::config::Document;
use clap::{Arg, Command, CommandFactory};
use deployer::cli::Arguments;
use deployer::output::ErrorCode;
use proc_macro2::{TokenStream, TokenTree};
use regex::Regex;
use serde_json::Value;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Fields, File, ImplItemFn, ItemEnum, ItemFn, ItemImpl, ItemMod, ItemStruct, Lit,
};

use crate::house::{CRATES, sources};
use crate::{assert_generated, root};

/// The texts of one file, or of another source.
pub(crate) struct Section {
    /// The path, or the name of the source.
    pub heading: String,
    /// The texts, in the order of the file.
    pub messages: Vec<String>,
}

/// Returns every text that people read.
pub(crate) fn sections() -> Vec<Section> {
    let mut sections = vec![
        Section { heading: "deployer --help".to_owned(), messages: help() },
        Section { heading: "authorizer.schema.json".to_owned(), messages: schema() },
        Section { heading: "error codes".to_owned(), messages: codes() },
    ];
    let folders = CRATES.iter().map(|name| format!("{name}/src")).chain(["tests/bench".to_owned()]);
    for folder in folders {
        sections.extend(sorted(sources(&root().join(folder))).iter().map(|path| code(path)));
    }
    for path in ["deployer/dev/src/page/index.html", "deployer/dev/src/page/page.js"] {
        sections.push(section(path, page));
    }
    sections.push(section("tests/bench/gateway.mjs", page));
    sections.push(section("release/npm/start.js", page));
    let steps = ["assemble", "functions", "npm", "platforms", "program", "project", "tools"];
    let steps = steps.map(|step| format!("release/packaging_steps/{step}.py"));
    let scripts = ["release/build", "release/templates/install.sh.in", "infra/ci/portcullis-ci"];
    let more = ["tests/run", "tests/bench/run", "tests/walk"];
    for path in scripts.into_iter().chain(steps.iter().map(String::as_str)).chain(more) {
        sections.push(section(path, script));
    }
    sections.retain(|section| !section.messages.is_empty());
    sections
}

fn sorted(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.sort();
    paths
}

fn section(path: &str, read: fn(&str) -> Vec<String>) -> Section {
    let messages = read(&fs::read_to_string(root().join(path)).unwrap());
    Section { heading: path.to_owned(), messages }
}

#[test]
fn the_list_of_messages_is_that_of_the_code() {
    let mut list = String::from(
        "Every text that people read: a text a line, `\\n` for a line's end, `·` for a space at an end.\n",
    );
    for Section { heading, messages } in sections() {
        _ = writeln!(list, "\n## {heading}\n");
        for message in messages {
            let text = message.replace('\n', "\\n");
            let inner = text.trim();
            let begin = "·".repeat(text.len() - text.trim_start().len());
            let end = "·".repeat(text.len() - text.trim_end().len());
            _ = writeln!(list, "{begin}{inner}{end}");
        }
    }
    assert_generated("tests/snapshots/messages.txt", &list, "messages");
}

/// Returns the help of every command and option.
fn help() -> Vec<String> {
    let mut program = Arguments::command();
    program.build();
    let mut texts = Vec::new();
    command(&program, "deployer", &mut texts);
    texts
}

fn command(command: &Command, name: &str, texts: &mut Vec<String>) {
    let about = command.get_long_about().or(command.get_about());
    texts.push(format!("{name}: {}", about.map(ToString::to_string).unwrap_or_default()));
    for argument in command.get_arguments().filter(|one| is_own(one, name)) {
        let help = argument.get_long_help().or(argument.get_help());
        let help = help.map(ToString::to_string).unwrap_or_default();
        texts.push(format!("{name} {}: {help}", shown(argument)));
        for value in argument.get_possible_values() {
            let help = value.get_help().map(|help| format!(": {help}")).unwrap_or_default();
            texts.push(format!("{name} {} {}{help}", shown(argument), value.get_name()));
        }
    }
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        self::command(inner, &format!("{name} {}", inner.get_name()), texts);
    }
}

/// Returns whether an argument is the command's own: a global one belongs to the program,
/// and `--help` to clap.
fn is_own(argument: &Arg, command: &str) -> bool {
    argument.get_id() != "help" && (!argument.is_global_set() || command == "deployer")
}

/// Returns an argument as the help shows it.
fn shown(argument: &Arg) -> String {
    let names: Vec<&str> =
        argument.get_value_names().into_iter().flatten().map(AsRef::as_ref).collect();
    match argument.get_long() {
        Some(long) if argument.get_action().takes_values() => {
            format!("--{long} <{}>", names.join(" "))
        }
        Some(long) => format!("--{long}"),
        None => format!("<{}>", names.join(" ")),
    }
}

/// Returns the descriptions of the schema, each with its JSON pointer.
fn schema() -> Vec<String> {
    let schema = serde_json::to_value(schemars::schema_for!(Document)).unwrap();
    let mut texts = Vec::new();
    descriptions(&schema, "", &mut texts);
    texts
}

fn descriptions(schema: &Value, pointer: &str, texts: &mut Vec<String>) {
    if let Some(Value::String(text)) = schema.get("description") {
        texts.push(format!("{pointer}: {text}"));
    }
    let members = schema.as_object().into_iter().flatten();
    for (name, inner) in members.filter(|(_, inner)| inner.is_object() || inner.is_array()) {
        let inner: Vec<(String, &Value)> = match inner {
            Value::Array(items) => {
                items.iter().enumerate().map(|(at, item)| (format!("{name}/{at}"), item)).collect()
            }
            inner => vec![(name.clone(), inner)],
        };
        for (name, inner) in inner {
            descriptions(inner, &format!("{pointer}/{name}"), texts);
        }
    }
}

fn codes() -> Vec<String> {
    ErrorCode::all().iter().map(|code| format!("{}: {}", code.name(), code.meaning())).collect()
}

/// Returns whether a string is a text for people.
fn is_prose(text: &str) -> bool {
    let text = without_placeholders(text);
    text.contains(char::is_alphabetic) && text.contains(' ')
}

fn without_placeholders(text: &str) -> Cow<'_, str> {
    static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\$?\{[^{}]*\}").unwrap());
    PLACEHOLDER.replace_all(text, "")
}

/// Reads the texts of a Rust file.
fn code(path: &Path) -> Section {
    let file = syn::parse_file(&fs::read_to_string(path).unwrap()).unwrap();
    let mut code = Code::default();
    code.visit_file(&file);
    let heading = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    let mut messages = code.messages;
    messages.extend(code.serialized);
    if !code.members.is_empty() {
        messages.push(format!("json! {}", code.members.join(", ")));
    }
    Section { heading, messages }
}

#[derive(Default)]
struct Code {
    messages: Vec<String>,
    serialized: Vec<String>,
    members: Vec<String>,
}

impl<'ast> Visit<'ast> for Code {
    fn visit_file(&mut self, file: &'ast File) {
        if !is_test(&file.attrs) {
            visit::visit_file(self, file);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if !is_test(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        if derives_serialize(&item.attrs) {
            let names = members(&item.fields, serde_text(&item.attrs, "rename_all").as_deref());
            if !names.is_empty() {
                self.serialized.push(format!("struct {}: {}", item.ident, names.join(", ")));
            }
        }
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        if derives_serialize(&item.attrs) {
            let case = serde_text(&item.attrs, "rename_all");
            let fields = serde_text(&item.attrs, "rename_all_fields");
            let names = item.variants.iter().map(|variant| {
                let name = renamed(&variant.attrs, &variant.ident.to_string(), case.as_deref());
                let members = members(&variant.fields, fields.as_deref());
                if members.is_empty() { name } else { format!("{name} ({})", members.join(", ")) }
            });
            let names: Vec<String> = names.collect();
            self.serialized.push(format!("enum {}: {}", item.ident, names.join(", ")));
        }
        visit::visit_item_enum(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("error")
            && let Ok(list) = attribute.meta.require_list()
        {
            self.tokens(list.tokens.clone(), Context::Error);
        }
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        self.text(literal.value());
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        let is_json = item.path.segments.last().is_some_and(|segment| segment.ident == "json");
        let context = if is_json { Context::Json } else { Context::Code };
        self.tokens(item.tokens.clone(), context);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Context {
    Code,
    Error,
    Json,
}

impl Code {
    fn text(&mut self, text: String) {
        if is_prose(&text) {
            self.messages.push(text);
        }
    }

    fn tokens(&mut self, tokens: TokenStream, context: Context) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                // An attribute: documentation, in most cases.
                TokenTree::Group(_) if at > 0 && tokens[at - 1].to_string() == "#" => {}
                TokenTree::Group(group) => {
                    let nested = at >= 2
                        && matches!(&tokens[at - 2], TokenTree::Ident(name) if name == "json");
                    let context = if nested { Context::Json } else { context };
                    self.tokens(group.stream(), context);
                }
                TokenTree::Literal(literal) => {
                    let Lit::Str(text) = Lit::new(literal.clone()) else { continue };
                    self.literal(text.value(), context);
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }

    fn literal(&mut self, text: String, context: Context) {
        match context {
            Context::Error => {
                if without_placeholders(&text).contains(char::is_alphabetic) {
                    self.messages.push(text);
                }
            }
            Context::Json if !is_prose(&text) => {
                if text.starts_with(char::is_alphabetic) && !self.members.contains(&text) {
                    self.members.push(text);
                }
            }
            Context::Code | Context::Json => self.text(text),
        }
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .meta
                .require_list()
                .is_ok_and(|list| list.tokens.to_string().split(' ').any(|word| word == "test"))
    })
}

fn derives_serialize(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("derive")
            && attribute.meta.require_list().is_ok_and(|list| {
                list.tokens.clone().into_iter().any(|token| token.to_string() == "Serialize")
            })
    })
}

/// Returns the words of the `#[serde]` attributes, and the text that follows this one.
fn serde_tokens(attributes: &[Attribute]) -> Vec<String> {
    let lists = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"))
        .filter_map(|attribute| attribute.meta.require_list().ok());
    lists
        .flat_map(|list| list.tokens.clone())
        .map(|token| match token {
            TokenTree::Literal(literal) => match Lit::new(literal) {
                Lit::Str(text) => text.value(),
                _ => panic!("an attribute of serde with a value that is not text"),
            },
            other => other.to_string(),
        })
        .collect()
}

fn serde_text(attributes: &[Attribute], name: &str) -> Option<String> {
    let tokens = serde_tokens(attributes);
    let at = tokens.iter().position(|token| token == name)?;
    (tokens.get(at + 1)? == "=").then(|| tokens[at + 2].clone())
}

fn members(fields: &Fields, case: Option<&str>) -> Vec<String> {
    let named = fields.iter().filter_map(|field| Some((field.ident.as_ref()?, &field.attrs)));
    let serialized = named.filter(|(_, attributes)| {
        let tokens = serde_tokens(attributes);
        !tokens.iter().any(|token| token == "skip" || token == "flatten")
    });
    serialized
        .map(|(name, attributes)| {
            renamed(attributes, name.to_string().trim_start_matches("r#"), case)
        })
        .collect()
}

/// Returns a name as serde writes it.
fn renamed(attributes: &[Attribute], name: &str, case: Option<&str>) -> String {
    if let Some(name) = serde_text(attributes, "rename") {
        return name;
    }
    let words = words(name);
    let capital = |word: &String| word[..1].to_ascii_uppercase() + &word[1..];
    match case {
        None => name.to_owned(),
        Some("lowercase") => words.concat(),
        Some("UPPERCASE") => words.concat().to_ascii_uppercase(),
        Some("snake_case") => words.join("_"),
        Some("kebab-case") => words.join("-"),
        Some("SCREAMING_SNAKE_CASE") => words.join("_").to_ascii_uppercase(),
        Some("PascalCase") => words.iter().map(capital).collect(),
        Some("camelCase") => words[0].clone() + &words[1..].iter().map(capital).collect::<String>(),
        Some(other) => panic!("no such case: {other}"),
    }
}

/// Splits a name in `snake_case` or `CamelCase` into its words, in lower case.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut previous = '_';
    for letter in name.chars() {
        if letter == '_' {
            previous = letter;
            continue;
        }
        let begins = previous == '_' || letter.is_uppercase() && !previous.is_uppercase();
        match words.last_mut() {
            Some(word) if !begins => word.extend(letter.to_lowercase()),
            _ => words.push(letter.to_lowercase().collect()),
        }
        previous = letter;
    }
    words
}

/// Reads the texts of a page: what is between tags, and the strings of a script.
fn page(text: &str) -> Vec<String> {
    let is_script = !text.starts_with("<!doctype");
    let found = Regex::new(if is_script {
        r#""((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`"#
    } else {
        r#">([^<]+)<|(?:title|placeholder|aria-label)="([^"]*)""#
    });
    let found = found.unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let text = lines.collect::<Vec<_>>().join("\n");
    let texts = found.captures_iter(&text).filter_map(|found| found.get(1).or(found.get(2)));
    let texts = texts.map(|text| text.as_str().to_owned());
    if is_script {
        return texts.filter(|text| is_prose(text)).collect();
    }
    texts.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
}

/// Reads what a script prints: here-documents, and strings on the lines of these commands.
fn script(text: &str) -> Vec<String> {
    let printing = Regex::new(r"\b(echo|printf|fail|begin|print|exit|wait)\b").unwrap();
    let string = Regex::new(r#""((?:[^"\\]|\\.)*)"|'([^']*)'"#).unwrap();
    let mut texts = Vec::new();
    let mut in_document = false;
    for line in text.lines() {
        match line {
            "END" => in_document = false,
            _ if in_document => texts.push(line.to_owned()),
            _ if line.ends_with("<<'END'") => in_document = true,
            _ if line.trim_start().starts_with(['#', '"']) || !printing.is_match(line) => {}
            _ => {
                let found = string.captures_iter(line);
                let found = found.filter_map(|found| found.get(1).or(found.get(2)));
                let found = found.map(|text| text.as_str().to_owned());
                texts.extend(found.filter(|text| is_prose(text)));
            }
        }
    }
    texts.retain(|text| !text.trim().is_empty());
    texts
}

#[test]
fn names_are_split_into_words() {
    for (name, expected) in [
        ("last_seen", &["last", "seen"][..]),
        ("StaleKeySet", &["stale", "key", "set"]),
        ("parseURL", &["parse", "url"]),
        ("MAX_AGE", &["max", "age"]),
    ] {
        assert_eq!(words(name), expected, "{name}");
    }
}

#[test]
fn every_kind_of_text_is_found_and_nothing_else() {
    let file = syn::parse_file(
        r##"
        //! A comment.
        #[derive(thiserror::Error)]
        #[error("broken")]
        struct Broken;
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Line { key_set: u8, #[serde(rename = "Other")] other: u8, #[serde(skip)] no: u8 }
        #[derive(Serialize)]
        #[serde(rename_all = "lowercase")]
        enum Step { First, Second { a: u8 } }
        #[expect(lint, reason = "not a text")]
        fn all() {
            const NAME: &str = "identifier";
            let text = format!("{count} {}", "two words");
            json!({"member": {"inner": "value"}, "text": format!("cannot read {path}")});
            names! { /// A comment of a name.
                Name }
            other(r#"raw "text" here"#, "{a} {b}");
        }
        #[cfg(test)]
        mod tests { fn one() { println!("not a text"); } }
        "##,
    );
    let mut code = Code::default();
    code.visit_file(&file.unwrap());
    assert_eq!(code.messages, ["broken", "two words", "cannot read {path}", "raw \"text\" here"]);
    assert_eq!(code.serialized, ["struct Line: keySet, Other", "enum Step: first, second (a)"]);
    assert_eq!(code.members, ["member", "inner", "value", "text"]);
    let texts: BTreeSet<String> =
        script("usage() {\n  cat <<'END'\nusage: x\nEND\n}\necho \"no tool: $1\"\n")
            .into_iter()
            .collect();
    assert_eq!(texts, ["no tool: $1", "usage: x"].map(str::to_owned).into());
}
