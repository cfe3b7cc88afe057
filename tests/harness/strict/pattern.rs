//! The patterns of service models. AWS's services match them with Java's regular expressions, and
//! against the whole value.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use fancy_regex::Regex;

/// Returns whether a pattern of a model matches a whole value.
pub fn matches(pattern: &str, value: &str) -> bool {
    static COMPILED: Mutex<Option<HashMap<String, Arc<Regex>>>> = Mutex::new(None);
    let regex = {
        let mut all = COMPILED.lock().unwrap();
        let all = all.get_or_insert_with(HashMap::new);
        let compiled = all.entry(pattern.to_owned()).or_insert_with(|| Arc::new(compile(pattern)));
        Arc::clone(compiled)
    };
    regex.is_match(value).unwrap()
}

fn compile(pattern: &str) -> Regex {
    let regex = format!(r"\A(?:{})\z", ascii_classes(pattern));
    Regex::new(&regex).unwrap_or_else(|error| panic!("{pattern}: {error}"))
}

/// Replaces the classes that contain ASCII only in Java, but all of Unicode in Rust.
fn ascii_classes(pattern: &str) -> String {
    let mut text = String::new();
    let mut is_in_class = false;
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                let escaped = characters.next();
                let members = match escaped {
                    Some('w') => "a-zA-Z0-9_",
                    Some('d') => "0-9",
                    Some('s') => r"\t\n\x0B\f\r ",
                    other => {
                        text.push('\\');
                        text.extend(other);
                        continue;
                    }
                };
                if is_in_class {
                    text += members;
                } else {
                    text.extend(["[", members, "]"]);
                }
                continue;
            }
            '[' => is_in_class = true,
            ']' => is_in_class = false,
            _ => {}
        }
        text.push(character);
    }
    text
}
