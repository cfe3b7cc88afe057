use std::sync::Arc;

use compiler::source::diagnostic::{Diagnostics, Source};
use compiler::source::document::{Node, read_toml, read_yaml};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn read(text: &str, toml: bool) -> Result<Node, Vec<String>> {
    let source = Arc::new(Source { name: "file".to_owned(), text: text.to_owned() });
    let mut diagnostics = Diagnostics::new(source);
    let node =
        if toml { read_toml(text, &mut diagnostics) } else { read_yaml(text, &mut diagnostics) };
    let messages: Vec<String> =
        diagnostics.into_vec().into_iter().map(|diagnostic| diagnostic.message).collect();
    match node {
        Some(node) if messages.is_empty() => Ok(node),
        _ => Err(messages),
    }
}

#[track_caller]
fn yaml(text: &str, expected: Json) {
    assert_eq!(read(text, false).map(|node| node.to_json()), Ok(expected), "{text}");
}

#[test]
fn yaml_is_read_by_the_core_schema() {
    yaml(
        "a: 1\nb: 1.5\nc: true\nd: ~\ne: '1'\nf: yes\ng: 1_0\nh: -x\n",
        json!({
            "a": 1, "b": 1.5, "c": true, "d": null, "e": "1", "f": "yes", "g": "1_0", "h": "-x",
        }),
    );
    yaml("200:\n  - &x { k: v }\n  - *x\n", json!({"200": [{"k": "v"}, {"k": "v"}]}));
    yaml("text: |\n  a\n  b\n", json!({"text": "a\nb\n"}));
}

#[test]
fn json_is_read_with_any_white_space() {
    yaml(
        "{\n\t\"a\": [1, \"x\", null],\n\t\"b\": {\"c\": false}\n}\n",
        json!({"a": [1, "x", null], "b": {"c": false}}),
    );
    yaml("{\"a\":[],\"b\":\"é\\u00e9\"}", json!({"a": [], "b": "éé"}));
}

#[test]
fn unsupported_and_unbounded_yaml_is_rejected() {
    for (text, message) in [
        ("", "the file is empty"),
        ("a: 1\na: 2\n", "duplicate key `a`"),
        ("a: !secret x\n", "YAML tags are not supported"),
        ("a: &x {b: 1}\nc: {<<: *x}\n", "the merge key `<<` is not supported"),
        ("a: 1\n---\nb: 2\n", "more than one YAML document in the file"),
        ("? [a]\n: b\n", "a key must be a string"),
        ("a: &x [*x]\n", "the alias refers to itself"),
    ] {
        assert_eq!(read(text, false), Err(vec![message.to_owned()]), "{text}");
    }
    let deep = "[".repeat(200) + &"]".repeat(200);
    assert_eq!(read(&deep, false), Err(vec!["nested too deeply: more than 100 levels".to_owned()]));
}

#[test]
fn a_small_file_cannot_grow_into_a_large_tree() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let below = format!("*a{}", level - 1);
        let line = format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(", "));
        text.push_str(&line);
    }
    assert_eq!(read(&text, false), Err(vec!["more than 500,000 values in one file".to_owned()]));
}

#[test]
fn positions_are_in_bytes() {
    for (text, toml) in [("é: ü\nkey: value\n", false), ("\"é\" = \"ü\"\nkey = \"value\"\n", true)]
    {
        let node = read(text, toml).unwrap();
        let entry = node.entry("key").unwrap();
        assert_eq!(&text[entry.key_span.start..entry.key_span.end], "key");
        assert!(text[entry.node.span.start..entry.node.span.end].contains("value"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_readers_panic(text in "[\\[\\]{}:,&*!|>'\"#\\- \n\ta-cé0-9.=]{0,60}") {
        _ = read(&text, false);
        _ = read(&text, true);
    }
}
