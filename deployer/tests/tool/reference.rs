//! The reference in docs/reference: every setting and every option, generated from the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::sync::Arc;

use authorizer::config::Document;
use clap::{Arg, ArgAction, Command, CommandFactory};
use compiler::compile;
use compiler::source::diagnostic::Source;
use deployer::cli::Arguments;
use regex::Regex;
use serde_json::Value;

use crate::house::sources;
use crate::{assert_generated, root};

mod manifest;

use manifest::{DURATIONS, JSON_ONLY, KEYS, RENAMED, Setting, TABLES, VARIABLES};

const GENERATED: &str =
    "<!-- Generated: INSTA_UPDATE=always cargo test --test tool -- reference -->\n";

#[test]
fn the_reference_of_commands_is_that_of_the_code() {
    assert_generated("docs/reference/commands.md", &commands_page(), "reference");
}

#[test]
fn the_reference_of_authorizer_json_is_that_of_the_code() {
    assert_generated("docs/reference/authorizer-json.md", &authorizer_page(), "reference");
}

#[test]
fn the_reference_of_portcullis_toml_is_that_of_the_code() {
    assert_generated("docs/reference/portcullis-toml.md", &manifest_page(), "reference");
}

// The commands.

fn program() -> Command {
    let mut program = Arguments::command();
    program.build();
    program
}

fn commands_page() -> String {
    let program = program();
    let mut page = format!(
        "# Commands\n\n{GENERATED}\n`deployer COMMAND --help` prints the same. \
         [Error codes](../error-codes.md) lists the codes of `--output json`.\n\n## Global options\n"
    );
    let global = |heading: Option<&str>| -> Vec<&Arg> {
        let arguments = program.get_arguments().filter(|one| one.is_global_set());
        arguments.filter(|one| one.get_help_heading() == heading).collect()
    };
    options(&mut page, "Option", &global(None));
    page.push_str("\n### AWS\n");
    options(&mut page, "Option", &global(Some("AWS")));
    commands(&mut page, &program);
    page
}

/// Writes the commands of a command that have none themselves.
fn commands(page: &mut String, command: &Command) {
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        if inner.has_subcommands() { commands(page, inner) } else { one_command(page, inner) }
    }
}

fn one_command(page: &mut String, command: &Command) {
    let about = command.get_long_about().or(command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim_end();
    let name = command.get_bin_name().unwrap_or_default();
    _ = write!(page, "\n## {name}\n\n{about}.\n\n```text\n{usage}\n```\n");
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|one| !one.is_global_set() && one.get_id() != "help")
        .collect();
    let (positional, named): (Vec<&Arg>, Vec<&Arg>) =
        own.into_iter().partition(|one| one.is_positional());
    options(page, "Argument", &positional);
    options(page, "Option", &named);
}

/// Writes a table of arguments.
fn options(page: &mut String, kind: &str, arguments: &[&Arg]) {
    if arguments.is_empty() {
        return;
    }
    _ = write!(page, "\n| {kind} | Default | Description |\n| --- | --- | --- |\n");
    for argument in arguments {
        let names: Vec<&str> =
            argument.get_value_names().into_iter().flatten().map(AsRef::as_ref).collect();
        let value = names.join(" ");
        let name = match argument.get_long() {
            Some(long) if !argument.get_action().takes_values() => format!("--{long}"),
            Some(long) if argument.get_num_args().is_some_and(|range| range.min_values() == 0) => {
                format!("--{long}[=<{value}>]")
            }
            Some(long) => format!("--{long} <{value}>"),
            None => value,
        };
        let defaults = argument.get_default_values().iter();
        let defaults: Vec<String> =
            defaults.map(|value| format!("`{}`", value.to_string_lossy())).collect();
        let help = argument.get_long_help().or(argument.get_help());
        let mut text = help.map(ToString::to_string).unwrap_or_default();
        let mut default =
            if argument.is_required_set() { "required".to_owned() } else { defaults.join(", ") };
        if !argument.get_action().takes_values() {
            default.clear();
        }
        if let Some((before, computed)) = text.clone().split_once(" [default: ")
            && let Some(computed) = computed.strip_suffix(']').filter(|text| !text.contains('['))
        {
            (text, default) = (before.to_owned(), computed.to_owned());
        }
        let repeats = matches!(argument.get_action(), ArgAction::Append);
        if repeats && !argument.is_positional() && !text.contains("repeatable") {
            text.push_str(" (repeatable)");
        }
        let values: Vec<String> = argument
            .get_possible_values()
            .iter()
            .map(|value| match value.get_help() {
                Some(help) => format!("`{}` ({help})", value.get_name()),
                None => format!("`{}`", value.get_name()),
            })
            .collect();
        if argument.get_action().takes_values() && !values.is_empty() {
            _ = write!(text, ": {}", values.join(", "));
        }
        row(page, &[&format!("`{name}`"), &default, &text]);
    }
}

fn row(page: &mut String, cells: &[&str]) {
    let cells: Vec<String> =
        cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
    let line = format!("| {} |", cells.join(" | "));
    _ = writeln!(page, "{}", line.replace("|  |", "| |"));
}

// authorizer.json.

fn schema() -> Value {
    serde_json::to_value(schemars::schema_for!(Document)).unwrap()
}

fn authorizer_page() -> String {
    let schema = schema();
    let paths = paths(&schema);
    let mut page = format!(
        "# authorizer.json\n\n{GENERATED}\nThe configuration of the authorizer function. \
         `deployer config` writes it from [portcullis.toml](portcullis-toml.md); \
         [authorizer.schema.json](../../authorizer/authorizer.schema.json) is its JSON Schema.\n\
         \n## Top level\n"
    );
    object(&mut page, &schema, &schema);
    for (name, _) in &paths.0 {
        let definition = &schema["$defs"][name];
        _ = write!(page, "\n## {}\n\n{}\n", paths.heading(name), one_line(definition));
        match alternatives(definition) {
            Some(alternatives) => variants(&mut page, alternatives, &schema),
            None => object(&mut page, definition, &schema),
        }
    }
    page.push_str(
        "\n## Environment variables\n\nA function for one issuer needs no file.\n\n\
         | Variable | Default | Description |\n| --- | --- | --- |\n",
    );
    for (name, default, text) in VARIABLES {
        row(&mut page, &[&format!("`{name}`"), default, text]);
    }
    page
}

/// The definitions of the schema with the paths of the settings that they describe.
struct Paths(Vec<(String, Vec<String>)>);

impl Paths {
    fn heading(&self, definition: &str) -> String {
        self.0.iter().find(|(name, _)| name == definition).unwrap().1.join(", ")
    }
}

fn paths(schema: &Value) -> Paths {
    let mut paths = Paths(Vec::new());
    reach(schema, schema, "", &mut paths);
    paths
}

fn reach(schema: &Value, inner: &Value, path: &str, paths: &mut Paths) {
    if let Some(name) = definition(inner) {
        match paths.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => known.push(path.to_owned()),
            None => {
                paths.0.push((name.to_owned(), vec![path.to_owned()]));
                reach(schema, &schema["$defs"][name], path, paths);
            }
        }
        return;
    }
    for alternative in alternatives(inner).into_iter().flatten() {
        reach(schema, alternative, path, paths);
    }
    for (name, property) in inner["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        reach(schema, property, &path, paths);
    }
    if inner["items"].is_object() {
        reach(schema, &inner["items"], &format!("{path}[]"), paths);
    }
    if inner["additionalProperties"].is_object() {
        reach(schema, &inner["additionalProperties"], &format!("{path}.NAME"), paths);
    }
}

fn definition(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/$defs/")
}

fn alternatives(schema: &Value) -> Option<&Vec<Value>> {
    schema["oneOf"].as_array().or(schema["anyOf"].as_array())
}

fn one_line(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace('\n', " ")
}

/// Writes the settings of an object, the required ones first.
fn object(page: &mut String, schema: &Value, whole: &Value) {
    page.push_str("\n| Setting | Type | Default | Description |\n| --- | --- | --- | --- |\n");
    for (name, property, required) in properties(schema) {
        let (text, default) = default(&one_line(property), required);
        row(page, &[&format!("`{name}`"), &kind(property, whole, ""), &default, &text]);
    }
}

/// Splits a description into its text and the default that its last sentence states.
fn default(text: &str, required: bool) -> (String, String) {
    match text.split_once(" Default: ") {
        _ if required => (text.to_owned(), "required".to_owned()),
        Some((text, default)) => (text.to_owned(), default.trim_end_matches('.').to_owned()),
        None => (text.to_owned(), String::new()),
    }
}

/// Returns the settings of an object, the required ones first.
fn properties(schema: &Value) -> Vec<(&str, &Value, bool)> {
    let required = |name: &str| {
        schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
    };
    let all = schema["properties"].as_object().into_iter().flatten();
    let mut all: Vec<_> =
        all.map(|(name, property)| (name.as_str(), property, required(name))).collect();
    all.sort_by_key(|(_, _, required)| !required);
    all
}

/// Writes what a value may be: constants, or objects with one member each.
fn variants(page: &mut String, alternatives: &[Value], whole: &Value) {
    let (constants, others): (Vec<&Value>, Vec<&Value>) =
        alternatives.iter().partition(|one| one["const"].is_string());
    let (objects, plain): (Vec<&Value>, Vec<&Value>) =
        others.into_iter().partition(|one| one["properties"].is_object());
    if !constants.is_empty() || !plain.is_empty() {
        page.push('\n');
    }
    for constant in constants {
        let name = constant["const"].as_str().unwrap_or_default();
        _ = writeln!(page, "- `{name}`: {}", one_line(constant));
    }
    for other in plain {
        _ = writeln!(page, "- {}: {}", kind(other, whole, ""), one_line(other));
    }
    if objects.is_empty() {
        return;
    }
    page.push_str(
        "\nAn object with one member:\n\n| Member | Type | Description |\n| --- | --- | --- |\n",
    );
    for object in objects {
        for (name, property, _) in properties(object) {
            row(page, &[&format!("`{name}`"), &kind(property, whole, ""), &one_line(object)]);
        }
    }
}

/// Returns the type of a value, with links to sections: those of `page`, whose schema is `whole`.
fn kind(schema: &Value, whole: &Value, page: &str) -> String {
    if let Some(name) = definition(schema) {
        let anchor = anchor(&paths(whole).heading(name));
        let target = &whole["$defs"][name];
        let constants: Vec<String> = alternatives(target)
            .into_iter()
            .flatten()
            .filter_map(|one| one["const"].as_str().map(|constant| format!("`{constant}`")))
            .collect();
        let text =
            if constants.is_empty() { kind(target, whole, page) } else { constants.join(", ") };
        return format!("[{text}]({page}#{anchor})");
    }
    if let Some(alternatives) = alternatives(schema) {
        let kinds = alternatives.iter().filter(|one| one["type"] != "null");
        let mut kinds: Vec<String> = kinds.map(|one| kind(one, whole, page)).collect();
        kinds.dedup();
        return kinds.join(" or ");
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().find(|one| *one != "null").cloned(),
        other => Some(other.clone()),
    };
    match types.unwrap_or_default().as_str() {
        None => "any value".to_owned(),
        Some("array") => format!("list of {}", plural(&schema["items"], whole, page)),
        Some("object") if schema["additionalProperties"].is_object() => {
            format!("map of {}", plural(&schema["additionalProperties"], whole, page))
        }
        Some(other) => other.to_owned(),
    }
}

fn plural(schema: &Value, whole: &Value, page: &str) -> String {
    let kind = kind(schema, whole, page);
    match kind.as_str() {
        "string" => "strings".to_owned(),
        list if list.starts_with("list of") => list.replacen("list", "lists", 1),
        object => object.replacen("[object]", "[objects]", 1),
    }
}

/// Returns the anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let fits = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    heading.to_lowercase().chars().filter(fits).collect::<String>().replace(' ', "-")
}

// portcullis.toml.

fn manifest_page() -> String {
    let mut page = format!(
        "# portcullis.toml\n\n{GENERATED}\nThe settings of an API, beside its OpenAPI document. \
         [infra/petstore](../../infra/petstore/portcullis.toml) is a complete example.\n\n\
         A string may contain environment variables as `${{env:NAME}}`. A duration is a number \
         with a unit: `ms`, `s`, `m`, `h` or `d`.\n"
    );
    for table in TABLES {
        let heading = table.heading;
        let heading =
            if heading.starts_with('[') { format!("`{heading}`") } else { heading.to_owned() };
        _ = write!(page, "\n## {heading}\n\n{}\n", table.text);
        page.push_str("\n| Setting | Type | Default | Description |\n| --- | --- | --- | --- |\n");
        if table.settings.is_empty() {
            issuer(&mut page);
        }
        for Setting { name, kind, values, default, text } in table.settings {
            let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
            let kind = if values.is_empty() { *kind } else { &values.join(", ") };
            row(&mut page, &[&format!("`{name}`"), kind, default, text]);
        }
        if !table.example.is_empty() {
            _ = write!(page, "\n```toml\n{}\n```\n", table.example);
        }
    }
    page.push_str(
        "\n## Settings of authorizer.json without a counterpart\n\n\
         Every other setting of [authorizer.json](authorizer-json.md) has one.\n\n",
    );
    for (name, reason) in JSON_ONLY {
        _ = writeln!(page, "- `{name}`: {reason}");
    }
    page
}

/// Writes the settings of an issuer, which the schema of `authorizer.json` describes.
fn issuer(page: &mut String) {
    let schema = schema();
    let settings = properties(&schema["$defs"]["IssuerDocument"]);
    for (name, property, required) in settings {
        if name == "keys" {
            for Setting { name, kind, default, text, .. } in KEYS {
                row(page, &[&format!("`{name}`"), kind, default, text]);
            }
            continue;
        }
        let duration = DURATIONS.iter().find(|(json, _)| *json == name);
        if let Some((_, Setting { name, kind, default, text, .. })) = duration {
            row(page, &[&format!("`{name}`"), kind, default, text]);
            continue;
        }
        let kind = kind(property, &schema, "authorizer-json.md");
        let (text, default) = default(&one_line(property), required);
        row(page, &[&format!("`{name}`"), &kind, &default, &text]);
    }
}

// The tests that nothing is left out: they read the code without the renderer.

/// Returns how often each name is the first cell of a row of a page.
fn rows(page: &str) -> BTreeMap<String, usize> {
    let cell = Regex::new(r"(?m)^\| `([^`]+)` \|").unwrap();
    counts(cell.captures_iter(page).map(|found| found[1].replace("\\|", "|")))
}

fn counts(names: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

#[test]
fn every_setting_of_the_schema_is_in_the_reference() {
    fn names(schema: &Value, found: &mut Vec<String>) {
        for (name, inner) in schema.as_object().into_iter().flatten() {
            if name == "properties" {
                found.extend(inner.as_object().into_iter().flatten().map(|(name, _)| name.clone()));
            }
            names(inner, found);
        }
        for inner in schema.as_array().into_iter().flatten() {
            names(inner, found);
        }
    }
    let path = root().join("authorizer/authorizer.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut expected = Vec::new();
    names(&schema, &mut expected);
    let variable =
        Regex::new(r#""((?:AUTHORIZER|AWS_LAMBDA|LAMBDA)_[A-Z_]+|(?:HTTPS|NO)_PROXY)""#).unwrap();
    let mut variables: Vec<String> = sources(&root().join("authorizer/src"))
        .iter()
        .flat_map(|path| {
            let text = fs::read_to_string(path).unwrap();
            variable.captures_iter(&text).map(|found| found[1].to_owned()).collect::<Vec<_>>()
        })
        .collect();
    variables.sort();
    variables.dedup();
    assert_eq!(rows(&authorizer_page()), counts(expected.into_iter().chain(variables)));
}

#[test]
fn every_value_of_the_schema_is_in_the_reference() {
    let page = authorizer_page();
    let text = fs::read_to_string(root().join("authorizer/authorizer.schema.json")).unwrap();
    let constant = Regex::new(r#""const": "([^"]+)""#).unwrap();
    let expected = counts(constant.captures_iter(&text).map(|found| format!("- `{}`", &found[1])));
    assert!(expected.len() > 5, "{expected:?}");
    for (value, count) in expected {
        assert_eq!(page.matches(&value).count(), count, "{value}");
    }
}

#[test]
fn every_option_of_the_command_line_is_in_the_reference() {
    fn names(command: &Command, found: &mut Vec<String>) {
        for argument in command.get_arguments() {
            let is_builtin = argument.get_id() == "help" || argument.get_id() == "version";
            if is_builtin || (argument.is_global_set() && command.get_name() != "deployer") {
                continue;
            }
            match argument.get_long() {
                Some(long) => found.push(format!("--{long}")),
                None => found.push(argument.get_value_names().unwrap()[0].to_string()),
            }
        }
        for command in command.get_subcommands().filter(|one| one.get_name() != "help") {
            if !command.has_subcommands() {
                found.push(format!("## {}", command.get_bin_name().unwrap()));
            }
            names(command, found);
        }
    }
    let mut expected = Vec::new();
    names(&program(), &mut expected);
    let page = commands_page();
    let line = Regex::new(r"(?m)^(?:\| `(--[a-z-]+|[^`]+)[^`]*` \||(## deployer .+)$)").unwrap();
    let found = line.captures_iter(&page).filter_map(|found| found.get(1).or(found.get(2)));
    assert_eq!(counts(found.map(|name| name.as_str().to_owned())), counts(expected.into_iter()));
}

/// Returns the help of the diagnostic about this word in a manifest.
fn help(manifest: &str, word: &str) -> String {
    let source = Arc::new(Source { name: "portcullis.toml".to_owned(), text: manifest.to_owned() });
    let (_, diagnostics) = compile::manifest(&source, &|_| None, &|_| Err(String::new()));
    let found = diagnostics.iter().find(|one| one.message.contains(word));
    let found = found.unwrap_or_else(|| panic!("{manifest}: {diagnostics:?}"));
    found.help.clone().unwrap_or_else(|| panic!("{manifest}: no help"))
}

#[test]
fn every_setting_that_the_compiler_accepts_is_in_the_reference() {
    let unknown = "qqqqqqqqqqqqqqqq";
    let quoted = Regex::new("`([^`]+)`").unwrap();
    let known = TABLES.iter().flat_map(|table| {
        let help = help(&table.probe.replace("UNKNOWN", unknown), unknown);
        let names: BTreeSet<String> =
            quoted.captures_iter(&help).map(|found| found[1].to_owned()).collect();
        assert!(!names.is_empty(), "{}: {help}", table.heading);
        names
    });
    assert_eq!(rows(&manifest_page()), counts(known));
}

#[test]
fn every_setting_of_authorizer_json_has_a_counterpart_or_a_reason() {
    let schema = schema();
    let of_manifest = |heading: &str| -> BTreeSet<&str> {
        let table = TABLES.iter().find(|table| table.heading == heading).unwrap();
        table.settings.iter().map(|setting| setting.name).collect()
    };
    let manifest = of_manifest("[authorizer.NAME]");
    let json_only: BTreeSet<&str> = JSON_ONLY.iter().map(|(name, _)| *name).collect();
    for (name, ..) in properties(&schema) {
        let renamed = RENAMED.iter().find(|(json, _)| *json == name).map(|(_, name)| *name);
        let has_counterpart = manifest.contains(renamed.unwrap_or(name));
        assert!(has_counterpart != json_only.contains(name), "{name}");
    }
}

#[test]
fn the_values_of_a_choice_are_those_that_the_compiler_accepts() {
    let unknown = "qqqqqqqqqqqqqqqq";
    for table in TABLES {
        for setting in table.settings.iter().filter(|setting| !setting.values.is_empty()) {
            let line = format!("{} = \"{unknown}\"", setting.name);
            let given = Regex::new(&format!("(?m)^{} = .*$", setting.name)).unwrap();
            let without = given.replace(table.probe, "").into_owned();
            let help = help(&without.replace("UNKNOWN = 1", &line), unknown);
            for value in setting.values {
                let word = Regex::new(&format!(r"\b{value}\b")).unwrap();
                assert!(word.is_match(&help), "{}: no `{value}`: {help}", setting.name);
            }
        }
    }
}

#[test]
fn every_example_of_the_reference_is_valid() {
    let api = "[api]\nname = \"a\"\nopenapi = \"a\"\n";
    let issuer = "[[authorizer.jwt.issuer]]\nissuer = \"https://a.example\"\naudience = [\"a\"]\n";
    for table in TABLES {
        let mut manifest = table.example.to_owned();
        if !manifest.contains("[api]") {
            manifest = format!("{manifest}\n{api}");
        }
        if manifest.contains("[authorizer.jwt]") || manifest.contains("[authorizer.jwt.function]") {
            manifest = format!("{manifest}\n{issuer}");
        }
        let source = Source { name: "portcullis.toml".to_owned(), text: manifest };
        let (_, diagnostics) =
            compile::manifest(&Arc::new(source), &|_| None, &|_| Err(String::new()));
        let messages: Vec<_> = diagnostics.iter().map(|one| &one.message).collect();
        assert!(messages.is_empty(), "{}: {messages:?}", table.heading);
    }
}

#[test]
fn every_link_of_the_reference_resolves_to_a_heading() {
    let link = Regex::new(r"\]\(([a-z.-]*)#([^)]+)\)").unwrap();
    let pages = [
        ("authorizer-json.md", authorizer_page()),
        ("commands.md", commands_page()),
        ("portcullis-toml.md", manifest_page()),
    ];
    for (name, page) in &pages {
        for found in link.captures_iter(page) {
            let target = if found[1].is_empty() { name } else { &found[1] };
            let target = pages.iter().find(|(name, _)| *name == target);
            let (_, target) = target.unwrap_or_else(|| panic!("{name}: {}", &found[0]));
            let mut headings = target.lines().filter_map(|line| line.strip_prefix("## "));
            assert!(headings.any(|heading| anchor(heading) == found[2]), "{name}: {}", &found[0]);
        }
    }
}
