//! API Gateway's data plane on one machine: routing, identity, result cache, policy, integration,
//! and API Gateway's own response for every refusal. It refuses whatever it does not support or
//! understand.
//!
//! ```text
//! request ─server→ pipeline ─router→ route ─limits→ ─authorize→ ─request_validation→ ─integration→ response
//!                                                        │
//!        identity → cache(now) ─or→ event ─authorizers→ result → policy(method ARN)
//!
//! a refusal at any step ─gateway_response→ response;  every request → trace
//! ```
//!
//! [`pipeline`] runs the steps in order. [`server`], [`client`], [`authorizers`], [`functions`] and
//! [`integration`] touch the network, only [`clock`] reads the clock, and the other steps are pure.

// Connections → requests → the steps below, in order.
pub mod server;

pub mod pipeline;

// The head of a request, and the case of its header names.
pub mod request;

mod header_case;

// Method and path → route.
pub mod router;

// Throttles, quotas and API keys.
mod limits;
pub mod throttle;

// Identity → cached authorizer result, or event → authorizer → new one → IAM's decision.
mod authorize;

pub mod identity;

pub mod cache;

pub mod event;

pub mod authorizers;
pub mod functions;

pub mod policy;

// Required parameters and models.
pub mod request_validation;

// The response: an integration's, or API Gateway's own.
pub mod integration;

pub mod gateway_response;
pub mod template;

// The records of a request.
mod access_log;
pub mod trace;

// The API, prepared once for all of its requests.
pub mod loaded_api;

// Shared parts of the steps.
pub mod body;
pub mod client;
pub mod clock;
pub mod ids;
mod sync;

/// The method ARN up to the stage: the account, Region and API id are local ones.
pub const ARN_PREFIX: &str = "arn:aws:execute-api:us-east-1:000000000000:local";
/// The API's id in that ARN.
pub const API_ID: &str = "local";
/// The account in that ARN.
pub const ACCOUNT: &str = "000000000000";
