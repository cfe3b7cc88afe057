//! Third-party test vectors for signatures and keys. `tests/decisions` has the tests of whole
//! tokens: the vectors sign other messages.

#![cfg(test)]

mod rfc_examples;
mod wycheproof;
