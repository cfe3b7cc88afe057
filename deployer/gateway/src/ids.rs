//! Random bytes, and random ids.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use uuid::Builder;

/// Returns random bytes.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness ids repeat, which only makes a log harder to read.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    bytes
}

/// Returns a request id: a version 4 UUID (RFC 9562 section 5.4), as API Gateway's are.
pub fn new_id() -> String {
    Builder::from_random_bytes(random()).into_uuid().to_string()
}

/// Returns an extended request id, in the form that `x-amz-apigw-id` has.
pub(super) fn extended_id() -> String {
    URL_SAFE.encode(random::<11>())
}
