//! The configured place → exactly one token, bounded, with the scheme it came under
//! (RFC 6750 section 2, RFC 9449 section 7.1).

use crate::config::TokenSource;
use crate::error::Rejection;
use crate::event::{AuthorizationRequest, EventKind, Field};

/// A token as it was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credential<'a> {
    pub(crate) scheme: Scheme,
    pub(crate) token: &'a str,
}

/// How a token was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Whoever bears it may use it.
    Bearer,
    /// Only who proves to have its key.
    DPoP,
}

impl<'a> Credential<'a> {
    /// Takes the one credential out of a request.
    pub(crate) fn of(
        request: &AuthorizationRequest<'a>,
        source: &TokenSource,
    ) -> Result<Self, Rejection> {
        if request.kind == EventKind::Token {
            return Self::header(request.authorization_token());
        }
        match source {
            TokenSource::Header(name) => {
                // RFC 6750 section 2: not by more than one method.
                if request.query("access_token") != Field::Missing {
                    return Err(Rejection::MalformedCredential);
                }
                Self::header(request.header(name))
            }
            TokenSource::Query(name) => {
                Self::alone(request)?;
                Self::bare(request.query(name))
            }
            TokenSource::WebsocketProtocol(name) => {
                Self::alone(request)?;
                Self::protocol(request.header("sec-websocket-protocol"), name)
            }
        }
    }

    /// A token that is looked for elsewhere must not stand in `Authorization` as well.
    fn alone(request: &AuthorizationRequest<'a>) -> Result<(), Rejection> {
        match request.header("authorization") {
            Field::Missing => Ok(()),
            _ => Err(Rejection::MalformedCredential),
        }
    }

    /// The scheme's case does not matter (RFC 9110 section 11.1); exactly one space follows it
    /// (RFC 6750 section 2.1), and a comma would begin another value.
    fn header(field: Field<'a>) -> Result<Self, Rejection> {
        let value = present(field)?;
        let (scheme, token) = value.split_once(' ').ok_or(Rejection::MalformedCredential)?;
        let scheme = if scheme.eq_ignore_ascii_case("bearer") {
            Scheme::Bearer
        } else if scheme.eq_ignore_ascii_case("dpop") {
            Scheme::DPoP
        } else {
            return Err(Rejection::MalformedCredential);
        };
        Ok(Self { scheme, token: token_text(token)? })
    }

    fn bare(field: Field<'a>) -> Result<Self, Rejection> {
        Ok(Self { scheme: Scheme::Bearer, token: token_text(present(field)?)? })
    }

    /// A browser cannot set headers on a WebSocket, but it can offer protocols: the token is
    /// the one that follows the agreed name.
    fn protocol(field: Field<'a>, name: &str) -> Result<Self, Rejection> {
        let mut offered =
            present(field)?.split(',').map(str::trim).skip_while(|protocol| *protocol != name);
        if offered.next().is_none() {
            return Err(Rejection::MissingToken);
        }
        let token = offered.next().ok_or(Rejection::MissingToken)?;
        Ok(Self { scheme: Scheme::Bearer, token: token_text(token)? })
    }
}

fn present(field: Field<'_>) -> Result<&str, Rejection> {
    match field {
        Field::Missing | Field::One("") => Err(Rejection::MissingToken),
        Field::One(value) => Ok(value),
        Field::Unclear => Err(Rejection::MalformedCredential),
    }
}

fn token_text(token: &str) -> Result<&str, Rejection> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    // Not ended at the first that does not fit: so the compiler takes many bytes at a time.
    if token.is_empty() || !token.bytes().fold(true, |all, byte| all & fits(byte)) {
        return Err(Rejection::MalformedCredential);
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::{Credential, Scheme};
    use crate::error::Rejection;
    use crate::event::Field;

    #[test]
    fn exactly_one_bearer_or_dpop_token_is_taken() {
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
            ("Bearer  a.b.c", malformed),
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
            let found =
                Credential::header(Field::One(value)).map(|found| (found.scheme, found.token));
            assert_eq!(found, token, "{value:?}");
        }
    }

    #[test]
    fn a_websockets_token_follows_the_agreed_protocol() {
        for (offered, token) in [
            ("bearer, a.b.c", Ok("a.b.c")),
            ("chat, bearer,a.b.c, more", Ok("a.b.c")),
            ("chat", Err(Rejection::MissingToken)),
            ("chat, bearer", Err(Rejection::MissingToken)),
            ("bearer, a b", Err(Rejection::MalformedCredential)),
        ] {
            let found =
                Credential::protocol(Field::One(offered), "bearer").map(|found| found.token);
            assert_eq!(found, token, "{offered}");
        }
    }
}
