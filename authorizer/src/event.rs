//! The event JSON that API Gateway sends → [`AuthorizationRequest`].
//!
//! Only what deciding needs is read, and borrowed where JSON allows it. Whatever a caller
//! can put into a header, a path or a query must never make this fail.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use crate::credential::HeaderValue;
use crate::error::Fault;
use crate::method_arn::MethodArn;

/// What kind of authorizer asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A REST API's authorizer that sends one header's value.
    Token,
    /// A REST API's authorizer that sends the request's headers and context.
    Request,
}

impl Kind {
    /// Returns the name that the event's `type` has for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Token => "TOKEN",
            Self::Request => "REQUEST",
        }
    }
}

/// Who wants what, as the gateway tells it.
#[derive(Debug)]
pub(crate) struct AuthorizationRequest<'a> {
    pub(crate) kind: Kind,
    pub(crate) method_arn: &'a str,
    pub(crate) authorization: HeaderValue<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    method_arn: Option<Cow<'a, str>>,
    #[serde(default)]
    authorization_token: Value,
    #[serde(default)]
    headers: Value,
    #[serde(default)]
    multi_value_headers: Value,
}

impl<'a> Event<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self, Fault> {
        serde_json::from_str(text)
            .map_err(|_| Fault::MalformedEvent("it is not a JSON object with the members of one"))
    }

    pub(crate) fn request(&self) -> Result<AuthorizationRequest<'_>, Fault> {
        let kind = match self.kind.as_deref() {
            Some("TOKEN") => Kind::Token,
            Some("REQUEST") => Kind::Request,
            Some(_) => {
                return Err(Fault::MalformedEvent("its `type` is neither TOKEN nor REQUEST"));
            }
            None => return Err(Fault::MalformedEvent("it has no `type`")),
        };
        let method_arn =
            self.method_arn.as_deref().ok_or(Fault::MalformedEvent("it has no `methodArn`"))?;
        let authorization = match kind {
            Kind::Token => HeaderValue::of_token(&self.authorization_token),
            Kind::Request => HeaderValue::of_headers(&self.headers, &self.multi_value_headers),
        };
        Ok(AuthorizationRequest { kind, method_arn, authorization })
    }
}

impl<'a> AuthorizationRequest<'a> {
    pub(crate) fn method(&self) -> Result<MethodArn<'a>, Fault> {
        MethodArn::parse(self.method_arn)
            .map_err(|_| Fault::MalformedEvent("its `methodArn` is not an execute-api method ARN"))
    }
}
