//! The rules for issuers of known providers.

use crate::compiling::manifest;

const CONFIGURED: &str =
    "issuer = \"https://issuer.example.com/\"\naudience = [\"https://shop.example.com\"]";

/// Checks the manifest with another issuer; `rest` are more of its settings.
#[track_caller]
fn issuer(name: &str, rest: &str, expected: Option<&str>) {
    let table = format!("issuer = \"{name}\"\naudience = [\"https://shop.example.com\"]\n{rest}");
    let expected = expected.map(|message| format!("warning: portcullis.toml:9:10: {message}"));
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    manifest(CONFIGURED, &table, &expected);
}

#[test]
fn a_template_without_a_rule_for_the_tenant_is_a_warning() {
    let template = "https://login.example.com/{tenantid}/v2.0";
    let keys = "jwks_uri = \"https://login.example.com/keys\"";
    let every = "`https://login.example.com/{tenantid}/v2.0` trusts every tenant of the provider (list the trusted tenants: add `require = [{ claim = \"tid\", any_of = [\"TENANT-ID\"] }]`)";
    let tid = "claim = \"tid\"";
    for (rest, is_limited) in [
        (String::new(), false),
        (format!("require = [{{ {tid}, any_of = [\"a\"] }}]"), true),
        (format!("require = [{{ {tid}, equals = \"a\" }}]"), true),
        ("require = [{ claim = \"/tid\", any_of = [\"a\"] }]".to_owned(), true),
        (
            "require = [{ claim = \"iss\", any_of = [\"https://login.example.com/a/v2.0\"] }]"
                .to_owned(),
            true,
        ),
        (
            format!(
                "require = [{{ claim = \"org\", equals = \"a\" }}, {{ {tid}, any_of = [\"a\"] }}]"
            ),
            true,
        ),
        ("require = [{ claim = \"org\", equals = \"a\" }]".to_owned(), false),
        (format!("require = [{{ {tid}, exists = true }}]"), false),
        ("clients = [\"a\"]".to_owned(), false),
    ] {
        let expected = (!is_limited).then_some(every);
        issuer(template, &format!("{keys}\n{rest}"), expected);
    }
    issuer("https://login.example.com/tenant/v2.0", "", None);
}
