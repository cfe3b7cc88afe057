#![no_main]

use authorizer_fuzz::{NOW, authorizer};
use libfuzzer_sys::fuzz_target;

// No event without a valid signature gets a response other than an error.
fuzz_target!(|event: &str| {
    let outcome = futures_executor::block_on(authorizer().handle(event, NOW));
    assert!(outcome.response.is_err());
});
