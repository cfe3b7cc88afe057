//! Decides who may call what behind Amazon API Gateway.
//!
//! ```text
//! event JSON ─event→ AuthorizationRequest ─credential→ text ─token→ UnverifiedToken
//!   ─keys(issuer, kid, now)→ key ─signature→ SignedToken ─claims(now)→ VerifiedClaims
//!   ─grant(routes)→ Grant ─policy→ PolicyDocument ─response→ JSON
//! ```
//!
//! A step that fails ends in a [`error::Rejection`] (the caller's: 401, or a policy that does
//! not open the route: 403) or a [`error::Fault`] (ours: 500). Neither is ever Allow. Nothing
//! here reads the clock or the environment; only [`keys::fetch`] touches the network.

pub mod authorizer;
mod claim_path;
mod claim_rule;
mod claims;
pub mod config;
mod credential;
pub mod error;
mod event;
mod grant;
pub mod issuer;
mod json;
pub mod jwk;
pub mod keys;
pub mod method_arn;
mod pem;
mod policy;
mod possession;
mod response;
pub mod routes;
pub mod scope;
pub mod secure_url;
pub mod signature;
pub mod telemetry;
pub mod time;
mod token;
mod verified_tokens;

pub use authorizer::{Authorizer, FunctionError, Outcome};
pub use config::Config;
pub use response::Answer;
pub use time::UnixTime;
