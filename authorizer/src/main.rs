//! The Lambda function: environment and file → [`Config`] → [`Authorizer`] → the runtime.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use authorizer::keys::fetch::{Fetch, HttpFetch};
use authorizer::{Authorizer, Config, FunctionError, UnixTime, telemetry};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;

fn main() -> ExitCode {
    let config = match configuration() {
        Ok(config) => config,
        Err(problem) => {
            let _ = writeln!(io::stderr(), "authorizer does not start: {problem}");
            return ExitCode::FAILURE;
        }
    };
    let fetch: Arc<dyn Fetch> = Arc::new(HttpFetch::default());
    let authorizer = Authorizer::new(config, &fetch);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.map_err(Into::into).and_then(|runtime| {
        runtime.block_on(lambda_runtime::run(service_fn(|event| answer(&authorizer, event))))
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "authorizer stops: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The raw text of the event is handed on: the runtime would log what it cannot deserialise.
async fn answer(
    authorizer: &Authorizer,
    event: LambdaEvent<Box<RawValue>>,
) -> Result<Box<RawValue>, Diagnostic> {
    #[expect(clippy::disallowed_methods, reason = "this is the shell that reads the clock")]
    let now = UnixTime::from_system(SystemTime::now());
    let outcome = authorizer.handle(event.payload.get(), now).await;
    let line = telemetry::line(&event.context.request_id, &outcome.decision);
    // A log that cannot be written must not decide anything.
    let _ = writeln!(io::stdout(), "{line}");
    let diagnostic = |error: FunctionError| Diagnostic {
        error_type: error.error_type.to_owned(),
        error_message: error.error_message.to_owned(),
    };
    let unwritable = |_| Diagnostic {
        error_type: "AuthorizerFault".to_owned(),
        error_message: "unwritable".to_owned(),
    };
    RawValue::from_string(outcome.answer.map_err(diagnostic)?).map_err(unwritable)
}

/// `AUTHORIZER_CONFIG`, else `authorizer.json` beside the binary, else `AUTHORIZER_*`.
fn configuration() -> Result<Config, String> {
    #[expect(clippy::disallowed_methods, reason = "this is the shell that reads the environment")]
    let get = |key: &str| std::env::var(key).ok();
    let config = configured(get)?;
    // The runtime panics without it.
    if get("AWS_LAMBDA_RUNTIME_API").is_none() {
        return Err(
            "AWS_LAMBDA_RUNTIME_API is not set: run it in AWS Lambda or `cargo lambda watch`"
                .to_owned(),
        );
    }
    Ok(config)
}

fn configured(get: impl Fn(&str) -> Option<String>) -> Result<Config, String> {
    let named = get("AUTHORIZER_CONFIG").map(PathBuf::from);
    let beside = get("LAMBDA_TASK_ROOT").map(|root| PathBuf::from(root).join("authorizer.json"));
    let Some(path) = named.or(beside.filter(|path| path.exists())) else {
        return Config::from_environment(get).map_err(|problems| problems.to_string());
    };
    if get("AUTHORIZER_ISSUER").is_some() {
        return Err(format!("both {} and AUTHORIZER_ISSUER are given; remove one", path.display()));
    }
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Config::from_json(&text).map_err(|problems| format!("{}: {problems}", path.display()))
}
