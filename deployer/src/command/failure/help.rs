//! What to do about each failure.

use super::{Failure, FunctionProblem};
use crate::apply::ApplyError;
use aws::{CallError, CallErrorKind, ConnectError};
use compiler::definition::DefinitionError;
use compiler::project;

impl Failure {
    /// Returns what to do about the failure, if there is something.
    pub(super) fn help(&self) -> Option<String> {
        let fixed = match self {
            Self::Connect(ConnectError::Call(error)) | Self::Call(error) => return call(error),
            Self::Apply(error) => return apply(error),
            Self::Listen { option, .. } => {
                return Some(format!(
                    "choose another port with {option}, or {option} 0 for any free one"
                ));
            }
            Self::Definition(DefinitionError::MissingFunction(name)) => {
                return Some(format!("add `function_arn` to [authorizer.{name}]"));
            }
            Self::Connect(ConnectError::NoRegion | ConnectError::InvalidRegion(_)) => {
                "name one with --region, AWS_REGION or the profile, such as eu-west-1"
            }
            Self::Connect(ConnectError::NoCredentials) => {
                "run `aws sso login`, set AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            }
            Self::Connect(ConnectError::NoProfileCredentials(_)) => {
                "list the profiles with `aws configure list-profiles`"
            }
            Self::Connect(ConnectError::Credentials(_)) => {
                "check the profile and the role; for IAM Identity Center, run `aws sso login`"
            }
            Self::Unreadable(file) if file.path.ends_with(project::MANIFEST) => {
                "name the folder that holds portcullis.toml, or run it there"
            }
            Self::ChangedWhileWaiting
            | Self::OtherPlan { .. }
            | Self::PlanFile { .. }
            | Self::PlanFormat { .. }
            | Self::StalePlan(_) => "plan again, review the new plan, and deploy it",
            Self::NoCargoLambda => {
                "pip install cargo-lambda==1.9.2, or see https://www.cargo-lambda.info"
            }
            Self::NoSource(_) => "name their folder: --build=SOURCE",
            Self::Several { .. } => "remove the tag portcullis:api from all but one of them",
            Self::NoRevision(_) => "see `deployer history`",
            Self::NoEarlierRevision { .. } => "see `deployer history`, and name a revision",
            Self::UnservedRevision(_) => "redeploy its configuration",
            Self::NotConfirmed { .. } => "re-run with `--yes`, or in a terminal",
            Self::Protected(_) => "set `protect = false` in portcullis.toml first",
            Self::DesiredState(_) => {
                "name what is in the account's own partition, or use other credentials"
            }
            Self::SmokeNotRolledBack { .. } => ROLL_BACK,
            Self::Function { problem: FunctionProblem::NoRole, .. } => {
                "name the role that the function runs as: --function-role ARN"
            }
            _ => return None,
        };
        Some(fixed.to_owned())
    }
}

const ROLL_BACK: &str = "roll back with `deployer rollback --stage STAGE`";

fn apply(error: &ApplyError) -> Option<String> {
    let fixed = match error {
        ApplyError::Call(error) => return call(error),
        ApplyError::Authorizer { log, .. } => {
            let doctor = "`deployer doctor` checks the function and the role";
            return Some(match log.as_str() {
                "" => doctor.to_owned(),
                log => format!("{doctor}; the authorizer's log ends:\n{log}"),
            });
        }
        ApplyError::RollbackFailed { .. } => ROLL_BACK,
        ApplyError::Untestable(_) => "with --endpoint-url, --untested-authorizer skips the test",
        ApplyError::Definition { .. } => {
            "another program may be changing the API; re-run to import it again"
        }
        ApplyError::ConcurrentUpdate(_) => "plan again, review the new plan, and deploy it",
        ApplyError::NoStage(_) => "deploy without --canary first",
        ApplyError::RolledBack(_) => return None,
    };
    Some(fixed.to_owned())
}

fn call(error: &CallError) -> Option<String> {
    let fixed = match error.kind {
        CallErrorKind::Denied => "`deployer iam COMMAND` prints the policy that a command needs",
        CallErrorKind::Unauthenticated => "log in again, or name other credentials",
        CallErrorKind::Interrupted => "re-run to resume",
        CallErrorKind::Conflict => "another program is changing it; re-run",
        CallErrorKind::OutcomeUnknown | CallErrorKind::Throttled => {
            "safe to re-run: completed steps are skipped"
        }
        CallErrorKind::NoConnection => "check the Region, endpoint URL and network connectivity",
        CallErrorKind::Invalid | CallErrorKind::NotFound | CallErrorKind::Unsupported => {
            return None;
        }
    };
    Some(fixed.to_owned())
}
