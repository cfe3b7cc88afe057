//! The command line: arguments → [`Arguments`]. Decides nothing.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::output::Format;

/// Puts APIs behind the Portcullis authorizer, on AWS or on your laptop.
#[derive(Debug, Parser)]
#[command(name = "deployer", version, max_term_width = 100)]
pub struct Arguments {
    /// For whom to write
    #[arg(long, global = true, value_enum, default_value_t)]
    pub output: Format,
    /// Write without colour, as the environment variable `NO_COLOR` does
    #[arg(long, global = true)]
    pub no_color: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
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
    #[arg(long, required = true)]
    pub document: bool,
    /// Where to write; stdout if left out
    #[arg(long)]
    pub out: Option<PathBuf>,
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
    /// Which files
    #[command(flatten)]
    pub files: Files,
    /// The gateway's port on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 3000)]
    pub port: u16,
    /// The local issuer's port on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    pub issuer_port: u16,
    /// Trust the configured issuers only
    #[arg(long)]
    pub no_local_issuer: bool,
    /// The backend's base URL, in the place of a built-in one that echoes requests
    #[arg(long, value_name = "URL")]
    pub backend: Option<String>,
    /// A Lambda Invoke endpoint to ask in the place of the built-in authorizer
    #[arg(long, value_name = "URL")]
    pub authorizer_url: Option<String>,
}
