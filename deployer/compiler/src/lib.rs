//! OpenAPI document and `portcullis.toml` → [`api::Api`], the source of the authorizer's route
//! table, the API definition for AWS and the local gateway.
//!
//! ```text
//! files ─project→ text ─source→ Manifest, Node ─openapi→ operations ─compile→ Api ─┬→ authorizer.json
//!                                                             lint → diagnostics  └definition→ ApiDefinition ─openapi→ document
//! ```
//!
//! Only [`project`] touches the file system.

pub mod api;
pub mod compile;
pub mod definition;
pub mod fingerprint;
pub mod openapi;
pub mod project;
pub mod source;
