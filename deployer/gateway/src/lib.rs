//! API Gateway's data plane on one machine: routing, identity, result cache, policy,
//! integration, and its words for every refusal. What it cannot do it refuses; nothing it
//! does not understand is admitted.
//!
//! ```text
//! request ─router→ route ─identity→ cache(now) ─authorizer→ policy(arn) ─integration→ response
//! ```
//!
//! [`router`], [`identity`], [`event`], [`cache`], [`throttle`], [`checks`], [`mapping`],
//! [`policy`] and [`refusal`] are pure; [`pass`] puts them in order,
//! [`served`] makes an API ready for it; [`server`],
//! [`authorizers`], [`functions`] and [`integration`] do the talking.

mod admission;
pub mod authorizers;
pub mod backend;
pub mod cache;
pub mod checks;
pub mod clock;
pub mod event;
pub mod explanation;
pub mod functions;
mod header_case;
pub mod identity;
pub mod integration;
pub mod mapping;
pub mod pass;
pub mod policy;
pub mod refusal;
pub mod request;
pub mod router;
pub mod served;
pub mod server;
pub mod throttle;

/// What stands in a method ARN where AWS has an account, a Region and an API id.
pub const ARN_PREFIX: &str = "arn:aws:execute-api:us-east-1:000000000000:local";
/// The API's id in that ARN.
pub const API_ID: &str = "local";
/// The account in that ARN.
pub const ACCOUNT: &str = "000000000000";
