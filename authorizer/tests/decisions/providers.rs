//! The tokens of identity providers, in the shape in which they issue them, from token to response:
//! the access tokens pass with the provider's profile, and its other tokens do not.

use serde_json::{Map, Value, json};

use crate::{Bench, JWKS, NOW, RS256, response_json, verdict};

const PASSES: (u16, &str) = (200, "-");
const SHORT: (u16, &str) = (200, "insufficient_scope");
const WRONG_TYPE: (u16, &str) = (401, "wrong_token_type");
const INVALID_CLAIMS: (u16, &str) = (401, "invalid_claims");

/// An issuer's settings, and a token that it issues.
struct Provider {
    settings: Value,
    header: Value,
    token: Value,
}

impl Provider {
    fn new(settings: Value, token: Value) -> Self {
        Self { settings, header: json!({"typ": "JWT"}), token }
    }

    fn with_header(self, header: Value) -> Self {
        Self { header, ..self }
    }

    /// The same with other settings; null removes one.
    fn configured(&self, changes: &Value) -> Self {
        Self {
            settings: changed(&self.settings, changes),
            header: self.header.clone(),
            token: self.token.clone(),
        }
    }

    /// Returns the verdict for the token with these changes, where a scope is required, and its detail.
    async fn verdict(&self, changes: &Value, scope: &str) -> (u16, &'static str) {
        verdict(&self.outcome(changes, scope).await)
    }

    async fn outcome(&self, changes: &Value, scope: &str) -> authorizer::Outcome {
        let defaults = json!({"jwks_uri": JWKS, "leeway_seconds": 0});
        let issuer = changed(&defaults, &self.settings);
        let scopes: Vec<&str> = scope.split_whitespace().collect();
        let config = json!({"issuers": [issuer], "scopes": scopes});
        let bench = Bench::with_keys(&config, &[RS256.jwk()]);
        let header = changed(&json!({"alg": "RS256", "kid": "rsa-1"}), &self.header);
        let validity = json!({"exp": NOW + 300, "iat": NOW - 10});
        let claims = changed(&changed(&validity, &self.token), changes);
        bench.bearer(&RS256.token_with(&header.to_string(), &claims.to_string())).await
    }

    async fn detail(&self, changes: &Value) -> String {
        self.outcome(changes, "").await.decision.detail.unwrap_or_default()
    }

    /// Returns `$context.authorizer.client_id`.
    async fn client(&self) -> Value {
        response_json(&self.outcome(&json!({}), "").await)["context"]["client_id"].clone()
    }
}

/// An object with some members replaced, or removed if the new value is null.
fn changed(object: &Value, changes: &Value) -> Value {
    let mut members: Map<String, Value> = object.as_object().unwrap().clone();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    members.into()
}

const API: &str = "https://api.example.com";

fn auth0_user() -> Provider {
    Provider::new(
        json!({"issuer": "https://tenant.eu.auth0.com/", "audience": [API], "profile": "auth0"}),
        json!({
            "iss": "https://tenant.eu.auth0.com/", "sub": "auth0|1",
            "aud": [API, "https://tenant.eu.auth0.com/userinfo"],
            "azp": "spa", "scope": "openid profile read:pets", "permissions": ["write:pets", "Pet Admin"],
        }),
    )
}

#[tokio::test]
async fn auth0_passes_with_scopes_and_permissions() {
    let auth0 = auth0_user();
    assert_eq!(auth0.client().await, "spa");
    for (changes, scope, expected) in [
        (json!({}), "read:pets write:pets", PASSES),
        (json!({"permissions": null}), "write:pets", SHORT),
        (json!({}), "Admin", SHORT),
        // Machine to machine: one audience, no user.
        (
            json!({"aud": API, "sub": "m2m@clients", "azp": "m2m", "gty": "client-credentials", "scope": "read:pets", "permissions": null}),
            "read:pets",
            PASSES,
        ),
        // An ID token: the audience is the client.
        (json!({"aud": "spa", "scope": null, "nonce": "n"}), "", WRONG_TYPE),
        (json!({"aud": "spa", "scope": null}), "", INVALID_CLAIMS),
    ] {
        assert_eq!(auth0.verdict(&changes, scope).await, expected, "{changes} {scope}");
    }
    let rfc9068 = auth0.configured(&json!({})).with_header(json!({"typ": "at+jwt"}));
    let changes = json!({"azp": null, "client_id": "spa", "jti": "j"});
    assert_eq!(rfc9068.verdict(&changes, "read:pets").await, PASSES);
    let without_slash = json!({"iss": "https://tenant.eu.auth0.com"});
    assert_eq!(auth0.verdict(&without_slash, "").await, INVALID_CLAIMS);
    assert!(auth0.detail(&without_slash).await.contains("by a `/` at the end"));
}

#[tokio::test]
async fn okta_passes_with_its_client_and_no_id_token() {
    let okta = Provider::new(
        json!({"issuer": "https://org.okta.com/oauth2/default", "audience": ["api://default"], "profile": "okta"}),
        json!({
            "ver": 1, "jti": "AT.1", "iss": "https://org.okta.com/oauth2/default", "aud": "api://default",
            "cid": "0oa1", "uid": "00u1", "scp": ["openid", "pets:read"], "sub": "user@example.com",
        }),
    )
    .with_header(json!({}));
    assert_eq!(okta.client().await, "0oa1");
    for (changes, scope, expected) in [
        (json!({}), "pets:read", PASSES),
        (json!({}), "pets:write", SHORT),
        (json!({"uid": null, "sub": "0oa1"}), "pets:read", PASSES),
        // An ID token: no `cid`, and the audience is the client.
        (json!({"cid": null, "scp": null, "idp": "00o1", "aud": "0oa1"}), "", INVALID_CLAIMS),
        (json!({"cid": null, "scp": null, "idp": "00o1"}), "", INVALID_CLAIMS),
        (json!({"nonce": "n"}), "", WRONG_TYPE),
    ] {
        assert_eq!(okta.verdict(&changes, scope).await, expected, "{changes} {scope}");
    }
    // The org authorization server signs its own access tokens with a type of their own.
    let of_org = okta.with_header(json!({"typ": "application/okta-internal-at+jwt"}));
    assert_eq!(of_org.verdict(&json!({}), "").await, WRONG_TYPE);
}

const TENANT: &str = "11111111-2222-3333-4444-555555555555";

fn entra_user() -> Provider {
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    Provider::new(
        json!({"issuer": issuer, "audience": ["client-guid"], "profile": "entra"}),
        json!({
            "iss": issuer, "aud": "client-guid", "tid": TENANT, "azp": "spa-guid", "azpacr": "0", "oid": "o",
            "sub": "s", "scp": "pets.read pets.list", "roles": ["Admin", "Domain Users"], "ver": "2.0",
        }),
    )
}

#[tokio::test]
async fn entra_v2_passes_for_users_and_applications() {
    let entra = entra_user();
    assert_eq!(entra.client().await, "spa-guid");
    for (changes, scope, expected) in [
        (json!({}), "pets.read pets.list Admin", PASSES),
        (json!({}), "Users", SHORT),
        (json!({"roles": "Domain Users"}), "Users", SHORT),
        (json!({"roles": "Admin"}), "Admin", PASSES),
        (json!({"roles": null}), "Admin", SHORT),
        // A token of an application: roles only.
        (json!({"scp": null, "roles": ["Pets.Read.All"], "idtyp": "app"}), "Pets.Read.All", PASSES),
        (json!({"scp": null, "roles": ["Pets.Read.All"]}), "pets.read", SHORT),
        // An ID token: no client.
        (json!({"azp": null, "scp": null}), "", INVALID_CLAIMS),
        (json!({"nonce": "n"}), "", WRONG_TYPE),
        (json!({"tid": null}), "", INVALID_CLAIMS),
    ] {
        assert_eq!(entra.verdict(&changes, scope).await, expected, "{changes} {scope}");
    }
}

#[tokio::test]
async fn entra_v1_passes_and_a_mismatch_with_v2_is_named() {
    let issuer = format!("https://sts.windows.net/{TENANT}/");
    let v1 = json!({
        "iss": issuer, "aud": "api://petstore", "tid": TENANT, "appid": "app-guid", "appidacr": "1", "azp": null,
        "scp": "pets.read", "roles": ["Admin"], "ver": "1.0",
    });
    let provider = Provider::new(
        json!({"issuer": issuer, "audience": ["api://petstore"], "profile": "entra-v1"}),
        changed(&json!({}), &v1),
    );
    assert_eq!(provider.client().await, "app-guid");
    assert_eq!(provider.verdict(&json!({}), "pets.read Admin").await, PASSES);
    assert_eq!(provider.verdict(&json!({"appid": null}), "").await, INVALID_CLAIMS);
    assert_eq!(provider.verdict(&json!({"nonce": "n"}), "").await, WRONG_TYPE);
    // A v1.0 token where v2.0 is configured, and the reverse.
    assert_eq!(entra_user().verdict(&v1, "").await, INVALID_CLAIMS);
    let detail = entra_user().detail(&v1).await;
    assert!(
        detail.contains("v1.0 token") && detail.contains("requestedAccessTokenVersion"),
        "{detail}"
    );
    let v2 = json!({"iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0")});
    assert!(provider.detail(&v2).await.contains("v2.0 token"));
    // Not for another tenant: its tokens are not to be trusted.
    let other = json!({"iss": "https://sts.windows.net/other/"});
    assert_eq!(entra_user().detail(&other).await, "`iss` is not a trusted issuer");
}

#[tokio::test]
async fn entra_for_several_tenants_is_limited_by_a_rule() {
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let tenants = json!([{"claim": "tid", "any_of": [TENANT]}]);
    let provider = entra_user().configured(&json!({"issuer": template, "require": tenants}));
    assert_eq!(provider.verdict(&json!({}), "pets.read").await, PASSES);
    let other = json!({"iss": "https://login.microsoftonline.com/aaaa/v2.0", "tid": "aaaa"});
    assert_eq!(provider.verdict(&other, "").await, (200, "forbidden"));
    let forged = json!({"iss": "https://login.microsoftonline.com/aaaa/v2.0"});
    assert_eq!(provider.verdict(&forged, "").await, INVALID_CLAIMS);
}

#[tokio::test]
async fn tokens_for_microsoft_graph_are_recognized() {
    let graph = entra_user().with_header(json!({"typ": "JWT", "nonce": "n"}));
    // One that verifies is no token of Graph.
    assert_eq!(graph.verdict(&json!({}), "pets.read").await, PASSES);
    let other = crate::mint::Signer::new("RS256", "rsa-1");
    let bench = Bench::with_keys(
        &json!({"issuers": [changed(&graph.settings, &json!({"jwks_uri": JWKS}))]}),
        &[other.jwk()],
    );
    let claims = changed(&graph.token, &json!({"exp": NOW + 300}));
    let header = json!({"alg": "RS256", "kid": "rsa-1", "nonce": "n"});
    let outcome = bench.bearer(&RS256.token_with(&header.to_string(), &claims.to_string())).await;
    assert_eq!(verdict(&outcome), (401, "invalid_signature"));
    assert!(outcome.decision.detail.unwrap().contains("Microsoft Graph"));
}

#[tokio::test]
async fn azure_ad_b2c_passes_with_nonce_beside_scp() {
    let issuer = format!("https://tenant.b2clogin.com/{TENANT}/v2.0/");
    let b2c = Provider::new(
        json!({"issuer": issuer, "audience": ["api-guid"], "profile": "b2c"}),
        json!({
            "iss": issuer, "aud": "api-guid", "sub": "s", "tfp": "B2C_1_signin", "azp": "spa-guid",
            "scp": "pets.read", "ver": "1.0", "nonce": "n",
        }),
    );
    assert_eq!(b2c.client().await, "spa-guid");
    for (changes, scope, expected) in [
        (json!({}), "pets.read", PASSES),
        (json!({"nonce": null}), "pets.read", PASSES),
        // ID tokens.
        (json!({"azp": null, "scp": null, "aud": "spa-guid"}), "", WRONG_TYPE),
        (json!({"azp": null, "scp": null, "nonce": null}), "", INVALID_CLAIMS),
        (json!({"at_hash": "h"}), "", WRONG_TYPE),
    ] {
        assert_eq!(b2c.verdict(&changes, scope).await, expected, "{changes} {scope}");
    }
}

fn keycloak_user() -> Provider {
    Provider::new(
        json!({"issuer": "https://sso.example.com/realms/shop", "audience": ["pet/store"], "profile": "keycloak"}),
        json!({
            "iss": "https://sso.example.com/realms/shop", "aud": ["pet/store", "account"], "sub": "s", "typ": "Bearer",
            "azp": "spa", "sid": "x", "scope": "openid email",
            "realm_access": {"roles": ["offline_access", "staff"]},
            "resource_access": {"pet/store": {"roles": ["owner"]}, "account": {"roles": ["manage-account"]}},
        }),
    )
}

#[tokio::test]
async fn keycloak_passes_since_25_and_before() {
    let keycloak = keycloak_user();
    assert_eq!(keycloak.client().await, "spa");
    for (changes, scope, expected) in [
        (json!({}), "email staff owner", PASSES),
        (json!({}), "manage-account", SHORT),
        (json!({"realm_access": null}), "staff", SHORT),
        // Before 25, or with the nonce mapper.
        (json!({"nonce": "n"}), "staff", PASSES),
        (json!({"typ": "ID", "nonce": "n"}), "", WRONG_TYPE),
        (json!({"typ": "ID"}), "", WRONG_TYPE),
        (json!({"typ": "Refresh"}), "", WRONG_TYPE),
        (json!({"typ": "Offline"}), "", WRONG_TYPE),
        (json!({"typ": "Logout", "events": {}}), "", WRONG_TYPE),
        (json!({"typ": "DPoP"}), "", WRONG_TYPE),
        (json!({"typ": 7}), "", INVALID_CLAIMS),
        (json!({"typ": null}), "", INVALID_CLAIMS),
        (json!({"aud": "account"}), "", INVALID_CLAIMS),
    ] {
        assert_eq!(keycloak.verdict(&changes, scope).await, expected, "{changes} {scope}");
    }
    // The roles of a client that is no audience, by its pointer.
    let claims = json!({"scope_claims": ["/resource_access/account/roles"]});
    let account = keycloak.configured(&claims);
    assert_eq!(account.verdict(&json!({}), "manage-account").await, PASSES);
    assert_eq!(account.verdict(&json!({}), "staff").await, SHORT);
}

#[tokio::test]
async fn cognito_passes_with_client_or_resource() {
    let pool = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a";
    let cognito = Provider::new(
        json!({"issuer": pool, "audience": ["app-1"], "profile": "cognito"}),
        json!({
            "iss": pool, "sub": "s", "client_id": "app-1", "token_use": "access", "username": "u",
            "scope": "openid https://api.example.com/read", "cognito:groups": ["Admins", "Größe XL", "a b"],
        }),
    )
    .with_header(json!({}));
    assert_eq!(cognito.client().await, "app-1");
    for (changes, scope, expected) in [
        (json!({}), "https://api.example.com/read Admins", PASSES),
        (json!({}), "XL", SHORT),
        (json!({"client_id": "app-2"}), "", INVALID_CLAIMS),
        (json!({"client_id": null}), "", INVALID_CLAIMS),
        (json!({"token_use": null}), "", INVALID_CLAIMS),
        (json!({"token_use": "id", "aud": "app-1", "client_id": null}), "", WRONG_TYPE),
        // Bound to a resource: the audience is not the client.
        (json!({"aud": API}), "", INVALID_CLAIMS),
    ] {
        assert_eq!(cognito.verdict(&changes, scope).await, expected, "{changes} {scope}");
    }
    let both = cognito.configured(&json!({"audience": ["app-1", API]}));
    assert_eq!(both.verdict(&json!({"aud": API}), "Admins").await, PASSES);
    assert_eq!(both.verdict(&json!({}), "Admins").await, PASSES);
    assert_eq!(both.verdict(&json!({"aud": "https://other"}), "").await, INVALID_CLAIMS);
}

#[tokio::test]
async fn google_service_accounts_pass_and_users_do_not() {
    let account = "pets@project.iam.gserviceaccount.com";
    let signed = Provider::new(
        json!({"issuer": account, "audience": [API], "profile": "google-service-account"}),
        json!({"iss": account, "sub": account, "aud": API}),
    );
    assert_eq!(signed.client().await, Value::Null, "the account is the issuer");
    assert_eq!(signed.verdict(&json!({}), "").await, PASSES);
    assert_eq!(signed.verdict(&json!({"scope": "pets"}), "pets").await, SHORT, "no scope claims");
    let google = Provider::new(
        json!({"issuer": "https://accounts.google.com", "audience": [API], "profile": "google-service-account"}),
        json!({"iss": "https://accounts.google.com", "aud": API, "azp": "1", "sub": "1", "email": account, "email_verified": true}),
    );
    assert_eq!(google.client().await, account);
    let user =
        json!({"azp": "app.apps.googleusercontent.com", "sub": "2", "email": "user@example.com"});
    for (changes, expected) in [
        (json!({}), PASSES),
        (json!({"email": null}), PASSES),
        (json!({"azp": "2"}), PASSES),
        (json!({"azp": "2", "email_verified": false}), WRONG_TYPE),
        (user.clone(), WRONG_TYPE),
        (changed(&user, &json!({"at_hash": "h"})), WRONG_TYPE),
        (changed(&user, &json!({"email": "pets@gserviceaccount.com.example.com"})), WRONG_TYPE),
        (changed(&user, &json!({"email": "user@evilgserviceaccount.com"})), WRONG_TYPE),
        (json!({"aud": "app.apps.googleusercontent.com"}), INVALID_CLAIMS),
    ] {
        assert_eq!(google.verdict(&changes, "").await, expected, "{changes}");
    }
}

#[tokio::test]
async fn firebase_passes_and_a_boolean_scope_claim_is_ignored() {
    let issuer = "https://securetoken.google.com/project-1";
    let firebase = Provider::new(
        json!({"issuer": issuer, "audience": ["project-1"], "profile": "firebase", "scope_claims": ["admin", "roles"]}),
        json!({
            "iss": issuer, "aud": "project-1", "sub": "u", "user_id": "u", "auth_time": NOW - 10,
            "firebase": {"identities": {}, "sign_in_provider": "password"}, "admin": true, "roles": ["editor"],
        }),
    );
    assert_eq!(firebase.verdict(&json!({}), "editor").await, PASSES);
    assert_eq!(firebase.verdict(&json!({}), "admin").await, SHORT, "a boolean is no scope");
    assert_eq!(firebase.verdict(&json!({"aud": "project-2"}), "").await, INVALID_CLAIMS);
    assert_eq!(firebase.verdict(&json!({"firebase": null}), "").await, INVALID_CLAIMS);
    // With the profile's own scope claims, and with the default profile.
    let preset = firebase.configured(&json!({"scope_claims": null}));
    assert_eq!(preset.verdict(&json!({}), "editor").await, PASSES);
    let default = firebase.configured(&json!({"profile": null}));
    assert_eq!(default.verdict(&json!({}), "editor").await, PASSES);
    let rule = json!({"require": [{"claim": "admin", "equals": true}]});
    assert_eq!(preset.configured(&rule).verdict(&json!({}), "").await, PASSES);
    assert_eq!(
        preset.configured(&rule).verdict(&json!({"admin": "true"}), "").await,
        (200, "forbidden")
    );
}

#[tokio::test]
async fn wso2_passes_with_the_client_as_audience() {
    let issuer = "https://is.example.com/oauth2/token";
    let wso2 = Provider::new(
        json!({"issuer": issuer, "audience": ["client-1"], "profile": "wso2"}),
        json!({
            "iss": issuer, "aud": "client-1", "azp": "client-1", "client_id": "client-1", "sub": "s", "aut": "APPLICATION_USER",
            "scope": "pets_read pets_write", "jti": "j", "nbf": NOW - 10,
        }),
    )
    .with_header(json!({"typ": "at+jwt"}));
    assert_eq!(wso2.client().await, "client-1");
    assert_eq!(wso2.verdict(&json!({}), "pets_read").await, PASSES);
    assert_eq!(wso2.verdict(&json!({"aud": "client-2"}), "").await, INVALID_CLAIMS);
    assert_eq!(wso2.verdict(&json!({"at_hash": "h", "nonce": "n"}), "").await, WRONG_TYPE);
}

#[tokio::test]
async fn ping_passes_with_either_type() {
    let issuer = "https://auth.pingone.eu/env/as";
    let ping = Provider::new(
        json!({"issuer": issuer, "audience": [API], "profile": "ping"}),
        json!({
            "iss": issuer, "aud": [API], "client_id": "app", "sub": "s", "scope": "pets:read", "env": "e", "org": "o", "jti": "j",
        }),
    );
    for header in [json!({"typ": "at+jwt"}), json!({"typ": "JWT"}), json!({})] {
        let ping = ping.configured(&json!({})).with_header(header);
        assert_eq!(ping.client().await, "app");
        assert_eq!(ping.verdict(&json!({}), "pets:read").await, PASSES);
        assert_eq!(
            ping.verdict(&json!({"scope": ["pets:read", "a b"]}), "pets:read").await,
            PASSES
        );
        assert_eq!(ping.verdict(&json!({"nonce": "n"}), "").await, WRONG_TYPE);
        assert_eq!(ping.verdict(&json!({"aud": ["other"]}), "").await, INVALID_CLAIMS);
    }
}

#[tokio::test]
async fn clerk_passes_with_azp_as_audience() {
    let issuer = "https://clerk.example.com";
    let origin = "https://app.example.com";
    let clerk = Provider::new(
        json!({"issuer": issuer, "audience": [origin], "audience_claim": "azp"}),
        json!({"iss": issuer, "azp": origin, "sub": "user_1", "sid": "sess_1", "nbf": NOW - 10}),
    );
    for (changes, expected) in [
        (json!({}), PASSES),
        (json!({"azp": "https://evil.example.com"}), INVALID_CLAIMS),
        (json!({"azp": null}), INVALID_CLAIMS),
        (json!({"azp": 7}), INVALID_CLAIMS),
        // An `aud` that is present must match (RFC 7519 section 4.1.3).
        (json!({"aud": "other"}), INVALID_CLAIMS),
        (json!({"aud": []}), INVALID_CLAIMS),
        (json!({"aud": origin, "azp": "other"}), PASSES),
    ] {
        assert_eq!(clerk.verdict(&changes, "").await, expected, "{changes}");
    }
    let detail = clerk.detail(&json!({"azp": null})).await;
    assert!(detail.contains("`audience_claim`"), "{detail}");
    let without = clerk.configured(&json!({"audience_claim": null}));
    assert_eq!(without.verdict(&json!({}), "").await, INVALID_CLAIMS);
    let pointer = clerk.configured(&json!({"audience_claim": "/org/aud"}));
    assert_eq!(pointer.verdict(&json!({"org": {"aud": [origin]}}), "").await, PASSES);
}

#[tokio::test]
async fn the_default_profile_rejects_id_refresh_and_logout_tokens() {
    for profile in [json!({}), json!({"profile": "oauth"})] {
        let default = Provider::new(
            json!({"issuer": "https://i.example.com", "audience": [API]}),
            json!({"iss": "https://i.example.com", "aud": API, "sub": "s"}),
        )
        .configured(&profile);
        for (changes, expected) in [
            (json!({}), PASSES),
            (json!({"typ": "Bearer", "nonce": "n"}), PASSES),
            (json!({"typ": "bearer"}), PASSES),
            (json!({"typ": "DPoP"}), PASSES),
            (json!({"typ": "DPoP", "nonce": "n"}), WRONG_TYPE),
            (json!({"typ": "JWT"}), PASSES),
            (json!({"typ": 7}), PASSES),
            (json!({"typ": "ID"}), WRONG_TYPE),
            (json!({"typ": "id"}), WRONG_TYPE),
            (json!({"typ": "Refresh"}), WRONG_TYPE),
            (json!({"typ": "Offline"}), WRONG_TYPE),
            (json!({"typ": "Logout"}), WRONG_TYPE),
            (json!({"typ": "Bearer", "at_hash": "h"}), WRONG_TYPE),
            (json!({"typ": "Bearer", "c_hash": "h"}), WRONG_TYPE),
            (json!({"s_hash": "h"}), WRONG_TYPE),
            (json!({"nonce": "n"}), WRONG_TYPE),
            (
                json!({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}),
                WRONG_TYPE,
            ),
            (json!({"typ": "Bearer", "events": {}}), WRONG_TYPE),
            (json!({"token_use": "id"}), WRONG_TYPE),
        ] {
            assert_eq!(default.verdict(&changes, "").await, expected, "{changes}");
        }
    }
}

#[tokio::test]
async fn rfc_9068_requires_its_claims_and_any_requires_none() {
    let token = json!({
        "iss": "https://i.example.com", "aud": API, "sub": "s", "client_id": "c", "jti": "j", "scope": "a",
    });
    let settings =
        json!({"issuer": "https://i.example.com", "audience": [API], "profile": "rfc9068"});
    let rfc9068 = Provider::new(settings, token).with_header(json!({"typ": "at+jwt"}));
    assert_eq!(rfc9068.verdict(&json!({}), "a").await, PASSES);
    for claim in ["sub", "client_id", "iat", "jti"] {
        let without = json!({claim: null});
        assert_eq!(rfc9068.verdict(&without, "").await, INVALID_CLAIMS, "{claim}");
    }
    for typ in [json!({"typ": "JWT"}), json!({})] {
        let other = rfc9068.configured(&json!({})).with_header(typ);
        assert_eq!(other.verdict(&json!({}), "").await, WRONG_TYPE);
        let any = other.configured(&json!({"profile": "any"}));
        for changes in [json!({}), json!({"nonce": "n", "at_hash": "h"}), json!({"typ": "ID"})] {
            assert_eq!(any.verdict(&changes, "a").await, PASSES, "{changes}");
        }
        assert_eq!(any.verdict(&json!({"aud": null}), "").await, INVALID_CLAIMS);
    }
}

#[tokio::test]
async fn opaque_and_encrypted_tokens_are_recognized() {
    let bench = Bench::with_keys(&crate::config(&["RS256"]), &[RS256.jwk()]);
    for (token, hint) in [
        ("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXY.Y2lwaGVy.dGFn", "JWE"),
        ("ya29.a0AfB_byC", "opaque"),
        ("opaque", "opaque"),
        ("a.b.c.d", "opaque"),
    ] {
        let outcome = bench.bearer(token).await;
        assert_eq!(verdict(&outcome), (401, "invalid_token"));
        let detail = outcome.decision.detail.unwrap();
        assert!(detail.contains(hint), "{token}: {detail}");
    }
}

#[tokio::test]
async fn an_insufficient_scope_names_the_claims_that_were_read() {
    let auth0 = auth0_user();
    for (changes, detail) in [
        (json!({}), "required scopes not granted by `scope`, `permissions`"),
        (json!({"permissions": null}), "required scopes not granted by `scope`"),
        (
            json!({"scope": null, "permissions": null}),
            "required scopes not granted: the token has no `scope`, `permissions`",
        ),
    ] {
        let outcome = auth0.outcome(&changes, "admin").await;
        assert_eq!(outcome.decision.detail.as_deref(), Some(detail));
    }
}
