#![no_main]

use authorizer_fuzz::{handle, handle_cookie, is_described};
use libfuzzer_sys::fuzz_target;

// No event without a valid signature gets a response other than an error, and no event of API Gateway
// the description.
fuzz_target!(|event: &str| {
    assert!(!is_described(event) || !event.contains("\"type\""));
    assert!(handle(event).response.is_err());
    assert!(handle_cookie(event).response.is_err());
});
