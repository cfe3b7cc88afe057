//! What answers an operation.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// What answers an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Integration {
    /// A backend, which gets the request as it is.
    HttpProxy(HttpProxy),
    /// API Gateway itself.
    Mock(MockIntegration),
    /// Something the document describes and that only AWS can do.
    Other {
        /// `aws_proxy`, `aws` or `http`.
        kind: String,
        /// The extension as written.
        raw: Json,
    },
}

/// A backend.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpProxy {
    /// The URI, with `{name}` where a path parameter goes.
    pub uri: String,
    /// The method the backend gets; the request's own if there is none.
    pub method: Option<String>,
    /// How long it may take, 50 to 29,000 milliseconds.
    pub timeout_ms: u32,
    /// The extension as written, if it was not made from the default.
    pub raw: Option<Json>,
}

/// An answer without a backend.
#[derive(Clone, Debug, PartialEq)]
pub struct MockIntegration {
    /// The status.
    pub status: u16,
    /// The body as it is.
    pub body: String,
    /// Headers with fixed values.
    pub headers: BTreeMap<String, String>,
    /// The extension as written, if it was not made from the default.
    pub raw: Option<Json>,
}

/// What API Gateway waits at most, and unless told otherwise.
pub(crate) const MAX_TIMEOUT_MS: u32 = 29_000;

impl HttpProxy {
    /// Makes the integration that passes a path through to a base URL.
    pub(crate) fn at(base: &str, path: &str) -> Self {
        // `{proxy+}` is called `{proxy}` in a URI.
        let path = path.replace("+}", "}");
        let path = if path == "/" { "" } else { &path };
        let uri = format!("{}{path}", base.trim_end_matches('/'));
        Self { uri, method: None, timeout_ms: MAX_TIMEOUT_MS, raw: None }
    }
}
