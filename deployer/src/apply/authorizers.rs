//! Asks each authorizer before a stage moves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{ApplyError, Authorizers, Run};
use aws::apigateway::Checked;
use aws::{CallError, Kind};
use compiler::api::AuthorizerShape;
use compiler::definition::scheme_of;

impl Run<'_> {
    pub(super) async fn authorizers(&mut self) -> Result<Authorizers, ApplyError> {
        if self.authorizers.is_none() {
            self.authorizers = Some(self.aws.authorizers(&self.report.api).await?);
        }
        Ok(self.authorizers.clone().unwrap_or_default())
    }

    /// Asks every authorizer: what is no token must be refused, and a token let in.
    pub(super) async fn test(&mut self, names: &BTreeSet<String>) -> Result<(), ApplyError> {
        let authorizers = self.authorizers().await?;
        // One that is not there was not found right either.
        if let Some(gone) = names.iter().find(|name| !authorizers.values().any(|(n, _)| n == *name))
        {
            let (name, what) = (scheme_of(gone).to_owned(), "is not there".to_owned());
            return Err(ApplyError::Authorizer { name, what, log: String::new() });
        }
        for (id, (name, shape)) in authorizers.iter().filter(|(_, (n, _))| names.contains(n)) {
            let scheme = scheme_of(name).to_owned();
            let garbage = match self.asked(id, shape, NO_TOKEN).await {
                Ok(answer) => answer,
                Err(error) if error.kind == Kind::Unsupported => {
                    if !self.options.untested {
                        return Err(ApplyError::Untestable(scheme));
                    }
                    let note = format!("{scheme} was not tested: nobody can ask it there");
                    self.report.notes.push(note);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if !refuses(&garbage) {
                let what = format!("did not refuse what is no token ({})", said(&garbage));
                return Err(ApplyError::Authorizer {
                    name: scheme,
                    what,
                    log: tail(&garbage, NO_TOKEN),
                });
            }
            let Some(token) = &self.options.token else { continue };
            let answer = self.asked(id, shape, token).await?;
            if answer.status != 200 || !allows(&answer) {
                let what = format!("did not let the given token in ({})", said(&answer));
                return Err(ApplyError::Authorizer {
                    name: scheme,
                    what,
                    log: tail(&answer, token),
                });
            }
        }
        Ok(())
    }

    /// Asks one authorizer; again, as long as its role may not have reached everywhere.
    async fn asked(
        &self,
        id: &str,
        shape: &AuthorizerShape,
        token: &str,
    ) -> Result<Checked, CallError> {
        let mut headers = BTreeMap::new();
        let mut path = "/".to_owned();
        for source in &shape.identity {
            if let Some(name) = source.strip_prefix("method.request.header.") {
                headers.insert(name.to_owned(), format!("Bearer {token}"));
            } else if let Some(name) = source.strip_prefix("method.request.querystring.") {
                path = format!("/?{name}={token}");
            }
        }
        let tries = if self.fresh_role { 20 } else { 3 };
        let mut answer = self.aws.ask_authorizer(&self.report.api, id, &headers, &path).await?;
        for _ in 1..tries {
            if answer.status < 500 {
                break;
            }
            let why = "API Gateway cannot invoke the authorizer yet";
            self.aws.wait(Duration::from_secs(3), why).await;
            answer = self.aws.ask_authorizer(&self.report.api, id, &headers, &path).await?;
        }
        Ok(answer)
    }
}

/// In the form of a token, so that it reaches the function, and signed by nobody.
pub(crate) const NO_TOKEN: &str = "eyJhbGciOiJub25lIn0.e30.AA";

fn refuses(answer: &Checked) -> bool {
    matches!(answer.status, 401 | 403) || (answer.status == 200 && !allows(answer))
}

fn allows(answer: &Checked) -> bool {
    answer.policy.as_deref().is_none_or(|policy| policy.contains("\"Allow\""))
}

fn said(answer: &Checked) -> String {
    match answer.status {
        500.. => format!("{}: it could not be invoked", answer.status),
        status => status.to_string(),
    }
}

/// The end of a log: what happened, no more than fits a screen, and never the token.
fn tail(answer: &Checked, token: &str) -> String {
    let log = answer.log.replace(token, "…");
    let lines: Vec<&str> = log.lines().collect();
    lines.get(lines.len().saturating_sub(5)..).unwrap_or_default().join("\n")
}
