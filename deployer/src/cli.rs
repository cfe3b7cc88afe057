//! The command line: arguments → [`Arguments`]. Decides nothing.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::output::Format;

pub mod generated;

/// Puts APIs behind the Portcullis authorizer, on AWS or on your laptop.
#[derive(Debug, Parser)]
#[command(name = "deployer", version, max_term_width = 100)]
pub struct Arguments {
    /// For whom to write
    #[arg(long, global = true, value_enum, default_value_t)]
    pub output: Format,
    /// Disable coloured output
    #[arg(long, global = true)]
    pub no_color: bool,
    /// How to reach AWS
    #[command(flatten)]
    pub aws: AwsArguments,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// How to reach AWS. What is left out comes from the environment and the shared configuration,
/// as with every tool of AWS's.
#[derive(Debug, Args)]
pub struct AwsArguments {
    /// The Region
    #[arg(long, global = true, help_heading = "AWS")]
    pub region: Option<String>,
    /// A profile of the shared configuration
    #[arg(long, global = true, help_heading = "AWS")]
    pub profile: Option<String>,
    /// A role to assume, with its external id if it needs one
    #[arg(long, global = true, value_name = "ARN[,EXTERNAL-ID]", help_heading = "AWS")]
    pub assume_role: Option<String>,
    /// Send every call here in the place of AWS
    #[arg(long, global = true, value_name = "URL", help_heading = "AWS")]
    pub endpoint_url: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compile the files and tell everything that is wrong with them
    Check(Check),
    /// Write the authorizer's compiled configuration
    Config(Config),
    /// Write the OpenAPI document that API Gateway imports
    Export(Export),
    /// Say why a request ends as it does, and what its answer in the cache means for the others
    Explain(Explain),
    /// Serve the API locally, with a local issuer and the real authorizer
    Dev(Dev),
    /// Send the requests of a file and look whether what comes of them is what must
    Test(Test),
    /// Say what a deployment would change on AWS
    Plan(Plan),
    /// Make AWS what the files say, and move a stage to it
    Deploy(Deploy),
    /// Say what a stage serves, and since when
    Status(Live),
    /// List the revisions that can be gone back to
    History(Live),
    /// Say what somebody else changed on AWS
    Drift(Live),
    /// Move a stage back to an earlier revision
    Rollback(Rollback),
    /// Remove a stage, or the whole API
    Undeploy(Undeploy),
    /// List every REST API with its stages, and who may call what
    Discover,
    /// Take over an API that is there already
    Adopt(Adopt),
    /// Have API Gateway generate a client for a stage
    Sdk(Sdk),
    /// Print the IAM policies that this program, API Gateway and AWS_IAM users need
    Iam(Iam),
    /// Look for what would keep a deployment from working
    Doctor(Live),
    /// Print the completion script of a shell
    Completions(Completions),
    /// Write the manual pages
    #[command(hide = true)]
    Man(Man),
}

/// Which files, and for which stage.
#[derive(Debug, Args)]
pub struct Files {
    /// The folder that holds portcullis.toml
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// The stage to compile for; `dev`, or the first by name, if left out
    #[arg(long)]
    pub stage: Option<String>,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Which files
    #[command(flatten)]
    pub files: Files,
    /// Fail on warnings too
    #[arg(long)]
    pub deny_warnings: bool,
    /// The document of an earlier deployment: tell what it guarded and is public now
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,
}

/// Arguments of `config`.
#[derive(Debug, Args)]
pub struct Config {
    /// Which files
    #[command(flatten)]
    pub files: Files,
    /// The authorizer to write for, where there are several
    #[arg(long)]
    pub authorizer: Option<String>,
    /// Where to write; stdout if left out
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Trust the issuer of a running `deployer dev` too; a loopback URL
    #[arg(long, value_name = "URL")]
    pub local_issuer: Option<String>,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// Which files
    #[command(flatten)]
    pub files: Files,
    /// Write the document for AWS
    #[arg(long, required_unless_present = "from_api", conflicts_with = "from_api")]
    pub document: bool,
    /// Write the files of an API that is on AWS, into the folder --out
    #[arg(long, value_name = "ID", requires = "out")]
    pub from_api: Option<String>,
    /// Where to write; stdout if left out
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// Which files, for a stage that is named.
#[derive(Debug, Args)]
pub struct Live {
    /// The folder that holds portcullis.toml
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// The stage
    #[arg(long)]
    pub stage: String,
}

impl Live {
    /// Returns the files that are meant.
    pub fn files(&self) -> Files {
        Files { dir: self.dir.clone(), stage: Some(self.stage.clone()) }
    }
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// Which files
    #[command(flatten)]
    pub live: Live,
    /// Write the plan to a file, for `deploy --plan`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// End with 2 if there is something to do
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// Arguments of `deploy`.
#[derive(Debug, Args)]
pub struct Deploy {
    /// Which files
    #[command(flatten)]
    pub live: Live,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Carry out this plan, and no other
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Send this share of requests, in percent, to the new revision and the rest where they went
    #[arg(long, value_name = "PERCENT")]
    pub canary: Option<f64>,
    /// Ask this once the stage has moved, and move it back if the answer is not right; a path
    /// below the stage, or a URL
    #[arg(long, value_name = "URL")]
    pub smoke: Option<String>,
    /// The status that --smoke must have; anything below 500 if left out
    #[arg(long, value_name = "STATUS", requires = "smoke")]
    pub smoke_status: Option<u16>,
    /// Empty the stage's cache of authorizers' answers
    #[arg(long)]
    pub flush_auth_cache: bool,
    /// A command that prints a token that must be let in
    #[arg(long, value_name = "COMMAND")]
    pub token_command: Option<String>,
    /// Go on though the authorizer cannot be asked; with --endpoint-url only
    #[arg(long, requires = "endpoint_url")]
    pub untested_authorizer: bool,
    /// The functions
    #[command(flatten)]
    pub build: Build,
}

/// How `deploy` makes the authorizers' functions.
#[derive(Debug, Args)]
pub struct Build {
    /// First build the authorizers' functions from Portcullis's sources, in this folder if none is
    /// named, with the files' rules; publish a version of each, and lead its alias there
    #[arg(long, value_name = "SOURCE", num_args = 0..=1, require_equals = true)]
    pub build: Option<Option<PathBuf>>,
    /// What functions are built for; what they are now if left out, arm64 if they are new
    #[arg(long, value_name = "ARCHITECTURE", requires = "build")]
    pub architecture: Option<Architecture>,
    /// The role that a function runs as; needed for a new one
    #[arg(long, value_name = "ARN", requires = "build")]
    pub function_role: Option<String>,
}

/// A processor that Lambda runs functions on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Architecture {
    /// AWS's own.
    Arm64,
    /// Intel's and AMD's.
    #[value(name = "x86_64")]
    X86,
}

impl Architecture {
    /// Returns its name on AWS.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86 => "x86_64",
        }
    }
}

/// Arguments of `rollback`.
#[derive(Debug, Args)]
#[command(override_usage = "deployer rollback [OPTIONS] --stage <STAGE> [DIR] [REVISION]")]
pub struct Rollback {
    /// The folder that holds portcullis.toml if it is not this one, and the revision; the one
    /// before what the stage serves if left out
    #[arg(value_name = "[DIR] [REVISION]", num_args = 0..=2)]
    pub place: Vec<String>,
    /// The stage
    #[arg(long)]
    pub stage: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Empty the stage's cache of authorizers' answers
    #[arg(long)]
    pub flush_auth_cache: bool,
}

/// Arguments of `undeploy`.
#[derive(Debug, Args)]
pub struct Undeploy {
    /// The folder that holds portcullis.toml
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// The stage to remove
    #[arg(long, required_unless_present = "delete_api")]
    pub stage: Option<String>,
    /// Remove the API with all of its stages, and the roles made for it
    #[arg(long, conflicts_with = "stage")]
    pub delete_api: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `adopt`.
#[derive(Debug, Args)]
pub struct Adopt {
    /// The API's id
    pub id: String,
    /// The folder that holds portcullis.toml
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `sdk`.
#[derive(Debug, Args)]
pub struct Sdk {
    /// Which files
    #[command(flatten)]
    pub live: Live,
    /// The language: android, java, javascript, objectivec, ruby or swift
    #[arg(long)]
    pub language: String,
    /// What the generator needs to know, such as serviceName=Shop
    #[arg(long, value_name = "NAME=VALUE")]
    pub parameter: Vec<String>,
    /// Where to write the zip
    #[arg(long)]
    pub out: PathBuf,
}

/// Arguments of `iam`.
#[derive(Debug, Args)]
pub struct Iam {
    /// Of whom: a command of this program or `build` for `deploy --build`; `trust` and `invoke`,
    /// `execution-trust` and `execution`, or `saml`
    #[arg(default_value = "deploy")]
    pub of: String,
    /// The folder that holds portcullis.toml
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// The stage; `dev`, or the first by name, if left out
    #[arg(long)]
    pub stage: Option<String>,
    /// The account, if no function's ARN says it
    #[arg(long)]
    pub account: Option<String>,
    /// The API's id, to allow no other
    #[arg(long, value_name = "ID")]
    pub api: Option<String>,
    /// The role that functions run as, for `build` to hand Lambda no other
    #[arg(long, value_name = "ARN")]
    pub function_role: Option<String>,
    /// The identity provider in IAM, for `saml`
    #[arg(long, value_name = "ARN")]
    pub provider: Option<String>,
    /// The issuer of its assertions, for `saml`
    #[arg(long, value_name = "URI")]
    pub issuer: Option<String>,
    /// A class of users and what they may call, for `saml`; again for each class
    #[arg(long, value_name = "NAME=METHOD PATH,…")]
    pub class: Vec<String>,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(
    override_usage = "deployer explain [OPTIONS] <--token TOKEN|--scopes SCOPES> [DIR] METHOD PATH"
)]
pub struct Explain {
    /// The folder that holds portcullis.toml if it is not this one, the method, and the path
    /// below the stage
    #[arg(value_name = "[DIR] METHOD PATH", required = true)]
    pub request: Vec<String>,
    /// The stage to compile for; `dev`, or the first by name, if left out
    #[arg(long)]
    pub stage: Option<String>,
    /// The caller's token; `-` reads it from stdin, where no other process sees it
    #[arg(long, required_unless_present = "scopes", conflicts_with = "scopes")]
    pub token: Option<String>,
    /// Scopes, between spaces: whoever rightly holds these is the caller
    #[arg(long)]
    pub scopes: Option<String>,
    /// Trust the issuer of a running `deployer dev` too; a loopback URL
    #[arg(long, value_name = "URL")]
    pub local_issuer: Option<String>,
}

/// Arguments of `dev`.
#[derive(Debug, Args)]
pub struct Dev {
    /// The folder that holds portcullis.toml, or an OpenAPI document of API Gateway's
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// The stage to compile for; `dev`, or the first by name, if left out
    #[arg(long)]
    pub stage: Option<String>,
    /// The gateway's port on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 3000)]
    pub port: u16,
    /// The local issuer's port on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    pub issuer_port: u16,
    /// Trust the configured issuers only
    #[arg(long)]
    pub no_local_issuer: bool,
    /// What else runs here
    #[command(flatten)]
    pub local: Local,
}

/// What runs here in the place of what is on AWS.
#[derive(Debug, Args)]
pub struct Local {
    /// The backend's base URL, in the place of a built-in one that echoes requests
    #[arg(long, value_name = "URL")]
    pub backend: Option<String>,
    /// A Lambda Invoke endpoint to ask in the place of the built-in authorizer
    #[arg(long, value_name = "URL")]
    pub authorizer_url: Option<String>,
    /// A Lambda function: the command that it is here, or its Invoke endpoint; again for each.
    /// Under the name of an authorizer's function, or of the authorizer, it decides in the
    /// place of the built-in one
    #[arg(long, value_name = "NAME=COMMAND|URL")]
    pub function: Vec<String>,
    /// How long a function may take for a request, in seconds
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub function_timeout: u64,
    /// An API key to take; again for each
    #[arg(long, value_name = "KEY")]
    pub api_key: Vec<String>,
}

/// Arguments of `test`.
#[derive(Debug, Args)]
pub struct Test {
    /// The file with the cases, or the folder that it is in as cases.yaml
    #[arg(default_value = "cases.yaml")]
    pub cases: PathBuf,
    /// The folder that holds portcullis.toml, if it is not the one of the cases
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// The stage to compile for; `dev`, or the first by name, if left out
    #[arg(long)]
    pub stage: Option<String>,
    /// What else runs here
    #[command(flatten)]
    pub local: Local,
    /// Ask a deployed stage in the place of a gateway of our own
    #[arg(long, value_name = "URL", requires = "token_command")]
    pub url: Option<String>,
    /// A command that prints a token; its environment says which: `TOKEN_NAME`,
    /// `TOKEN_SCOPES`, `TOKEN_EXPIRED` and `TOKEN_AUDIENCE`
    #[arg(long, value_name = "COMMAND", requires = "url")]
    pub token_command: Option<String>,
    /// Write a report as `JUnit` does
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// Arguments of `completions`.
#[derive(Clone, Copy, Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct Man {
    /// The folder to write a page for each command to; stdout if left out
    pub dir: Option<PathBuf>,
}
