//! The terms of the project: those of AWS, the RFCs and the tools that readers know.
//!
//! Each rule covers every file of its kind. An ordinary use of a word is allowed because a
//! pattern is precise, never because a file is left out.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use regex::{Regex, RegexBuilder};

use crate::messages::{sections, words};
use crate::root;

/// Words that neither messages nor documentation nor comments use, with what to write.
const WORDS: &[(&str, &str)] = &[
    ("told|tells?|telling", "reports, shows, returns, passes"),
    ("ask|asks|asked|asking", "calls, invokes, requests, prompts"),
    ("said|says?|saying", "states, reports, specifies, returns"),
    ("kept", "stored, retained, cached, preserved, unchanged"),
    ("lead|leads|led", "points to, resolves to, causes"),
    ("gone", "deleted, does not exist"),
    ("goes|went", "is sent, moves, continues"),
    ("came", "arrived, was received, was presented"),
    ("somebody|someone", "another program, another user"),
    ("nobody|no one", "no user, no caller, nothing"),
    ("anybody|anyone|everybody|everyone", "any caller, all callers"),
    ("stands?|stood", "is, is listed, is replaced by"),
    ("speaks?|spoke|spoken", "supports"),
    ("stays?|stayed", "remains, is unchanged"),
    ("anew", "again, or name what is rebuilt or replaced"),
    ("ours", "managed by Portcullis"),
    ("mends?|mended|mending", "fixes, repairs"),
    ("whoever", "any caller that"),
    ("by hand", "manually"),
    ("in the place of", "instead of"),
    ("looks? whether", "checks whether"),
    ("what is no", "invalid"),
    ("(?:is|are|be|was|were) right", "is valid, is correct"),
    ("(?:is|are|be|was|were) wrong", "is invalid, is incorrect"),
    (
        "(?:is|are) (?:not )?there(?: (?:already|yet|any more))?",
        "exists, is present, does not exist",
    ),
    (
        "(?:is|are|was|were|be|been|gets?) put|put back|putting|puts",
        "is imported, is written, is set, restored",
    ),
    ("could not be had|cannot be had", "unavailable"),
    (
        "(?:custom|initial|normal|serial|deserial|author|recogn)is(?:e[ds]?|ing|ation)|(?:behavi|col)ours?|licences?",
        "American spelling, as AWS's documentation has it",
    ),
];

/// Phrases that neither messages nor documentation use, with what to write.
const PHRASES: &[(&str, &str)] = &[
    ("go(?:ing)? back|gone back", "roll back"),
    ("goes? on|go on", "continue"),
    ("whatever they say|out loud", "(leave it out)"),
    ("to the letter", "strictly"),
    ("(?:for|of|to|by|from) whom", "name the reader or the caller"),
    ("in the meantime", "concurrently"),
    ("just now", "within the accepted window"),
    ("too often", "over its rate limit, over its quota"),
    ("at hand", "available"),
    ("away again", "clean up"),
    ("worth a look", "informational"),
    ("our own", "reserved for Portcullis, built-in"),
    ("(?:the|its|whole|a) draft", "the API definition"),
    ("strangers?(?:')?", "untrusted input"),
    ("the web's", "the public CAs"),
    ("byte-equal", "must match exactly"),
    ("leads? nowhere|falls nowhere", "unresolved reference"),
    ("(?:stands? )?there twice|stands twice", "duplicate"),
    ("(?:let|lets|letting)(?: \\S+)? in(?:to)?", "accepts, allows"),
    ("(?:is|are) taken", "is accepted"),
    (
        "is no (?:https|URL|token|place|origin|tag|text|texts|list|object|string|status|ARN|pattern|base64|JSON|policy|number|name|request|stage|header|method|scope|such|group|array|path)",
        "is not a …",
    ),
    ("is none of those|are none of those", "is not one of, unknown"),
    ("`[^`]*` is no", "is not a …"),
    ("of which(?: \\S+)? nobody", "unknown"),
    ("no place for", "is not a …"),
    ("cannot stand", "is not allowed in"),
    ("names no", "must list at least one, has no"),
    ("another one", "a different …"),
    ("truth values?", "boolean"),
    ("whole numbers?", "integer"),
    ("lengths? of time", "duration"),
    ("(?:list|lists) of texts", "list of strings"),
    ("broke off|broken off|breaks? off", "closed the connection early"),
    ("worded", "written"),
    ("put (?:it|them|the|a|in|into|there|behind)", "import, write, set, add"),
    (
        "(?:cached|authorizer's|authorizers'|authorizer) answers?|answers are cached|answer in the cache",
        "authorizer result",
    ),
    ("authorizer result results?", "authorizer result"),
    ("seen before", "cached"),
    ("stand-ins?", "AWS emulator, custom endpoint"),
    ("scopes? (?:is|are|be) held|are scopes held|(?:is|are) held", "granted, cached"),
    (
        "(?:open|close)s? (?:the|a|this|that) route|opens? (?:nothing|routes|more)|(?:not )?open it",
        "allows, denies, grants",
    ),
    (
        "possession is (?:not )?proven|proves? possession of it|proves? to have",
        "proof of possession",
    ),
    (
        "mov(?:e|es|ed|ing) (?:the|a|its) stage|stage (?:is|was|has) moved|stage moved|stage has moved",
        "update the stage to the deployment",
    ),
    ("looking at|looking for", "reading, listing"),
    ("emptying|empty the stage's cache", "flush the authorizer cache"),
    ("making (?:revision|the|a)", "creating"),
    ("makes? AWS", "deploys"),
    ("the files say|files say", "the configuration"),
    ("it is no", "it is not a …"),
    ("did not work", "failed"),
    ("takes? no token|takes? a token", "requires no token, is public"),
    ("nothing answers", "has no integration"),
    ("who may call", "security requirement, access"),
    (
        "has it the form|has its issuer|is its issuer|may its issuer|is there exactly|does the request|does that key|does the caller|are its issuer's|are type, times|is it an",
        "the check as a noun phrase: `issuer trusted`",
    ),
];

/// Words that no comment opens with: it names the thing first.
const OPENINGS: &[&str] =
    &["What", "How", "Says", "Where", "Why", "Who", "Whether", "Whose", "Whom"];

/// Words that no identifier has.
const NAMES: &[(&str, &str)] = &[
    ("told tell tells telling", "messages, diagnostics, notes, report, context"),
    ("ask asks asked asking", "call, invoke, request, prompt"),
    ("said say says", "statement, message, content"),
    ("seen", "observed, cached, visited"),
    ("kept", "retained, stored, cached"),
    ("lead leads led", "point, update"),
    ("gone goes went came", "removed, received"),
    ("nobody somebody anybody everybody", "none, other, any, all"),
    ("usual", "default"),
    ("knows knowing", "has, contains, with_context"),
    ("because why", "reason, cause"),
    ("judge judged judges", "evaluate, verdict"),
    ("speaks speak spoken", "supports, applies_to"),
    ("takes", "accepts"),
    ("stands stand", "is_listed, emulator"),
    ("stays stay", "is_unchanged, remaining"),
    ("anew ours mend mends", "again, managed, repair"),
];

/// Identifiers of others that have such a word in the field's sense.
const NAMES_OF_OTHERS: &[&str] = &["GONE", "last_seen", "takes_values"];

struct Rule {
    pattern: Regex,
    standard: &'static str,
}

/// Compiles rules; a space matches a line's end too.
fn rules(tables: &[&[(&str, &'static str)]]) -> Vec<Rule> {
    let all = tables.iter().copied().flatten();
    all.map(|(pattern, standard)| {
        // ASCII boundaries: a search for Unicode's cannot use an automaton.
        let boundary = r"(?-u:\b)";
        let begin = if pattern.starts_with('`') { "" } else { boundary };
        let pattern = format!("{begin}(?:{}){boundary}", pattern.replace(' ', r"\s+"));
        let pattern = RegexBuilder::new(&pattern).case_insensitive(true).build().unwrap();
        Rule { pattern, standard }
    })
    .collect()
}

/// Returns each use of a word that is not a term: its line, the word, and what to write.
fn findings(text: &str, rules: &[Rule]) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    for Rule { pattern, standard } in rules {
        for word in pattern.find_iter(text) {
            let line = text[..word.start()].matches('\n').count();
            let word = word.as_str().split_whitespace().collect::<Vec<_>>().join(" ");
            found.push((line, format!("`{word}`: write {standard}")));
        }
    }
    found.sort();
    found
}

#[track_caller]
fn none(found: &[String]) {
    assert!(
        found.is_empty(),
        "{} uses of words that are not the field's:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn messages_use_the_terms_of_the_field() {
    let rules = rules(&[WORDS, PHRASES]);
    let mut found = Vec::new();
    for section in sections() {
        for message in &section.messages {
            for (_, word) in findings(message, &rules) {
                found.push(format!("{}: {message:?}: {word}", section.heading));
            }
            let is_names =
                ["json! ", "struct ", "enum "].iter().any(|kind| message.starts_with(kind));
            let members = message.split(|c: char| !c.is_alphanumeric() && c != '_');
            for member in members.filter(|_| is_names) {
                if let Some(standard) = standard_of(member) {
                    found.push(format!("{}: member `{member}`: write {standard}", section.heading));
                }
            }
        }
    }
    none(&found);
}

#[test]
fn documentation_uses_the_terms_of_the_field() {
    let rules = rules(&[WORDS, PHRASES]);
    let mut pages: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
            .map(|name| root().join(name))
            .into();
    pages.extend(files(&root().join("docs"), "md"));
    pages.extend(files(&root().join("infra"), "md"));
    let mut found = Vec::new();
    for page in pages {
        for (line, word) in findings(&fs::read_to_string(&page).unwrap(), &rules) {
            found.push(format!("{}:{}: {word}", short(&page), line + 1));
        }
    }
    none(&found);
}

#[test]
fn comments_use_the_terms_of_the_field() {
    let rules = rules(&[WORDS]);
    let mut found = Vec::new();
    for path in code() {
        for (line, comment) in comments(&fs::read_to_string(&path).unwrap()) {
            for (at, word) in findings(&comment, &rules) {
                found.push(format!("{}:{}: {word}", short(&path), line + at));
            }
        }
    }
    none(&found);
}

#[test]
fn comments_open_with_the_thing() {
    let mut found = Vec::new();
    for path in code() {
        for (line, comment) in comments(&fs::read_to_string(&path).unwrap()) {
            let first = comment.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
            if OPENINGS.contains(&first) {
                found.push(format!("{}:{line}: opens with `{first}`", short(&path)));
            }
        }
    }
    none(&found);
}

#[test]
fn names_use_the_terms_of_the_field() {
    let mut found = Vec::new();
    for path in code() {
        let text = fs::read_to_string(&path).unwrap();
        let mut names = Vec::new();
        identifiers(text.parse().unwrap(), &mut names);
        names.sort();
        names.dedup();
        for name in &names {
            if let Some(standard) = standard_of(name) {
                let whole = Regex::new(&format!(r"\b{name}\b")).unwrap();
                let line = text.lines().position(|line| whole.is_match(line)).unwrap_or_default();
                found.push(format!("{}:{}: `{name}`: write {standard}", short(&path), line + 1));
            }
        }
    }
    none(&found);
}

/// Returns what to write instead of a name, if one of its words is not a term.
fn standard_of(name: &str) -> Option<&'static str> {
    let words = words(name.trim_start_matches("r#"));
    let is_banned = |banned: &str| words.iter().any(|word| word == banned);
    let rule = NAMES.iter().find(|(banned, _)| banned.split(' ').any(is_banned));
    rule.map(|(_, standard)| *standard).filter(|_| !NAMES_OF_OTHERS.contains(&name))
}

fn identifiers(tokens: TokenStream, names: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(name) => names.push(name.to_string()),
            TokenTree::Group(group) => identifiers(group.stream(), names),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// Returns every Rust file of the workspace.
pub(crate) fn code() -> Vec<PathBuf> {
    ["authorizer", "deployer", "tests"]
        .iter()
        .flat_map(|folder| files(&root().join(folder), "rs"))
        .collect()
}

/// Returns the files below a folder, in order, without what is built or installed there.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("target") && !path.ends_with("node_modules") {
                found.extend(files(&path, extension));
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// Returns the comments of a Rust file, each with its first line: consecutive lines of one kind
/// are one comment.
fn comments(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut previous = (0, "");
    for (number, line) in (1..).zip(text.lines()) {
        let own_line = line.trim_start();
        let comment = if own_line.starts_with("//") {
            Some(own_line)
        } else {
            line.split_once(" // ")
                .filter(|(before, _)| !before.contains('"'))
                .map(|(_, text)| text)
        };
        let Some(comment) = comment else { continue };
        let kind = ["///", "//!", "//"].into_iter().find(|kind| comment.starts_with(kind));
        let kind = kind.unwrap_or_default();
        let comment = comment[kind.len()..].trim();
        match found.last_mut() {
            Some((_, whole)) if previous == (number - 1, kind) && !kind.is_empty() => {
                whole.push('\n');
                whole.push_str(comment);
            }
            _ => found.push((number, comment.to_owned())),
        }
        previous = (number, kind);
    }
    found
}

#[test]
fn comments_are_found_with_their_lines() {
    let text = "//! One\n//! two\n\n/// Three\nfn a() {} // four\nlet b = \"http: // no\";\n";
    let expected = [(1, "One\ntwo"), (4, "Three"), (5, "four")];
    assert_eq!(comments(text), expected.map(|(line, text)| (line, text.to_owned())));
}

#[test]
fn words_are_found_across_lines_and_ordinary_uses_are_not() {
    let rules = rules(&[WORDS, PHRASES]);
    let lines = |text: &str| findings(text, &rules).into_iter().map(|(line, _)| line).collect();
    let found: Vec<usize> = lines("set it\nin the\nplace of AWS; Nobody");
    assert_eq!(found, [1, 2]);
    let found: Vec<usize> =
        lines("PutRestApi, put-rest-api, PUT /pets, masked task, leading slash, standard");
    assert_eq!(found, [0; 0]);
}
