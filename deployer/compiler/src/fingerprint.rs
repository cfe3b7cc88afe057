//! Fingerprints of values: equal values have equal ones. Derived, never random.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;

/// Returns the first 16 hexadecimal digits of the SHA-256 of a value's JSON. Maps are sorted by
/// key, so equal values have equal JSON.
pub fn fingerprint(value: &impl Serialize) -> String {
    // Serialization does not fail: all types are Portcullis's, and their map keys are texts.
    fingerprint_bytes(serde_json::to_string(value).unwrap_or_default().as_bytes())
}

/// Returns the first 16 hexadecimal digits of the SHA-256 of bytes.
pub fn fingerprint_bytes(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in sha256(bytes).iter().take(8) {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// Returns the SHA-256 of bytes.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}
