//! The parts of `deployer dev` around the gateway: a local issuer, an echo backend, example
//! requests, a page, and request test cases.

pub mod cases;
pub mod console;
pub mod echo;
pub mod examples;
pub mod issuer;
pub mod page;
pub mod serving;
