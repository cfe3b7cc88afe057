//! The Lambda function: environment and file → [`Config`] → [`Authorizer`] → the runtime.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use authorizer::keys::fetch::{Fetch, HttpFetch};
use authorizer::telemetry::{Invocation, Telemetry};
use authorizer::{Authorizer, AuthorizerResponse, Config, UnixTime};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;

fn main() -> ExitCode {
    let (config, telemetry) = match configuration() {
        Ok(configuration) => configuration,
        Err(problem) => {
            let _ = writeln!(io::stderr(), "authorizer does not start: {problem}");
            return ExitCode::FAILURE;
        }
    };
    let fetch: Arc<dyn Fetch> = Arc::new(HttpFetch::new(config.ca_bundle()));
    let authorizer = Authorizer::new(config, &fetch);
    let function = Function { authorizer, telemetry, is_first: AtomicBool::new(true) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async {
            // INIT is not billed by the caller's patience: the first call finds the keys.
            function.authorizer.prefetch(UnixTime::from_system(clock())).await;
            lambda_runtime::run(service_fn(|event| function.answer(event))).await
        })
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "authorizer stops: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the process keeps between invocations.
struct Function {
    authorizer: Authorizer,
    telemetry: Telemetry,
    is_first: AtomicBool,
}

impl Function {
    /// The raw text of the event is handed on: the runtime would log what it cannot
    /// deserialise.
    async fn answer(
        &self,
        event: LambdaEvent<Box<RawValue>>,
    ) -> Result<AuthorizerResponse, Diagnostic> {
        let (started, now) = (clock(), UnixTime::from_system(clock()));
        let outcome = self.authorizer.handle(event.payload.get(), now).await;
        let since =
            |start: SystemTime, end: SystemTime| end.duration_since(start).unwrap_or_default();
        let invocation = Invocation {
            request_id: &event.context.request_id,
            trace_id: event.context.xray_trace_id.as_deref(),
            at_milliseconds: i64::try_from(since(SystemTime::UNIX_EPOCH, started).as_millis())
                .unwrap_or_default(),
            microseconds: u64::try_from(since(started, clock()).as_micros()).unwrap_or(u64::MAX),
            cold_start: self.is_first.swap(false, Ordering::Relaxed),
        };
        let mut told = self.telemetry.metrics(&invocation, &outcome.decision);
        told.push('\n');
        if let Some(line) = self.telemetry.line(&invocation, &outcome.decision) {
            told.push_str(&line);
            told.push('\n');
        }
        // A log that cannot be written must not decide anything.
        let _ = io::stdout().lock().write_all(told.as_bytes());
        outcome.response.map_err(|error| Diagnostic {
            error_type: error.error_type.to_owned(),
            error_message: error.error_message.to_owned(),
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the shell that reads the clock")]
fn clock() -> SystemTime {
    SystemTime::now()
}

/// `AUTHORIZER_CONFIG`, else `authorizer.json` beside the binary, else `AUTHORIZER_*`.
fn configuration() -> Result<(Config, Telemetry), String> {
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
    let telemetry = Telemetry::from_environment(get).map_err(|error| error.to_string())?;
    Ok((config, telemetry))
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
