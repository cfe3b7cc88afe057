//! `deployer explain`: explains the authorization decision for a request.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use authorizer::config::{BundledKeys, Document};
use authorizer::keys::fetch::{Fetch, HttpFetch};
use authorizer::routes::Verb;
use authorizer::scope::is_scope_name;
use authorizer::{Authorizer, Config, MAX_TOKEN_BYTES, UnixTime};

use super::{Failure, Invocation, local_issuer};
use crate::cli;
use crate::explain::{Explanation, request_head};
use crate::output::Exit;
use compiler::api::routing::ApiRouter;
use compiler::api::{Api, Security};
use dev::issuer::{self, Issuer};
use gateway::clock;
use gateway::event::{authorizer_event, method_arn};
use gateway::identity;
use gateway::router::find;
use gateway::template::Context;

/// The issuer of the token for `--scopes`. Its keys are never fetched.
const EXPLAIN_ISSUER: &str = "https://explain.invalid/";

const ASSUMPTION: &str =
    "note: the token was generated; an issuer's rules beyond scopes are assumed to be satisfied";

pub(super) fn run(arguments: &cli::Explain, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let (files, method, path) = parse_request(arguments)?;
    let api = invocation.compile(&files)?;
    let now = clock::unix_time();
    let explanation = explain(arguments, &api, &method, &path, now)?;
    let json = serde_json::to_value(&explanation)
        .map_err(|cause| Failure::Unserializable { what: "the explanation", cause })?;
    invocation.output.data(&explanation.text(), &json);
    Ok(Exit::Success)
}

fn explain(
    arguments: &cli::Explain,
    api: &Api,
    method: &str,
    path: &str,
    now: UnixTime,
) -> Result<Explanation, Failure> {
    let below = path.split('?').next().unwrap_or(path);
    let router = ApiRouter::new(&api.routes);
    if let Some(explanation) = Explanation::without_authorizer(api, &router, method, below) {
        return Ok(explanation);
    }
    let found = find(&router, api, method, below);
    let guard = found.as_ref().and_then(|found| match &found.route.security {
        Security::Jwt { authorizer, .. } => Some(authorizer),
        _ => None,
    });
    let (Some(found), Some(name)) = (&found, guard) else {
        return Err(Failure::NotProtected { method: method.to_owned(), path: below.to_owned() });
    };
    let missing = || Failure::UnusedAuthorizer(name.clone());
    let settings = api.authorizers.get(name).ok_or_else(missing)?;
    let mut document = api.authorizer_document(name).ok_or_else(missing)?;
    let token = token(arguments, &mut document, now)?;
    let config = Config::resolve(&document)?;
    let unsendable = || Failure::InvalidOption {
        option: "--token",
        value: "…".to_owned(),
        expected: "visible ASCII characters",
    };
    let head = request_head(settings, method, path, &token).ok_or_else(unsendable)?;
    let context = Context::new(api, &head, Some(found));
    let validation = settings.validation().and_then(|text| identity::validation(text).ok());
    let identity = match identity::identity(&settings.identity, validation.as_ref(), &context) {
        Ok(identity) => identity,
        Err(reason) => {
            return Ok(Explanation::without_identity(found.route, method, below, &reason));
        }
    };
    let arn = method_arn(&api.stage, method, below);
    let event = authorizer_event(settings.kind, &arn, &identity, &context);
    let fetch: Arc<dyn Fetch> = Arc::new(HttpFetch::new(config.ca_bundle()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| Failure::Start { what: "the runtime", cause })?;
    let authorizer = Authorizer::new(config, &fetch);
    let outcome = runtime.block_on(authorizer.handle(&event.to_string(), now));
    let mut explanation = Explanation::with(api, found.route, &head, &outcome, now);
    explanation.assumption = arguments.scopes.as_ref().map(|_| ASSUMPTION);
    Ok(explanation)
}

/// Returns the project, the method and the path; the project directory is optional.
fn parse_request(arguments: &cli::Explain) -> Result<(cli::Files, String, String), Failure> {
    let (dir, method, path) = match arguments.request.as_slice() {
        [method, path] => (".", method, path),
        [dir, method, path] => (dir.as_str(), method, path),
        _ => {
            let value = arguments.request.join(" ");
            return Err(Failure::InvalidOption {
                option: "METHOD PATH",
                value,
                expected: "a method and a path",
            });
        }
    };
    let known =
        Verb::NAMED.into_iter().map(Verb::name).find(|name| method.eq_ignore_ascii_case(name));
    let invalid = |option, value: &str, expected| Failure::InvalidOption {
        option,
        value: value.to_owned(),
        expected,
    };
    let method = known.ok_or_else(|| {
        invalid("METHOD", method, "DELETE, GET, HEAD, OPTIONS, PATCH, POST or PUT")
    })?;
    if !path.starts_with('/') {
        return Err(invalid("PATH", path, "a path that starts with `/`"));
    }
    let files = cli::Files { dir: dir.into(), stage: arguments.stage.clone() };
    Ok((files, method.to_owned(), path.clone()))
}

/// Returns the token of `--token`, or from stdin for `-`, without the `Bearer` scheme.
fn read_token(token: &str) -> Result<String, Failure> {
    let mut text = token.to_owned();
    if token == "-" {
        text.clear();
        let limit = u64::try_from(MAX_TOKEN_BYTES).unwrap_or(u64::MAX);
        let read = std::io::stdin().take(limit).read_to_string(&mut text);
        read.map_err(Failure::Stdin)?;
    }
    let token = text.trim();
    Ok(token.strip_prefix("Bearer ").unwrap_or(token).to_owned())
}

/// Returns the token to explain: the one of `--token`, or a generated one from an issuer that is
/// added to the trusted ones. The rules of the configured issuers do not apply to a generated token.
fn token(
    arguments: &cli::Explain,
    document: &mut Document,
    now: UnixTime,
) -> Result<String, Failure> {
    if let Some(url) = &arguments.local_issuer {
        document.issuers.push(local_issuer(url, &document.issuers)?);
    }
    let Some(scopes) = &arguments.scopes else {
        return read_token(arguments.token.as_deref().unwrap_or_default());
    };
    let scopes: BTreeSet<&str> = scopes.split_whitespace().collect();
    if let Some(invalid) = scopes.iter().find(|scope| !is_scope_name(scope)) {
        let value = (*invalid).to_owned();
        return Err(Failure::InvalidOption {
            option: "--scopes",
            value,
            expected: "space-separated scope names",
        });
    }
    let scopes: Vec<&str> = scopes.into_iter().collect();
    let local = Issuer::new(EXPLAIN_ISSUER.to_owned(), &document.issuers)?;
    let keys = BundledKeys {
        jwks: local.key_set().clone(),
        read_at: now.seconds(),
        lifetime_seconds: 3600,
    };
    let mut trusted = issuer::trusted_issuer(EXPLAIN_ISSUER, &document.issuers);
    trusted.keys = Some(keys);
    document.issuers.push(trusted);
    Ok(local.mint("explain", &scopes.join(" "), None, now)?)
}
