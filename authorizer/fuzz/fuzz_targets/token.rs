#![no_main]

use authorizer_fuzz::handle;
use libfuzzer_sys::fuzz_target;

// Any header value without a valid signature is rejected, and never a fault.
fuzz_target!(|authorization: &str| {
    let event = serde_json::json!({
        "type": "TOKEN",
        "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/pets/1",
        "authorizationToken": authorization,
    });
    let outcome = handle(&event.to_string());
    let error = outcome.response.expect_err("no valid signature");
    assert_eq!(error.error_message, "Unauthorized");
});
