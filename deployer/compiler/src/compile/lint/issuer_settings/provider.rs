//! [`Provider`]: a provider whose issuers have a known form.

use authorizer::issuer::Profile;

use super::url::Url;

/// The token services of Microsoft Entra ID, version 2.0.
pub(super) const ENTRA: [&str; 3] =
    ["login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"];

/// The token services of Microsoft Entra ID, version 1.0.
pub(super) const ENTRA_V1: [&str; 2] = ["sts.windows.net", "sts.chinacloudapi.cn"];

/// The domains of Okta organizations.
const OKTA: [&str; 3] = [".okta.com", ".oktapreview.com", ".okta-emea.com"];

/// A provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provider {
    Auth0,
    B2c,
    Cognito,
    Entra,
    EntraV1,
    Firebase,
    Google,
    Keycloak,
    Okta,
    /// The authorization server of an organization itself, whose tokens only Okta verifies.
    OktaOrg,
}

impl Provider {
    /// Returns the provider of an issuer. Custom domains have no known form.
    pub(super) fn of(url: &Url<'_>) -> Option<Self> {
        let segments = url.segments();
        let is_name = |text: &str| !text.is_empty();
        if url.is_below(".auth0.com") {
            return Some(Self::Auth0);
        }
        if url.is_below(".b2clogin.com") {
            return Some(Self::B2c);
        }
        if OKTA.iter().any(|domain| url.is_below(domain)) {
            let is_org = matches!(url.path, "" | "/");
            return Some(if is_org { Self::OktaOrg } else { Self::Okta });
        }
        if ENTRA.contains(&url.host) {
            let is_tenant = match segments[..] {
                [tenant] | [tenant, "" | "v2.0"] | [tenant, "v2.0", ""] => is_name(tenant),
                _ => false,
            };
            return is_tenant.then_some(Self::Entra);
        }
        match segments[..] {
            [] if url.host == "accounts.google.com" => Some(Self::Google),
            [name] if url.host == "securetoken.google.com" && is_name(name) => Some(Self::Firebase),
            [name] | [name, ""] if is_name(name) && ENTRA_V1.contains(&url.host) => {
                Some(Self::EntraV1)
            }
            [name] | [name, ""] if is_name(name) && url.cognito_region().is_some() => {
                Some(Self::Cognito)
            }
            // Realms of PingAM are below `/oauth2`.
            [ref before @ .., "realms", realm] | [ref before @ .., "realms", realm, ""]
                if is_name(realm) && !before.contains(&"oauth2") =>
            {
                Some(Self::Keycloak)
            }
            _ => None,
        }
    }

    /// Returns its name for messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Auth0 => "Auth0",
            Self::B2c => "Azure AD B2C",
            Self::Cognito => "Amazon Cognito",
            Self::Entra | Self::EntraV1 => "Microsoft Entra ID",
            Self::Firebase => "Firebase Authentication",
            Self::Google => "Google",
            Self::Keycloak => "Keycloak",
            Self::Okta | Self::OktaOrg => "Okta",
        }
    }

    /// Returns the profiles that fit its access tokens, its own one first. [`Profile::Any`] always
    /// fits.
    pub(super) const fn fitting(self) -> &'static [Profile] {
        match self {
            Self::Auth0 => &[Profile::Auth0, Profile::OAuth, Profile::Rfc9068],
            Self::B2c => &[Profile::B2c, Profile::OAuth],
            Self::Cognito => &[Profile::Cognito],
            Self::Entra => &[Profile::Entra],
            Self::EntraV1 => &[Profile::EntraV1, Profile::Entra],
            Self::Firebase => &[Profile::Firebase, Profile::OAuth],
            Self::Google => &[Profile::GoogleServiceAccount],
            // Keycloak can issue `at+jwt`.
            Self::Keycloak => &[Profile::Keycloak, Profile::Rfc9068],
            Self::Okta => &[Profile::Okta, Profile::OAuth, Profile::Rfc9068],
            Self::OktaOrg => &[],
        }
    }

    /// Returns the claims in which its access tokens differ from those of other providers.
    pub(super) const fn claims(self) -> &'static [&'static str] {
        match self {
            Self::Auth0 | Self::B2c => &["azp"],
            Self::Cognito => &["token_use"],
            Self::Entra => &["tid", "azp"],
            Self::EntraV1 => &["tid", "appid"],
            Self::Firebase => &["firebase"],
            Self::Google => &[],
            Self::Keycloak => &["azp", "typ"],
            Self::Okta | Self::OktaOrg => &["cid"],
        }
    }

    /// Returns the claims of scopes and roles in its access tokens.
    pub(super) const fn scope_claims(self) -> &'static [&'static str] {
        match self {
            Self::Auth0 => &["scope", "permissions"],
            Self::Entra | Self::EntraV1 => &["scp", "roles"],
            Self::Firebase => &["roles"],
            Self::Keycloak => &["scope", "/realm_access/roles"],
            Self::B2c | Self::Okta | Self::OktaOrg => &["scp"],
            Self::Cognito | Self::Google => &[],
        }
    }
}
