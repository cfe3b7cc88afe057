//! Puts APIs behind the authorizer, on AWS or on your laptop.
//!
//! ```text
//! openapi.yaml + portcullis.toml ─compiler→ Api ─┬→ authorizer.json                       (config)
//!                                                ├→ the document for AWS                  (export)
//!                                                ├deployment→ Plan ─apply→ aws            (deploy)
//!                                                ├→ the local gateway ─→ dev              (dev)
//!                                                └explain→ why a request ends as it does  (explain)
//! ```

pub mod apply;
pub mod cli;
pub mod command;
pub mod explain;
pub mod output;
