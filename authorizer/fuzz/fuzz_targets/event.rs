#![no_main]

use authorizer_fuzz::handle;
use libfuzzer_sys::fuzz_target;

// No event without a valid signature gets a response other than an error.
fuzz_target!(|event: &str| {
    let outcome = handle(event);
    assert!(outcome.response.is_err());
});
