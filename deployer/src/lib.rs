//! Puts APIs behind the authorizer, on AWS or on your laptop.
//!
//! ```text
//! openapi.yaml + portcullis.toml ─compile→ Api ─┬→ authorizer.json        (config)
//!                                               ├→ the document for AWS   (export)
//!                                               ├→ the local gateway      (dev)
//!                                               └→ why a request ends so  (explain)
//! ```

pub mod api;
pub mod cli;
pub mod command;
pub mod compile;
pub mod dev;
pub mod diagnostic;
pub mod document;
pub mod explain;
pub mod gateway;
pub mod lint;
pub mod manifest;
pub mod openapi;
pub mod output;
pub mod project;
