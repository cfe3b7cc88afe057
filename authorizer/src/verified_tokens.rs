//! Tokens whose signature was checked before: the check is most of a warm call's work, and a
//! client sends the same token many times.
//!
//! What is kept is only *that* a token verified under a generation of its issuer's keys. Its
//! claims are judged afresh each time, so it expires when it expires, and a new key set starts
//! over, so a removed key's tokens are not remembered.

use std::collections::{BTreeMap, VecDeque};

use crate::signature::sha256;

/// Tokens remembered at most, 40 bytes each; beyond that the oldest goes.
const MAX_TOKENS: usize = 1_000;

/// The SHA-256 of a whole token, signature included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(token: &str) -> Self {
        Self(sha256(token.as_bytes()))
    }
}

/// Tokens that verified, each with the generation of the key set it did so under.
#[derive(Debug, Default)]
pub(crate) struct VerifiedTokenCache {
    generations: BTreeMap<Digest, u64>,
    order: VecDeque<Digest>,
}

impl VerifiedTokenCache {
    /// Returns whether this token verified under this generation of its issuer's keys.
    pub(crate) fn contains(&self, token: &Digest, generation: u64) -> bool {
        self.generations.get(token) == Some(&generation)
    }

    /// Adds a token that has just verified; beyond the limit the oldest is removed.
    pub(crate) fn insert(&mut self, token: Digest, generation: u64) {
        if self.generations.insert(token, generation).is_none() {
            self.order.push_back(token);
        }
        if self.order.len() > MAX_TOKENS
            && let Some(oldest) = self.order.pop_front()
        {
            self.generations.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Digest, MAX_TOKENS, VerifiedTokenCache};

    #[test]
    fn a_token_is_remembered_for_its_generation_and_the_oldest_is_forgotten() {
        let mut verified = VerifiedTokenCache::default();
        let first = Digest::of("first");
        verified.insert(first, 1);
        assert!(verified.contains(&first, 1));
        assert!(!verified.contains(&first, 2) && !verified.contains(&Digest::of("firsT"), 1));
        for n in 1..=MAX_TOKENS {
            verified.insert(Digest::of(&n.to_string()), 1);
            verified.insert(Digest::of(&n.to_string()), 1);
        }
        assert!(!verified.contains(&first, 1));
        assert!(verified.contains(&Digest::of("1"), 1));
        assert_eq!((verified.generations.len(), verified.order.len()), (MAX_TOKENS, MAX_TOKENS));
    }
}
