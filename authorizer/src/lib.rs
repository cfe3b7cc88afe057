//! Decides who may call what behind Amazon API Gateway.
//!
//! ```text
//! event JSON ─event→ AuthorizationRequest ─credential→ text ─token→ UnverifiedToken
//!   ─claims(now)→ PrevalidatedClaims ─keys(issuer, kid, now)→ key ─signature→ SignedToken
//!   ─into_verified→ VerifiedClaims ─possession→ ─grant(routes)→ Grant ─policy→ ─response→ JSON
//! ```
//!
//! A step that fails ends in a [`error::Rejection`] (the caller's: 401, or a policy that does
//! not open the route: 403) or a [`error::Fault`] (ours: 500). Neither is ever Allow. Nothing
//! here reads the clock or the environment; only [`keys::fetch`] touches the network.

pub mod authorizer;

// Event JSON → who calls which method.
mod event;
pub mod method_arn;

// The request → its one credential → an unverified token.
mod credential;
mod token;

// The claims, checked against the issuer's rules before anything is fetched for them.
mod claims;

// The issuer's keys, one key set an issuer.
pub mod jwk;
pub mod keys;

// The signature, and the tokens whose signature was verified before.
pub mod signature;
mod verified_tokens;

// DPoP and client certificates.
mod possession;

// Verified claims + the route table → what the caller may call → an IAM policy.
mod grant;
mod policy;
pub mod routes;

// The answer for API Gateway, and the record for logs and metrics.
mod response;
pub mod telemetry;

// The outcomes of a failed step.
pub mod error;

// The configuration and what it is made of.
mod claim_path;
mod claim_rule;
pub mod config;
pub mod issuer;
pub mod scope;
pub mod secure_url;

// Formats and units.
mod json;
mod pem;
pub mod time;

pub use authorizer::{Authorizer, FunctionError, Outcome};
pub use config::Config;
pub use response::AuthorizerResponse;
pub use time::UnixTime;
pub use token::MAX_TOKEN_BYTES;
