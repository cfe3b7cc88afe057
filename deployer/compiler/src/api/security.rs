//! Who may call an operation.

use std::collections::BTreeSet;
use std::fmt;

use authorizer::routes::Requirement;

/// Who may call an operation. There is no variant for "not said".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Security {
    /// Whoever has an API key.
    ApiKey,
    /// Whoever may call it by IAM, with a signed request.
    AwsIam,
    /// Whom an authorizer admits that the document brings along and that is not ours.
    External {
        /// The security scheme's name.
        scheme: String,
        /// The scopes that a Cognito user pool's token must have one of.
        scopes: BTreeSet<String>,
        /// Whether an API key is needed as well.
        api_key: bool,
    },
    /// Whoever has a token that our authorizer takes and that opens the route.
    Jwt {
        /// The security scheme's and the authorizer's name.
        authorizer: String,
        /// Which scopes open it.
        requirement: Requirement,
        /// Whether an API key is needed as well.
        api_key: bool,
    },
    /// Everybody, as the document says out loud.
    Public,
}

impl Security {
    /// Returns the security scheme whose authorizer guards the operation.
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
                write!(f, "{scheme}{scopes} (not ours)")?;
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
