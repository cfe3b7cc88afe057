//! Integrations: the response of a request that was authorized.

use http::Response;

use super::body::AnyBody;

pub mod compiled;
pub mod function;
pub mod http_proxy;
mod mapped;
pub mod mock;

/// An integration's response, and its description for the trace.
pub type Answered = (Response<AnyBody>, String);
