//! OpenAPI documents: [`read()`] takes the API team's, [`render()`] writes the one for AWS.

mod read;
mod render;
mod resolve_security;
mod schema;

pub use read::{Operations, read};
pub use render::{document, importable, render, set};
