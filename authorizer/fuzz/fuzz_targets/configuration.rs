#![no_main]

use authorizer::Config;
use libfuzzer_sys::fuzz_target;

// Whatever is in authorizer.json is a configuration or a list of problems.
fuzz_target!(|text: &str| {
    if let Err(problems) = Config::from_json(text) {
        assert!(!problems.to_string().is_empty());
    }
});
