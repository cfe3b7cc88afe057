//! Profiles that do not fit the access tokens of an issuer's provider, and the effect on them.

use authorizer::config::IssuerDocument;
use authorizer::issuer::Profile;

use super::Finding;
use super::provider::Provider;

pub(super) fn check(issuer: &IssuerDocument, provider: Provider) -> Option<Finding> {
    let profile = issuer.profile.unwrap_or_default();
    if profile == Profile::Any || provider.fitting().contains(&profile) {
        return None;
    }
    match provider {
        Provider::Cognito => cognito(issuer, profile),
        Provider::Google => Some((
            "access tokens of Google users are opaque and are rejected: only Google's ID tokens are JWTs".to_owned(),
            "for service accounts, set `profile = \"google-service-account\"`; to accept ID tokens of users, `profile = \"any\"`".to_owned(),
        )),
        Provider::OktaOrg => Some((
            "access tokens of an Okta org authorization server are rejected: only Okta can verify them".to_owned(),
            "use a custom authorization server, such as https://ORG.okta.com/oauth2/default".to_owned(),
        )),
        // Chosen for a realm whose roles are no scopes.
        Provider::Keycloak if issuer.profile == Some(Profile::OAuth) => None,
        _ => other(issuer, profile, provider),
    }
}

fn cognito(issuer: &IssuerDocument, profile: Profile) -> Option<Finding> {
    let help = "set `profile = \"cognito\"`, and `audience` to the IDs of the app clients";
    let message = if issuer.audience_claim.is_none() {
        "access tokens of Amazon Cognito have no `aud` and are rejected with this profile"
            .to_owned()
    } else {
        rejected(profile, Provider::Cognito)?
    };
    Some((message, help.to_owned()))
}

fn other(issuer: &IssuerDocument, profile: Profile, provider: Provider) -> Option<Finding> {
    let effect = match rejected(profile, provider) {
        Some(message) => message,
        None => accepted(issuer, profile, provider)?,
    };
    let own = provider.fitting().first().and_then(|own| profile_name(*own))?;
    Some((effect, format!("set `profile = \"{own}\"`")))
}

/// Returns the effect of a profile that requires what the provider's access tokens do not have.
fn rejected(profile: Profile, provider: Provider) -> Option<String> {
    let requirement = match profile {
        Profile::Rfc9068 => "the header `typ` `at+jwt`".to_owned(),
        Profile::GoogleServiceAccount => "a token of a Google service account".to_owned(),
        _ => {
            let claims = required_claims(profile).iter();
            let missing = claims.copied().find(|claim| !provider.claims().contains(claim))?;
            format!("the claim `{missing}`")
        }
    };
    let name = provider.name();
    Some(format!(
        "access tokens of {name} are rejected with this profile, which requires {requirement}"
    ))
}

/// Returns the claims that a profile requires and that not every provider sets.
const fn required_claims(profile: Profile) -> &'static [&'static str] {
    match profile {
        Profile::Okta => &["cid"],
        Profile::Entra => &["tid"],
        Profile::EntraV1 => &["tid", "appid"],
        Profile::B2c => &["azp"],
        Profile::Keycloak => &["typ"],
        Profile::Cognito => &["token_use"],
        Profile::Firebase => &["firebase"],
        _ => &[],
    }
}

/// Returns the effect of a profile with which the access tokens are accepted.
fn accepted(issuer: &IssuerDocument, profile: Profile, provider: Provider) -> Option<String> {
    let is_entra = matches!(provider, Provider::Entra | Provider::EntraV1);
    let lost = if issuer.scope_claims.is_none() { lost_scopes(profile, provider) } else { None };
    let name = provider.name();
    let with = if issuer.profile.is_none() { "the default profile" } else { "this profile" };
    match lost {
        // Only ID tokens of Entra ID have nothing that the other profiles reject.
        _ if is_entra && profile == Profile::B2c => Some(
            "with this profile, tokens of Microsoft Entra ID without `tid` are accepted".to_owned(),
        ),
        lost if is_entra => {
            let lost = lost.map(|lost| format!(", and {lost} are not scopes")).unwrap_or_default();
            Some(format!("with this profile, ID tokens of {name} can pass as access tokens{lost}"))
        }
        Some(lost) => Some(format!("with {with}, {lost} in tokens of {name} are not scopes")),
        None => None,
    }
}

/// Returns the scope claims of the provider that are none of the profile's, as text.
fn lost_scopes(profile: Profile, provider: Provider) -> Option<String> {
    let known: &[&str] = match profile {
        Profile::Auth0 => &["scope", "permissions"],
        Profile::B2c => &["scp", "roles"],
        Profile::OAuth => &["scope", "scp"],
        _ => &["scope"],
    };
    let lost = provider.scope_claims().iter().filter(|claim| !known.contains(claim));
    let lost: Vec<String> = lost
        .map(|claim| if claim.starts_with('/') { "roles".to_owned() } else { format!("`{claim}`") })
        .collect();
    (!lost.is_empty()).then(|| lost.join(" and "))
}

/// Returns the name of a profile in the file.
fn profile_name(profile: Profile) -> Option<String> {
    serde_json::to_value(profile).ok()?.as_str().map(str::to_owned)
}
