//! Tests each authorizer with `TestInvokeAuthorizer` before a stage is updated.

use std::collections::{BTreeMap, BTreeSet};

use super::probe::{ProbeError, ProbeResponse, Problem, Token, Transport, probe};
use super::test_request::test_request;
use super::{ApplyError, Authorizers, Run};
use authorizer::config::TokenSource;
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
            source: self.options.token_sources.get(name),
            stage_variables: &self.options.stage_variables,
            attempts: if self.has_new_role { ATTEMPTS_WITH_NEW_ROLE } else { ATTEMPTS },
        };
        let Err(error) = probe(self.aws, &transport, self.options.token.as_deref()).await else {
            return Ok(());
        };
        match untested(&error) {
            Some(reason) if self.options.allow_untested => {
                let note = format!("authorizer `{name}` was not tested: {reason}");
                self.report.notes.push(note);
                Ok(())
            }
            _ => Err(refusal(name, error)),
        }
    }
}

/// Returns the reason why an authorizer could not be tested; `None` if it was tested. Without an
/// invocation, the result of the test is API Gateway's, which proves nothing about the function. The
/// endpoint invoked it if only the given token was rejected before an invocation.
fn untested(error: &ProbeError) -> Option<String> {
    match error {
        ProbeError::Call(error) if error.kind == CallErrorKind::Unsupported => {
            Some("TestInvokeAuthorizer is not supported".to_owned())
        }
        ProbeError::Problem { problem, .. } => match problem {
            Problem::NotInvoked { token: Token::Invalid, .. } => Some(format!("it {problem}")),
            _ => None,
        },
        ProbeError::Call(_) => None,
    }
}

/// Returns the error for an authorizer that did not pass its test.
fn refusal(name: &str, error: ProbeError) -> ApplyError {
    match error {
        ProbeError::Call(error) if error.kind == CallErrorKind::Unsupported => {
            ApplyError::Untestable(name.to_owned())
        }
        ProbeError::Call(error) => error.into(),
        ProbeError::Problem { problem, log } => {
            ApplyError::Authorizer { name: name.to_owned(), problem, log }
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
    stage_variables: &'a BTreeMap<String, String>,
    attempts: u32,
}

impl Transport for TestInvoke<'_> {
    fn attempts(&self) -> u32 {
        self.attempts
    }

    async fn send(&self, token: &str) -> Result<ProbeResponse, CallError> {
        let request = test_request(self.shape, self.source, self.stage_variables, token);
        let response = self.aws.test_invoke_authorizer(self.api, self.id, &request).await?;
        Ok(ProbeResponse::of_test(&response, token))
    }
}
