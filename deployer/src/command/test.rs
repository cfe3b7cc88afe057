//! `deployer test`: runs request test cases against a local gateway or a deployed stage.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use authorizer::UnixTime;
use bytes::Bytes;
use http::header::COOKIE;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, Limited};

use super::{Failure, Invocation, find_route, local};
use crate::cli;
use crate::output::{Exit, Output};
use compiler::api::{Api, PresentedToken};
use compiler::project;
use compiler::source::diagnostic::{Diagnostics, has_errors};
use compiler::source::document::read_yaml;
use dev::cases::{self, Actual, Case, CaseRun, Outcome, Results, Token};
use dev::serving::RunningServers;
use gateway::body::{MAX_BODY_BYTES, body};
use gateway::client::{HttpClient, client};
use gateway::clock;

/// The timeout of a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(35);

/// The age of an expired token, in seconds.
const EXPIRED_TOKEN_AGE: i64 = 100_000;

pub(super) fn run(arguments: &cli::Test, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let output = invocation.output;
    let mut file = arguments.cases.clone();
    if file.is_dir() {
        file.push("cases.yaml");
    }
    let cases = read(&file)?;
    let directory = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new(".")).to_owned();
    let dir = arguments.dir.clone().unwrap_or(directory);
    let runtime = local::runtime()?;
    let results = match &arguments.url {
        Some(url) => {
            let url = local::uri("--url", url)?.to_string();
            let api = deployed_api(&dir, arguments.stage.as_deref(), invocation);
            let stage = Stage { arguments, url, api };
            runtime.block_on(run_all(cases, &TestTarget::Stage(stage), output))
        }
        None => {
            let mut project =
                local::project(&dir, arguments.stage.as_deref(), invocation.environment)?;
            let api = local::api(&mut project, output)?;
            let folder = local::folder()?;
            runtime.block_on(async {
                let ports = local::Ports { gateway: 0, issuer: Some(0) };
                let options =
                    local::options(&arguments.local, &ports, folder.path(), output).await?;
                let counts = options.backend.is_none();
                let serving = RunningServers::start(api.clone(), options, Box::new(|_| {}))?;
                let url = format!("{}/{}", serving.url, api.stage);
                let target = TestTarget::Local { serving: &serving, api, url, counts };
                let results = run_all(cases, &target, output).await;
                serving.stop().await;
                Ok::<_, Failure>(results)
            })?
        }
    };
    let name = file.display().to_string();
    if let Some(path) = &arguments.junit {
        let unwritable = |cause| Failure::Unwritable { path: path.clone(), cause };
        super::write(&results.junit(&name).map_err(unwritable)?, Some(path), output)?;
    }
    output.data(&results.text(), &results.json());
    Ok(if results.failed() { Exit::Failed } else { Exit::Success })
}

/// Returns the API of the project, whose files have the locations of tokens. A stage can be tested
/// without them.
fn deployed_api(dir: &Path, stage: Option<&str>, invocation: Invocation<'_>) -> Option<Api> {
    if !dir.join("portcullis.toml").exists() {
        return None;
    }
    let project = local::project(dir, stage, invocation.environment);
    let api = project.ok().and_then(|project| project.api);
    if api.is_none() {
        invocation
            .output
            .note("note: the project is invalid, so tokens are sent in the `Authorization` header");
    }
    api
}

fn read(file: &Path) -> Result<Vec<Case>, Failure> {
    let source = project::read(file)?;
    let mut diagnostics = Diagnostics::new(source.clone());
    let tree = read_yaml(&source.text, &mut diagnostics);
    let line = |byte: usize| source.position(byte).0;
    let cases = tree.map(|tree| cases::read(&tree, &line, &mut diagnostics)).unwrap_or_default();
    let diagnostics = diagnostics.into_vec();
    if has_errors(&diagnostics) {
        Err(Failure::InvalidConfiguration(diagnostics))
    } else {
        Ok(cases)
    }
}

/// The gateway or stage that the cases run against.
enum TestTarget<'a> {
    Local {
        serving: &'a RunningServers,
        api: Api,
        url: String,
        /// True if the backend is the built-in one, whose requests are counted.
        counts: bool,
    },
    Stage(Stage<'a>),
}

struct Stage<'a> {
    arguments: &'a cli::Test,
    url: String,
    api: Option<Api>,
}

async fn run_all(cases: Vec<Case>, target: &TestTarget<'_>, output: Output) -> Results {
    let client = client();
    let mut results = Results::default();
    for case in cases {
        let started = clock::instant();
        let outcome = match target.token(&case) {
            Ok(token) => {
                let token = token.map(|token| target.present(&case, &token));
                target.send(&case, token.as_ref(), &client).await
            }
            Err(reason) => Outcome::Skipped(reason),
        };
        match &outcome {
            Outcome::Passed => {}
            Outcome::Failed(reason) => {
                output.note(&format!("failed: line {}, {}: {reason}", case.line, case.name()));
            }
            Outcome::Skipped(reason) => {
                output.note(&format!("skipped: line {}, {}: {reason}", case.line, case.name()));
            }
        }
        results.0.push(CaseRun { case, outcome, time: started.elapsed() });
    }
    results
}

impl TestTarget<'_> {
    /// Returns the token of a case, or the reason it is skipped.
    fn token(&self, case: &Case) -> Result<Option<String>, String> {
        let (scopes, expired, audience) = match &case.token {
            Token::None => return Ok(None),
            Token::Text(text) => return Ok(Some(text.clone())),
            Token::Issued { scopes, expired, audience } => (scopes, *expired, audience),
        };
        match self {
            Self::Local { serving, .. } => {
                let now = clock::unix_time();
                let now = if expired {
                    UnixTime::from_seconds(now.seconds() - EXPIRED_TOKEN_AGE)
                } else {
                    now
                };
                let issuer = serving.issuer.as_ref().ok_or("the local issuer is disabled")?;
                let token = issuer.mint("local-client", scopes, audience.as_deref(), now);
                token.map(Some).map_err(|error| error.to_string())
            }
            Self::Stage(Stage { arguments, .. }) => {
                let command = arguments.token_command.as_deref().unwrap_or_default();
                let variables = [
                    ("TOKEN_NAME", case.token_name.clone()),
                    ("TOKEN_SCOPES", scopes.clone()),
                    ("TOKEN_EXPIRED", expired.to_string()),
                    ("TOKEN_AUDIENCE", audience.clone().unwrap_or_default()),
                ];
                let token = local::token(command, &variables);
                token.map(Some).map_err(|failure| failure.to_string())
            }
        }
    }

    /// Returns a token at the location that the authorizer of the case's route reads.
    fn present(&self, case: &Case, token: &str) -> PresentedToken {
        let api = match self {
            Self::Local { api, .. } => Some(api),
            Self::Stage(Stage { api, .. }) => api.as_ref(),
        };
        let source = api.map(|api| api.token_source(find_route(api, &case.method, &case.path)));
        PresentedToken::new(&source.unwrap_or_default(), token)
    }

    async fn send(
        &self,
        case: &Case,
        token: Option<&PresentedToken>,
        client: &HttpClient,
    ) -> Outcome {
        let (url, before) = match self {
            Self::Local { url, serving, counts, .. } => {
                (url, counts.then(|| serving.backend_requests.load(Ordering::SeqCst)))
            }
            Self::Stage(live) => (&live.url, None),
        };
        let response = send_request(case, url.trim_end_matches('/'), token, client).await;
        match response {
            Ok((status, body)) => {
                let backend = match self {
                    Self::Local { serving, .. } => before
                        .map(|before| serving.backend_requests.load(Ordering::SeqCst) > before),
                    Self::Stage(_) => None,
                };
                case.evaluate(&Actual { status, body, backend })
            }
            Err(reason) => Outcome::Failed(reason),
        }
    }
}

async fn send_request(
    case: &Case,
    url: &str,
    token: Option<&PresentedToken>,
    client: &HttpClient,
) -> Result<(u16, String), String> {
    let path = token.map_or(case.path.clone(), |token| token.url(&case.path));
    let uri: Uri =
        format!("{url}{path}").parse().map_err(|_| format!("invalid URL `{url}{}`", case.path))?;
    let mut request = Request::builder().method(case.method.as_str()).uri(uri);
    if case.body.is_some() {
        request = request.header("Content-Type", "application/json");
    }
    for (name, value) in headers(case, token) {
        request = request.header(name, value);
    }
    let content = Bytes::from(case.body.clone().unwrap_or_default());
    let request = request.body(body(Full::new(content))).map_err(|error| error.to_string())?;
    let response = async {
        let response = client.request(request).await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let content = Limited::new(response.into_body(), MAX_BODY_BYTES).collect().await;
        let content = content.map_err(|error| error.to_string())?.to_bytes();
        Ok((status, String::from_utf8_lossy(&content).into_owned()))
    };
    tokio::time::timeout(REQUEST_TIMEOUT, response)
        .await
        .unwrap_or_else(|_| Err("the request timed out".to_owned()))
}

/// Returns the headers of a case, with the token's. A client sends all cookies in one header (RFC 6265
/// section 5.4).
fn headers(case: &Case, token: Option<&PresentedToken>) -> Vec<(String, String)> {
    let mut headers = case.headers.clone();
    let Some((name, value)) = token.and_then(PresentedToken::header) else { return headers };
    let cookies = headers.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(COOKIE.as_str()));
    match cookies.filter(|_| name.eq_ignore_ascii_case(COOKIE.as_str())) {
        Some((_, cookies)) => *cookies = format!("{value}; {cookies}"),
        None => headers.insert(0, (name.to_owned(), value.to_owned())),
    }
    headers
}
