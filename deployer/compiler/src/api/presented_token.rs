//! A token as clients present it: the part of a request with the token.

use authorizer::config::{TokenScheme, TokenSource};
use url::form_urlencoded::Serializer;

/// The name of the header with cookies.
pub(super) const COOKIE: &str = "Cookie";

/// The part of a request with the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresentedToken {
    /// A header.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// A query parameter.
    Query {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
}

impl PresentedToken {
    /// Returns the part of a request with a token. A WebSocket subprotocol is a header too.
    pub fn new(source: &TokenSource, token: &str) -> Self {
        let header = |name: &str, value: String| Self::Header { name: name.to_owned(), value };
        match source {
            TokenSource::Header { name, scheme: TokenScheme::Bearer } => {
                header(name, format!("Bearer {token}"))
            }
            TokenSource::Header { name, scheme: TokenScheme::None } => {
                header(name, token.to_owned())
            }
            TokenSource::Cookie(name) => header(COOKIE, format!("{name}={token}")),
            TokenSource::Query(name) => Self::Query { name: name.clone(), value: token.to_owned() },
            TokenSource::WebsocketProtocol(name) => {
                header("Sec-WebSocket-Protocol", format!("{name}, {token}"))
            }
        }
    }

    /// Returns the header, if it is one.
    pub fn header(&self) -> Option<(&str, &str)> {
        match self {
            Self::Header { name, value } => Some((name, value)),
            Self::Query { .. } => None,
        }
    }

    /// Returns whether a request has one of both only: they are in the same header or parameter.
    pub fn replaces(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Header { name: a, .. }, Self::Header { name: b, .. }) => {
                a.eq_ignore_ascii_case(b)
            }
            (Self::Query { name: a, .. }, Self::Query { name: b, .. }) => a == b,
            _ => false,
        }
    }

    /// Returns a URL or path with the query parameter; unchanged for a header.
    pub fn url(&self, url: &str) -> String {
        let Self::Query { name, value } = self else { return url.to_owned() };
        let pair = Serializer::new(String::new()).append_pair(name, value).finish();
        let separator = if url.contains('?') { '&' } else { '?' };
        format!("{url}{separator}{pair}")
    }
}
