#![no_main]

use authorizer_fuzz::{NOW, authorizer};
use libfuzzer_sys::fuzz_target;

// Whatever the event is, the answer is one, and nobody without a signature gets one.
fuzz_target!(|event: &str| {
    let outcome = futures_executor::block_on(authorizer().handle(event, NOW));
    assert!(outcome.response.is_err());
});
