//! OpenAPI documents: [`read()`] parses the user's, [`render()`] writes the one for AWS.

mod endpoint;
mod extension_places;
mod extensions;
mod misspelled;
mod parameter;
mod read;
mod references;
mod render;
mod resolve_security;
mod schema;
mod validators;

pub use endpoint::add_endpoint;
pub use read::{ParsedDocument, read};
pub use render::{remove_internal_extensions, render, render_definition, set_member};
