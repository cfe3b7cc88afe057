//! The rules for issuers of known providers.

use crate::compiling::{check, manifest};

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
        ("https://login.microsoftonline.com/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9/v2.0", "", entra),
        ("https://login.microsoftonline.us/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9/v2.0", "", entra),
        (
            "https://login.partner.microsoftonline.cn/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9/v2.0",
            "",
            entra,
        ),
        (
            "https://login.microsoftonline.com/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9/v2.0",
            roles,
            Some(&entra_scopes),
        ),
        (
            "https://login.microsoftonline.com/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9/v2.0",
            "profile = \"entra\"",
            None,
        ),
        (
            "https://login.microsoftonline.com/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9/v2.0",
            "profile = \"any\"",
            None,
        ),
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

/// A tenant of Entra ID.
const TENANT: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

/// Checks an issuer, and returns the warnings, each with its help.
fn warnings(name: &str, rest: &str) -> Vec<String> {
    let audience = "audience = [\"https://shop.example.com\"]";
    let audience = if rest.contains("audience = ") { "" } else { audience };
    let table = format!("issuer = \"{name}\"\n{audience}\n{rest}");
    let found = check((CONFIGURED, &table), ("", ""));
    let text = |found: &String| {
        found.strip_prefix("warning: portcullis.toml:9:10: ").unwrap_or(found).to_owned()
    };
    found.iter().map(text).collect()
}

#[test]
fn an_explicit_profile_that_does_not_fit_the_issuer_is_a_warning() {
    let entra = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let issuers = [
        ("https://shop.eu.auth0.com/", "auth0", &["auth0", "oauth", "rfc9068"][..]),
        ("https://shop.okta.com/oauth2/default", "okta", &["okta", "oauth", "rfc9068"]),
        (&entra, "entra", &["entra"]),
        ("https://sts.windows.net/5a6c/", "entra-v1", &["entra-v1", "entra"]),
        ("https://shop.b2clogin.com/5a6c/v2.0/", "b2c", &["b2c", "oauth"]),
        ("https://login.example.com/realms/shop", "keycloak", &["keycloak", "rfc9068", "oauth"]),
        ("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A", "cognito", &["cognito"]),
        ("https://accounts.google.com", "google-service-account", &["google-service-account"]),
        ("https://securetoken.google.com/shop", "firebase", &["firebase", "oauth"]),
        // Domains of no known provider.
        ("https://login.example.com/", "", PROFILES),
        ("https://shop.okta.com.example.net/oauth2/default", "", PROFILES),
        ("https://shopauth0.com/", "", PROFILES),
        ("https://am.example.com/am/oauth2/realms/root/realms/alpha", "", PROFILES),
        ("https://securetoken.google.com.example.net/shop", "", PROFILES),
        ("https://login.microsoftonline.com.example.net/a/v2.0", "", PROFILES),
    ];
    for (issuer, own, fitting) in issuers {
        for profile in PROFILES {
            let found = warnings(issuer, &format!("profile = \"{profile}\"\nclients = [\"a\"]"));
            let fits = *profile == "any" || fitting.contains(profile);
            let help = format!("`profile = \"{own}\"`");
            let expected = usize::from(!fits);
            assert_eq!(found.len(), expected, "{issuer} {profile}: {found:?}");
            assert!(
                found.iter().all(|found| found.contains(&help)),
                "{issuer} {profile}: {found:?}"
            );
        }
    }
}

const PROFILES: &[&str] = &[
    "oauth",
    "rfc9068",
    "auth0",
    "okta",
    "entra",
    "entra-v1",
    "b2c",
    "keycloak",
    "cognito",
    "google-service-account",
    "firebase",
    "wso2",
    "ping",
    "any",
];

#[test]
fn the_warning_about_a_profile_has_its_effect_at_run_time() {
    let auth0 = "https://shop.eu.auth0.com/";
    let entra = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let cognito = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A";
    let keycloak = "https://login.example.com/realms/shop";
    let rejected = |name: &str, requirement: &str, own: &str| {
        format!(
            "access tokens of {name} are rejected with this profile, which requires {requirement} (set `profile = \"{own}\"`)"
        )
    };
    let keys =
        "jwks_uri = \"https://a.example.com/\"\nrequire = [{ claim = \"tid\", any_of = [\"a\"] }]";
    for (issuer, rest, expected) in [
        (auth0, "profile = \"okta\"", Some(rejected("Auth0", "the claim `cid`", "auth0"))),
        (auth0, "profile = \"keycloak\"", Some(rejected("Auth0", "the claim `typ`", "auth0"))),
        (
            auth0,
            "profile = \"wso2\"",
            Some("with this profile, `permissions` in tokens of Auth0 are not scopes (set `profile = \"auth0\"`)".to_owned()),
        ),
        (auth0, "profile = \"wso2\"\nscope_claims = [\"permissions\"]", None),
        (
            "https://shop.okta.com/oauth2/default",
            "profile = \"auth0\"",
            Some("with this profile, `scp` in tokens of Okta are not scopes (set `profile = \"okta\"`)".to_owned()),
        ),
        (&entra, "profile = \"entra-v1\"", Some(rejected("Microsoft Entra ID", "the claim `appid`", "entra"))),
        (
            template,
            &format!("profile = \"entra-v1\"\n{keys}"),
            Some(rejected("Microsoft Entra ID", "the claim `appid`", "entra")),
        ),
        (&entra, "profile = \"rfc9068\"", Some(rejected("Microsoft Entra ID", "the header `typ` `at+jwt`", "entra"))),
        (
            &entra,
            "profile = \"ping\"",
            Some("with this profile, ID tokens of Microsoft Entra ID can pass as access tokens, and `scp` and `roles` are not scopes (set `profile = \"entra\"`)".to_owned()),
        ),
        (
            &entra,
            "profile = \"b2c\"",
            Some("with this profile, tokens of Microsoft Entra ID without `tid` are accepted (set `profile = \"entra\"`)".to_owned()),
        ),
        (
            keycloak,
            "profile = \"auth0\"",
            Some("with this profile, roles in tokens of Keycloak are not scopes (set `profile = \"keycloak\"`)".to_owned()),
        ),
        (keycloak, "profile = \"auth0\"\nscope_claims = [\"roles\"]", None),
        (
            cognito,
            "profile = \"okta\"\naudience_claim = \"client_id\"",
            Some("access tokens of Amazon Cognito are rejected with this profile, which requires the claim `cid` (set `profile = \"cognito\"`, and `audience` to the IDs of the app clients)".to_owned()),
        ),
        (cognito, "profile = \"wso2\"\naudience_claim = \"client_id\"", None),
    ] {
        let expected: Vec<String> = expected.into_iter().collect();
        assert_eq!(warnings(issuer, rest), expected, "{issuer} {rest}");
    }
}

#[test]
fn an_invalid_profile_is_the_only_error_of_an_issuer() {
    for (issuer, profile) in [
        ("https://login.example.com/realms/shop", "\"keycloack\""),
        ("https://accounts.google.com", "\"google\""),
        ("https://accounts.google.com", "7"),
    ] {
        let found = warnings(issuer, &format!("profile = {profile}"));
        assert!(found.len() == 1 && found[0].contains(":11:11: `profile`"), "{found:?}");
    }
}

#[test]
fn an_issuer_that_is_the_iss_of_no_token_is_a_warning_with_the_right_form() {
    let entra = |path: &str| format!("https://login.microsoftonline.com/{path}");
    let without = |issuer: &str| {
        Some(format!(
            "tokens are rejected: their `iss` is `{issuer}`, without `/` at the end (remove `/` from the end of `issuer`)"
        ))
    };
    let tenant = |name: &str| {
        Some(format!(
            "tokens are rejected: their `iss` has the ID of the tenant, not `{name}` (use the ID of the tenant, a GUID, or `{{tenantid}}` for every tenant)"
        ))
    };
    let version = |issuer: &str| {
        Some(format!(
            "tokens are rejected: their `iss` ends with `/v2.0` (set `issuer = \"{issuer}/v2.0\"`)"
        ))
    };
    let metadata = Some("tokens are rejected: `issuer` is the URL of the issuer's metadata (set `issuer` to the `issuer` in this document)".to_owned());
    let region = Some("tokens are rejected: the user pool is in `us-east-1`, and the host in `eu-west-1` (use the host of the pool's Region: cognito-idp.us-east-1.amazonaws.com)".to_owned());
    let realm = "https://login.example.com/auth/realms/shop";
    let pool = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A";
    let clerk = "https://shop-1.clerk.accounts.dev";
    for (issuer, profile, expected) in [
        (entra(&format!("{TENANT}/v2.0")), "entra", None),
        (entra(&format!("{TENANT}/v2.0/")), "entra", without(&entra(&format!("{TENANT}/v2.0")))),
        (entra(TENANT), "entra", version(&entra(TENANT))),
        (entra(&format!("{TENANT}/")), "entra", version(&entra(TENANT))),
        (entra("shop.onmicrosoft.com/v2.0"), "entra", tenant("shop.onmicrosoft.com")),
        (entra("TENANT-ID/v2.0"), "entra", tenant("TENANT-ID")),
        (
            entra("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f/v2.0"),
            "entra",
            tenant("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f"),
        ),
        (entra(&format!("tfp/{TENANT}/b2c_1/v2.0/")), "b2c", None),
        ("https://login.microsoftonline.com.example.net/shop".to_owned(), "entra", None),
        (format!("https://shop.b2clogin.com/{TENANT}/v2.0/"), "b2c", None),
        (realm.to_owned(), "keycloak", None),
        (format!("{realm}/"), "keycloak", without(realm)),
        ("https://login.example.com/shop/".to_owned(), "keycloak", None),
        (pool.to_owned(), "cognito", None),
        (format!("{pool}/"), "cognito", without(pool)),
        (pool.replace("/eu-west-1_", "/us-east-1_"), "cognito", region),
        (
            "https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_A".to_owned(),
            "cognito",
            None,
        ),
        ("https://auth.example.com/us-east-1_A/".to_owned(), "cognito", None),
        (clerk.to_owned(), "oauth", None),
        (format!("{clerk}/"), "oauth", without(clerk)),
        ("https://clerk.example.com/".to_owned(), "oauth", None),
        (format!("{realm}/.well-known/openid-configuration"), "keycloak", metadata.clone()),
        ("https://a.example.com/.well-known/openid-configuration".to_owned(), "oauth", metadata),
        ("https://a.example.com/.well-known/openid-configurations".to_owned(), "oauth", None),
    ] {
        let expected: Vec<String> = expected.into_iter().collect();
        assert_eq!(warnings(&issuer, &format!("profile = \"{profile}\"")), expected, "{issuer}");
    }
    // An endpoint for several tenants is an error already.
    let shared = warnings(&entra("Common/v2.0"), "profile = \"entra\"");
    assert!(shared.len() == 1 && shared[0].contains("for several tenants"), "{shared:?}");
}

#[test]
fn the_audience_of_every_client_of_a_realm_is_a_warning() {
    let expected = "`audience` `account` accepts the tokens of every client of the realm (add an audience mapper for this API in Keycloak, and list its audience instead)";
    let realm = "https://login.example.com/realms/shop";
    for (issuer, rest, is_found) in [
        (realm, "audience = [\"account\"]\nprofile = \"keycloak\"", true),
        (realm, "audience = [\"shop\", \"account\"]\nprofile = \"rfc9068\"", true),
        ("https://sso.example.com", "audience = [\"account\"]\nprofile = \"keycloak\"", true),
        (realm, "audience = [\"account-api\"]\nprofile = \"keycloak\"", false),
        ("https://sso.example.com", "audience = [\"account\"]", false),
    ] {
        let expected: &[&str] = if is_found { &[expected] } else { &[] };
        assert_eq!(warnings(issuer, rest), expected, "{issuer} {rest}");
    }
}

#[test]
fn a_path_that_is_no_json_pointer_is_a_warning() {
    for (claim, pointer) in [
        ("$.roles", Some("/roles")),
        ("$.realm_access.roles", Some("/realm_access/roles")),
        ("$.org['team/a'][0]", Some("/org/team~1a/0")),
        ("$.roles[*]", Some("/roles")),
        ("realm_access.roles", Some("/realm_access/roles")),
        ("resource_access.shop.roles", Some("/resource_access/shop/roles")),
        ("resource_access.shop.example.com.roles", Some("/resource_access/shop.example.com/roles")),
        ("resource_access.shop/a.roles", Some("/resource_access/shop~1a/roles")),
        ("/realm_access/roles", None),
        ("https://example.com/roles", None),
        ("com.example.roles", None),
        ("realm_access", None),
        ("resource_access.roles", None),
        ("my_realm_access.roles", None),
        ("$roles", None),
    ] {
        let expected = |setting: &str| -> Vec<String> {
            let line = |pointer| {
                format!(
                    "`{setting}`: `{claim}` is the name of a claim and not a path (write the JSON pointer `{pointer}`)"
                )
            };
            pointer.map(line).into_iter().collect()
        };
        let issuer = "https://login.example.com";
        let scopes = format!("scope_claims = [\"scope\", \"{claim}\"]");
        assert_eq!(warnings(issuer, &scopes), expected("scope_claims"), "{claim}");
        let rule = format!("{{ claim = \"{claim}\", any_of = [\"a\"] }}");
        for rule in [rule.clone(), format!("{{ any = [{{ all = [{{ not = {rule} }}] }}] }}")] {
            let found = warnings(issuer, &format!("require = [{rule}]"));
            assert_eq!(found, expected("require"), "{claim}");
        }
    }
}
