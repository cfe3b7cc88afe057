#![no_main]

use authorizer_fuzz::{handle, handle_cookie};
use libfuzzer_sys::fuzz_target;

// No event without a valid signature gets a response other than an error.
fuzz_target!(|event: &str| {
    assert!(handle(event).response.is_err());
    assert!(handle_cookie(event).response.is_err());
});
