//! Integrations: the response to an authorized request.

use http::Response;

use super::body::AnyBody;

pub mod compiled;
pub mod function;
pub mod http_proxy;
mod mapped;
pub mod mock;

/// An integration's response, and its description for the trace.
pub type DescribedResponse = (Response<AnyBody>, String);
