//! Entries of deny-lists that are added to the text of `portcullis.toml`.

use std::sync::Arc;

use compiler::source::diagnostic::Source;
use compiler::source::manifest::Manifest;
use compiler::source::revocation::{Denial, Revocation, RevocationError};

const HEAD: &str = "\
[api] # the shop
name = \"shop\"
openapi = \"openapi.yaml\"

[authorizer.jwt]
function_arn = \"arn:aws:lambda:eu-west-1:123456789012:function:f:live\"
";

const ISSUER: &str = "
[[authorizer.jwt.issuer]]
issuer = \"https://a.example.com/\" # the tenant
audience = [\"shop\"]
";

fn manifest(text: &str) -> Manifest {
    let source = Source { name: "portcullis.toml".to_owned(), text: text.to_owned() };
    let environment =
        |name: &str| (name == "ISSUER").then(|| "https://env.example.com/".to_owned());
    let files = |_: &str| Err("missing".to_owned());
    let (manifest, diagnostics) =
        compiler::compile::manifest(&Arc::new(source), &environment, &files);
    assert!(diagnostics.is_empty(), "{text}\n{diagnostics:?}");
    manifest.unwrap()
}

fn subject(value: &str) -> Denial {
    Denial::Subject(value.to_owned())
}

/// Adds an entry, checks that it is present and added once, and returns the new text.
fn revoke(text: &str, denial: Denial, issuer: Option<&str>) -> String {
    let before = manifest(text);
    let revocation = Revocation::new(denial, issuer, &before).unwrap();
    let edited = revocation.edit(text, &before).unwrap().unwrap();
    let after = manifest(&edited);
    revocation.check(&before, &after).unwrap();
    assert!(revocation.check(&before, &before).is_err(), "an entry that is missing is found");
    assert_eq!(revocation.edit(&edited, &after), Ok(None), "an entry is added once");
    edited
}

/// Adds the subject `b` and checks what follows the members of the issuer.
fn check(before: &str, after: &str) {
    let text = |more: &str| format!("{HEAD}{ISSUER}{more}");
    assert_eq!(revoke(&text(before), subject("b"), None), text(after));
}

#[test]
fn an_entry_is_added_to_every_form_of_a_deny_list() {
    check("", "denied = { sub = [\"b\"] }\n");
    check("denied = {}\n", "denied = { sub = [\"b\"] }\n");
    check(
        "denied = { jti = [\"x\"] } # since May\nleeway = \"1s\" # s\n",
        "denied = { jti = [\"x\"], sub = [\"b\"] } # since May\nleeway = \"1s\" # s\n",
    );
    check("denied = {sub=[]}\n", "denied = {sub=[\"b\"]}\n");
    check("denied = { sub = [ \"a\" ] }\n", "denied = { sub = [ \"a\", \"b\" ] }\n");
    check(
        "denied.sub = ['a'] # dotted\ndenied.jti = ['x'] # last\n",
        "denied.sub = ['a', \"b\"] # dotted\ndenied.jti = ['x'] # last\n",
    );
    check("denied.jti = ['x'] # dotted\n", "denied.jti = ['x'] # dotted\ndenied.sub = [\"b\"]\n");
    check(
        "\n[authorizer.jwt.issuer.denied] # table\njti = [\"x\"] # one\n\n[stage.dev] # last\n",
        "\n[authorizer.jwt.issuer.denied] # table\njti = [\"x\"] # one\nsub = [\"b\"]\n\n[stage.dev] # last\n",
    );
    let rules = "\n[[authorizer.jwt.issuer.require]] # rule\nclaim = \"/a\"\nexists = true\n";
    check(
        &format!("leeway = \"1s\" # s\n{rules}"),
        &format!("leeway = \"1s\" # s\ndenied = {{ sub = [\"b\"] }}\n{rules}"),
    );
}

#[test]
fn an_entry_of_a_list_over_several_lines_has_a_line() {
    check(
        "denied = { sub = [\n    \"a\", # left in May\n    # end\n] }\n",
        "denied = { sub = [\n    \"a\", # left in May\n    # end\n    \"b\",\n] }\n",
    );
    check(
        "denied = { sub = [\n    \"a\" # left in May\n] }\n",
        "denied = { sub = [\n    \"a\", # left in May\n    \"b\",\n] }\n",
    );
    check("denied = { sub = [\n  # none\n] }\n", "denied = { sub = [\n  # none\n  \"b\",\n] }\n");
    check("denied = { sub = [\n] }\n", "denied = { sub = [\n  \"b\",\n] }\n");
    check(
        "\n[authorizer.jwt.issuer.denied]\nsub = [\"a\",\n  \"c\"]\n",
        "\n[authorizer.jwt.issuer.denied]\nsub = [\"a\",\n  \"c\", \"b\"]\n",
    );
}

#[test]
fn each_kind_of_entry_is_added() {
    let text = format!("{HEAD}{ISSUER}");
    let denied = |entry: &str| format!("{text}denied = {{ {entry} }}\n");
    for (denial, entry) in [
        (Denial::TokenId("b".to_owned()), "jti = [\"b\"]"),
        (Denial::Client("b".to_owned()), "client = [\"b\"]"),
        (Denial::Issuer, "all = true"),
    ] {
        assert_eq!(revoke(&text, denial, None), denied(entry));
    }
    assert_eq!(revoke(&denied("all = false"), Denial::Issuer, None), denied("all = true"));
    // Text of a caller is a string, whatever it contains.
    let hostile = "b\"] }\n[stage.prod]\n#\\ \u{0}'''";
    let edited = manifest(&revoke(&text, subject(hostile), None));
    assert!(edited.stages.is_empty(), "the text adds no stage");
}

#[test]
fn variables_and_line_ends_are_preserved() {
    let text = format!("{HEAD}{ISSUER}").replace("https://a.example.com/", "${env:ISSUER}");
    let edited = revoke(&text, subject("b"), Some("https://env.example.com/"));
    assert_eq!(edited, format!("{text}denied = {{ sub = [\"b\"] }}\n"));
    let windows = format!("{HEAD}{ISSUER}denied = {{ sub = [\n  \"a\", # x\n] }}\n");
    let windows = windows.replace('\n', "\r\n");
    let edited = revoke(&windows, subject("b"), None);
    assert_eq!(edited, windows.replace("# x\r\n", "# x\r\n  \"b\",\r\n"));
    let before = manifest(&text);
    let error = Revocation::new(subject("${env:ISSUER}"), None, &before).err();
    assert_eq!(error, Some(RevocationError::Variable));
}

#[test]
fn the_issuer_is_named_or_the_only_one() {
    const A: &str = "https://a.example.com/";
    const B: &str = "https://b.example.com/";
    let one = format!("{HEAD}{ISSUER}");
    let second =
        "\n[[authorizer.jwt.issuer]]\nissuer = \"https://b.example.com/\"\naudience = [\"b\"]\n";
    let two = format!("{one}{second}");
    let error = |text: &str, denial: Denial, issuer: Option<&str>| {
        Revocation::new(denial, issuer, &manifest(text)).err()
    };
    let several = RevocationError::SeveralIssuers(vec![A.to_owned(), B.to_owned()]);
    assert_eq!(error(&two, subject("b"), None), Some(several));
    let unknown = |known: &[&str]| {
        let known = known.iter().map(|&name| name.to_owned()).collect();
        Some(RevocationError::UnknownIssuer { name: "https://c".to_owned(), known })
    };
    assert_eq!(error(&two, Denial::Issuer, Some("https://c")), unknown(&[A, B]));
    assert_eq!(error(&one, subject("b"), Some("https://c")), unknown(&[A]));
    let denied = "denied = { sub = [\"b\"] }\n";
    assert_eq!(revoke(&two, subject("b"), Some(B)), format!("{two}{denied}"));
    assert_eq!(revoke(&two, subject("b"), Some(A)), format!("{one}{denied}{second}"));
    // An issuer of two authorizers has one deny-list for each.
    let other = format!("{HEAD}{ISSUER}").replace("jwt", "app").replace(":f:", ":g:");
    let other = other.split_once("\n\n").unwrap().1;
    assert_eq!(
        revoke(&format!("{one}\n{other}"), subject("b"), None),
        format!("{one}{denied}\n{other}{denied}")
    );
    let inline = format!("{HEAD}issuer = [{{ issuer = \"{A}\", audience = [\"shop\"] }}]\n");
    assert_eq!(
        revoke(&inline, subject("b"), None),
        inline.replace("\"shop\"] }", "\"shop\"], denied = { sub = [\"b\"] } }")
    );
}
