//! What `deployer dev` adds to the gateway: a local issuer, a backend that echoes, requests to
//! try, a page to look at it all, and cases to test it with.

pub mod cases;
pub mod console;
pub mod echo;
pub mod examples;
pub mod issuer;
pub mod page;
pub mod serving;
