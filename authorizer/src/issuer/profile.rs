//! [`Profile`]: an identity provider's or a standard's access tokens. Each is one row of
//! [`ProfileRules`].

use serde::{Deserialize, Serialize};

/// The rules that distinguish an issuer's access tokens from its other tokens, and the names of their
/// claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// `typ` is absent, `JWT` or `at+jwt`, and no claim is one of an ID, refresh or logout token.
    /// Scopes: `scope`, `scp`. Client: `client_id`, `azp`, `cid` or `appid`.
    #[default]
    #[serde(rename = "oauth")]
    OAuth,
    /// RFC 9068: as `oauth`, `typ` is `at+jwt`, and all required claims are present. Scopes: `scope`.
    /// Client: `client_id`.
    Rfc9068,
    /// Auth0: as `oauth`. Scopes: `scope`, `permissions` (RBAC). Client: `client_id` or `azp`.
    Auth0,
    /// Okta, a custom authorization server: as `oauth`, and `cid` is present. Scopes: `scp`. Client:
    /// `cid`.
    Okta,
    /// Microsoft Entra ID, v2.0 tokens: as `oauth`, and `tid` and the client (`azp` or `appid`) are
    /// present. Scopes: `scp`, `roles`. Client: `azp` or `appid`.
    Entra,
    /// Microsoft Entra ID, v1.0 tokens: as `oauth`, and `tid` and `appid` are present. Scopes: `scp`,
    /// `roles`. Client: `appid`.
    EntraV1,
    /// Azure AD B2C: as `oauth`, and `azp` is present; `nonce` is allowed beside `scp`. Scopes: `scp`,
    /// `roles`. Client: `azp`.
    B2c,
    /// Keycloak: as `oauth`, and the claim `typ` is `Bearer`, or `DPoP` with `cnf`; `nonce` is allowed.
    /// Scopes: `scope`, `/realm_access/roles`, and `/resource_access/AUDIENCE/roles` for each
    /// configured audience. Client: `azp` or `client_id`.
    Keycloak,
    /// Amazon Cognito: as `oauth`, `token_use` is `access`, and `client_id` is the audience if `aud` is
    /// absent. Scopes: `scope`, `cognito:groups`. Client: `client_id`.
    Cognito,
    /// A Google service account: as `oauth`, and the token is self-signed or an ID token of a service
    /// account. Scopes: none. Client: `email`.
    GoogleServiceAccount,
    /// Firebase Authentication, whose ID tokens serve as access tokens: as `oauth`, and `firebase` is
    /// present. Scopes: `scope`, `roles`, if set as custom claims. Client: as `oauth`.
    Firebase,
    /// WSO2 Identity Server and API Manager: as `oauth`. Scopes: `scope`. Client: `client_id` or `azp`.
    Wso2,
    /// Ping Identity, cloud or server: as `oauth`. Scopes: `scope`. Client: `client_id`.
    Ping,
    /// Any token of the issuer, ID tokens included. Scopes and client: as `oauth`.
    Any,
}

/// The rules of a profile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProfileRules {
    /// The accepted header parameter `typ`.
    pub(crate) header_type: HeaderType,
    /// The accepted claim `typ`, which Keycloak sets in each of its tokens.
    pub(crate) claim_type: ClaimType,
    /// True if claims of ID tokens and logout tokens are rejected.
    pub(crate) rejects_other_tokens: bool,
    /// A claim that only access tokens have, beside which `nonce` is none of an ID token.
    pub(crate) nonce_beside: Option<&'static str>,
    /// The required claims: of each list, at least one.
    pub(crate) required: &'static [&'static [&'static str]],
    /// True if the token must be one of a Google service account.
    pub(crate) service_account: bool,
    /// The default scope claims.
    pub(crate) scope_claims: &'static [&'static str],
    /// The claims of the client; the first that is present is used.
    pub(crate) client_claims: &'static [&'static str],
    /// The default claim of the audience in tokens without `aud`.
    pub(crate) audience_claim: Option<&'static str>,
}

/// The accepted header parameter `typ` (RFC 8725 section 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderType {
    /// Any, or none.
    Any,
    /// None, `JWT` or `at+jwt`.
    AccessToken,
    /// `at+jwt` (RFC 9068 section 4).
    Rfc9068,
}

/// The accepted claim `typ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimType {
    /// Any, or none.
    Any,
    /// None, or any that is not known as that of another token.
    NotAnotherToken,
    /// `Bearer`, or `DPoP` of a bound token.
    AccessToken,
}

const OAUTH: ProfileRules = ProfileRules {
    header_type: HeaderType::AccessToken,
    claim_type: ClaimType::NotAnotherToken,
    rejects_other_tokens: true,
    nonce_beside: None,
    required: &[],
    service_account: false,
    scope_claims: &["scope", "scp"],
    client_claims: &["client_id", "azp", "cid", "appid"],
    audience_claim: None,
};

impl Profile {
    /// Returns the rules of the profile.
    pub(crate) const fn rules(self) -> ProfileRules {
        match self {
            Self::OAuth => OAUTH,
            // RFC 9068 section 2.2; `iss`, `exp` and `aud` are required of every token.
            Self::Rfc9068 => ProfileRules {
                header_type: HeaderType::Rfc9068,
                required: &[&["sub"], &["client_id"], &["iat"], &["jti"]],
                scope_claims: &["scope"],
                client_claims: &["client_id"],
                ..OAUTH
            },
            Self::Auth0 => ProfileRules {
                scope_claims: &["scope", "permissions"],
                client_claims: &["client_id", "azp"],
                ..OAUTH
            },
            // ID tokens of Okta have no `cid`.
            Self::Okta => ProfileRules {
                required: &[&["cid"]],
                scope_claims: &["scp"],
                client_claims: &["cid"],
                ..OAUTH
            },
            // ID tokens of Entra ID have neither `azp` nor `appid`.
            Self::Entra => ProfileRules {
                required: &[&["tid"], &["azp", "appid"]],
                scope_claims: &["scp", "roles"],
                client_claims: &["azp", "appid"],
                ..OAUTH
            },
            Self::EntraV1 => ProfileRules {
                required: &[&["tid"], &["appid"]],
                scope_claims: &["scp", "roles"],
                client_claims: &["appid"],
                ..OAUTH
            },
            // ID tokens of B2C have no `azp` and no `scp`. Access tokens repeat the `nonce` of the
            // request.
            Self::B2c => ProfileRules {
                nonce_beside: Some("scp"),
                required: &[&["azp"]],
                scope_claims: &["scp", "roles"],
                client_claims: &["azp"],
                ..OAUTH
            },
            Self::Keycloak => ProfileRules {
                claim_type: ClaimType::AccessToken,
                scope_claims: &["scope", "/realm_access/roles"],
                client_claims: &["azp", "client_id"],
                ..OAUTH
            },
            Self::Cognito => ProfileRules {
                required: &[&["token_use"]],
                scope_claims: &["scope", "cognito:groups"],
                client_claims: &["client_id"],
                audience_claim: Some("client_id"),
                ..OAUTH
            },
            Self::GoogleServiceAccount => ProfileRules {
                service_account: true,
                scope_claims: &[],
                client_claims: &["email"],
                ..OAUTH
            },
            Self::Firebase => ProfileRules {
                required: &[&["firebase"]],
                scope_claims: &["scope", "roles"],
                ..OAUTH
            },
            Self::Wso2 => ProfileRules {
                scope_claims: &["scope"],
                client_claims: &["client_id", "azp"],
                ..OAUTH
            },
            Self::Ping => {
                ProfileRules { scope_claims: &["scope"], client_claims: &["client_id"], ..OAUTH }
            }
            Self::Any => ProfileRules {
                header_type: HeaderType::Any,
                claim_type: ClaimType::Any,
                rejects_other_tokens: false,
                ..OAUTH
            },
        }
    }
}
