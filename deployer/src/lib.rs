//! Puts APIs behind the authorizer, on AWS or on your laptop.
//!
//! ```text
//! openapi.yaml + portcullis.toml ─compile→ Api ─┬→ authorizer.json        (config)
//!                                               ├→ the document for AWS   (export)
//!                                               ├→ the local gateway      (dev)
//!                                               └→ why a request ends so  (explain)
//! ```

pub mod api;
pub mod apply;
pub mod aws;
pub mod cli;
pub mod clock;
pub mod command;
pub mod compile;
pub mod desired;
pub mod dev;
pub mod diagnostic;
pub mod document;
pub mod draft;
pub mod explain;
pub mod fingerprint;
pub mod function;
pub mod gateway;
pub mod iam;
pub mod lint;
pub mod manifest;
pub mod observed;
pub mod openapi;
pub mod output;
pub mod plan;
pub mod project;
pub mod revision;
