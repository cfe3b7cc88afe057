//! The location of the token in a request: exactly one, and a scheme only with a header.

use serde::{Deserialize, Serialize};

/// The source of the token: exactly one of `cookie`, `header`, `query` and `websocket_protocol`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "TokenSourceDocument", into = "TokenSourceDocument")]
pub enum TokenSource {
    /// A header.
    Header {
        /// Its name.
        name: String,
        /// The authentication scheme before the token.
        scheme: TokenScheme,
    },
    /// A query parameter, without a scheme.
    Query(String),
    /// A cookie, without a scheme.
    Cookie(String),
    /// The subprotocol after this one, in `Sec-WebSocket-Protocol`.
    WebsocketProtocol(String),
}

/// The authentication scheme before the token in a header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum TokenScheme {
    /// `Bearer`, or `DPoP` for a token that is bound to a key.
    #[default]
    Bearer,
    /// No scheme: the value of the header is the token.
    None,
}

/// The source of the token as written.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "TokenSource"))]
#[serde(deny_unknown_fields)]
struct TokenSourceDocument {
    /// The name of the cookie with the token. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cookie: Option<String>,
    /// The name of the header with the token. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    /// The name of the query parameter with the token. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    /// The subprotocol in `Sec-WebSocket-Protocol` that the token follows. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    websocket_protocol: Option<String>,
    /// The authentication scheme before the token, with `header`. Default: `bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scheme: Option<TokenScheme>,
}

/// The members do not state one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum InvalidTokenSource {
    #[error("expected exactly one of `cookie`, `header`, `query` and `websocket_protocol`")]
    NotOne,
    #[error("`scheme` is allowed with `header` only")]
    SchemeWithoutHeader,
}

impl Default for TokenSource {
    /// The `Authorization` header with the scheme `Bearer` or `DPoP`.
    fn default() -> Self {
        Self::Header { name: "Authorization".to_owned(), scheme: TokenScheme::Bearer }
    }
}

impl TokenSource {
    /// Returns the scheme of a TOKEN event's header: a TOKEN authorizer receives no other source.
    pub(crate) fn scheme(&self) -> TokenScheme {
        match self {
            Self::Header { scheme, .. } => *scheme,
            Self::Query(_) | Self::Cookie(_) | Self::WebsocketProtocol(_) => TokenScheme::Bearer,
        }
    }

    /// Returns the error in a name, a predicate such as `must name a cookie, found …`.
    pub(super) fn error(&self) -> Option<String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        // RFC 6265 section 4.1.1: the name of a cookie is a token of RFC 9110 section 5.6.2.
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let valid = |name: &str, allowed: &dyn Fn(u8) -> bool| {
            !name.is_empty() && name.bytes().all(allowed)
        };
        let (kind, name, is_valid) = match self {
            Self::Header { name, .. } => ("header", name, valid(name, &is_plain)),
            Self::Query(name) => ("query parameter", name, valid(name, &is_plain)),
            Self::Cookie(name) => ("cookie", name, valid(name, &is_token)),
            Self::WebsocketProtocol(name) => ("subprotocol", name, valid(name, &is_plain)),
        };
        // RFC 9449 section 7.1: not for the scheme `DPoP`.
        let is_of_proxy = kind == "header" && name.eq_ignore_ascii_case("proxy-authorization");
        if is_of_proxy {
            return Some(format!(
                "must not name a header between client and proxy, found `{name}`"
            ));
        }
        (!is_valid).then(|| format!("must name a {kind}, found `{name}`"))
    }
}

impl TryFrom<TokenSourceDocument> for TokenSource {
    type Error = InvalidTokenSource;

    fn try_from(document: TokenSourceDocument) -> Result<Self, InvalidTokenSource> {
        let TokenSourceDocument { cookie, header, query, websocket_protocol, scheme } = document;
        if scheme.is_some() && header.is_none() {
            return Err(InvalidTokenSource::SchemeWithoutHeader);
        }
        let header = header.map(|name| Self::Header { name, scheme: scheme.unwrap_or_default() });
        let mut sources = [
            header,
            cookie.map(Self::Cookie),
            query.map(Self::Query),
            websocket_protocol.map(Self::WebsocketProtocol),
        ]
        .into_iter()
        .flatten();
        match (sources.next(), sources.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(InvalidTokenSource::NotOne),
        }
    }
}

impl From<TokenSource> for TokenSourceDocument {
    fn from(source: TokenSource) -> Self {
        let mut document = Self {
            cookie: None,
            header: None,
            query: None,
            websocket_protocol: None,
            scheme: None,
        };
        match source {
            TokenSource::Header { name, scheme } => {
                document.header = Some(name);
                document.scheme = Some(scheme).filter(|scheme| *scheme != TokenScheme::default());
            }
            TokenSource::Query(name) => document.query = Some(name),
            TokenSource::Cookie(name) => document.cookie = Some(name),
            TokenSource::WebsocketProtocol(name) => document.websocket_protocol = Some(name),
        }
        document
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::TokenSource;

    #[test]
    fn a_source_is_exactly_one_and_is_written_as_it_is_read() {
        for source in [
            json!({"header": "X"}),
            json!({"header": "X", "scheme": "none"}),
            json!({"query": "t"}),
            json!({"cookie": "__Host-session"}),
            json!({"websocket_protocol": "bearer"}),
        ] {
            let parsed: TokenSource = serde_json::from_value(source.clone()).unwrap();
            assert_eq!((serde_json::to_value(&parsed).unwrap(), parsed.error()), (source, None));
        }
        let one = "expected exactly one of `cookie`, `header`, `query` and `websocket_protocol`";
        for (source, error) in [
            (json!({}), one),
            (json!({"header": "X", "cookie": "c"}), one),
            (json!({"query": "t", "cookie": "c"}), one),
            (json!({"query": "t", "websocket_protocol": "c"}), one),
            (json!({"cookie": "c", "scheme": "none"}), "`scheme` is allowed with `header` only"),
            (json!({"scheme": "none"}), "`scheme` is allowed with `header` only"),
            (
                json!({"header": "X", "scheme": "basic"}),
                "unknown variant `basic`, expected `bearer` or `none`",
            ),
        ] {
            let found = serde_json::from_value::<TokenSource>(source.clone()).unwrap_err();
            assert_eq!(found.to_string(), error, "{source}");
        }
    }

    #[test]
    fn names_have_the_characters_of_their_place() {
        for (source, expected) in [
            (json!({"header": ""}), "must name a header, found ``"),
            (json!({"header": "a b"}), "must name a header, found `a b`"),
            (json!({"header": "a~"}), "must name a header, found `a~`"),
            (json!({"cookie": "a~!#$%&'*+-.^_`|"}), ""),
            (json!({"cookie": ""}), "must name a cookie, found ``"),
            (json!({"cookie": "a=b"}), "must name a cookie, found `a=b`"),
            (json!({"cookie": "a;b"}), "must name a cookie, found `a;b`"),
            (json!({"cookie": "a b"}), "must name a cookie, found `a b`"),
            (json!({"cookie": "é"}), "must name a cookie, found `é`"),
        ] {
            let parsed: TokenSource = serde_json::from_value(source).unwrap();
            assert_eq!(parsed.error().unwrap_or_default(), expected);
        }
    }
}
