//! The tests that the documentation names exist: those of the invariants in `ARCHITECTURE.md`, and
//! those in `docs/rfc-requirements.md`, where every requirement has tests or a reason.

use std::collections::BTreeSet;
use std::fs;

use regex::Regex;

use crate::glossary::code;
use crate::root;

/// The beginnings of a reason, which a text must follow.
const REASONS: [&str; 2] = ["Not applicable: ", "Not met: "];

/// Returns every test of the workspace as `module::test_name`.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in code() {
        let module = path.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        found.extend(test_names(&text).into_iter().map(|name| format!("{module}::{name}")));
    }
    found
}

/// Returns the names of the tests in a Rust file, those in `proptest!` included.
fn test_names(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(item) = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ") {
            names.extend(item.split('(').next().filter(|_| is_test));
            is_test = false;
        }
    }
    names
}

/// Returns the tests that a text names: each `module::test_name` in backticks.
fn named_tests(text: &str) -> Vec<String> {
    let name = Regex::new("`([a-z0-9_]+::[a-z0-9_]+)`").unwrap();
    name.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// Returns the rows of the tables of a page, each with its line and without the header.
fn rows(page: &str) -> Vec<(usize, Vec<&str>)> {
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(page.lines()) {
        let Some(row) = line.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) else {
            continue;
        };
        let cells: Vec<&str> = row.split(" | ").collect();
        if cells[0] != "section" && cells[0] != "---" {
            rows.push((number, cells));
        }
    }
    rows
}

/// Returns the error of a row: it has neither tests nor a reason, or names an unknown test.
fn error(cells: &[&str], tests: &BTreeSet<String>) -> Option<String> {
    let [_, _, met_by] = cells else {
        return Some(format!("expected 3 cells, found {}", cells.len()));
    };
    let named = named_tests(met_by);
    if let Some(unknown) = named.iter().find(|name| !tests.contains(*name)) {
        return Some(format!("`{unknown}` is not a test"));
    }
    let list: Vec<String> = named.iter().map(|name| format!("`{name}`")).collect();
    let has_tests = !list.is_empty() && list.join(", ") == *met_by;
    let follows = |reason: &str| met_by.strip_prefix(reason).is_some_and(|text| !text.is_empty());
    let has_reason = REASONS.into_iter().any(follows);
    (!has_tests && !has_reason).then(|| format!("expected tests or a reason, found {met_by}"))
}

#[test]
fn every_requirement_has_tests_or_a_reason() {
    let page = fs::read_to_string(root().join("docs/rfc-requirements.md")).unwrap();
    for table in page.split("\n## ").skip(1) {
        assert!(!rows(table).is_empty(), "{}: no requirements", table.lines().next().unwrap());
    }
    let tests = tests();
    let errors: Vec<String> = rows(&page)
        .into_iter()
        .filter_map(|(line, cells)| {
            Some(format!("docs/rfc-requirements.md:{line}: {}", error(&cells, &tests)?))
        })
        .collect();
    assert!(errors.is_empty(), "{} rows:\n{}", errors.len(), errors.join("\n"));
}

#[test]
fn the_tests_of_the_invariants_exist() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, section) = page.split_once("\n## Invariants\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let tests = tests();
    for invariant in Regex::new("(?m)^[0-9]+\\. ").unwrap().split(section).skip(1) {
        let named = named_tests(invariant);
        let unknown: Vec<&String> = named.iter().filter(|name| !tests.contains(*name)).collect();
        assert!(!named.is_empty() && unknown.is_empty(), "not tests: {unknown:?}\n{invariant}");
    }
}

#[test]
fn tests_are_found_and_other_functions_are_not() {
    let text = "#[test]\nfn one() {}\n\nfn two() {}\n#[tokio::test(flavor = \"x\")]\n#[ignore]\n\
                async fn three() {}\n    #[test]\n    fn four(\n        a in b,\n    ) {}\n";
    assert_eq!(test_names(text), ["one", "three", "four"]);
}

#[test]
fn a_row_without_a_test_or_a_reason_is_an_error() {
    let tests = BTreeSet::from(["a::one".to_owned(), "b::two".to_owned()]);
    for (row, valid) in [
        ("| 1 | x | `a::one` |", true),
        ("| 1 | x | `a::one`, `b::two` |", true),
        ("| 1 | x | Not applicable: concerns clients (`b::two`) |", true),
        ("| 1 | x | Not met: a deviation |", true),
        ("| 1 | x | `a::two` |", false),
        ("| 1 | x | `a::one`, `pending: two` |", false),
        ("| 1 | x | `missing` |", false),
        ("| 1 | x | Not applicable: (`b::three`) |", false),
        ("| 1 | x | concerns clients |", false),
        ("| 1 | x |  |", false),
        ("| 1 | x |", false),
    ] {
        let rows = rows(row);
        assert_eq!(rows.len(), 1, "{row}");
        assert_eq!(error(&rows[0].1, &tests).is_none(), valid, "{row}");
    }
    assert!(rows("| section | requirement | met by |\n| --- | --- | --- |\ntext\n").is_empty());
}
