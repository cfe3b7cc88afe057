//! A short name for a value: equal values have equal ones. Derived, never random.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;

/// Returns 16 hexadecimal digits of the SHA-256 of a value's JSON. Maps are in order of their
/// keys, so equal values have equal texts.
pub fn fingerprint(value: &impl Serialize) -> String {
    // What cannot be JSON has no maps with odd keys here: everything is ours.
    fingerprint_bytes(serde_json::to_string(value).unwrap_or_default().as_bytes())
}

/// Returns 16 hexadecimal digits of the SHA-256 of some bytes.
pub fn fingerprint_bytes(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in digest(&SHA256, bytes).as_ref().iter().take(8) {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
