//! The next action for each failure.

use super::{Failure, FunctionError, SmokeFailure};
use crate::apply::ApplyError;
use crate::apply::probe::Problem;
use aws::{CallError, CallErrorKind, ConnectError};
use compiler::definition::DefinitionError;
use compiler::project;
use compiler::source::revocation::RevocationError;
use deployment::desired::DesiredStateError;
use deployment::history::{Obstacle, TargetError};
use deployment::plan::{CanaryError, UnmetPrecondition};
use dev::serving::StartError;

impl Failure {
    /// Returns the next action, if there is one.
    pub(in crate::command) fn help(&self) -> Option<String> {
        self.help_by_value().or_else(|| self.fixed_help().map(str::to_owned))
    }

    /// Returns the next action, if it depends on the values of the failure.
    fn help_by_value(&self) -> Option<String> {
        Some(match self {
            Self::Connect(ConnectError::Call(error)) | Self::Call(error) => return call(error),
            Self::Apply(error) => return apply(error),
            Self::Function { problem, .. } => function(problem),
            Self::Listen { option, .. } => {
                format!("choose another port with `{option}`, or `{option} 0`")
            }
            Self::Definition(DefinitionError::UnknownVersion(_)) => {
                "use `deployer deploy`, which publishes it".to_owned()
            }
            Self::Definition(DefinitionError::MissingFunction(name)) => {
                format!("add `function` or `function_arn` to [authorizer.{name}]")
            }
            Self::ManagedAs { found, .. } => format!(
                "set `name = \"{found}\"` in [api], or remove the tag portcullis:api from the API"
            ),
            Self::CacheNotFlushed { stage, revision, .. } => match revision {
                Some(number) => {
                    format!("run `deployer rollback {number} --stage {stage} --flush-auth-cache`")
                }
                None => "run `aws apigateway flush-stage-authorizers-cache`".to_owned(),
            },
            Self::MappedDomain { domain, path } => format!(
                "delete the mapping first: aws apigateway delete-base-path-mapping --domain-name {domain} --base-path '{path}'"
            ),
            Self::NoStage { stage, .. } => {
                format!("create it with `deployer deploy --stage {stage}`")
            }
            Self::UnknownAuthorizer { known, .. } | Self::AuthorizerRequired(known) => {
                format!("choose one of: {}", known.join(", "))
            }
            Self::UnusedAuthorizer(name) => {
                format!("add `{name}` to the `security` of an operation")
            }
            Self::ProgramNotStarted { program, .. } => {
                format!("check that `{program}` is installed and in PATH")
            }
            Self::ProgramFailed { program, .. } => format!("see the output of `{program}` above"),
            Self::KeysNotFetched { fixes, .. } => {
                let fixes: Vec<&str> = fixes.iter().map(String::as_str).collect();
                format!("the old files are unchanged; {}", fixes.join("; "))
            }
            Self::Serve(StartError::UnknownFunction { known, .. }) => match known.as_slice() {
                [] => "remove `--function`: the API has no function".to_owned(),
                known => format!("choose one of: {}", known.join(", ")),
            },
            Self::MissingOption { option, .. } => format!("add `{option}`"),
            Self::Revocation(error) => revocation(error),
            _ => return None,
        })
    }

    /// Returns the next action, if it is always the same.
    fn fixed_help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Connect(error) => return connect(error),
            Self::Unreadable(file) if file.path.ends_with(project::MANIFEST) => {
                "pass the directory that contains portcullis.toml, or run the command there"
            }
            Self::Unreadable(_) => "check the path and its permissions",
            Self::Unwritable { .. } => "check the path, its permissions and the disk space",
            Self::ChangedWhileWaiting
            | Self::PlanForAnotherStage { .. }
            | Self::InvalidPlan { .. }
            | Self::PlanFormat { .. }
            | Self::FilesChanged(_)
            | Self::OtherBinary { .. }
            | Self::StalePlan(_) => PLAN_AGAIN,
            Self::NoCargoLambda => {
                "run `pip install cargo-lambda==1.9.2`, or see https://www.cargo-lambda.info"
            }
            Self::Package { .. } => "use the authorizer-ARCHITECTURE.zip of a release",
            Self::UnknownArchitecture(_) | Self::OtherArchitecture { .. } => {
                "use the zip file for the function's architecture, or set `architecture` in [authorizer.NAME.function] (`--architecture` for `function_arn`)"
            }
            Self::NoBinary(_) | Self::NoCode(_) | Self::Download { .. } => {
                "use `--function-zip FILE` or `--build=SOURCE`"
            }
            Self::NoSource(_) => "pass their directory: `--build=SOURCE`",
            Self::NoApi { .. } => "deploy the API first, or check the account and the Region",
            Self::NoLogKey | Self::InvalidLogKey(_) => {
                "set it to the log key of the function, in the environment of this command"
            }
            Self::NoAuthorizer => "add an [authorizer.NAME] table",
            Self::NoBundledKeys => {
                "add `keys = \"keys.json\"` to an [[authorizer.NAME.issuer]] of portcullis.toml"
            }
            Self::FileExists(_) => "pass a directory for the new project",
            Self::UnsupportedAuthorizer { .. } => {
                "replace it by an authorizer of the type TOKEN, REQUEST or COGNITO_USER_POOLS: the document would not have its settings"
            }
            Self::NoRestApi(_) => "run `deployer discover` to list the REST APIs",
            Self::AmbiguousApi { .. } => "remove the tag portcullis:api from all but one of them",
            Self::Canary(CanaryError::Endpoint { .. }) => {
                "deploy the endpoint without `--canary` first"
            }
            Self::Canary(CanaryError::NoStage { .. }) => "deploy without `--canary` first",
            Self::Canary(CanaryError::NoChange { .. }) => {
                "deploy without `--canary`, which also applies the settings of the stage and ends a canary"
            }
            Self::Precondition(unmet) => precondition(unmet),
            Self::NoCanary { .. } => "create one with `deployer deploy --canary PERCENT`",
            Self::RecordUnreadable { .. } => "deploy the configuration of the revision again",
            Self::Target(TargetError::Unknown(_)) => "run `deployer history` to list the revisions",
            Self::Target(TargetError::NoEarlier { .. }) => {
                "run `deployer history` to list the obstacles, and pass a revision number"
            }
            Self::Target(TargetError::Obstacle { obstacle: Obstacle::CanaryOnly, .. }) => {
                "run `deployer promote` to route all requests to the canary's revision"
            }
            Self::Target(TargetError::Obstacle { .. }) => "deploy its configuration again",
            Self::NoToken(_) => "the command must exit with 0 and print a token to stdout",
            Self::Stdin(_) => "pipe text to stdin, or pass the value as an argument",
            Self::Cancelled { .. } => "type the text that the prompt names",
            Self::NotConfirmed { .. } => "re-run with `--yes`, or in a terminal",
            Self::FunctionNotManaged(_) => {
                "choose another name, or add the tag portcullis:managed to replace its code"
            }
            Self::FunctionOutdated { .. } => {
                "publish the function with the configuration of `deployer config` first, then deploy the API"
            }
            Self::FunctionUndescribed { .. } => {
                "publish a current version of the function, or add `--untested-authorizer`"
            }
            Self::Dangerous(_) => {
                "review them, and add `--allow-dangerous`, or confirm them in a terminal without `--yes`"
            }
            Self::Protected(_) => "set `protect = false` in portcullis.toml first",
            Self::DesiredState(DesiredStateError::AccessLog { .. }) => {
                "use a log group or a delivery stream in the account and Region of the API"
            }
            Self::DesiredState(_) => {
                "use resources in the partition of the account, or other credentials"
            }
            Self::FunctionTest { .. } => {
                "check the authorizer's settings, and the function's log in CloudWatch Logs"
            }
            Self::IssuerKey(_) => "use `--no-local-issuer`",
            Self::SmokeTest(SmokeFailure::Url(_)) => "correct `--smoke`, and deploy again",
            Self::SmokeTest(_) => "check the backend and the authorizer's log, and deploy again",
            Self::SmokeNotRolledBack { .. } => ROLL_BACK,
            Self::AuthorizerConfig(_) => "correct the authorizer's settings in portcullis.toml",
            _ => return None,
        })
    }
}

const ROLL_BACK: &str = "roll back with `deployer rollback --stage STAGE`";

const fn precondition(unmet: &UnmetPrecondition) -> &'static str {
    match unmet {
        UnmetPrecondition::LogRole { .. } => {
            "set the CloudWatch log role in the account settings of API Gateway, or remove `access_log` and `logging`"
        }
        UnmetPrecondition::ResourcePolicy { .. } => {
            "add `x-amazon-apigateway-policy` to the document"
        }
        UnmetPrecondition::Throttle { .. } => {
            "lower `throttle`, or request a higher account-level throttle from AWS"
        }
        UnmetPrecondition::ApiKey { .. } => {
            "correct `keys` in [usage_plan]; `aws apigateway get-api-keys` lists the IDs"
        }
        UnmetPrecondition::Quota { .. } => "delete an API, or deploy to another Region or account",
        UnmetPrecondition::PrivateToEdge { .. } => "deploy with `endpoint = \"regional\"` first",
    }
}

const PLAN_AGAIN: &str = "run `deployer plan` again, review the new plan, and deploy it";

const NOT_INVOKED: &str = "check on AWS that the authorizer has the identity sources of the configuration, and that the token matches its `identityValidationExpression`; at an endpoint without execution logs, skip the test with `--untested-authorizer`";

fn apply(error: &ApplyError) -> Option<String> {
    let fixed = match error {
        ApplyError::Call(error) | ApplyError::StageNotCreated { error, .. } => return call(error),
        ApplyError::Authorizer { problem, log, .. } => {
            let check = match problem {
                Problem::NotInvoked { .. } => NOT_INVOKED,
                _ => "run `deployer doctor` to check the function and the role",
            };
            return Some(match log.as_str() {
                "" => check.to_owned(),
                log => format!("{check}; the end of the authorizer's log:\n{log}"),
            });
        }
        ApplyError::NotFlushed { .. } => {
            "cached results are those of the previous rules until their TTL ends: run `deployer deploy --flush-auth-cache`, or `deployer rollback REVISION --flush-auth-cache` with the revision that the stage serves"
        }
        ApplyError::RollbackFailed { .. } => ROLL_BACK,
        ApplyError::StageNotDeleted { .. } => "re-run: it sets the settings",
        ApplyError::Untestable(_) => {
            "skip the test with `--untested-authorizer`; it requires `--endpoint-url`"
        }
        ApplyError::Definition { .. } => "check for concurrent changes to the API, and re-run",
        ApplyError::ConcurrentUpdate(_) | ApplyError::Unpublished(_) => PLAN_AGAIN,
        ApplyError::RolledBack(_) => "check for concurrent changes to the stage, and re-run",
    };
    Some(fixed.to_owned())
}

fn revocation(error: &RevocationError) -> String {
    match error {
        RevocationError::NoIssuer => "add an [[authorizer.NAME.issuer]] table".to_owned(),
        RevocationError::SeveralIssuers(_) => "add `--of ISSUER` with one of them".to_owned(),
        RevocationError::UnknownIssuer { .. } => "name one of them, exactly as it is".to_owned(),
        RevocationError::Variable => "revoke by another claim, such as `--jti`".to_owned(),
        RevocationError::NotEditable { member: "all", .. } => {
            "write `denied = { all = true }` in the table of the issuer, and re-run".to_owned()
        }
        RevocationError::NotEditable { member, .. } => format!(
            "write `denied = {{ {member} = [\"VALUE\"] }}` in the table of the issuer, and re-run"
        ),
    }
}

fn function(error: &FunctionError) -> String {
    match error {
        FunctionError::NoAlias => {
            "add an alias to `function_arn`, such as …:function:NAME:live".to_owned()
        }
        FunctionError::NoRole => "pass its execution role: `--function-role ARN`".to_owned(),
        FunctionError::Elsewhere { expected } => {
            format!("set `function_arn` to a function in {expected}")
        }
        FunctionError::Shared => "set another `function_arn` for each authorizer".to_owned(),
    }
}

fn call(error: &CallError) -> Option<String> {
    let fixed = match error.kind {
        CallErrorKind::Denied => "run `deployer iam COMMAND` to print the policy of a command",
        CallErrorKind::Unauthenticated => "log in again, or use other credentials",
        CallErrorKind::Interrupted => "re-run to resume",
        CallErrorKind::Conflict | CallErrorKind::PreconditionFailed => {
            "wait for the concurrent change to finish, and re-run"
        }
        CallErrorKind::OutcomeUnknown | CallErrorKind::Throttled => {
            "safe to re-run: completed steps are skipped"
        }
        CallErrorKind::NoConnection => "check the Region, endpoint URL and network connectivity",
        CallErrorKind::NotFound => "run `deployer plan` to compare the configuration with AWS",
        CallErrorKind::Unsupported => "use an endpoint that supports the call",
        CallErrorKind::Invalid => return None,
    };
    Some(fixed.to_owned())
}

fn connect(error: &ConnectError) -> Option<&'static str> {
    Some(match error {
        ConnectError::NoRegion | ConnectError::InvalidRegion(_) => {
            "set `--region`, AWS_REGION or the `region` of the profile, such as eu-west-1"
        }
        ConnectError::NoCredentials => {
            "run `aws sso login`, set AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        }
        ConnectError::NoProfileCredentials(_) => {
            "list the profiles with `aws configure list-profiles`"
        }
        ConnectError::Credentials(_) => {
            "check the profile and the role; for IAM Identity Center, run `aws sso login`"
        }
        _ => return None,
    })
}
