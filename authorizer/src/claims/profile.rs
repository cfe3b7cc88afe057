//! Which tokens are access tokens. RFC 8725 section 3.12: tokens of different kinds must not
//! stand in for each other.

use serde_json::{Map, Value};

use crate::error::Rejection;
use crate::issuer::Profile;

/// Judges `typ` and the marks of a kind of token by the issuer's profile.
pub(crate) fn check(
    profile: Profile,
    typ: Option<&str>,
    claims: &Map<String, Value>,
) -> Result<(), Rejection> {
    // RFC 7515 section 4.1.9: compared without case, `application/` may be left out.
    let typ = typ.map(str::to_ascii_lowercase);
    let typ = typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
    match (profile, typ) {
        (Profile::Any, _) => return Ok(()),
        (Profile::Rfc9068, Some("at+jwt")) => {}
        (Profile::Rfc9068, _) => return Err(Rejection::TokenType),
        (_, None | Some("jwt" | "at+jwt")) => {}
        (_, Some(_)) => return Err(Rejection::TokenType),
    }
    if let Some(mark) =
        ["at_hash", "c_hash", "nonce"].into_iter().find(|mark| claims.contains_key(*mark))
    {
        return Err(Rejection::IdToken(mark));
    }
    let present = |name: &'static str| {
        claims.contains_key(name).then_some(()).ok_or(Rejection::MissingClaim(name))
    };
    // Amazon Cognito's mark of either kind.
    match claims.get("token_use") {
        None if profile == Profile::Cognito => return Err(Rejection::MissingClaim("token_use")),
        None => {}
        Some(usage) if usage == "access" => {}
        Some(_) => return Err(Rejection::IdToken("token_use")),
    }
    match profile {
        // RFC 9068 section 2.2; `iss`, `exp` and `aud` are asked of every token.
        Profile::Rfc9068 => ["sub", "client_id", "iat", "jti"].into_iter().try_for_each(present),
        // An ID token of Entra ID's names no client but its audience.
        Profile::Entra => {
            present("tid").and_then(|()| present("azp").or_else(|_| present("appid")))
        }
        Profile::OAuth | Profile::Cognito | Profile::Any => Ok(()),
    }
}
