//! API Gateway: what is there, and how it is changed.

mod read;
mod write;

pub use read::{Found, Listed, MethodSummary};
pub use write::{Checked, MethodsNow, UsagePlanStep};
