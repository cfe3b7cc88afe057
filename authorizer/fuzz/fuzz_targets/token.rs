#![no_main]

use authorizer_fuzz::{NOW, authorizer};
use libfuzzer_sys::fuzz_target;

// Whatever stands in the header is refused, and refused as the caller's doing.
fuzz_target!(|authorization: &str| {
    let event = serde_json::json!({
        "type": "TOKEN",
        "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/pets/1",
        "authorizationToken": authorization,
    });
    let outcome = futures_executor::block_on(authorizer().handle(&event.to_string(), NOW));
    let error = outcome.response.expect_err("nobody can sign");
    assert_eq!(error.error_message, "Unauthorized");
});
