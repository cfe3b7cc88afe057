//! The cache of tokens with a verified signature. Verification is most of the work of a warm
//! invocation, and a client sends the same token many times.
//!
//! An entry is a token's digest and the generation of the key set that verified it. Claims are
//! checked at every request, so expiry and deny-list apply to cached tokens. A new key set
//! invalidates all entries of its issuer, so no token of a removed key remains valid.

use std::collections::{BTreeMap, VecDeque};

use crate::signature::sha256;

/// The maximum number of entries, about 40 bytes each; the oldest is evicted first.
const MAX_TOKENS: usize = 1_000;

/// The SHA-256 digest of a whole token, signature included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(token: &str) -> Self {
        Self(sha256(token.as_bytes()))
    }
}

/// Digests of verified tokens, each with the generation of the key set that verified it.
#[derive(Debug, Default)]
pub(crate) struct VerifiedTokenCache {
    generations: BTreeMap<Digest, u64>,
    order: VecDeque<Digest>,
}

impl VerifiedTokenCache {
    /// Returns whether this token was verified with this generation of its issuer's keys.
    pub(crate) fn contains(&self, token: &Digest, generation: u64) -> bool {
        self.generations.get(token) == Some(&generation)
    }

    /// Adds a verified token; evicts the oldest entry beyond [`MAX_TOKENS`].
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
    fn an_entry_is_valid_for_its_generation_and_the_oldest_is_evicted() {
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
