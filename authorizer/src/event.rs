//! The event JSON that API Gateway sends → [`AuthorizationRequest`].
//!
//! Only the members that a decision needs are read, borrowed where JSON allows it. No header,
//! path or query that a caller can send makes parsing fail.

use serde::{Deserialize, Serialize};

use crate::error::Fault;
use crate::method_arn::MethodArn;

mod cookies;
mod lenient;

use lenient::{Fields, Object, Text, Texts, Values};

/// The kind of an authorizer event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum EventKind {
    /// `TOKEN` event of a REST API: the value of one header.
    Token,
    /// `REQUEST` event of a REST API, or of an HTTP API with payload format 1.0.
    Request,
    /// `REQUEST` event of an HTTP API with payload format 2.0.
    Http,
    /// `REQUEST` event of a WebSocket API, sent for `$connect`.
    WebSocket,
}

/// The request to authorize.
#[derive(Debug)]
pub(crate) struct AuthorizationRequest<'a> {
    pub(crate) kind: EventKind,
    pub(crate) method_arn: &'a str,
    event: &'a Event<'a>,
}

/// A header, query parameter or cookie of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    Missing,
    One(&'a str),
    /// Several values, or a value that is not a string.
    Ambiguous,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    method_arn: Text<'a>,
    #[serde(borrow, default)]
    route_arn: Text<'a>,
    #[serde(borrow, default)]
    authorization_token: Text<'a>,
    #[serde(borrow, default)]
    headers: Fields<'a, Text<'a>>,
    #[serde(borrow, default)]
    multi_value_headers: Fields<'a, Values<'a>>,
    #[serde(borrow, default)]
    cookies: Texts<'a>,
    #[serde(borrow, default)]
    query_string_parameters: Fields<'a, Text<'a>>,
    #[serde(borrow, default)]
    multi_value_query_string_parameters: Fields<'a, Values<'a>>,
    #[serde(borrow, default)]
    request_context: Object<Context<'a>>,
}

/// The members of `requestContext` that are read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Context<'a> {
    #[serde(borrow)]
    event_type: Text<'a>,
    #[serde(borrow)]
    http_method: Text<'a>,
    #[serde(borrow)]
    path: Text<'a>,
    #[serde(borrow)]
    domain_name: Text<'a>,
    #[serde(borrow)]
    request_id: Text<'a>,
    #[serde(borrow)]
    extended_request_id: Text<'a>,
    #[serde(borrow)]
    http: Object<Http<'a>>,
    #[serde(borrow)]
    identity: Object<Identity<'a>>,
    #[serde(borrow)]
    authentication: Object<Identity<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Http<'a> {
    #[serde(borrow)]
    method: Text<'a>,
    #[serde(borrow)]
    path: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Identity<'a> {
    #[serde(borrow)]
    client_cert: Object<ClientCert<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ClientCert<'a> {
    #[serde(borrow)]
    client_cert_pem: Text<'a>,
}

/// Returns an event's text with U+FFFD in place of each unpaired surrogate (`\ud800`), which JSON can
/// escape and no Unicode text can contain: such a header is invalid, and not a fault. `None` without
/// one.
pub(crate) fn replace_unpaired_surrogates(text: &str) -> Option<String> {
    let mut replaced = String::with_capacity(text.len());
    let mut is_replaced = false;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        replaced.push_str(before);
        let (escape, following) = match (code_unit(after), after.get(5..)) {
            (Some(0xd800..=0xdbff), Some(following)) => {
                let low = following.strip_prefix('\\').and_then(code_unit);
                let is_pair = matches!(low, Some(0xdc00..=0xdfff));
                let length = if is_pair { 11 } else { 5 };
                is_replaced |= !is_pair;
                (if is_pair { after.get(..11) } else { Some("ufffd") }, after.get(length..))
            }
            (Some(0xdc00..=0xdfff), following) => {
                is_replaced = true;
                (Some("ufffd"), following)
            }
            // The character after the backslash may be another one.
            _ => (after.get(..1), after.get(1..)),
        };
        replaced.push('\\');
        replaced.push_str(escape?);
        rest = following?;
    }
    replaced.push_str(rest);
    is_replaced.then_some(replaced)
}

/// Reads `uXXXX`.
fn code_unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix('u')?.get(..4)?, 16).ok()
}

impl<'a> Event<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, Fault> {
        serde_json::from_str(text).map_err(|_| Fault::MalformedEvent("not a JSON object"))
    }

    pub(crate) fn request(&self) -> Result<AuthorizationRequest<'_>, Fault> {
        let kind = match (self.kind.as_str(), self.version.as_str()) {
            (Some("TOKEN"), _) => EventKind::Token,
            (Some("REQUEST"), Some("2.0")) => EventKind::Http,
            (Some("REQUEST"), _) if self.is_connect() => EventKind::WebSocket,
            (Some("REQUEST"), _) => EventKind::Request,
            (Some(_), _) => {
                return Err(Fault::MalformedEvent("unknown `type`, expected TOKEN or REQUEST"));
            }
            (None, _) => return Err(Fault::MalformedEvent("missing `type`")),
        };
        let arn = if kind == EventKind::Http { &self.route_arn } else { &self.method_arn };
        let method_arn =
            arn.as_str().ok_or(Fault::MalformedEvent("missing `methodArn` or `routeArn`"))?;
        Ok(AuthorizationRequest { kind, method_arn, event: self })
    }

    fn is_connect(&self) -> bool {
        self.request_context.event_type.as_str() == Some("CONNECT")
    }
}

impl<'a> AuthorizationRequest<'a> {
    pub(crate) fn method(&self) -> Result<MethodArn<'a>, Fault> {
        MethodArn::parse(self.method_arn)
            .map_err(|_| Fault::MalformedEvent("invalid `methodArn` or `routeArn`"))
    }

    /// Returns the `authorizationToken` of a TOKEN event.
    pub(crate) fn authorization_token(&self) -> Field<'a> {
        Field::of(&self.event.authorization_token)
    }

    /// Returns a header. Names are compared case-insensitively (RFC 9110 section 5.1).
    pub(crate) fn header(&self, name: &str) -> Field<'a> {
        let same = |found: &str| found.eq_ignore_ascii_case(name);
        Field::find(&self.event.headers, &self.event.multi_value_headers, same)
    }

    /// Returns a query parameter.
    pub(crate) fn query(&self, name: &str) -> Field<'a> {
        let (single, multiple) =
            (&self.event.query_string_parameters, &self.event.multi_value_query_string_parameters);
        Field::find(single, multiple, |found| found == name)
    }

    /// Returns a cookie. The result cache may be keyed by one of several `Cookie` headers: a policy for
    /// the token in another one would then be returned to a different caller. Several are therefore
    /// ambiguous, as are several cookies of one name.
    pub(crate) fn cookie(&self, name: &str) -> Field<'a> {
        let header = self.header("cookie");
        match (self.kind, header) {
            // Payload 2.0 has the cookies in a list, and not among the headers.
            (EventKind::Http, Field::Missing) => self
                .event
                .cookies
                .iter()
                .map(Field::of)
                .fold(Field::Missing, |found, cookies| found.combine(cookies.cookie(name))),
            (EventKind::Http, _) => Field::Ambiguous,
            _ => header.cookie(name),
        }
    }

    /// Returns the client certificate in PEM, if API Gateway verified one (mutual TLS).
    pub(crate) fn client_certificate(&self) -> Option<&'a str> {
        let context = &self.event.request_context;
        let caller = match self.kind {
            EventKind::Http => &context.authentication,
            _ => &context.identity,
        };
        caller.client_cert.client_cert_pem.as_str()
    }

    /// Returns API Gateway's id of the request, and the extended one; a TOKEN event has neither.
    pub(crate) fn gateway_ids(&self) -> (Option<&'a str>, Option<&'a str>) {
        let context = &self.event.request_context;
        (context.request_id.as_str(), context.extended_request_id.as_str())
    }

    /// Returns the HTTP method as the client sent it.
    pub(crate) fn http_method(&self) -> Option<&'a str> {
        let context = &self.event.request_context;
        match self.kind {
            EventKind::Http => context.http.method.as_str(),
            _ => context.http_method.as_str(),
        }
    }

    /// Returns host and path of the request at API Gateway. Only a client's `Host` header replaces a
    /// missing domain name.
    pub(crate) fn target(&self) -> Option<(&'a str, &'a str)> {
        let context = &self.event.request_context;
        let path = match self.kind {
            EventKind::Http => &context.http.path,
            _ => &context.path,
        };
        match (Field::of(&context.domain_name), self.header("host")) {
            (Field::One(host), _) | (Field::Missing, Field::One(host)) => {
                Some((host, path.as_str()?))
            }
            _ => None,
        }
    }
}

impl<'a> Field<'a> {
    fn of(text: &'a Text<'_>) -> Self {
        match text {
            Text::Missing => Self::Missing,
            Text::One(text) => Self::One(text),
            Text::Ambiguous => Self::Ambiguous,
        }
    }

    /// Finds a field by its name. The multi-value map takes precedence: API Gateway's
    /// single-value map holds only the last of several values.
    fn find(
        single: &'a Fields<'_, Text<'_>>,
        multiple: &'a Fields<'_, Values<'_>>,
        matches: impl Fn(&str) -> bool,
    ) -> Self {
        let combined = |found: Self, text| found.combine(Self::of(text));
        let values = multiple.values_of(&matches).map(Values::text);
        match values.fold(Self::Missing, combined) {
            Self::Missing => single.values_of(&matches).fold(Self::Missing, combined),
            found => found,
        }
    }

    /// Returns a cookie in a `Cookie` header.
    fn cookie(self, name: &str) -> Self {
        match self {
            Self::One(header) => cookies::values_of(header, name)
                .fold(Self::Missing, |found, value| found.combine(Self::One(value))),
            other => other,
        }
    }

    fn combine(self, other: Self) -> Self {
        match (self, other) {
            (Self::Missing, one) | (one, Self::Missing) => one,
            _ => Self::Ambiguous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Field;
    use serde_json::{Value, json};

    #[test]
    fn header_names_are_case_insensitive_and_several_values_are_ambiguous() {
        let none = Value::Null;
        for (single, multiple, expected) in [
            (json!({"Authorization": "x"}), none.clone(), Field::One("x")),
            (json!({"aUTHORIZATION": "x"}), none.clone(), Field::One("x")),
            (json!({"Authorization": "x", "authorization": "x"}), none.clone(), Field::Ambiguous),
            (json!({"authorization": "y"}), json!({"authorization": ["x", "y"]}), Field::Ambiguous),
            (json!({"authorization": "x"}), json!({"authorization": ["x"]}), Field::One("x")),
            (
                none.clone(),
                json!({"authorization": ["x"], "Authorization": ["y"]}),
                Field::Ambiguous,
            ),
            (json!({"authorization": "x"}), json!({"authorization": []}), Field::One("x")),
            (json!({"authorization": "x"}), json!({"authorization": [["x"]]}), Field::Ambiguous),
            (json!({"authorization": null}), json!({"authorization": null}), Field::Missing),
            (json!({"authorization": 7}), none.clone(), Field::Ambiguous),
            (json!([]), json!("x"), Field::Missing),
            (none.clone(), none.clone(), Field::Missing),
        ] {
            let (single, multiple) = (single.to_string(), multiple.to_string());
            let fields = serde_json::from_str(&single).unwrap();
            let values = serde_json::from_str(&multiple).unwrap();
            let same = |name: &str| name.eq_ignore_ascii_case("authorization");
            assert_eq!(Field::find(&fields, &values, same), expected, "{single} {multiple}");
        }
    }
}
