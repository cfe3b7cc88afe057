//! Tests each authorizer with `TestInvokeAuthorizer` before a stage is updated.

use std::collections::{BTreeMap, BTreeSet};

use super::probe::{ProbeError, ProbeResponse, Problem, Transport, probe};
use super::{ApplyError, Authorizers, Run};
use aws::{Aws, CallError, CallErrorKind};
use compiler::api::AuthorizerShape;
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
    attempts: u32,
}

impl Transport for TestInvoke<'_> {
    fn attempts(&self) -> u32 {
        self.attempts
    }

    async fn send(&self, token: &str) -> Result<ProbeResponse, CallError> {
        let mut headers = BTreeMap::new();
        let mut path = "/".to_owned();
        for source in &self.shape.identity {
            if let Some(name) = source.strip_prefix("method.request.header.") {
                headers.insert(name.to_owned(), format!("Bearer {token}"));
            } else if let Some(name) = source.strip_prefix("method.request.querystring.") {
                path = format!("/?{name}={token}");
            }
        }
        let response = self.aws.test_invoke_authorizer(self.api, self.id, &headers, &path).await?;
        Ok(ProbeResponse::of_test(&response, token))
    }
}
