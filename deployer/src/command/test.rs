//! `test`: send the requests of a file, and look whether what comes of them is what must.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use authorizer::UnixTime;
use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, Limited};

use super::{Failure, Invocation, local};
use crate::cli;
use crate::output::{Exit, Output};
use compiler::project;
use compiler::source::diagnostic::{Diagnostics, has_errors};
use compiler::source::document::read_yaml;
use dev::cases::{self, Actual, Case, CaseRun, Outcome, Results, Token};
use dev::serving::RunningServers;
use gateway::body::{MAX_BODY_BYTES, body};
use gateway::client::{HttpClient, client};
use gateway::clock;

/// What answers later than this does not answer.
const PATIENCE: Duration = Duration::from_secs(35);

/// Tokens that have expired did so this long ago, in seconds.
const LONG_AGO: i64 = 100_000;

pub(super) fn run(arguments: &cli::Test, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let output = invocation.output;
    let mut file = arguments.cases.clone();
    if file.is_dir() {
        file.push("cases.yaml");
    }
    let cases = read(&file)?;
    let beside = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let beside = beside.unwrap_or(Path::new(".")).to_owned();
    let dir = arguments.dir.clone().unwrap_or(beside);
    let runtime = local::runtime()?;
    let results = match &arguments.url {
        Some(url) => {
            let url = local::uri("--url", url)?.to_string();
            let asked = Live { arguments, url };
            runtime.block_on(all(cases, &Asked::Live(asked), output))
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
                let stage = api.stage.clone();
                let serving = RunningServers::start(api, options, Box::new(|_| {}))?;
                let url = format!("{}/{stage}", serving.url);
                let asked = Asked::Local { serving: &serving, url, counts };
                let results = all(cases, &asked, output).await;
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
    Ok(if results.failed() { Exit::Failed } else { Exit::Done })
}

fn read(file: &Path) -> Result<Vec<Case>, Failure> {
    let source = project::read(file)?;
    let mut diagnostics = Diagnostics::new(source.clone());
    let tree = read_yaml(&source.text, &mut diagnostics);
    let line = |byte: usize| source.position(byte).0;
    let cases = tree.map(|tree| cases::read(&tree, &line, &mut diagnostics)).unwrap_or_default();
    let diagnostics = diagnostics.into_vec();
    if has_errors(&diagnostics) { Err(Failure::Files(diagnostics)) } else { Ok(cases) }
}

/// Who is asked.
enum Asked<'a> {
    Local {
        serving: &'a RunningServers,
        url: String,
        /// Whether it can be known what reaches the backend.
        counts: bool,
    },
    Live(Live<'a>),
}

struct Live<'a> {
    arguments: &'a cli::Test,
    url: String,
}

async fn all(cases: Vec<Case>, asked: &Asked<'_>, output: Output) -> Results {
    let client = client();
    let mut results = Results::default();
    for case in cases {
        let started = clock::instant();
        let outcome = match asked.token(&case) {
            Ok(token) => asked.ask(&case, token.as_deref(), &client).await,
            Err(why) => Outcome::Skipped(why),
        };
        match &outcome {
            Outcome::Passed => {}
            Outcome::Failed(why) => {
                output.note(&format!("failed: line {}, {}: {why}", case.line, case.name()));
            }
            Outcome::Skipped(why) => {
                output.note(&format!("skipped: line {}, {}: {why}", case.line, case.name()));
            }
        }
        results.0.push(CaseRun { case, outcome, time: started.elapsed() });
    }
    results
}

impl Asked<'_> {
    /// Returns the token that a case is sent with, or why there is none.
    fn token(&self, case: &Case) -> Result<Option<String>, String> {
        let (scopes, expired, audience) = match &case.token {
            Token::None => return Ok(None),
            Token::Text(text) => return Ok(Some(text.clone())),
            Token::Issued { scopes, expired, audience } => (scopes, *expired, audience),
        };
        match self {
            Self::Local { serving, .. } => {
                let now = clock::unix_time();
                let now =
                    if expired { UnixTime::from_seconds(now.seconds() - LONG_AGO) } else { now };
                let issuer = serving.issuer.as_ref().ok_or("there is no local issuer")?;
                let token = issuer.mint("local-client", scopes, audience.as_deref(), now);
                token.map(Some).map_err(|error| error.to_string())
            }
            Self::Live(Live { arguments, .. }) => {
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

    async fn ask(&self, case: &Case, token: Option<&str>, client: &HttpClient) -> Outcome {
        let (url, before) = match self {
            Self::Local { url, serving, counts } => {
                (url, counts.then(|| serving.backend_requests.load(Ordering::SeqCst)))
            }
            Self::Live(live) => (&live.url, None),
        };
        let answered = answer(case, url.trim_end_matches('/'), token, client).await;
        match answered {
            Ok((status, body)) => {
                let backend = match self {
                    Self::Local { serving, .. } => before
                        .map(|before| serving.backend_requests.load(Ordering::SeqCst) > before),
                    Self::Live(_) => None,
                };
                case.evaluate(&Actual { status, body, backend })
            }
            Err(why) => Outcome::Failed(why),
        }
    }
}

async fn answer(
    case: &Case,
    url: &str,
    token: Option<&str>,
    client: &HttpClient,
) -> Result<(u16, String), String> {
    let uri: Uri = format!("{url}{}", case.path).parse().map_err(|_| "it is no URL".to_owned())?;
    let mut request = Request::builder().method(case.method.as_str()).uri(uri);
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    if case.body.is_some() {
        request = request.header("Content-Type", "application/json");
    }
    for (name, value) in &case.headers {
        request = request.header(name, value);
    }
    let content = Bytes::from(case.body.clone().unwrap_or_default());
    let request = request.body(body(Full::new(content))).map_err(|error| error.to_string())?;
    let answer = async {
        let answer = client.request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let content = Limited::new(answer.into_body(), MAX_BODY_BYTES).collect().await;
        let content = content.map_err(|error| error.to_string())?.to_bytes();
        Ok((status, String::from_utf8_lossy(&content).into_owned()))
    };
    tokio::time::timeout(PATIENCE, answer)
        .await
        .unwrap_or_else(|_| Err("it did not answer".to_owned()))
}
