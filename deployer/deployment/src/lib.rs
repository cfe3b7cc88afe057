//! What an API is to be on AWS, what it is, and the plan from one to the other. Pure: AWS is
//! looked at and changed elsewhere.
//!
//! ```text
//! Api ─desired→ Desired ─┐
//! AWS ─────────→ Observed ┴plan→ Plan
//! ```

pub mod desired;
pub mod function;
pub mod iam;
pub mod observed;
pub mod plan;
pub mod record;
pub mod revision;
