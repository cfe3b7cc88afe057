//! The desired and the observed state of an API on AWS, and the plan from one to the other. Pure:
//! AWS is read and changed elsewhere.
//!
//! ```text
//! Api ─desired→ Desired ─┐
//! AWS ─────────→ Observed ┴plan→ Plan
//! ```

pub mod desired;
pub mod endpoint;
pub mod execution_role;
pub mod function;
pub mod history;
pub mod iam;
pub mod invoke_role;
pub mod json;
pub mod observed;
pub mod patch;
pub mod percent;
pub mod plan;
pub mod quota;
pub mod record;
pub mod revision;
pub mod stage_settings;
pub mod target;
