//! OpenAPI documents: [`read()`] parses the user's, [`render()`] writes the one for AWS.

mod endpoint;
mod extensions;
mod import;
mod read;
mod references;
mod render;
mod resolve_security;
mod schema;

pub use endpoint::add_endpoint;
pub use read::{ParsedDocument, read};
pub use render::{remove_internal_extensions, render, render_definition, set_member};
