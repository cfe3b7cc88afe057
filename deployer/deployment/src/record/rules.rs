//! The issuers that an authorizer trusts, as a record has them: AWS cannot show the configuration of
//! a function.

use std::collections::{BTreeMap, BTreeSet};

use authorizer::config::{BundledKeys, Denied, Document, IssuerDocument};
use authorizer::log_identity::LogIdentity;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use compiler::fingerprint::fingerprint;

/// The default of `algorithms`.
const DEFAULT_ALGORITHM: &str = "RS256";

/// The length of an entry's digest. One collision would show one deny-list entry too few.
const DIGEST_LENGTH: usize = 10;

/// The rules of an authorizer, by issuer.
pub type Rules = BTreeMap<String, IssuerRules>;

/// The rules for the tokens of one issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerRules {
    /// The accepted audiences.
    #[serde(rename = "a")]
    pub audiences: BTreeSet<String>,
    /// The allowed algorithms.
    #[serde(rename = "g")]
    pub algorithms: BTreeSet<String>,
    /// Digests of the entries of the deny-list.
    #[serde(rename = "d", default, skip_serializing_if = "BTreeSet::is_empty")]
    pub denied: BTreeSet<String>,
    /// The time at which bundled keys expire, in seconds of Unix time.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub keys_expire: Option<i64>,
    /// Digests of the bundled keys.
    #[serde(rename = "k", default, skip_serializing_if = "BTreeSet::is_empty")]
    pub keys: BTreeSet<String>,
    /// The digest of all other rules.
    #[serde(rename = "o")]
    pub others: String,
}

impl IssuerRules {
    /// Adds the rules of another authorizer for the same issuer: what either accepts or denies.
    pub(crate) fn join(&mut self, other: Self) {
        self.audiences.extend(other.audiences);
        self.algorithms.extend(other.algorithms);
        self.denied.extend(other.denied);
        self.keys.extend(other.keys);
        if self.others != other.others {
            self.others = fingerprint(&(&self.others, &other.others));
        }
    }
}

/// Returns the rules of an authorizer's configuration.
pub(super) fn rules(document: &Document) -> Rules {
    let issuers = document.issuers.iter();
    issuers.map(|issuer| (issuer.issuer.clone(), issuer.into())).collect()
}

/// Returns the digest of the rules that are not those of one issuer or route.
pub(super) fn other_rules(document: &Document) -> String {
    fingerprint(&Document {
        issuers: Vec::new(),
        routes: None,
        apis: None,
        cache_ttl_seconds: None,
        policy_max_bytes: None,
        log_identity: LogIdentity::default(),
        log_key: None,
        ..document.clone()
    })
}

impl From<&IssuerDocument> for IssuerRules {
    fn from(issuer: &IssuerDocument) -> Self {
        let default = || vec![DEFAULT_ALGORITHM.to_owned()];
        let keys_expire = issuer.keys.as_ref().map(|keys| {
            let lifetime = i64::try_from(keys.lifetime_seconds).unwrap_or(i64::MAX);
            keys.read_at.saturating_add(lifetime)
        });
        let others = IssuerDocument {
            issuer: String::new(),
            audience: Vec::new(),
            algorithms: None,
            denied: None,
            keys: None,
            ..issuer.clone()
        };
        Self {
            audiences: issuer.audience.iter().cloned().collect(),
            algorithms: issuer.algorithms.clone().unwrap_or_else(default).into_iter().collect(),
            denied: issuer.denied.as_ref().map(digests).unwrap_or_default(),
            keys_expire,
            keys: issuer.keys.as_ref().map(key_digests).unwrap_or_default(),
            others: fingerprint(&others),
        }
    }
}

/// Returns a digest of each bundled key.
fn key_digests(keys: &BundledKeys) -> BTreeSet<String> {
    let all = keys.jwks.get("keys").and_then(Value::as_array);
    all.into_iter().flatten().map(|key| short(&fingerprint(key))).collect()
}

fn short(fingerprint: &str) -> String {
    fingerprint.chars().take(DIGEST_LENGTH).collect()
}

/// Returns a digest of each entry: subjects and token ids are personal data.
fn digests(denied: &Denied) -> BTreeSet<String> {
    let Denied { jti, sub, client, all } = denied;
    let lists = [("jti", jti), ("sub", sub), ("client", client)];
    let entries =
        lists.into_iter().flat_map(|(kind, list)| list.iter().map(move |one| digest(kind, one)));
    entries.chain(all.then(|| digest("all", ""))).collect()
}

fn digest(kind: &str, entry: &str) -> String {
    short(&fingerprint(&(kind, entry)))
}

/// Returns a deny-list without the entries that a record does not have.
fn in_record(denied: &Denied, digests: &BTreeSet<String>) -> Denied {
    let keep = |kind: &str, list: &[String]| {
        list.iter().filter(|one| digests.contains(&digest(kind, one))).cloned().collect()
    };
    let Denied { jti, sub, client, all } = denied;
    Denied {
        jti: keep("jti", jti),
        sub: keep("sub", sub),
        client: keep("client", client),
        all: *all && digests.contains(&digest("all", "")),
    }
}

/// Returns a configuration with the deny-lists that a record has, as far as the configuration has their
/// entries. An empty deny-list is absent unless `with_empty`.
pub(crate) fn with_recorded_deny_lists(
    document: &Document,
    rules: &Rules,
    with_empty: bool,
) -> Document {
    let mut document = document.clone();
    for issuer in &mut document.issuers {
        let recorded = rules.get(&issuer.issuer).zip(issuer.denied.as_ref());
        let recorded = recorded.map(|(rules, denied)| in_record(denied, &rules.denied));
        issuer.denied = recorded.filter(|denied| with_empty || *denied != Denied::default());
    }
    document
}
