//! Scope names (RFC 6749 section 3.3).

/// Returns whether a text is a scope name (`scope-token`, RFC 6749 section 3.3).
pub fn is_scope_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
