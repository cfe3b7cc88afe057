//! Compiles, serves, deploys and operates REST APIs on Amazon API Gateway with the Portcullis
//! authorizer.
//!
//! ```text
//! openapi.yaml + portcullis.toml ─compiler→ Api ─┬→ authorizer.json                       (config)
//!                                                ├→ the document for AWS                  (export)
//!                                                ├deployment→ Plan ─apply→ aws            (deploy)
//!                                                ├→ the local gateway ─→ dev              (dev)
//!                                                └explain→ Explanation of a request       (explain)
//! ```

pub mod apply;
pub mod cli;
pub mod command;
pub mod explain;
pub mod output;
pub mod package;
pub mod program;
pub mod start;
