//! The file of bundled keys that `keys` of an issuer names: a key set with its origin and its age.

use authorizer::jwk::has_private_key;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::document::MemberError;

/// The content of a file of bundled keys, as `deployer keys fetch` writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysFile {
    /// The issuer that published the keys.
    pub issuer: String,
    /// The URL that they were fetched from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// The time at which they were fetched, as Unix time in seconds.
    pub read_at: i64,
    /// The JSON Web Key Set (RFC 7517).
    pub jwks: Json,
}

/// The reason a file is not usable as the bundled keys of an issuer. Each is a predicate of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysFileError {
    /// It is a key set without its issuer and its age.
    #[error("is a key set without `read_at`, so its age is unknown")]
    NoAge,
    /// It is not JSON, or lacks a member.
    #[error("is not a file of bundled keys: {0}")]
    Invalid(String),
    /// It has the keys of another issuer.
    #[error("has the keys of `{0}`")]
    OtherIssuer(String),
    /// Its keys are from another URL than the configured one.
    #[error("has keys from `{0}`, which is not `jwks_uri`")]
    OtherUrl(String),
    /// It has private or symmetric key material.
    #[error("contains a private or symmetric key")]
    PrivateKey,
}

impl KeysFile {
    /// Returns whether a text is the content of a file of bundled keys, of any issuer.
    pub fn is_keys_file(text: &str) -> bool {
        serde_json::from_str::<Self>(text).is_ok()
    }

    /// Reads the keys of an issuer, whose `jwks_uri` is configured or not.
    pub fn read(text: &str, issuer: &str, jwks_uri: Option<&str>) -> Result<Self, KeysFileError> {
        let json: Json = serde_json::from_str(text)
            .map_err(|_| KeysFileError::Invalid("invalid JSON".to_owned()))?;
        if json.get("keys").is_some() {
            return Err(KeysFileError::NoAge);
        }
        let file: Self = serde_json::from_value(json)
            .map_err(|error| KeysFileError::Invalid(MemberError::from(&error).cause))?;
        if file.issuer != issuer {
            return Err(KeysFileError::OtherIssuer(file.issuer));
        }
        if let (Some(found), Some(expected)) = (&file.jwks_uri, jwks_uri)
            && found != expected
        {
            return Err(KeysFileError::OtherUrl(found.clone()));
        }
        if has_private_key(&file.jwks) { Err(KeysFileError::PrivateKey) } else { Ok(file) }
    }
}
