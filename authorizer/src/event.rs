//! The event JSON that API Gateway sends → [`AuthorizationRequest`].
//!
//! Only what deciding needs is read, and borrowed where JSON allows it. Whatever a caller
//! can put into a header, a path or a query must never make this fail.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use crate::error::Fault;
use crate::method_arn::MethodArn;

/// What kind of authorizer asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A REST API's authorizer that sends one header's value.
    Token,
    /// A REST API's, or an HTTP API's with payload 1.0, that sends headers and context.
    Request,
    /// An HTTP API's with payload 2.0.
    Http,
    /// A WebSocket API's, when a client connects.
    WebSocket,
}

impl Kind {
    /// Returns its name for logs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Token => "TOKEN",
            Self::Request => "REQUEST",
            Self::Http => "HTTP",
            Self::WebSocket => "WEBSOCKET",
        }
    }
}

/// Who wants what, as the gateway tells it.
#[derive(Debug)]
pub(crate) struct AuthorizationRequest<'a> {
    pub(crate) kind: Kind,
    pub(crate) method_arn: &'a str,
    event: &'a Event<'a>,
}

/// A header or parameter, as the gateway passed it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    Missing,
    One(&'a str),
    /// Several values, or something that is none.
    Unclear,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    method_arn: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    route_arn: Option<Cow<'a, str>>,
    #[serde(default)]
    authorization_token: Value,
    #[serde(default)]
    headers: Value,
    #[serde(default)]
    multi_value_headers: Value,
    #[serde(default)]
    query_string_parameters: Value,
    #[serde(default)]
    multi_value_query_string_parameters: Value,
    #[serde(default)]
    request_context: Value,
}

impl<'a> Event<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self, Fault> {
        serde_json::from_str(text)
            .map_err(|_| Fault::MalformedEvent("it is not a JSON object with the members of one"))
    }

    pub(crate) fn request(&self) -> Result<AuthorizationRequest<'_>, Fault> {
        let kind = match (self.kind.as_deref(), self.version.as_deref()) {
            (Some("TOKEN"), _) => Kind::Token,
            (Some("REQUEST"), Some("2.0")) => Kind::Http,
            (Some("REQUEST"), _) if self.connects() => Kind::WebSocket,
            (Some("REQUEST"), _) => Kind::Request,
            (Some(_), _) => {
                return Err(Fault::MalformedEvent("its `type` is neither TOKEN nor REQUEST"));
            }
            (None, _) => return Err(Fault::MalformedEvent("it has no `type`")),
        };
        let arn = if kind == Kind::Http { &self.route_arn } else { &self.method_arn };
        let method_arn =
            arn.as_deref().ok_or(Fault::MalformedEvent("it has no `methodArn` or `routeArn`"))?;
        Ok(AuthorizationRequest { kind, method_arn, event: self })
    }

    fn connects(&self) -> bool {
        self.request_context.get("eventType").is_some_and(|event| event == "CONNECT")
    }
}

impl<'a> AuthorizationRequest<'a> {
    pub(crate) fn method(&self) -> Result<MethodArn<'a>, Fault> {
        MethodArn::parse(self.method_arn)
            .map_err(|_| Fault::MalformedEvent("its `methodArn` is not an execute-api method ARN"))
    }

    /// Returns the value of a TOKEN event's header.
    pub(crate) fn authorization_token(&self) -> Field<'a> {
        Field::of(&self.event.authorization_token)
    }

    /// Finds a header. Names are compared without case (RFC 9110 section 5.1).
    pub(crate) fn header(&self, name: &str) -> Field<'a> {
        let same = |found: &str| found.eq_ignore_ascii_case(name);
        Field::find(&self.event.headers, &self.event.multi_value_headers, same)
    }

    /// Finds a parameter of the query.
    pub(crate) fn query(&self, name: &str) -> Field<'a> {
        let (single, multiple) =
            (&self.event.query_string_parameters, &self.event.multi_value_query_string_parameters);
        Field::find(single, multiple, |found| found == name)
    }

    /// Returns the client's certificate, in PEM, where the gateway asked for one.
    pub(crate) fn client_certificate(&self) -> Option<&'a str> {
        let context = &self.event.request_context;
        let place = match self.kind {
            Kind::Http => "/authentication/clientCert/clientCertPem",
            _ => "/identity/clientCert/clientCertPem",
        };
        context.pointer(place)?.as_str()
    }

    /// Returns method, host and path of the request as its client sent it.
    pub(crate) fn target(&self) -> Option<(&'a str, &'a str, &'a str)> {
        let context = &self.event.request_context;
        let (method, path) = match self.kind {
            Kind::Http => ("/http/method", "/http/path"),
            _ => ("/httpMethod", "/path"),
        };
        let text = |place: &str| context.pointer(place)?.as_str();
        let host = match self.header("host") {
            Field::One(host) => Some(host),
            _ => text("/domainName"),
        };
        Some((text(method)?, host?, text(path)?))
    }
}

impl<'a> Field<'a> {
    fn of(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Missing,
            Value::String(text) => Self::One(text),
            _ => Self::Unclear,
        }
    }

    /// API Gateway's single-value map keeps only the last of several values, so the
    /// multi-value map decides where it has the field.
    fn find(single: &'a Value, multiple: &'a Value, is_wanted: impl Fn(&str) -> bool) -> Self {
        let mut found = Self::Missing;
        for (name, values) in multiple.as_object().into_iter().flatten() {
            if is_wanted(name) {
                match values.as_array().map(Vec::as_slice) {
                    Some([]) | None => {}
                    Some([value]) => found = found.and(Self::of(value)),
                    Some(_) => return Self::Unclear,
                }
            }
        }
        if found != Self::Missing {
            return found;
        }
        for (name, value) in single.as_object().into_iter().flatten() {
            if is_wanted(name) {
                found = found.and(Self::of(value));
            }
        }
        found
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Missing, one) | (one, Self::Missing) => one,
            _ => Self::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Field;
    use serde_json::{Value, json};

    #[test]
    fn a_header_is_found_in_any_case_and_must_be_single() {
        let none = Value::Null;
        for (single, multiple, expected) in [
            (json!({"Authorization": "x"}), none.clone(), Field::One("x")),
            (json!({"aUTHORIZATION": "x"}), none.clone(), Field::One("x")),
            (json!({"Authorization": "x", "authorization": "x"}), none.clone(), Field::Unclear),
            (json!({"authorization": "y"}), json!({"authorization": ["x", "y"]}), Field::Unclear),
            (json!({"authorization": "x"}), json!({"authorization": ["x"]}), Field::One("x")),
            (none.clone(), json!({"authorization": ["x"], "Authorization": ["y"]}), Field::Unclear),
            (json!({"authorization": null}), json!({"authorization": null}), Field::Missing),
            (json!({"authorization": 7}), none.clone(), Field::Unclear),
            (json!([]), json!("x"), Field::Missing),
            (none.clone(), none.clone(), Field::Missing),
        ] {
            let same = |name: &str| name.eq_ignore_ascii_case("authorization");
            assert_eq!(Field::find(&single, &multiple, same), expected, "{single} {multiple}");
        }
    }
}
