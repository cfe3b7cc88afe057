#![no_main]

use authorizer::jwk::KeySet;
use authorizer::signature::Algorithm;
use libfuzzer_sys::fuzz_target;

// Whatever an issuer publishes is a key set or none.
fuzz_target!(|document: &[u8]| {
    let _ = KeySet::read(document, &Algorithm::ALL);
});
