//! End-to-end tests of what users do, from the first command to a response.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a failing test panics"
)]

mod access_log;
mod automation;
mod bad_input;
mod bundled_keys;
mod data_plane;
mod function;
mod gateway;
mod infra;
mod isolation;
mod local_tools;
#[path = "../../authorizer/tests/decisions/mint.rs"]
mod mint;
mod on_aws;
mod page;
mod parity;
mod provider;
mod readme;
mod release;
mod side_by_side;
mod strict_aws;
mod token_locations;
