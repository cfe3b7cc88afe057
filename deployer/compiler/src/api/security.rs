//! The access control of an operation.

use std::collections::BTreeSet;
use std::fmt;

use authorizer::routes::Requirement;

/// The access control of an operation. There is no variant for a missing one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Security {
    /// An API key.
    ApiKey,
    /// IAM authorization with a signed request.
    AwsIam,
    /// An authorizer that the document declares itself.
    External {
        /// The name of the security scheme.
        scheme: String,
        /// The scopes of which a Cognito user pool's token must have one.
        scopes: BTreeSet<String>,
        /// True if an API key is required as well.
        api_key: bool,
    },
    /// A token that a managed authorizer accepts, with the required scopes.
    Jwt {
        /// The name of the security scheme and the authorizer.
        authorizer: String,
        /// The required scopes.
        requirement: Requirement,
        /// True if an API key is required as well.
        api_key: bool,
    },
    /// Explicitly public.
    Public,
}

impl Security {
    /// Returns the security scheme of the operation's authorizer, if it has one.
    pub fn scheme(&self) -> Option<&str> {
        match self {
            Self::Jwt { authorizer: name, .. } | Self::External { scheme: name, .. } => Some(name),
            Self::ApiKey | Self::AwsIam | Self::Public => None,
        }
    }
}

impl fmt::Display for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiKey => f.write_str("API key"),
            Self::AwsIam => f.write_str("AWS_IAM"),
            Self::External { scheme, scopes, api_key } => {
                let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
                let scopes = if scopes.is_empty() {
                    String::new()
                } else {
                    format!(" [{}]", scopes.join(" or "))
                };
                write!(f, "{scheme}{scopes} (external)")?;
                if *api_key { f.write_str(" and API key") } else { Ok(()) }
            }
            Self::Jwt { authorizer, requirement, api_key } => {
                write!(f, "{authorizer} [{requirement}]")?;
                if *api_key { f.write_str(" and API key") } else { Ok(()) }
            }
            Self::Public => f.write_str("public"),
        }
    }
}
