//! API Gateway's data plane on one machine: routing, identity, result cache, policy,
//! integration, and its words for every refusal. What it cannot do it refuses; nothing it
//! does not understand is admitted.
//!
//! ```text
//! request ─router→ route ─identity→ cache(now) ─authorizer→ policy(arn) ─integration→ response
//! ```
//!
//! [`router`], [`identity`], [`event`], [`cache`], [`throttle`], [`request_validation`],
//! [`template`], [`policy`] and [`gateway_response`] are pure; [`pipeline`] puts them in order,
//! [`loaded_api`] makes an API ready for it; [`server`],
//! [`authorizers`], [`functions`] and [`integration`] do the talking.

mod authorize;
pub mod authorizers;
pub mod cache;
pub mod clock;
pub mod event;
pub mod functions;
pub mod gateway_response;
mod header_case;
pub mod identity;
pub mod integration;
pub mod loaded_api;
pub mod pipeline;
pub mod policy;
pub mod request;
pub mod request_validation;
pub mod router;
pub mod server;
pub mod template;
pub mod throttle;
pub mod trace;

/// What stands in a method ARN where AWS has an account, a Region and an API id.
pub const ARN_PREFIX: &str = "arn:aws:execute-api:us-east-1:000000000000:local";
/// The API's id in that ARN.
pub const API_ID: &str = "local";
/// The account in that ARN.
pub const ACCOUNT: &str = "000000000000";
