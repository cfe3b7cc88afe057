//! The signatures of Project Wycheproof. In a set with the parameters of one of our algorithms,
//! exactly the valid signatures are accepted. In the other sets with keys that we accept, even the
//! valid ones are rejected: they have another hash, mask, salt length or encoding.

#![cfg(test)]
#![expect(clippy::arithmetic_side_effects, reason = "the number of vectors is small")]

use std::collections::BTreeMap;

use wycheproof::TestResult::{Acceptable, Invalid, Valid};
use wycheproof::{EdwardsCurve, EllipticCurve, HashFunction, Mgf, TestResult};
use wycheproof::{ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use crate::signature::Algorithm::{
    self, ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512,
};
use crate::signature::{PublicNumbers, VerifyingKey};

const PKCS1: &[Algorithm] = &[RS256, RS384, RS512];
const PSS: &[Algorithm] = &[PS256, PS384, PS512];

struct Vector<'a> {
    id: usize,
    comment: &'a str,
    message: &'a [u8],
    signature: &'a [u8],
    result: TestResult,
}

/// Returns the vectors of a group. The four schemas have types of their own with equal members.
macro_rules! vectors {
    ($group:expr) => {
        $group.tests.iter().map(|test| Vector {
            id: test.tc_id,
            comment: &test.comment,
            message: &test.msg,
            signature: &test.sig,
            result: test.result,
        })
    };
}

/// The number of valid, invalid and acceptable vectors by set and algorithm, and the number of
/// rejected signatures of the other sets.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    own: BTreeMap<(String, Algorithm), [usize; 3]>,
    foreign: BTreeMap<Algorithm, usize>,
}

impl Tally {
    /// Checks the vectors of a set of our algorithm.
    fn check<'a>(
        &mut self,
        set: &str,
        algorithm: Algorithm,
        numbers: &PublicNumbers,
        vectors: impl Iterator<Item = Vector<'a>>,
    ) {
        let key = VerifyingKey::new(algorithm, numbers).unwrap();
        let counts = self.own.entry((set.to_owned(), algorithm)).or_default();
        for Vector { id, comment, message, signature, result } in vectors {
            let verified = key.verifies(message, signature);
            assert_eq!(verified, result == Valid, "{set} {id}: {result:?}, {comment}");
            if result == Acceptable {
                // RFC 8017 appendix A.2.4: the parameters of SHA-2 are NULL, not absent.
                // Verification compares with this encoding (section 8.2.2) and rejects others.
                assert_eq!(comment, "Missing NULL in the ASN encoding", "{set} {id}");
            }
            let index = match result {
                Valid => 0,
                Invalid => 1,
                Acceptable => 2,
            };
            counts[index] += 1;
        }
    }

    /// Checks that our algorithms reject the valid signatures of another algorithm.
    fn check_foreign<'a>(
        &mut self,
        set: &str,
        algorithms: &[Algorithm],
        numbers: &PublicNumbers,
        vectors: impl Iterator<Item = Vector<'a>>,
    ) {
        let key = |algorithm: &Algorithm| VerifyingKey::new(*algorithm, numbers).unwrap();
        let keys: Vec<VerifyingKey> = algorithms.iter().map(key).collect();
        for Vector { id, comment, message, signature, .. } in
            vectors.filter(|one| one.result == Valid)
        {
            for key in &keys {
                let verified = key.verifies(message, signature);
                assert!(!verified, "{set} {id} as {}: {comment}", key.algorithm());
                *self.foreign.entry(key.algorithm()).or_default() += 1;
            }
        }
    }

    /// Asserts the numbers, so that no set becomes empty unnoticed.
    fn is(&self, own: &[(&str, Algorithm, [usize; 3])], foreign: &[(Algorithm, usize)]) {
        let own =
            own.iter().map(|(set, algorithm, counts)| (((*set).to_owned(), *algorithm), *counts));
        let expected = Self { own: own.collect(), foreign: foreign.iter().copied().collect() };
        assert_eq!(*self, expected, "{self:#?}");
    }
}

fn by_hash(algorithms: &[Algorithm], hash: HashFunction) -> Option<Algorithm> {
    let hashes = [HashFunction::Sha2_256, HashFunction::Sha2_384, HashFunction::Sha2_512];
    algorithms.get(hashes.iter().position(|one| *one == hash)?).copied()
}

fn rsa(key: &wycheproof::RsaPublic) -> PublicNumbers {
    let number = |bytes: &[u8]| {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        bytes[zeros..].to_vec()
    };
    PublicNumbers::Rsa { n: number(&key.n), e: number(&key.e) }
}

#[test]
fn rsa_pkcs1_results_match_wycheproof() {
    use rsa_pkcs1_verify::{TestName, TestSet};
    let mut tally = Tally::default();
    for name in TestName::all() {
        let set = format!("{name:?}");
        for group in TestSet::load(name).unwrap().test_groups {
            let numbers = rsa(&group.key);
            match by_hash(PKCS1, group.hash) {
                Some(own) => tally.check(&set, own, &numbers, vectors!(group)),
                None => tally.check_foreign(&set, PKCS1, &numbers, vectors!(group)),
            }
        }
    }
    tally.is(
        &[
            ("Rsa2048Sha256", RS256, [9, 249, 1]),
            ("Rsa2048Sha384", RS384, [7, 250, 1]),
            ("Rsa2048Sha512", RS512, [8, 250, 1]),
            ("Rsa3072Sha256", RS256, [8, 250, 1]),
            ("Rsa3072Sha384", RS384, [7, 251, 1]),
            ("Rsa3072Sha512", RS512, [8, 251, 1]),
            ("Rsa4096Sha256", RS256, [7, 250, 1]),
            ("Rsa4096Sha384", RS384, [7, 251, 1]),
            ("Rsa4096Sha512", RS512, [7, 251, 1]),
            ("Rsa8192Sha256", RS256, [7, 250, 1]),
            ("Rsa8192Sha384", RS384, [7, 251, 1]),
            ("Rsa8192Sha512", RS512, [7, 251, 1]),
        ],
        &[(RS256, 84), (RS384, 84), (RS512, 84)],
    );
}

#[test]
fn rsa_pss_results_match_wycheproof() {
    use rsa_pss_verify::{TestName, TestSet};
    let mut tally = Tally::default();
    for name in TestName::all() {
        let set = format!("{name:?}");
        for group in TestSet::load(name).unwrap().test_groups {
            let numbers = rsa(&group.key);
            // RFC 7518 section 3.5: MGF1 with the same hash, and a salt as long as its digest.
            let algorithm = by_hash(PSS, group.hash).filter(|algorithm| {
                let digest = [32, 48, 64][PSS.iter().position(|one| one == algorithm).unwrap()];
                group.mgf == Mgf::Mgf1
                    && group.mgf_hash == Some(group.hash)
                    && group.salt_size == digest
            });
            match algorithm {
                Some(own) => tally.check(&set, own, &numbers, vectors!(group)),
                None => tally.check_foreign(&set, PSS, &numbers, vectors!(group)),
            }
        }
    }
    tally.is(
        &[
            ("RsaPss2048Sha256Mgf1SaltLen32", PS256, [63, 45, 0]),
            ("RsaPss2048Sha256Mgf1SaltLen32WithParams", PS256, [63, 45, 0]),
            ("RsaPss2048Sha384Mgf1SaltLen48", PS384, [95, 46, 0]),
            ("RsaPss3072Sha256Mgf1SaltLen32", PS256, [63, 45, 0]),
            ("RsaPss3072Sha256Mgf1SaltLen32WithParams", PS256, [63, 45, 0]),
            ("RsaPss4096Sha256Mgf1SaltLen32", PS256, [63, 45, 0]),
            ("RsaPss4096Sha384Mgf1SaltLen48", PS384, [95, 46, 0]),
            ("RsaPss4096Sha512Mgf1SaltLen64", PS512, [132, 47, 0]),
            ("RsaPss4096Sha512Mgf1SaltLen64WithParams", PS512, [132, 47, 0]),
            ("RsaPssmisc", PS256, [1, 0, 0]),
            ("RsaPssmisc", PS384, [1, 0, 0]),
            ("RsaPssmisc", PS512, [1, 0, 0]),
            ("RsaPssmiscWithParams", PS256, [1, 0, 0]),
            ("RsaPssmiscWithParams", PS384, [1, 0, 0]),
            ("RsaPssmiscWithParams", PS512, [1, 0, 0]),
        ],
        &[(PS256, 1633), (PS384, 1633), (PS512, 1633)],
    );
}

#[test]
fn ecdsa_results_match_wycheproof_in_the_jws_encoding_only() {
    use ecdsa::{TestGroupTypeId, TestName, TestSet};
    let mut tally = Tally::default();
    for name in TestName::all() {
        let set = format!("{name:?}");
        for group in TestSet::load(name).unwrap().test_groups {
            let point = &group.key.key[1..];
            let (x, y) = point.split_at(point.len() / 2);
            let (x, y) = (x.to_vec(), y.to_vec());
            let (numbers, algorithm, hash) = match group.key.curve {
                EllipticCurve::Secp256r1 => {
                    (PublicNumbers::P256 { x, y }, ES256, HashFunction::Sha2_256)
                }
                EllipticCurve::Secp384r1 => {
                    (PublicNumbers::P384 { x, y }, ES384, HashFunction::Sha2_384)
                }
                EllipticCurve::Secp521r1 => {
                    (PublicNumbers::P521 { x, y }, ES512, HashFunction::Sha2_512)
                }
                _ => continue,
            };
            // RFC 7518 section 3.4: the two numbers one after the other, not in DER.
            if group.test_type == TestGroupTypeId::EcdsaP1363 && group.hash == hash {
                tally.check(&set, algorithm, &numbers, vectors!(group));
            } else {
                tally.check_foreign(&set, &[algorithm], &numbers, vectors!(group));
            }
        }
    }
    tally.is(
        &[
            ("EcdsaSecp256r1Sha256P1363", ES256, [173, 89, 0]),
            ("EcdsaSecp384r1Sha384P1363", ES384, [193, 87, 0]),
            ("EcdsaSecp521r1Sha512P1363", ES512, [231, 87, 0]),
        ],
        &[(ES256, 1431), (ES384, 1713), (ES512, 931)],
    );
}

#[test]
fn ed25519_results_match_wycheproof() {
    use eddsa::{TestName, TestSet};
    let mut tally = Tally::default();
    for group in TestSet::load(TestName::Ed25519).unwrap().test_groups {
        assert_eq!(group.key.curve, EdwardsCurve::Ed25519);
        let numbers = PublicNumbers::Ed25519 { x: group.key.pk.to_vec() };
        tally.check("Ed25519", EdDSA, &numbers, vectors!(group));
    }
    tally.is(&[("Ed25519", EdDSA, [88, 63, 0])], &[]);
}
