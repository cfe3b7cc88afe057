//! Lambda functions: their versions and aliases, their publication, and the permission to invoke
//! them.

mod aliases;
mod configuration;
mod functions;
mod permissions;
mod publish;
mod qualifier;
mod versions;
mod waits;

pub use publish::PublishRequest;
pub use versions::VersionState;
