//! A Lambda authorizer for Amazon API Gateway: verifies JWT access tokens and decides by a route
//! table.
//!
//! ```text
//! event JSON ─event→ AuthorizationRequest ─credential→ text ─token→ UnverifiedToken
//!   ─claims(now)→ PrevalidatedClaims ─keys(issuer, kid, now)→ key ─signature→ SignedToken
//!   ─into_verified→ VerifiedClaims ─possession→ ─grant(routes)→ Grant ─policy→ ─response→ JSON
//! ```
//!
//! A step that fails ends in an [`error::Rejection`] (caused by the caller: 401, or a policy that
//! does not allow the route: 403) or an [`error::Fault`] (caused by the operator or the issuer:
//! 500). Neither ever allows a request. Nothing here reads the clock or the environment; only
//! [`keys::fetch`] touches the network.

pub mod authorizer;

// Event JSON → the request to authorize.
mod event;
pub mod method_arn;

// The request → its one credential → an unverified token.
mod credential;
mod token;

// The claims, checked against the issuer's rules before any key is fetched.
mod claims;

// The signing keys: one key set per issuer.
pub mod jwk;
pub mod keys;

// Signature verification, and the cache of tokens that passed it.
pub mod signature;
mod verified_tokens;

// DPoP and client certificates.
mod possession;

// Verified claims + the route table → the granted routes → an IAM policy.
mod grant;
mod policy;
pub mod routes;

// The response for API Gateway, and the log and metrics records.
pub mod log_identity;
mod response;
pub mod telemetry;

// The routes that the function knows, for a deployer that does not release it.
pub mod description;

// The outcomes of a failed step.
pub mod error;

// The configuration and its parts.
mod claim_path;
mod claim_rule;
pub mod config;
pub mod issuer;
mod normalized_uri;
pub mod scope;
pub mod secure_url;

// Formats and units.
mod json;
mod pem;
pub mod time;

// Third-party test vectors, in tests only.
mod vectors;

pub use authorizer::{Authorizer, FunctionError, Outcome};
pub use config::Config;
pub use description::Description;
pub use response::AuthorizerResponse;
pub use time::UnixTime;
pub use token::MAX_TOKEN_BYTES;
