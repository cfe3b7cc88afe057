//! The event JSON that API Gateway sends → [`AuthorizationRequest`].
//!
//! Only what deciding needs is read, and borrowed where JSON allows it. Whatever a caller
//! can put into a header, a path or a query must never make this fail.

use serde::{Deserialize, Serialize};

use crate::error::Fault;
use crate::method_arn::MethodArn;

mod lenient;

use lenient::{Fields, Part, Text, Values};

/// The kind of an authorizer event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum EventKind {
    /// A REST API's authorizer that sends one header's value.
    Token,
    /// A REST API's, or an HTTP API's with payload 1.0, that sends headers and context.
    Request,
    /// An HTTP API's with payload 2.0.
    Http,
    /// A WebSocket API's, when a client connects.
    WebSocket,
}

/// Who wants what, as the gateway tells it.
#[derive(Debug)]
pub(crate) struct AuthorizationRequest<'a> {
    pub(crate) kind: EventKind,
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
    query_string_parameters: Fields<'a, Text<'a>>,
    #[serde(borrow, default)]
    multi_value_query_string_parameters: Fields<'a, Values<'a>>,
    #[serde(borrow, default)]
    request_context: Part<Context<'a>>,
}

/// `requestContext`, as far as it counts.
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
    http: Part<Http<'a>>,
    #[serde(borrow)]
    identity: Part<Identity<'a>>,
    #[serde(borrow)]
    authentication: Part<Identity<'a>>,
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
    client_cert: Part<ClientCert<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ClientCert<'a> {
    #[serde(borrow)]
    client_cert_pem: Text<'a>,
}

impl<'a> Event<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self, Fault> {
        serde_json::from_str(text)
            .map_err(|_| Fault::MalformedEvent("it is not a JSON object with the members of one"))
    }

    pub(crate) fn request(&self) -> Result<AuthorizationRequest<'_>, Fault> {
        let kind = match (self.kind.as_str(), self.version.as_str()) {
            (Some("TOKEN"), _) => EventKind::Token,
            (Some("REQUEST"), Some("2.0")) => EventKind::Http,
            (Some("REQUEST"), _) if self.connects() => EventKind::WebSocket,
            (Some("REQUEST"), _) => EventKind::Request,
            (Some(_), _) => {
                return Err(Fault::MalformedEvent("its `type` is neither TOKEN nor REQUEST"));
            }
            (None, _) => return Err(Fault::MalformedEvent("it has no `type`")),
        };
        let arn = if kind == EventKind::Http { &self.route_arn } else { &self.method_arn };
        let method_arn =
            arn.as_str().ok_or(Fault::MalformedEvent("it has no `methodArn` or `routeArn`"))?;
        Ok(AuthorizationRequest { kind, method_arn, event: self })
    }

    fn connects(&self) -> bool {
        self.request_context.event_type.as_str() == Some("CONNECT")
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
        let caller = match self.kind {
            EventKind::Http => &context.authentication,
            _ => &context.identity,
        };
        caller.client_cert.client_cert_pem.as_str()
    }

    /// Returns method, host and path of the request as its client sent it.
    pub(crate) fn target(&self) -> Option<(&'a str, &'a str, &'a str)> {
        let context = &self.event.request_context;
        let (method, path) = match self.kind {
            EventKind::Http => (&context.http.method, &context.http.path),
            _ => (&context.http_method, &context.path),
        };
        let host = match self.header("host") {
            Field::One(host) => Some(host),
            _ => context.domain_name.as_str(),
        };
        Some((method.as_str()?, host?, path.as_str()?))
    }
}

impl<'a> Field<'a> {
    fn of(text: &'a Text<'_>) -> Self {
        match text {
            Text::Missing => Self::Missing,
            Text::One(text) => Self::One(text),
            Text::Unclear => Self::Unclear,
        }
    }

    /// API Gateway's single-value map keeps only the last of several values, so the
    /// multi-value map decides where it has the field.
    fn find(
        single: &'a Fields<'_, Text<'_>>,
        multiple: &'a Fields<'_, Values<'_>>,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Self {
        let both = |found: Self, text| found.and(Self::of(text));
        let values = multiple.named(&is_wanted).map(Values::text);
        match values.fold(Self::Missing, both) {
            Self::Missing => single.named(&is_wanted).fold(Self::Missing, both),
            found => found,
        }
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
            (json!({"authorization": "x"}), json!({"authorization": []}), Field::One("x")),
            (json!({"authorization": "x"}), json!({"authorization": [["x"]]}), Field::Unclear),
            (json!({"authorization": null}), json!({"authorization": null}), Field::Missing),
            (json!({"authorization": 7}), none.clone(), Field::Unclear),
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
