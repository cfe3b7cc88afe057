//! Texts as people write them: where everything stands in them, what they say, and what is
//! wrong with them.

pub mod diagnostic;
pub mod document;
pub mod manifest;
