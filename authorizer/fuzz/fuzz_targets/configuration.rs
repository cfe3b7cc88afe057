#![no_main]

use authorizer::Config;
use libfuzzer_sys::fuzz_target;

// Any text is a configuration or gives a list of errors.
fuzz_target!(|text: &str| {
    if let Err(errors) = Config::from_json(text) {
        assert!(!errors.to_string().is_empty());
    }
});
