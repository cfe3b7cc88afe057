//! AWS's validation of requests, which the emulators lack.
//!
//! Every request through the proxy is validated against the service models of the pinned botocore,
//! against the documented patch operations, and against a table of rules that no model contains.
//! What AWS refuses is refused as AWS does, and does not reach the emulator.
//!
//! The functions are pure: a rule that depends on the state of an account reads it through
//! [`state::State`].

pub mod method_settings;
pub mod model;
pub mod operation;
pub mod patches;
pub mod pattern;
pub mod rules;
pub mod state;
pub mod test_invoke;
pub mod validation;

use model::Service;
use operation::Call;
use state::State;

/// A request as the proxy received it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The verb.
    pub method: &'a str,
    /// The path with the query.
    pub target: &'a str,
    /// The request line and the headers.
    pub head: &'a str,
    /// The body.
    pub body: &'a [u8],
}

impl Request<'_> {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<String> {
        let found = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut found = found.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim().to_owned())
    }
}

/// The response of AWS to a request that it refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule that the request breaks.
    pub rule: &'static str,
    /// The status.
    pub status: u16,
    /// The code: in `x-amzn-ErrorType`, or in the XML of IAM and STS.
    pub code: &'static str,
    /// The message.
    pub message: String,
}

impl Refusal {
    /// Creates a refusal.
    pub fn new(
        rule: &'static str,
        status: u16,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { rule, status, code, message: message.into() }
    }

    /// API Gateway's 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new("", 400, "BadRequestException", message)
    }

    /// API Gateway's 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new("", 404, "NotFoundException", message)
    }

    /// API Gateway's 409.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new("", 409, "ConflictException", message)
    }

    /// The refusal of a body that cannot be read as the operation's input.
    fn serialization(service: Service, message: &str) -> Self {
        let code = if service.is_query() { "MalformedInput" } else { "SerializationException" };
        Self::new("model", 400, code, message)
    }

    fn unknown_operation(request: &Request<'_>) -> Self {
        let message = format!("no operation of the models: {} {}", request.method, request.target);
        Self::new("model", 403, "MissingAuthenticationTokenException", message)
    }
}

/// Returns the call of a request that AWS accepts.
pub fn check(request: &Request<'_>, state: &State<'_>) -> Result<Call, Refusal> {
    let call = Call::read(request)?;
    validation::validate(&call)?;
    patches::check(&call)?;
    rules::check(&call, state)?;
    Ok(call)
}
