//! The Lambda function: environment and file → [`Config`] → [`Authorizer`] → the runtime.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use authorizer::config::check_environment;
use authorizer::keys::fetch::{Fetch, HttpFetch};
use authorizer::keys::proxy::Proxy;
use authorizer::telemetry::{Invocation, Telemetry};
use authorizer::{Authorizer, AuthorizerResponse, Config, UnixTime};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;

fn main() -> ExitCode {
    let (config, telemetry, proxy) = match load() {
        Ok(loaded) => loaded,
        Err(error) => {
            let _ = writeln!(io::stderr(), "authorizer failed to start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let fetch: Arc<dyn Fetch> = Arc::new(HttpFetch::new(config.ca_bundle()).with_proxy(proxy));
    let authorizer = Authorizer::new(config, &fetch);
    let function = Function { authorizer, telemetry, is_first: AtomicBool::new(true) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async {
            // During INIT no caller waits: the first invocation then finds the keys cached. All
            // fetches end here, because Lambda may freeze the process before the first invocation.
            function.authorizer.prefetch(UnixTime::from_system(clock())).await;
            lambda_runtime::run(service_fn(|event| function.handle(event))).await
        })
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "authorizer stopped: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The state of the process, shared by its invocations.
struct Function {
    authorizer: Authorizer,
    telemetry: Telemetry,
    is_first: AtomicBool,
}

impl Function {
    /// Reads the event as raw text: the runtime would log an event that it cannot
    /// deserialize, and with it a token.
    async fn handle(
        &self,
        event: LambdaEvent<Box<RawValue>>,
    ) -> Result<AuthorizerResponse, Diagnostic> {
        if let Some(description) = self.authorizer.describe(event.payload.get()) {
            return Ok(description);
        }
        let (started, now) = (clock(), UnixTime::from_system(clock()));
        let outcome = self.authorizer.handle(event.payload.get(), now).await;
        let elapsed =
            |start: SystemTime, end: SystemTime| end.duration_since(start).unwrap_or_default();
        let invocation = Invocation {
            request_id: &event.context.request_id,
            trace_id: event.context.xray_trace_id.as_deref(),
            timestamp_ms: i64::try_from(elapsed(SystemTime::UNIX_EPOCH, started).as_millis())
                .unwrap_or_default(),
            duration_us: u64::try_from(elapsed(started, clock()).as_micros()).unwrap_or(u64::MAX),
            cold_start: self.is_first.swap(false, Ordering::Relaxed),
        };
        let mut output = self.telemetry.metrics(&invocation, &outcome.decision);
        output.push('\n');
        if let Some(line) = self.telemetry.line(&invocation, &outcome.decision) {
            output.push_str(&line);
            output.push('\n');
        }
        // A failed log write must not change the decision.
        let _ = io::stdout().lock().write_all(output.as_bytes());
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

/// Loads the configuration, the telemetry settings and the proxy.
fn load() -> Result<(Config, Telemetry, Option<Proxy>), String> {
    let variables = environment()?;
    let get = |key: &str| variables.get(key).cloned();
    let config = load_config(&variables)?;
    // The Lambda runtime panics without this variable.
    if get("AWS_LAMBDA_RUNTIME_API").is_none() {
        return Err(
            "`AWS_LAMBDA_RUNTIME_API` is not set; run the function in AWS Lambda or with `cargo lambda watch`"
                .to_owned(),
        );
    }
    let telemetry = Telemetry::from_environment(get).map_err(|error| error.to_string())?;
    let proxy = Proxy::from_environment(get).map_err(|error| error.to_string())?;
    Ok((config, telemetry, proxy))
}

/// Reads the environment variables. Only those of the authorizer must be UTF-8.
fn environment() -> Result<BTreeMap<String, String>, String> {
    #[expect(clippy::disallowed_methods, reason = "this is the shell that reads the environment")]
    let variables = std::env::vars_os();
    let mut environment = BTreeMap::new();
    for (name, value) in variables {
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => drop(environment.insert(name, value)),
            Err(_) if name.starts_with("AUTHORIZER_") => {
                return Err(format!("{name}: is not UTF-8"));
            }
            Err(_) => {}
        }
    }
    Ok(environment)
}

/// Returns whether there is certainly no file: a link without its target or a file that cannot be read
/// is an error, never a function without its route table.
fn is_absent(path: &Path) -> bool {
    let not_found = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
    std::fs::symlink_metadata(path).is_err_and(not_found)
}

/// Reads the configuration from the file `AUTHORIZER_CONFIG`, else from `authorizer.json` beside
/// the binary, else from `AUTHORIZER_*`.
fn load_config(variables: &BTreeMap<String, String>) -> Result<Config, String> {
    let get = |key: &str| variables.get(key).cloned();
    let explicit = get("AUTHORIZER_CONFIG").map(PathBuf::from);
    let bundled = get("LAMBDA_TASK_ROOT").map(|root| PathBuf::from(root).join("authorizer.json"));
    let path = explicit.or(bundled.filter(|path| !is_absent(path)));
    let Some(path) = path else {
        return Config::from_environment(variables).map_err(|errors| errors.to_string());
    };
    let name = path.display().to_string();
    check_environment(variables, Some(&name)).map_err(|errors| errors.to_string())?;
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let config = Config::from_json(&text).map_err(|errors| format!("{name}: {errors}"))?;
    config.with_log_key(variables).map_err(|errors| errors.to_string())
}
