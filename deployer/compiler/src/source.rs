//! The user's files: their syntax trees with positions, the manifest, and diagnostics.

pub mod diagnostic;
pub mod document;
pub mod keys_file;
pub mod manifest;
pub mod revocation;
