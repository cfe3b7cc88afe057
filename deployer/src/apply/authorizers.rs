//! Tests each authorizer with `TestInvokeAuthorizer` before a stage is updated.

use std::collections::{BTreeMap, BTreeSet};

use super::probe::{ProbeError, ProbeResponse, Problem, Transport, probe};
use super::{ApplyError, Authorizers, Run};
use authorizer::config::{TokenScheme, TokenSource};
use aws::{Aws, CallError, CallErrorKind};
use compiler::api::{AuthorizerShape, IdentitySource, PresentedToken};
use compiler::definition::scheme_of;

/// The number of attempts for an authorizer with a new role, which takes time to propagate.
const ATTEMPTS_WITH_NEW_ROLE: u32 = 20;

/// The number of attempts for any other authorizer.
const ATTEMPTS: u32 = 3;

impl Run<'_> {
    pub(super) async fn authorizers(&mut self) -> Result<Authorizers, ApplyError> {
        if self.authorizers.is_none() {
            self.authorizers = Some(self.aws.authorizers(&self.report.api).await?);
        }
        Ok(self.authorizers.clone().unwrap_or_default())
    }

    /// Tests the named authorizers.
    pub(super) async fn test(&mut self, names: &BTreeSet<String>) -> Result<(), ApplyError> {
        let authorizers = self.authorizers().await?;
        // A missing authorizer must not pass the test.
        if let Some(missing) =
            names.iter().find(|name| !authorizers.values().any(|(n, _)| n == *name))
        {
            return Err(ApplyError::Authorizer {
                name: scheme_of(missing).to_owned(),
                problem: Problem::Missing,
                log: String::new(),
            });
        }
        for (id, (name, shape)) in authorizers.iter().filter(|(_, (n, _))| names.contains(n)) {
            self.test_one(id, scheme_of(name), shape).await?;
        }
        Ok(())
    }

    async fn test_one(
        &mut self,
        id: &str,
        name: &str,
        shape: &AuthorizerShape,
    ) -> Result<(), ApplyError> {
        let transport = TestInvoke {
            aws: self.aws,
            api: &self.report.api,
            id,
            shape,
            source: self.options.token_sources.get(name),
            attempts: if self.has_new_role { ATTEMPTS_WITH_NEW_ROLE } else { ATTEMPTS },
        };
        match probe(self.aws, &transport, self.options.token.as_deref()).await {
            Ok(()) => Ok(()),
            Err(ProbeError::Call(error)) if error.kind == CallErrorKind::Unsupported => {
                if !self.options.allow_untested {
                    return Err(ApplyError::Untestable(name.to_owned()));
                }
                let note = format!(
                    "authorizer `{name}` was not tested: TestInvokeAuthorizer is not supported"
                );
                self.report.notes.push(note);
                Ok(())
            }
            Err(ProbeError::Call(error)) => Err(error.into()),
            Err(ProbeError::Problem { problem, log }) => {
                Err(ApplyError::Authorizer { name: name.to_owned(), problem, log })
            }
        }
    }
}

/// `TestInvokeAuthorizer`.
struct TestInvoke<'a> {
    aws: &'a Aws,
    api: &'a str,
    id: &'a str,
    shape: &'a AuthorizerShape,
    source: Option<&'a TokenSource>,
    attempts: u32,
}

impl Transport for TestInvoke<'_> {
    fn attempts(&self) -> u32 {
        self.attempts
    }

    async fn send(&self, token: &str) -> Result<ProbeResponse, CallError> {
        let (headers, path) = request(self.shape, self.source, token);
        let response = self.aws.test_invoke_authorizer(self.api, self.id, &headers, &path).await?;
        Ok(ProbeResponse::of_test(&response, token))
    }
}

/// Returns the headers and the path of a test: the token at its location, and a value of each other
/// identity source, without which API Gateway does not invoke the function.
fn request(
    shape: &AuthorizerShape,
    source: Option<&TokenSource>,
    token: &str,
) -> (BTreeMap<String, String>, String) {
    let located = source.map(|source| PresentedToken::new(source, token));
    let others = shape.identity.iter().filter_map(|source| {
        let source = match source.parse().ok()? {
            IdentitySource::Header(name) => {
                TokenSource::Header { name, scheme: TokenScheme::Bearer }
            }
            IdentitySource::Query(name) => TokenSource::Query(name),
            IdentitySource::Context(_) | IdentitySource::StageVariable(_) => return None,
        };
        Some(PresentedToken::new(&source, token))
    });
    let others = others.filter(|other| !located.as_ref().is_some_and(|one| one.replaces(other)));
    let (mut headers, mut path) = (BTreeMap::new(), "/".to_owned());
    for presented in located.iter().cloned().chain(others) {
        path = presented.url(&path);
        headers.extend(presented.header().map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    (headers, path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use authorizer::config::TokenSource;
    use compiler::api::AuthorizerShape;
    use serde_json::{Value, json};

    use super::request;

    #[test]
    fn a_test_has_the_token_at_its_location_and_every_identity_source() {
        let cookie = "method.request.header.cookie";
        let header = "method.request.header.X-Token";
        let query = "method.request.querystring.t";
        for (source, identity, headers, path) in [
            (
                None,
                "method.request.header.Authorization",
                json!({"Authorization": "Bearer x"}),
                "/",
            ),
            (None, query, json!({}), "/?t=x"),
            (Some(json!({"header": "X-Token"})), header, json!({"X-Token": "Bearer x"}), "/"),
            (
                Some(json!({"header": "x-token", "scheme": "none"})),
                header,
                json!({"x-token": "x"}),
                "/",
            ),
            (Some(json!({"cookie": "s"})), cookie, json!({"Cookie": "s=x"}), "/"),
            (Some(json!({"query": "t"})), query, json!({}), "/?t=x"),
            (
                Some(json!({"cookie": "s"})),
                &[cookie, header, query, "context.httpMethod"].join(","),
                json!({"Cookie": "s=x", "X-Token": "Bearer x"}),
                "/?t=x",
            ),
        ] {
            let source: Option<TokenSource> =
                source.map(|one: Value| serde_json::from_value(one).unwrap());
            let shape =
                AuthorizerShape::read(&json!({"type": "request", "identitySource": identity}), "");
            let headers: BTreeMap<String, String> = serde_json::from_value(headers).unwrap();
            assert_eq!(
                request(&shape, source.as_ref(), "x"),
                (headers, path.to_owned()),
                "{source:?}"
            );
        }
    }
}
