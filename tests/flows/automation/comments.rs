//! The comments of one pull request, with the API of GitHub or of GitLab.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use super::{PULL_REQUEST, TOKEN};

/// A platform, which has its own paths, methods and names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    GitHub,
    GitLab,
}

#[derive(Default)]
struct State {
    comments: Vec<Value>,
    /// The requests: a method and a path each.
    requests: Vec<String>,
    /// The status of each write, if it is refused.
    refused: Option<u16>,
    /// True if the token is that of a user, not of an app.
    is_of_user: bool,
}

/// The API of comments, on its own port.
pub(crate) struct Comments {
    /// The base URL.
    pub(crate) url: String,
    platform: Platform,
    state: Arc<Mutex<State>>,
}

impl Comments {
    /// Starts the API of GitHub.
    pub(crate) fn github() -> Self {
        Self::start(Platform::GitHub)
    }

    /// Starts the API of GitLab.
    pub(crate) fn gitlab() -> Self {
        Self::start(Platform::GitLab)
    }

    fn start(platform: Platform) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                respond(stream, platform, &shared);
            }
        });
        Self { url, platform, state }
    }

    /// Adds a comment of another user, and of another bot in turn.
    pub(crate) fn add(&self, body: &str) {
        let comments = &mut self.state.lock().unwrap().comments;
        let login = if comments.len().is_multiple_of(2) { "mallory" } else { "dependabot[bot]" };
        let comment = comment(self.platform, comments.len(), login, body);
        comments.push(comment);
    }

    /// Accepts the token as that of a user.
    pub(crate) fn accept_user(&self) {
        self.state.lock().unwrap().is_of_user = true;
    }

    /// Refuses writes with this status.
    pub(crate) fn refuse(&self, status: u16) {
        self.state.lock().unwrap().refused = Some(status);
    }

    /// The texts of all comments.
    pub(crate) fn bodies(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.comments.iter().map(|it| it["body"].as_str().unwrap().to_owned()).collect()
    }

    /// The writes so far, which are then forgotten.
    pub(crate) fn take_writes(&self) -> Vec<String> {
        let requests = std::mem::take(&mut self.state.lock().unwrap().requests);
        requests.into_iter().filter(|request| !request.starts_with("GET ")).collect()
    }
}

fn comment(platform: Platform, number: usize, login: &str, body: &str) -> Value {
    let id = 1000 + number;
    match platform {
        Platform::GitHub => {
            json!({"id": id, "body": body, "user": {"login": login}})
        }
        Platform::GitLab => json!({"id": id, "body": body, "author": {"username": login}}),
    }
}

fn respond(stream: TcpStream, platform: Platform, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let authorized = match platform {
        Platform::GitHub => header("authorization") == Some(format!("Bearer {TOKEN}")),
        Platform::GitLab => header("private-token").as_deref() == Some(TOKEN),
    };
    let mut line = head.lines().next().unwrap().split(' ');
    let (method, path) = (line.next().unwrap(), line.next().unwrap());
    let (status, response) = if authorized {
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        answer(&mut state.lock().unwrap(), platform, method, path, &body["body"])
    } else {
        (401, json!({"message": "Bad credentials"}))
    };
    let response = response.to_string();
    let length = response.len();
    let head = format!(
        "HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let _ = reader.get_mut().write_all((head + &response).as_bytes());
}

fn answer(
    state: &mut State,
    platform: Platform,
    method: &str,
    path: &str,
    body: &Value,
) -> (u16, Value) {
    state.requests.push(format!("{method} {path}"));
    let (all, one, update, login) = match platform {
        Platform::GitHub => (
            format!("/repos/example/petstore/issues/{PULL_REQUEST}/comments"),
            "/repos/example/petstore/issues/comments/".to_owned(),
            "PATCH",
            if state.is_of_user { "releases" } else { "github-actions[bot]" },
        ),
        Platform::GitLab => {
            let all = format!("/projects/42/merge_requests/{PULL_REQUEST}/notes");
            (all.clone(), format!("{all}/"), "PUT", "project_42_bot")
        }
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    if let (false, Some(status)) = (method == "GET", state.refused) {
        return (status, json!({"message": "Resource not accessible by integration"}));
    }
    match (method, platform) {
        ("GET", Platform::GitHub) if path == "/user" && state.is_of_user => {
            (200, json!({"login": login}))
        }
        ("GET", Platform::GitHub) if path == "/user" => {
            (403, json!({"message": "Resource not accessible by integration"}))
        }
        ("GET", Platform::GitLab) if path == "/user" => (200, json!({"username": login})),
        ("GET", _) if path == all => {
            let page = query.strip_prefix("per_page=100&page=").unwrap().parse::<usize>().unwrap();
            let pages: Vec<&[Value]> = state.comments.chunks(100).collect();
            (200, json!(pages.get(page - 1).copied().unwrap_or_default()))
        }
        ("POST", _) if path == all => {
            let created = comment(platform, state.comments.len(), login, body.as_str().unwrap());
            state.comments.push(created.clone());
            (201, created)
        }
        (method, _) if method == update && path.starts_with(&one) => {
            let id: u64 = path[one.len()..].parse().unwrap();
            let found = state.comments.iter_mut().find(|it| it["id"] == id).unwrap();
            found["body"] = body.clone();
            (200, found.clone())
        }
        _ => (404, json!({"message": "Not Found"})),
    }
}
