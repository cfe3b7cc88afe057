//! The form in which the log identifies the holder of a verified token: `sub` and `jti` in clear,
//! hashed, or not at all.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::signature::HmacKey;

/// The least length of a log key, in characters: 128 bits in hexadecimal digits. A shorter key could
/// be found by trying keys on the hash of a known subject.
const MIN_KEY_CHARACTERS: usize = 32;

/// The bytes of an HMAC that are logged.
const HASH_BYTES: usize = 16;

/// The form of `sub` and `jti` in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum LogIdentity {
    /// As the token has them.
    Plain,
    /// As hashes under the log key; not logged without a key.
    #[default]
    Hashed,
    /// Not logged.
    None,
}

impl LogIdentity {
    /// All forms.
    pub const ALL: [Self; 3] = [Self::Hashed, Self::None, Self::Plain];

    /// Returns the value of the setting.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Hashed => "hashed",
            Self::None => "none",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The text of a log key, as configured. Its `Debug` output does not contain it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogKeyText(String);

impl From<&str> for LogKeyText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl LogKeyText {
    /// Prepares the key.
    pub fn key(&self) -> Result<LogKey, InvalidLogKey> {
        let Self(text) = self;
        if text.chars().count() < MIN_KEY_CHARACTERS || text.trim() != text {
            return Err(InvalidLogKey);
        }
        Ok(LogKey(HmacKey::new(text.as_bytes())))
    }
}

impl fmt::Debug for LogKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogKeyText(…)")
    }
}

/// The text cannot be a log key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be at least {MIN_KEY_CHARACTERS} characters, without spaces at the ends")]
pub struct InvalidLogKey;

/// A log key, prepared once for all hashes.
#[derive(Clone, Debug)]
pub struct LogKey(HmacKey);

impl LogKey {
    /// Returns the hash of a `sub` or `jti` of an issuer: the first 128 bits of HMAC-SHA-256 of
    /// `issuer`, a zero byte and `value`, in hexadecimal digits. Equal subjects of two issuers have
    /// different hashes.
    pub fn hash(&self, issuer: &str, value: &str) -> String {
        let tag = self.0.tag([issuer.as_bytes(), &[0], value.as_bytes()]);
        let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
        let digits = tag.iter().take(HASH_BYTES).flat_map(|byte| [byte >> 4, byte & 0xf]);
        digits.map(digit).collect()
    }
}

/// The setting and the key, if there is one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identification {
    pub(crate) form: LogIdentity,
    pub(crate) key: Option<LogKey>,
}

impl Identification {
    /// Returns the logged form of a `sub` or `jti`, if it is logged.
    pub(crate) fn of(&self, issuer: &str, value: &str) -> Option<String> {
        match self.form {
            LogIdentity::Plain => Some(value.to_owned()),
            LogIdentity::Hashed => self.key.as_ref().map(|key| key.hash(issuer, value)),
            LogIdentity::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{InvalidLogKey, LogKeyText};

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_hash_is_half_of_the_hmac_of_issuer_and_value() {
        let key = LogKeyText::from(KEY).key().unwrap();
        // printf 'https://issuer.example.com/\0user-1' | openssl dgst -sha256 -hmac "$KEY"
        let hash = key.hash("https://issuer.example.com/", "user-1");
        assert_eq!(hash, "2be29f6d852dce37215ce3bf484eabb5");
        assert_ne!(key.hash("https://issuer.example.com/u", "ser-1"), hash);
        assert_ne!(key.hash("https://other.example.com/", "user-1"), hash);
    }

    #[test]
    fn a_key_has_at_least_32_characters_and_no_spaces_at_its_ends() {
        for key in
            ["", "short", KEY.trim_start_matches('0'), &format!("{KEY}\n"), &format!(" {KEY}")]
        {
            assert_eq!(LogKeyText::from(key).key().err(), Some(InvalidLogKey), "{key:?}");
        }
        assert!(LogKeyText::from("ключ для журнала, длинный, секретный").key().is_ok());
    }

    #[test]
    fn debug_output_does_not_contain_a_key() {
        let text = LogKeyText::from(KEY);
        let output = format!("{text:?} {:?}", text.key());
        assert!(!output.contains("012345"), "{output}");
        // Nor as bytes.
        assert!(!output.contains("48, 49"), "{output}");
    }
}
