//! A trusted issuer, validated: its identifier, the source of its keys and the rules for its tokens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::claim_path::ClaimPath;
use crate::claim_rule::ClaimRule;
use crate::error::IssuerMismatch;
use crate::signature::Algorithm;
use crate::time::UnixTime;

mod profile;

pub use profile::Profile;
pub(crate) use profile::{ClaimType, HeaderType, ProfileRules};

/// The placeholder for the tokens' `tid` in a configured issuer.
pub(crate) const TENANT: &str = "{tenantid}";

/// The hosts in issuers of Entra ID's v1.0 and v2.0 tokens, followed by the tenant.
const ENTRA_V1: &str = "https://sts.windows.net/";
const ENTRA_V2: &str = "https://login.microsoftonline.com/";

/// A trusted issuer and the rules for its tokens. `config` ensures that audience and algorithms are
/// not empty.
#[derive(Clone, Debug)]
pub struct Issuer {
    pub(crate) name: String,
    pub(crate) audience: Vec<String>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) jwks_uri: Option<String>,
    pub(crate) bundled: Option<Bundled>,
    pub(crate) key_max_age: Duration,
    pub(crate) keys_stale_for: Duration,
    pub(crate) profile: ProfileRules,
    pub(crate) audience_claim: Option<ClaimPath>,
    pub(crate) scope_claims: Vec<ClaimPath>,
    pub(crate) leeway: Duration,
    pub(crate) max_token_age: Option<Duration>,
    pub(crate) clients: Option<BTreeSet<String>>,
    pub(crate) rules: Vec<ClaimRule>,
    pub(crate) deny_list: DenyList,
    pub(crate) dpop: Possession,
    pub(crate) mtls: Possession,
    pub(crate) context: Vec<ContextClaim>,
    pub(crate) qualify_principal: bool,
    pub(crate) usage_key: Option<UsageKeySource>,
}

/// The tokens, subjects and clients that are rejected although their tokens are valid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DenyList {
    pub(crate) jti: BTreeSet<String>,
    pub(crate) sub: BTreeSet<String>,
    pub(crate) client: BTreeSet<String>,
    /// Every token of the issuer.
    pub(crate) all: bool,
}

/// A claim passed to the integration as `$context.authorizer.{name}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContextClaim {
    pub(crate) name: String,
    pub(crate) claim: ClaimPath,
    pub(crate) form: ContextForm,
}

/// The form in which a context claim is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContextForm {
    /// A string, number or boolean, unchanged; omitted otherwise.
    Scalar,
    /// Any value, as JSON text.
    Json,
}

/// The key set of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bundled {
    pub(crate) document: Vec<u8>,
    pub(crate) read_at: UnixTime,
    pub(crate) lifetime: Duration,
}

/// The source of the API key for usage plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UsageKeySource {
    Claim(ClaimPath),
    Clients(BTreeMap<String, String>),
}

impl Issuer {
    /// Returns the issuer identifier as configured, a template if it contains `{tenantid}`.
    pub fn issuer(&self) -> &str {
        &self.name
    }

    /// Returns the audiences, at least one.
    pub fn audience(&self) -> &[String] {
        &self.audience
    }

    /// Returns the allowed algorithms, at least one.
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// Returns the URL of the key set; `None` for OpenID Connect discovery, or with bundled keys
    /// only.
    pub fn jwks_uri(&self) -> Option<&str> {
        self.jwks_uri.as_deref()
    }

    /// Returns the difference of an `iss` that is nearly that of this issuer.
    pub(crate) fn near_miss(&self, iss: &str) -> Option<IssuerMismatch> {
        let without_slash = |url: &'_ str| url.strip_suffix('/').unwrap_or(url).to_owned();
        if without_slash(iss) == without_slash(&self.name) {
            return Some(IssuerMismatch::TrailingSlash);
        }
        let tenant = |issuer: &str, host: &str| {
            let tenant = issuer.strip_prefix(host)?.split('/').next()?;
            Some(tenant.to_owned())
        };
        let is_same = |v1: &str, v2: &str| {
            let (v1, v2) = (tenant(v1, ENTRA_V1), tenant(v2, ENTRA_V2));
            v1.zip(v2).is_some_and(|(v1, v2)| v1 == v2 || v1 == TENANT || v2 == TENANT)
        };
        if is_same(iss, &self.name) {
            Some(IssuerMismatch::EntraV1)
        } else if is_same(&self.name, iss) {
            Some(IssuerMismatch::EntraV2)
        } else {
            None
        }
    }

    /// Returns whether an `iss` is that of this issuer.
    pub(crate) fn is_named(&self, iss: &str) -> bool {
        if self.name.contains(TENANT) { self.tenant_of(iss).is_some() } else { self.name == iss }
    }

    /// Returns the tenant in an `iss` that matches this template; `None` if it is not a template.
    pub(crate) fn tenant_of<'a>(&self, iss: &'a str) -> Option<&'a str> {
        let (before, after) = self.name.split_once(TENANT)?;
        let tenant = iss.strip_prefix(before)?.strip_suffix(after)?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (!tenant.is_empty() && tenant.bytes().all(fits)).then_some(tenant)
    }
}

/// The handling of tokens that are bound to a key (DPoP) or a client certificate (mutual TLS).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Possession {
    /// Bound tokens are rejected, because the binding is not checked.
    #[default]
    Forbidden,
    /// Bound tokens require proof of possession; others are bearer tokens.
    Optional,
    /// Every token must be bound, and requires proof of possession.
    Required,
}
