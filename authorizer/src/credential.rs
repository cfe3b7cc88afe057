//! The request → exactly one token, from the configured source, with its authentication scheme
//! (RFC 6750 section 2, RFC 9449 section 7.1).

use crate::config::{TokenScheme, TokenSource};
use crate::error::Rejection;
use crate::event::{AuthorizationRequest, EventKind, Field};

/// A token and the scheme it was presented with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credential<'a> {
    pub(crate) scheme: Scheme,
    pub(crate) token: &'a str,
}

/// The authentication scheme of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// `Bearer`: no proof of possession (RFC 6750).
    Bearer,
    /// `DPoP`: requires a proof of possession (RFC 9449).
    DPoP,
}

impl<'a> Credential<'a> {
    /// Extracts the only credential of a request.
    pub(crate) fn extract(
        request: &AuthorizationRequest<'a>,
        source: &TokenSource,
    ) -> Result<Self, Rejection> {
        if request.kind == EventKind::Token {
            return Self::from_header(request.authorization_token(), source.scheme());
        }
        Self::reject_second_credential(request, source)?;
        match source {
            TokenSource::Header { name, scheme } => {
                Self::from_header(request.header(name), *scheme)
            }
            TokenSource::Query(name) => Self::without_scheme(request.query(name)),
            TokenSource::Cookie(name) => Self::without_scheme(request.cookie(name)),
            TokenSource::WebsocketProtocol(name) => {
                Self::from_subprotocols(request.header("sec-websocket-protocol"), name)
            }
        }
    }

    /// Rejects a request with an `Authorization` header or an `access_token` parameter beside the
    /// configured source: a client must not use more than one method (RFC 6750 section 2).
    fn reject_second_credential(
        request: &AuthorizationRequest<'a>,
        source: &TokenSource,
    ) -> Result<(), Rejection> {
        const PARAMETER: &str = "access_token";
        let (header, parameter) = match source {
            TokenSource::Header { .. } => (Field::Missing, request.query(PARAMETER)),
            TokenSource::Query(name) if name == PARAMETER => {
                (request.header("authorization"), Field::Missing)
            }
            TokenSource::Query(_) | TokenSource::Cookie(_) | TokenSource::WebsocketProtocol(_) => {
                (request.header("authorization"), request.query(PARAMETER))
            }
        };
        match (header, parameter) {
            (Field::Missing, Field::Missing) => Ok(()),
            _ => Err(Rejection::MalformedCredential),
        }
    }

    fn from_header(field: Field<'a>, scheme: TokenScheme) -> Result<Self, Rejection> {
        match scheme {
            TokenScheme::Bearer => Self::with_scheme(field),
            TokenScheme::None => Self::without_scheme(field),
        }
    }

    /// Parses `SCHEME TOKEN`. The scheme is case-insensitive (RFC 9110 section 11.1) and followed
    /// by one or more spaces (RFC 6750 section 2.1); a comma would separate a second value.
    fn with_scheme(field: Field<'a>) -> Result<Self, Rejection> {
        let value = required(field)?;
        let (scheme, token) = value.split_once(' ').ok_or(Rejection::MalformedCredential)?;
        let scheme = if scheme.eq_ignore_ascii_case("bearer") {
            Scheme::Bearer
        } else if scheme.eq_ignore_ascii_case("dpop") {
            Scheme::DPoP
        } else {
            return Err(Rejection::MalformedCredential);
        };
        Ok(Self { scheme, token: checked_token(token.trim_start_matches(' '))? })
    }

    /// Reads a token alone. A bound token requires the scheme `DPoP`, so it is a bearer token.
    fn without_scheme(field: Field<'a>) -> Result<Self, Rejection> {
        Ok(Self { scheme: Scheme::Bearer, token: checked_token(required(field)?)? })
    }

    /// Returns the subprotocol that follows `name`. Browsers cannot set headers of a WebSocket
    /// handshake, but can offer subprotocols.
    fn from_subprotocols(field: Field<'a>, name: &str) -> Result<Self, Rejection> {
        let mut offered =
            required(field)?.split(',').map(str::trim).skip_while(|protocol| *protocol != name);
        if offered.next().is_none() {
            return Err(Rejection::MissingToken);
        }
        let token = offered.next().ok_or(Rejection::MissingToken)?;
        Ok(Self { scheme: Scheme::Bearer, token: checked_token(token)? })
    }
}

fn required(field: Field<'_>) -> Result<&str, Rejection> {
    match field {
        Field::Missing | Field::One("") => Err(Rejection::MissingToken),
        Field::One(value) => Ok(value),
        Field::Ambiguous => Err(Rejection::MalformedCredential),
    }
}

fn checked_token(token: &str) -> Result<&str, Rejection> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    // A fold without early exit, which the compiler vectorizes.
    if token.is_empty() || !token.bytes().fold(true, |all, byte| all & is_allowed(byte)) {
        return Err(Rejection::MalformedCredential);
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::{Credential, Scheme};
    use crate::config::TokenScheme;
    use crate::error::Rejection;
    use crate::event::Field;

    #[test]
    fn exactly_one_bearer_or_dpop_token_is_accepted() {
        let malformed = Err(Rejection::MalformedCredential);
        for (value, token) in [
            ("Bearer a.b.c", Ok((Scheme::Bearer, "a.b.c"))),
            ("bearer a.b.c", Ok((Scheme::Bearer, "a.b.c"))),
            ("BEARER a.b.c", Ok((Scheme::Bearer, "a.b.c"))),
            ("DPoP a.b.c", Ok((Scheme::DPoP, "a.b.c"))),
            ("dpop a.b.c", Ok((Scheme::DPoP, "a.b.c"))),
            ("", Err(Rejection::MissingToken)),
            ("Bearer", malformed),
            ("Bearer ", malformed),
            ("Bearer  a.b.c", Ok((Scheme::Bearer, "a.b.c"))),
            ("dpop    a.b.c", Ok((Scheme::DPoP, "a.b.c"))),
            ("Bearer   ", malformed),
            ("Bearer \ta.b.c", malformed),
            ("Bearer \u{a0}a.b.c", malformed),
            ("Bearer a. b.c", malformed),
            (" Bearer a.b.c", malformed),
            ("Bearer a.b.c ", malformed),
            ("Bearer a.b.c, Bearer d.e.f", malformed),
            ("Bearer a.b.c,d", malformed),
            ("Bearer\ta.b.c", malformed),
            ("Basic a.b.c", malformed),
            ("a.b.c", malformed),
            ("Bearer a.b.c\u{0}", malformed),
            ("Bearer é", malformed),
        ] {
            let found = Credential::from_header(Field::One(value), TokenScheme::Bearer)
                .map(|found| (found.scheme, found.token));
            assert_eq!(found, token, "{value:?}");
        }
    }

    #[test]
    fn a_raw_token_has_no_scheme() {
        let malformed = Err(Rejection::MalformedCredential);
        for (value, token) in [
            (Field::One("a.b.c"), Ok((Scheme::Bearer, "a.b.c"))),
            (Field::One("Bearer a.b.c"), malformed),
            (Field::One(" a.b.c"), malformed),
            (Field::One("a.b.c "), malformed),
            (Field::One("\"a.b.c\""), malformed),
            (Field::One("a.b.c,d.e.f"), malformed),
            (Field::One(""), Err(Rejection::MissingToken)),
            (Field::Missing, Err(Rejection::MissingToken)),
            (Field::Ambiguous, malformed),
        ] {
            let found = Credential::from_header(value, TokenScheme::None)
                .map(|found| (found.scheme, found.token));
            assert_eq!(found, token, "{value:?}");
        }
    }

    #[test]
    fn a_websocket_token_follows_the_configured_subprotocol() {
        for (offered, token) in [
            ("bearer, a.b.c", Ok("a.b.c")),
            ("chat, bearer,a.b.c, more", Ok("a.b.c")),
            ("chat", Err(Rejection::MissingToken)),
            ("chat, bearer", Err(Rejection::MissingToken)),
            ("bearer, a b", Err(Rejection::MalformedCredential)),
        ] {
            let found = Credential::from_subprotocols(Field::One(offered), "bearer")
                .map(|found| found.token);
            assert_eq!(found, token, "{offered}");
        }
    }
}
