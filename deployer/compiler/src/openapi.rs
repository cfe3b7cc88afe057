//! OpenAPI documents: [`read()`] parses the user's, [`render()`] writes the one for AWS.

mod authorizer_members;
mod endpoint;
mod extension_places;
mod extensions;
mod external_scopes;
mod import;
mod method_auth;
mod misspelled;
mod overrides;
mod parameter;
mod read;
mod references;
mod render;
mod resolve_security;
mod schema;
mod validators;

pub use endpoint::add_endpoint;
pub use overrides::check_overrides;
pub use read::{ParsedDocument, read};
pub use render::{remove_internal_extensions, render, render_definition, set_member};
