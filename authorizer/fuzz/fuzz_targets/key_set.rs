#![no_main]

use authorizer::jwk::KeySet;
use authorizer::signature::Algorithm;
use libfuzzer_sys::fuzz_target;

// Any document of an issuer is a key set or gives an error.
fuzz_target!(|document: &[u8]| {
    let _ = KeySet::read(document, &Algorithm::ALL);
});
