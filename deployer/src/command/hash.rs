//! `deployer hash`: computes the hash of a subject or token ID in the authorizer's log.

use std::io::Read;

use authorizer::log_identity::LogKeyText;
use serde_json::json;

use super::{Failure, Invocation};
use crate::cli;
use crate::output::Exit;

/// The variable with the key. It is not an argument, which other processes could read.
const LOG_KEY: &str = "AUTHORIZER_LOG_KEY";

/// The maximum length of a subject or token ID, in bytes; the authorizer rejects longer ones.
const MAX_VALUE_BYTES: usize = 512;

pub(super) fn run(arguments: &cli::Hash, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let text = (invocation.environment)(LOG_KEY).ok_or(Failure::NoLogKey)?;
    let key = LogKeyText::from(text.as_str()).key()?;
    let value = value("VALUE", &arguments.value)?;
    check("--issuer", &arguments.issuer)?;
    let hash = key.hash(&arguments.issuer, &value);
    invocation.output.data(&hash, &json!({"issuer": arguments.issuer, "hash": hash}));
    Ok(Exit::Success)
}

fn check(option: &'static str, text: &str) -> Result<(), Failure> {
    if text.is_empty() || text.len() > MAX_VALUE_BYTES {
        let (value, expected) = (text.to_owned(), "1 to 512 bytes");
        return Err(Failure::InvalidOption { option, value, expected });
    }
    Ok(())
}

/// Returns a subject, token ID or client: the argument, or for `-` stdin without the newline at its
/// end.
pub(super) fn value(option: &'static str, argument: &str) -> Result<String, Failure> {
    let text = if argument == "-" { stdin()? } else { argument.to_owned() };
    check(option, &text)?;
    Ok(text)
}

fn stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let limit = u64::try_from(MAX_VALUE_BYTES).unwrap_or(u64::MAX).saturating_add(3);
    let read = std::io::stdin().take(limit).read_to_string(&mut text);
    read.map_err(Failure::Stdin)?;
    let value = text.strip_suffix('\n').unwrap_or(&text);
    Ok(value.strip_suffix('\r').unwrap_or(value).to_owned())
}
