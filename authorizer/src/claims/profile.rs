//! The distinction between access tokens and other JWTs (RFC 8725 section 3.12: validation rules
//! for different kinds of JWTs must be mutually exclusive).

use serde_json::{Map, Value};

use crate::error::Rejection;
use crate::issuer::Profile;

/// Checks that `typ` and the claims are those of an access token of this profile.
pub(crate) fn check(
    profile: Profile,
    typ: Option<&str>,
    claims: &Map<String, Value>,
) -> Result<(), Rejection> {
    // RFC 7515 section 4.1.9: case-insensitive, and `application/` may be omitted.
    let typ = typ.map(str::to_ascii_lowercase);
    let typ = typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
    match (profile, typ) {
        (Profile::Any, _) => return Ok(()),
        (Profile::Rfc9068, Some("at+jwt")) => {}
        (Profile::Rfc9068, _) => return Err(Rejection::TokenType),
        (_, None | Some("jwt" | "at+jwt")) => {}
        (_, Some(_)) => return Err(Rejection::TokenType),
    }
    if let Some(claim) =
        ["at_hash", "c_hash", "nonce"].into_iter().find(|claim| claims.contains_key(*claim))
    {
        return Err(Rejection::IdToken(claim));
    }
    let require = |name: &'static str| {
        claims.contains_key(name).then_some(()).ok_or(Rejection::MissingClaim(name))
    };
    // Amazon Cognito: `access` or `id`.
    match claims.get("token_use") {
        None if profile == Profile::Cognito => return Err(Rejection::MissingClaim("token_use")),
        None => {}
        Some(usage) if usage == "access" => {}
        Some(_) => return Err(Rejection::IdToken("token_use")),
    }
    match profile {
        // RFC 9068 section 2.2; `iss`, `exp` and `aud` are required of every token.
        Profile::Rfc9068 => ["sub", "client_id", "iat", "jti"].into_iter().try_for_each(require),
        // ID tokens of Entra ID have neither `azp` nor `appid`.
        Profile::Entra => {
            require("tid").and_then(|()| require("azp").or_else(|_| require("appid")))
        }
        Profile::OAuth | Profile::Cognito | Profile::Any => Ok(()),
    }
}
