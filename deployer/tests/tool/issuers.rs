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
        (format!("require = [{{ all = [{{ {tid}, equals = \"a\" }}] }}]"), true),
        (
            format!(
                "require = [{{ any = [{{ {tid}, equals = \"a\" }}, {{ {tid}, any_of = [\"b\"] }}] }}]"
            ),
            true,
        ),
        (
            format!(
                "require = [{{ any = [{{ {tid}, equals = \"a\" }}, {{ claim = \"b\", equals = true }}] }}]"
            ),
            false,
        ),
        (format!("require = [{{ not = {{ {tid}, equals = \"a\" }} }}]"), false),
        (format!("require = [{{ {tid}, exists = true }}]"), false),
        ("clients = [\"a\"]".to_owned(), false),
        (format!("require = [{{ {tid}, matches = \"a|b\" }}]"), false),
        ("require = [{ claim = \"iss\", starts_with = \"https://login\" }]".to_owned(), false),
        (
            format!(
                "require = [{{ all = [{{ claim = \"org\", equals = \"a\" }}, {{ {tid}, equals = \"a\" }}] }}]"
            ),
            true,
        ),
        (
            format!(
                "require = [{{ any = [{{ claim = \"org\", equals = \"a\" }}, {{ {tid}, equals = \"a\" }}] }}]"
            ),
            false,
        ),
        (
            format!(
                "require = [{{ any = [{{ {tid}, equals = \"b\" }}, {{ {tid}, equals = \"a\" }}] }}]"
            ),
            true,
        ),
        (
            format!(
                "require = [{{ any = [{{ all = [{{ {tid}, equals = \"b\" }}] }}, {{ {tid}, equals = \"a\" }}] }}]"
            ),
            true,
        ),
        (format!("require = [{{ not = {{ {tid}, equals = \"a\" }} }}]"), false),
        (format!("require = [{{ not = {{ not = {{ {tid}, equals = \"a\" }} }} }}]"), false),
    ] {
        let expected = (!is_limited).then_some(every);
        issuer(template, &format!("{keys}\n{rest}"), expected);
    }
    issuer("https://login.example.com/tenant/v2.0", "", None);
}

#[test]
fn settings_that_do_not_fit_a_known_provider_are_a_warning_with_the_effect_and_the_fix() {
    let cognito = Some(
        "access tokens of Amazon Cognito have no `aud` and are rejected with this profile (set `profile = \"cognito\"`, and `audience` to the IDs of the app clients)",
    );
    let tokens = "with this profile, ID tokens of Microsoft Entra ID can pass as access tokens";
    let entra = format!("{tokens}, and `roles` are not scopes (set `profile = \"entra\"`)");
    let entra_scopes = format!("{tokens} (set `profile = \"entra\"`)");
    let v1 = format!("{tokens}, and `roles` are not scopes (set `profile = \"entra-v1\"`)");
    let (entra, v1) = (Some(entra.as_str()), Some(v1.as_str()));
    let google = Some(
        "access tokens of Google users are opaque and are rejected: only Google's ID tokens are JWTs (for service accounts, set `profile = \"google-service-account\"`; to accept ID tokens of users, `profile = \"any\"`)",
    );
    let okta = Some(
        "access tokens of an Okta org authorization server are rejected: only Okta can verify them (use a custom authorization server, such as https://ORG.okta.com/oauth2/default)",
    );
    let auth0 = Some(
        "tokens are rejected: their `iss` is `https://shop.eu.auth0.com/`, with `/` at the end (add `/` to the end of `issuer`)",
    );
    let slash = Some(
        "tokens are rejected: their `iss` is `https://sts.windows.net/5a6c/`, with `/` at the end (add `/` to the end of `issuer`)",
    );
    let keycloak = Some(
        "with the default profile, roles in tokens of Keycloak are not scopes (set `profile = \"keycloak\"`)",
    );
    let roles = "scope_claims = [\"roles\"]";
    for (name, rest, expected) in [
        ("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab1", "", cognito),
        ("https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_Ab1", "", cognito),
        (
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab1",
            "profile = \"oauth\"",
            cognito,
        ),
        (
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab1",
            "profile = \"cognito\"",
            None,
        ),
        ("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab1", "profile = \"any\"", None),
        (
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab1",
            "audience_claim = \"client_id\"",
            None,
        ),
        ("https://cognito-idp.eu-west-1.amazonaws.com.example.net/eu-west-1_Ab1", "", None),
        ("https://cognito-idp.eu.west.amazonaws.com/eu-west-1_Ab1", "", None),
        ("https://my-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab1", "", None),
        ("https://cognito-idp.eu-west-1.amazonaws.com", "", None),
        ("https://cognito-idp.eu-west-1.amazonaws.com/a/b", "", None),
        ("https://login.microsoftonline.com/5a6c/v2.0", "", entra),
        ("https://login.microsoftonline.us/5a6c/v2.0", "", entra),
        ("https://login.partner.microsoftonline.cn/5a6c/v2.0", "", entra),
        ("https://login.microsoftonline.com/5a6c/v2.0", "profile = \"entra-v1\"", entra),
        ("https://login.microsoftonline.com/5a6c/v2.0", roles, Some(&entra_scopes)),
        ("https://login.microsoftonline.com/5a6c/v2.0", "profile = \"entra\"", None),
        ("https://login.microsoftonline.com/5a6c/v2.0", "profile = \"any\"", None),
        ("https://login.microsoftonline.com/tfp/5a6c/b2c_1/v2.0", "", None),
        ("https://login.microsoftonline.com.example.net/5a6c/v2.0", "", None),
        ("https://shop.b2clogin.com/5a6c/v2.0", "", None),
        ("https://sts.windows.net/5a6c/", "", v1),
        ("https://sts.chinacloudapi.cn/5a6c/", "", v1),
        ("https://sts.windows.net/5a6c/", "profile = \"entra-v1\"", None),
        ("https://sts.windows.net/5a6c/", "profile = \"entra\"", None),
        ("https://sts.windows.net/5a6c", "profile = \"entra-v1\"", slash),
        ("https://sts.windows.net.example.net/5a6c/", "", None),
        ("https://accounts.google.com", "", google),
        (
            "https://accounts.google.com",
            "profile = \"google-service-account\"\nclients = [\"a\"]",
            None,
        ),
        ("https://accounts.google.com", "profile = \"any\"", None),
        ("https://accounts.google.com.example.net", "", None),
        ("https://shop.okta.com", "", okta),
        ("https://shop.okta.com/", "", okta),
        ("https://shop.oktapreview.com", "profile = \"okta\"", okta),
        ("https://shop.okta-emea.com", "", okta),
        ("https://shop.okta.com", "profile = \"any\"", None),
        ("https://shop.okta.com/oauth2/default", "", None),
        ("https://shop.okta.com/oauth2/aus1", "profile = \"okta\"", None),
        ("https://notokta.com", "", None),
        ("https://shop.okta.com.example.net", "", None),
        ("https://login.example.com", "", None),
        ("https://shop.eu.auth0.com", "", auth0),
        ("https://shop.eu.auth0.com", "profile = \"auth0\"", auth0),
        ("https://shop.eu.auth0.com/", "", None),
        ("https://auth0.com.example.net", "", None),
        ("https://notauth0.com", "", None),
        ("https://auth0.com", "", None),
        ("https://login.example.com/realms/shop", "", keycloak),
        ("https://login.example.com/auth/realms/shop", "", keycloak),
        ("https://login.example.com/realms/shop", "profile = \"keycloak\"", None),
        ("https://login.example.com/realms/shop", "profile = \"oauth\"", None),
        ("https://login.example.com/realms/shop", roles, None),
        ("https://login.example.com/realms/", "", None),
        ("https://login.example.com/realms/shop/protocol", "", None),
        ("https://realms.example.com/shop", "", None),
    ] {
        issuer(name, rest, expected);
    }
}

#[test]
fn google_service_accounts_without_a_list_are_a_warning() {
    let every = "`https://accounts.google.com` trusts the service accounts of every Google Cloud project (list the trusted accounts: add `clients = [\"ACCOUNT@PROJECT.iam.gserviceaccount.com\"]`)";
    let profile = "profile = \"google-service-account\"";
    for (rest, is_limited) in [
        ("", false),
        ("clients = [\"a@p.iam.gserviceaccount.com\"]", true),
        ("require = [{ claim = \"email\", any_of = [\"a\"] }]", true),
        ("require = [{ claim = \"sub\", equals = \"1\" }]", true),
        ("require = [{ claim = \"email\", ends_with = \".gserviceaccount.com\" }]", false),
        ("require = [{ claim = \"tid\", equals = \"a\" }]", false),
    ] {
        let expected = (!is_limited).then_some(every);
        issuer("https://accounts.google.com", &format!("{profile}\n{rest}"), expected);
    }
}
