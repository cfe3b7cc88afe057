//! What `deployer dev` adds to the gateway: a local issuer, a backend that echoes, and
//! requests to try.

pub mod backend;
pub mod console;
pub mod examples;
pub mod issuer;
