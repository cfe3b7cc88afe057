//! The command line: arguments → [`Arguments`]. Decides nothing.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::output::Format;
use deployment::percent::Percent;
use deployment::revision::Message;

pub mod generated;

/// The exit codes of every command.
const EXIT_CODES: &str = "\
Exit codes:
  0  success, or nothing to do
  1  failure
  2  changes pending (`plan --detailed-exitcode`), or drift
  3  invalid configuration, Region or canary
  4  missing or insufficient AWS credentials
  5  stale plan or concurrent modification
  6  stage updated, failed its check, and rolled back";

/// Compile, serve, deploy and operate REST APIs on Amazon API Gateway with the Portcullis authorizer
#[derive(Debug, Parser)]
#[command(name = "deployer", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Arguments {
    /// Output format
    #[arg(long, global = true, value_enum, default_value_t)]
    pub output: Format,
    /// Disable colored output
    #[arg(long, global = true)]
    pub no_color: bool,
    /// The Region, the credentials and the endpoint
    #[command(flatten)]
    pub aws: AwsArguments,
    /// The command
    #[command(subcommand)]
    pub command: Command,
}

/// The Region, the credentials and the endpoint of AWS. Defaults come from the environment and the
/// shared configuration, as with the AWS CLI.
#[derive(Debug, Args)]
pub struct AwsArguments {
    /// AWS Region
    #[arg(long, global = true, help_heading = "AWS")]
    pub region: Option<String>,
    /// Profile in the shared AWS configuration
    #[arg(long, global = true, help_heading = "AWS")]
    pub profile: Option<String>,
    /// Role to assume, with its external ID if required
    #[arg(long, global = true, value_name = "ARN[,EXTERNAL_ID]", help_heading = "AWS")]
    pub assume_role: Option<String>,
    /// Custom endpoint for every AWS call, such as an emulator
    #[arg(long, global = true, value_name = "URL", help_heading = "AWS")]
    pub endpoint_url: Option<String>,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write an example project
    Init(Init),
    /// Validate the configuration
    Check(Check),
    /// Write the authorizer's compiled configuration
    Config(Config),
    /// Write the OpenAPI document that API Gateway imports
    Export(Export),
    /// Explain the authorization decision for a request
    Explain(Explain),
    /// Serve the API locally with the authorizer and a local token issuer
    Dev(Dev),
    /// Run request test cases against a local gateway or a deployed stage
    Test(Test),
    /// Show the changes a deployment would make
    Plan(Plan),
    /// Deploy the API and update a stage
    Deploy(Deploy),
    /// Show the revision that a stage serves
    Status(Live),
    /// List deployed revisions
    History(Live),
    /// Show the changes between two revisions
    Diff(Diff),
    /// Detect drift: changes made outside Portcullis
    Drift(Live),
    /// Route all requests of a stage to its canary's revision
    Promote(Promote),
    /// End a stage's canary, or roll the stage back to an earlier revision
    Rollback(Rollback),
    /// Add a token, subject, client or issuer to a deny-list, and deploy it to every stage
    Revoke(Revoke),
    /// Delete a stage or the whole API
    Undeploy(Undeploy),
    /// List all REST APIs with their stages, routes and authorization
    Discover,
    /// Manage an existing API with Portcullis
    Adopt(Adopt),
    /// Generate a client SDK for a stage
    Sdk(Sdk),
    /// Print IAM policies for deployer commands, API Gateway and AWS_IAM users
    Iam(Iam),
    /// Compute the hash under which the log identifies a subject or token ID
    Hash(Hash),
    /// Run pre-deployment checks
    Doctor(Live),
    /// Manage bundled keys of issuers
    #[command(subcommand)]
    Keys(Keys),
    /// Generate a shell completion script
    Completions(Completions),
    /// Generate manual pages
    #[command(hide = true)]
    Man(Man),
}

/// A project, and the stage to compile it for.
#[derive(Debug, Args)]
pub struct Files {
    /// Project directory, containing portcullis.toml
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Stage to compile for [default: `dev`, or the first by name]
    #[arg(long)]
    pub stage: Option<String>,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  deployer init --example petstore
  deployer init --example petstore shop")]
pub struct Init {
    /// Example to write
    #[arg(long, value_enum)]
    pub example: Example,
    /// Directory of the new project [default: the name of the example]
    pub dir: Option<PathBuf>,
}

/// An example project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Example {
    /// A pet shop's API, with every kind of route that an authorizer protects
    Petstore,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  deployer check
  deployer check infra/petstore --deny-warnings
  deployer check --against deployed.json")]
pub struct Check {
    /// The project and the stage
    #[command(flatten)]
    pub files: Files,
    /// Treat warnings as errors
    #[arg(long)]
    pub deny_warnings: bool,
    /// Earlier OpenAPI document to compare with: report operations that have become public
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,
}

/// Arguments of `config`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  deployer config --out authorizer.json
  deployer config --authorizer jwt --local-issuer http://127.0.0.1:4010")]
pub struct Config {
    /// The project and the stage
    #[command(flatten)]
    pub files: Files,
    /// Authorizer to compile; required if the configuration has several
    #[arg(long)]
    pub authorizer: Option<String>,
    /// Output file [default: stdout]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Additionally trust the issuer of a running `deployer dev`; a loopback URL
    #[arg(long, value_name = "URL")]
    pub local_issuer: Option<String>,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  deployer export --document --out openapi.aws.json
  deployer export --from-api a1b2c3d4e5 --out imported")]
pub struct Export {
    /// The project and the stage
    #[command(flatten)]
    pub files: Files,
    /// Write the OpenAPI document that API Gateway imports
    #[arg(long, required_unless_present = "from_api", conflicts_with = "from_api")]
    pub document: bool,
    /// Write configuration files for an existing API into the directory --out
    #[arg(long, value_name = "ID", requires = "out")]
    pub from_api: Option<String>,
    /// Output file, or directory with --from-api [default: stdout]
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
}

/// A project and a stage.
#[derive(Debug, Args)]
pub struct Live {
    /// Project directory, containing portcullis.toml
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Name of the stage
    #[arg(long)]
    pub stage: String,
}

impl Live {
    /// Returns the project and the stage.
    pub fn files(&self) -> Files {
        Files { dir: self.dir.clone(), stage: Some(self.stage.clone()) }
    }
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  deployer plan --stage dev
  deployer plan --stage prod --canary 10
  deployer plan --stage prod --out plan.json --detailed-exitcode")]
pub struct Plan {
    /// The project and the stage
    #[command(flatten)]
    pub live: Live,
    /// The new revision
    #[command(flatten)]
    pub revision: NewRevision,
    /// Save the plan to a file, for `deploy --plan`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Exit with code 2 if changes are pending
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// The binary of the functions
    #[command(flatten)]
    pub build: Build,
}

/// Options of `plan` and `deploy` for the new revision.
#[derive(Debug, Args)]
pub struct NewRevision {
    /// Route this percentage of requests to the new revision as a canary: 1 to 99
    #[arg(long, value_name = "PERCENT")]
    pub canary: Option<Percent>,
    /// Message to store with the new revision: one line of at most 200 characters
    #[arg(long, value_name = "TEXT")]
    pub message: Option<Message>,
}

/// Arguments of `deploy`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  deployer deploy --stage dev
  deployer deploy --stage prod --plan plan.json
  deployer deploy --stage prod --yes --smoke /health --smoke-status 200
  deployer deploy --stage prod --canary 10 --message 'cache for one minute'
  deployer deploy --stage dev --build=../portcullis --function-role ARN
  deployer deploy --stage dev --function-zip authorizer-arm64.zip")]
pub struct Deploy {
    /// The project and the stage
    #[command(flatten)]
    pub live: Live,
    /// The confirmation
    #[command(flatten)]
    pub confirmation: Confirmation,
    /// Apply this saved plan; fail if it is stale
    #[arg(long, value_name = "FILE", conflicts_with_all = ["canary", "message"])]
    pub plan: Option<PathBuf>,
    /// The new revision
    #[command(flatten)]
    pub revision: NewRevision,
    /// Smoke-test this path (below the stage) or URL after the stage is updated; roll back on
    /// failure
    #[arg(long, value_name = "URL")]
    pub smoke: Option<String>,
    /// Status code that --smoke expects [default: any below 500]
    #[arg(long, value_name = "STATUS", requires = "smoke")]
    pub smoke_status: Option<u16>,
    /// Flush the stage's authorizer result cache
    #[arg(long)]
    pub flush_auth_cache: bool,
    /// Command that prints a valid token, which the authorizer must accept
    #[arg(long, value_name = "COMMAND")]
    pub token_command: Option<String>,
    /// Deploy although a function does not describe its routes, and with --endpoint-url without
    /// testing the authorizer
    #[arg(long)]
    pub untested_authorizer: bool,
    /// The authorizers' functions
    #[command(flatten)]
    pub build: Build,
}

/// Options of `deploy` for the authorizers' functions.
#[derive(Debug, Args)]
#[group(skip)]
#[command(group = clap::ArgGroup::new("binary").args(["build", "function_zip"]))]
pub struct Build {
    /// Build and publish the authorizer functions first, from the Portcullis sources in SOURCE
    /// [default: `.`]. The alias of each `function_arn` then names the new version
    #[arg(long, value_name = "SOURCE", num_args = 0..=1, require_equals = true)]
    pub build: Option<Option<PathBuf>>,
    /// Publish the authorizer functions first, with the `bootstrap` of this zip file. The alias of each
    /// `function_arn` then names the new version
    #[arg(long, value_name = "FILE", conflicts_with = "build")]
    pub function_zip: Option<PathBuf>,
    /// Architecture of the functions of `function_arn` [default: the function's current architecture;
    /// for a new function, arm64 or that of --function-zip]
    #[arg(long, value_name = "ARCHITECTURE", requires = "binary")]
    pub architecture: Option<Architecture>,
    /// Execution role of the functions of `function_arn`; required for a new function
    #[arg(long, value_name = "ARN", requires = "binary")]
    pub function_role: Option<String>,
}

impl Build {
    /// Returns whether the functions are published.
    pub const fn publishes(&self) -> bool {
        self.build.is_some() || self.function_zip.is_some()
    }
}

/// An instruction set architecture of Lambda functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Architecture {
    /// 64-bit ARM (Graviton).
    Arm64,
    /// 64-bit x86.
    #[value(name = "x86_64")]
    X86,
}

impl Architecture {
    /// Returns the name that Lambda uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86 => "x86_64",
        }
    }
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  deployer diff 3 4
  deployer diff 11 12 infra/petstore --output json")]
pub struct Diff {
    /// Number of the earlier revision
    pub from: u32,
    /// Number of the later revision
    pub to: u32,
    /// Project directory, containing portcullis.toml
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Stage to compile for [default: `dev`, or the first by name]
    #[arg(long)]
    pub stage: Option<String>,
}

/// Arguments of `promote`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  deployer promote --stage prod
  deployer promote infra/petstore --stage prod --yes")]
pub struct Promote {
    /// The project and the stage
    #[command(flatten)]
    pub live: Live,
    /// The confirmation
    #[command(flatten)]
    pub confirmation: Confirmation,
    /// Flush the stage's authorizer result cache, also if no route was added or tightened
    #[arg(long)]
    pub flush_auth_cache: bool,
}

/// Arguments of `rollback`.
#[derive(Debug, Args)]
#[command(
    override_usage = "deployer rollback [OPTIONS] --stage <STAGE> [DIR] [REVISION]",
    after_help = "\
Examples:
  deployer rollback --stage prod
  deployer rollback infra/petstore 12 --stage prod --yes"
)]
pub struct Rollback {
    /// Project directory [default: `.`], and revision number [default: only end the canary; without
    /// one, the newest earlier revision that the stage served and was not rolled back from]
    #[arg(value_name = "[DIR] [REVISION]", num_args = 0..=2)]
    pub project_and_revision: Vec<String>,
    /// Name of the stage
    #[arg(long)]
    pub stage: String,
    /// The confirmation
    #[command(flatten)]
    pub confirmation: Confirmation,
    /// Flush the stage's authorizer result cache, also if no route was added or tightened
    #[arg(long)]
    pub flush_auth_cache: bool,
}

/// Arguments of `revoke`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
#[command(after_help = "\
The entry is added to `denied` of the issuer in portcullis.toml. Every stage of the file that is
deployed then gets a new revision. A stage whose files have other changes is skipped.

Examples:
  deployer revoke --sub 'auth0|5f7c8ec7c33c6c004bbafe82'
  deployer revoke --jti - --of https://tenant.eu.auth0.com/ --yes < token-id.txt
  deployer revoke --client web --stage prod
  deployer revoke --issuer https://old.example.com/ infra/petstore")]
pub struct Revoke {
    /// The entry
    #[command(flatten)]
    pub revoked: Revoked,
    /// Project directory, containing portcullis.toml
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Issuer of the tokens [default: the only one of portcullis.toml]
    #[arg(long, value_name = "URL", conflicts_with = "issuer")]
    pub of: Option<String>,
    /// Name of a stage; repeatable [default: every stage of portcullis.toml that is deployed]
    #[arg(long)]
    pub stage: Vec<String>,
    /// Deploy other changes to the files too
    #[arg(long)]
    pub with_pending_changes: bool,
    /// Skip the confirmation prompt
    #[arg(long)]
    pub yes: bool,
    /// Allow dangerous changes with --yes and --with-pending-changes: an operation that becomes
    /// public, or a deny-list that shrinks
    #[arg(long, requires = "with_pending_changes")]
    pub allow_dangerous: bool,
    /// Message to store with the new revisions: one line of at most 200 characters [default: the
    /// kind of the entry]
    #[arg(long, value_name = "TEXT")]
    pub message: Option<Message>,
    /// Command that prints a valid token, which the authorizer must accept
    #[arg(long, value_name = "COMMAND")]
    pub token_command: Option<String>,
    /// Deploy without testing the authorizer; only with --endpoint-url
    #[arg(long, requires = "endpoint_url")]
    pub untested_authorizer: bool,
    /// The authorizers' functions
    #[command(flatten)]
    pub build: Build,
}

/// The entry of a deny-list.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Revoked {
    /// ID (`jti`) of a token; `-` reads it from stdin
    #[arg(long, value_name = "ID")]
    pub jti: Option<String>,
    /// Subject (`sub`) of tokens; `-` reads it from stdin
    #[arg(long, value_name = "SUBJECT")]
    pub sub: Option<String>,
    /// Client of tokens, by the claim of the issuer's profile; `-` reads it from stdin
    #[arg(long, value_name = "ID")]
    pub client: Option<String>,
    /// Issuer, all of whose tokens are revoked
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
}

/// The confirmation of a command that moves a stage.
#[derive(Debug, Args)]
pub struct Confirmation {
    /// Skip the confirmation prompt
    #[arg(long)]
    pub yes: bool,
    /// Allow dangerous changes with --yes: an operation that becomes public, a deny-list that
    /// shrinks, and, for a canary, a promotion or a rollback, every rule that authorizes more callers
    #[arg(long)]
    pub allow_dangerous: bool,
}

/// Arguments of `undeploy`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  deployer undeploy --stage dev
  deployer undeploy --delete-api")]
pub struct Undeploy {
    /// Project directory, containing portcullis.toml
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Stage to delete
    #[arg(long, required_unless_present = "delete_api")]
    pub stage: Option<String>,
    /// Delete the API with all of its stages, and the roles and pinned functions created for it
    #[arg(long, conflicts_with = "stage")]
    pub delete_api: bool,
    /// Skip the confirmation prompt
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `adopt`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  deployer adopt a1b2c3d4e5
  deployer adopt a1b2c3d4e5 imported --yes")]
pub struct Adopt {
    /// ID of the REST API
    pub id: String,
    /// Project directory, containing portcullis.toml
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Skip the confirmation prompt
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `sdk`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  deployer sdk --stage prod --language javascript --out sdk.zip
  deployer sdk --stage prod --language ruby --parameter service.name=Shop --out sdk.zip")]
pub struct Sdk {
    /// The project and the stage
    #[command(flatten)]
    pub live: Live,
    /// SDK language: android, java, javascript, objectivec, ruby or swift
    #[arg(long)]
    pub language: String,
    /// SDK generator parameter, such as serviceName=Shop; repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    pub parameter: Vec<String>,
    /// Output file (zip)
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Arguments of `iam`.
#[derive(Debug, Args)]
#[command(after_help = "\
The function logs subjects as hashes if its variable AUTHORIZER_LOG_KEY is set. Create a key with
`openssl rand -hex 32`; every principal with lambda:GetFunctionConfiguration can read it.

Examples:
  deployer iam plan
  deployer iam build --api a1b2c3d4e5 --function-role ARN
  deployer iam trust
  deployer iam saml --provider ARN --issuer https://idp.example.com --class 'readers=GET /pets,GET /pets/{petId}'")]
pub struct Iam {
    /// Policy to print: the name of a deployer command, `build` (for `deploy --build`), `trust`,
    /// `invoke`, `execution-trust`, `execution` or `saml`
    #[arg(default_value = "deploy")]
    pub policy: String,
    /// Project directory, containing portcullis.toml
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Stage to compile for [default: `dev`, or the first by name]
    #[arg(long)]
    pub stage: Option<String>,
    /// Account ID [default: the one in a function's ARN]
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// ID of the REST API, to restrict the policy to it
    #[arg(long, value_name = "ID")]
    pub api: Option<String>,
    /// Execution role of the functions, to restrict `iam:PassRole` in `build` to it
    #[arg(long, value_name = "ARN")]
    pub function_role: Option<String>,
    /// SAML identity provider in IAM, for `saml`
    #[arg(long, value_name = "ARN")]
    pub provider: Option<String>,
    /// Issuer of the SAML assertions, for `saml`
    #[arg(long, value_name = "URI")]
    pub issuer: Option<String>,
    /// Class of users and the operations they may call, for `saml`; repeatable
    #[arg(long, value_name = "NAME=METHOD PATH,…")]
    pub class: Vec<String>,
}

/// The commands of `keys`.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Fetch the keys of each issuer that has `keys` and write them to its file
    Fetch(KeysFetch),
}

/// Arguments of `keys fetch`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  deployer keys fetch
  deployer keys fetch infra/petstore")]
pub struct KeysFetch {
    /// Project directory, containing portcullis.toml
    #[arg(default_value = ".")]
    pub dir: PathBuf,
}

/// Arguments of `hash`.
#[derive(Debug, Args)]
#[command(after_help = "\
The log key is read from the environment variable AUTHORIZER_LOG_KEY.

Examples:
  deployer hash --issuer https://tenant.eu.auth0.com/ 'auth0|5f7c8ec7c33c6c004bbafe82'
  deployer hash --issuer https://tenant.eu.auth0.com/ - < subject.txt")]
pub struct Hash {
    /// `iss` of the tokens
    #[arg(long, value_name = "URL")]
    pub issuer: String,
    /// `sub` or `jti`; `-` reads it from stdin
    pub value: String,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(
    override_usage = "deployer explain [OPTIONS] <--token TOKEN|--scopes SCOPES> [DIR] METHOD PATH",
    after_help = "\
Examples:
  deployer explain --scopes \"pets:read\" GET /pets/7
  deployer explain --token - GET /pets/7 < token.txt"
)]
pub struct Explain {
    /// Project directory [default: `.`], method, and path below the stage
    #[arg(value_name = "[DIR] METHOD PATH", required = true)]
    pub request: Vec<String>,
    /// Stage to compile for [default: `dev`, or the first by name]
    #[arg(long)]
    pub stage: Option<String>,
    /// Token of the caller; `-` reads it from stdin
    #[arg(long, required_unless_present = "scopes", conflicts_with = "scopes")]
    pub token: Option<String>,
    /// Space-separated scopes of the caller, for a generated valid token
    #[arg(long)]
    pub scopes: Option<String>,
    /// Additionally trust the issuer of a running `deployer dev`; a loopback URL
    #[arg(long, value_name = "URL")]
    pub local_issuer: Option<String>,
}

/// Arguments of `dev`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  deployer dev
  deployer dev infra/petstore --backend http://127.0.0.1:8080
  deployer dev --function orders='node orders.js' --api-key local-key")]
pub struct Dev {
    /// Project directory, containing portcullis.toml, or an OpenAPI document with API Gateway
    /// extensions
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Stage to compile for [default: `dev`, or the first by name]
    #[arg(long)]
    pub stage: Option<String>,
    /// Port of the gateway on 127.0.0.1; 0 selects a free port
    #[arg(long, default_value_t = 3000)]
    pub port: u16,
    /// Port of the local issuer on 127.0.0.1; 0 selects a free port
    #[arg(long, default_value_t = 0)]
    pub issuer_port: u16,
    /// Disable the local issuer; trust only the configured issuers
    #[arg(long)]
    pub no_local_issuer: bool,
    /// Append the stage's access log to a file, in the format of `access_log`
    #[arg(long, value_name = "FILE")]
    pub access_log: Option<PathBuf>,
    /// Local implementations
    #[command(flatten)]
    pub local: Local,
}

/// Local implementations of backends, authorizers and functions.
#[derive(Debug, Args)]
pub struct Local {
    /// Base URL of the backend [default: a built-in echo server]
    #[arg(long, value_name = "URL")]
    pub backend: Option<String>,
    /// Lambda Invoke URL of the authorizer [default: the built-in authorizer]
    #[arg(long, value_name = "URL")]
    pub authorizer_url: Option<String>,
    /// Local implementation of a Lambda function: a command, or an Invoke URL; repeatable. The
    /// name of an authorizer, or of its function, replaces the built-in authorizer
    #[arg(long, value_name = "NAME=COMMAND|URL")]
    pub function: Vec<String>,
    /// Timeout of a function invocation, in seconds
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub function_timeout: u64,
    /// API key to accept; repeatable
    #[arg(long, value_name = "KEY")]
    pub api_key: Vec<String>,
}

/// Arguments of `test`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  deployer test
  deployer test cases.yaml --junit report.xml
  deployer test --url https://api.example.com/dev --token-command ./token.sh")]
pub struct Test {
    /// Test case file, or a directory that contains cases.yaml
    #[arg(default_value = "cases.yaml")]
    pub cases: PathBuf,
    /// Project directory [default: the one that contains the test case file]
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Stage to compile for [default: `dev`, or the first by name]
    #[arg(long)]
    pub stage: Option<String>,
    /// Local implementations
    #[command(flatten)]
    pub local: Local,
    /// Run against this base URL instead of a local gateway
    #[arg(long, value_name = "URL", requires = "token_command")]
    pub url: Option<String>,
    /// Command that prints a token for a case, described by the environment variables
    /// `TOKEN_NAME`, `TOKEN_SCOPES`, `TOKEN_EXPIRED` and `TOKEN_AUDIENCE`
    #[arg(long, value_name = "COMMAND", requires = "url")]
    pub token_command: Option<String>,
    /// Write a JUnit XML report
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// Arguments of `completions`.
#[derive(Clone, Copy, Debug, Args)]
#[command(after_help = "\
Examples:
  deployer completions bash >~/.local/share/bash-completion/completions/deployer")]
pub struct Completions {
    /// Shell that the script is for
    pub shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct Man {
    /// Output directory, one file per page [default: stdout]
    pub dir: Option<PathBuf>,
}
