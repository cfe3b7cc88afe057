//! A trusted issuer: its name, its keys' location and the rules for its tokens, all resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::claim_path::ClaimPath;
use crate::claim_rule::ClaimRule;
use crate::signature::Algorithm;
use crate::time::UnixTime;

/// The placeholder for the tokens' `tid` in an issuer's name.
pub(crate) const TENANT: &str = "{tenantid}";

/// A trusted issuer and the rules for its tokens. `config` makes it and keeps that
/// audience and algorithms are never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Issuer {
    pub(crate) name: String,
    pub(crate) audience: Vec<String>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) jwks_uri: Option<String>,
    pub(crate) bundled: Option<Bundled>,
    pub(crate) key_max_age: Duration,
    pub(crate) profile: Profile,
    pub(crate) scope_claims: Vec<ClaimPath>,
    pub(crate) leeway: Duration,
    pub(crate) max_token_age: Option<Duration>,
    pub(crate) clients: Option<BTreeSet<String>>,
    pub(crate) rules: Vec<ClaimRule>,
    pub(crate) denied_jti: BTreeSet<String>,
    pub(crate) denied_sub: BTreeSet<String>,
    pub(crate) dpop: Possession,
    pub(crate) mtls: Possession,
    pub(crate) context: Vec<ContextClaim>,
    pub(crate) qualify_principal: bool,
    pub(crate) usage_key: Option<UsageKeySource>,
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
    /// A string, number or boolean as it is; nothing else.
    Scalar,
    /// Any value, as JSON text.
    Json,
}

/// Keys that came with the configuration.
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
    /// Returns the name as configured: what the tokens' `iss` must be, byte for byte, but for
    /// the tenant.
    pub fn issuer(&self) -> &str {
        &self.name
    }

    /// Returns the audiences, never none.
    pub fn audience(&self) -> &[String] {
        &self.audience
    }

    /// Returns the algorithms the issuer may use, never none.
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// Returns where the keys are, if discovery is not to find it.
    pub fn jwks_uri(&self) -> Option<&str> {
        self.jwks_uri.as_deref()
    }

    /// Returns whether tokens with this `iss` are this issuer's.
    pub(crate) fn is_named(&self, iss: &str) -> bool {
        if self.name.contains(TENANT) { self.tenant_of(iss).is_some() } else { self.name == iss }
    }

    /// Returns the tenant in an `iss` that this template fits; nothing if it is no template.
    pub(crate) fn tenant_of<'a>(&self, iss: &'a str) -> Option<&'a str> {
        let (before, after) = self.name.split_once(TENANT)?;
        let tenant = iss.strip_prefix(before)?.strip_suffix(after)?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (!tenant.is_empty() && tenant.bytes().all(fits)).then_some(tenant)
    }
}

/// Which tokens of an issuer are access tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// `typ` absent, `JWT` or `at+jwt`; without the marks of an ID token.
    #[default]
    OAuth,
    /// RFC 9068 to the letter: `typ` is `at+jwt`, and all its required claims are there.
    Rfc9068,
    /// Amazon Cognito: `token_use` is `access`, and `client_id` is the audience.
    Cognito,
    /// Microsoft Entra ID: `tid` and the client (`azp` or `appid`) are there.
    Entra,
    /// Whatever the issuer signs.
    Any,
}

/// Whether tokens may be bound to a key their holder proves to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Possession {
    /// A bound token is refused, because its binding is not checked.
    #[default]
    Forbidden,
    /// A bound token must prove it; others are bearer tokens.
    Optional,
    /// Every token must be bound and prove it.
    Required,
}
