//! Third-party stand-ins for AWS, and the wire between them and the deployer.
//!
//! The wire counts calls, makes them fail on demand, and does what AWS does and the stand-in
//! does not: an authorizer is asked, a client generated, a cache emptied, gateway responses and
//! `AWS_IAM` imported with a document, and lists come in pages.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use serde_json::{Value, json};

use crate::wait::Wait;
use crate::{http, root, tool};

/// A stand-in, running as long as the tests do.
pub struct StandIn {
    /// Where it listens.
    pub address: String,
    _process: Child,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts `LocalStack` without AWS's thousand managed policies, which it would read for every
/// account anew and which nothing here uses.
const LOCALSTACK: &str = "import runpy, localstack.aws.patches as patches; patches.patch_moto_iam_config = lambda: None; runpy.run_module('localstack.runtime.main', run_name='__main__')";

/// Starts a program that ends when this one does, however that is: it has our end of a pipe.
/// Waits until it is healthy; what it writes is in a file.
fn started(program: &str, address: &str, environment: &[(&str, String)]) -> Child {
    let log = root().join(format!("target/tmp/stand-in-{}.log", address.replace(':', "-")));
    fs::create_dir_all(log.parent().unwrap()).unwrap();
    let script =
        format!("{program} >{} 2>&1 & child=$!; cat >/dev/null; kill -KILL $child", log.display());
    let mut command = Command::new("sh");
    command.args(["-c", &script]).stdin(Stdio::piped());
    command.envs(environment.iter().map(|(name, value)| (*name, value)));
    let child = command.spawn().unwrap();
    let url = format!("http://{address}/_localstack/health");
    let healthy = || {
        TcpStream::connect(address).ok()?;
        (http::send("GET", &url, &[], b"").status == 200).then_some(())
    };
    let written = || format!("{program}\n{}", fs::read_to_string(&log).unwrap_or_default());
    Wait::Start.until(&format!("answer of 200 from {url}"), written, healthy);
    child
}

impl StandIn {
    /// The one for the control plane. Every access key of twelve digits has its own account.
    pub fn localstack() -> &'static Self {
        static RUNNING: OnceLock<StandIn> = OnceLock::new();
        RUNNING.get_or_init(|| {
            let port = free_port();
            let address = format!("127.0.0.1:{port}");
            let python = tool("localstack/bin/python");
            let folder = root().join(format!("target/tmp/localstack-{port}"));
            let process = started(
                &format!("{} -c \"{LOCALSTACK}\"", python.display()),
                &address,
                &[
                    ("GATEWAY_LISTEN", address.clone()),
                    ("FILESYSTEM_ROOT", folder.display().to_string()),
                    ("SERVICES", "apigateway,iam,lambda,sts".to_owned()),
                    ("SKIP_SSL_CERT_DOWNLOAD", "1".to_owned()),
                    ("DISABLE_EVENTS", "1".to_owned()),
                    ("DNS_ADDRESS", "0".to_owned()),
                ],
            );
            Self { address, _process: process }
        })
    }

    /// The one that checks signatures and the callers' policies, and that comes in pages.
    pub fn ministack(checks: bool) -> Self {
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let mut environment =
            vec![("GATEWAY_PORT", port.to_string()), ("BIND_HOST", "127.0.0.1".to_owned())];
        if checks {
            environment.push(("AUTH", "true".to_owned()));
        }
        let program = tool("ministack/bin/ministack").display().to_string();
        let process = started(&program, &address, &environment);
        Self { address, _process: process }
    }
}

/// How a call is made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429, with `Retry-After`.
    Throttled,
    /// 409.
    Conflict,
    /// 500.
    Failure,
    /// 400, as an OpenAPI document is that API Gateway does not take.
    Refused,
    /// 403: whoever asks gives up at once, as if it had been stopped.
    Denied,
    /// The connection ends before the call is passed on.
    DroppedBefore,
    /// The connection ends after the call was done.
    DroppedAfter,
}

impl Fault {
    /// Those that a call may meet though nothing is wrong with it.
    pub const ALL: [Self; 6] = [
        Self::Throttled,
        Self::Conflict,
        Self::Failure,
        Self::Denied,
        Self::DroppedBefore,
        Self::DroppedAfter,
    ];
}

/// What the authorizer answers when it is asked: status and policy.
pub type Asked = Arc<dyn Fn(&str) -> (u16, String) + Send + Sync>;

/// What happens on the wire.
#[derive(Default)]
struct State {
    /// Every call: method and path with query.
    calls: Vec<(String, String)>,
    /// What calls of IAM and STS say, which all have the same path.
    forms: Vec<String>,
    /// The call that fails, counted from 0, how, and how often.
    fault: Option<(usize, Fault, usize)>,
    /// Patches of stages with this in their path are lost on the way.
    forgotten: Option<&'static str>,
    /// A list with this in its path is empty from the second time on.
    emptied: Option<&'static str>,
}

impl State {
    /// Says whether this was listed before and is gone now.
    fn is_emptied(&self, request: &Request) -> bool {
        let lists = |path: &str| self.emptied.is_some_and(|text| path.contains(text));
        let times = self.calls.iter().filter(|(method, path)| method == "GET" && lists(path));
        request.method == "GET" && lists(&request.path) && times.count() > 1
    }
}

/// Stands between the deployer and a stand-in.
pub struct Wire {
    /// Its base URL.
    pub url: String,
    state: Arc<Mutex<State>>,
}

/// What stays the same for every call.
#[derive(Clone)]
struct Behind {
    address: String,
    /// Where Lambda's calls go.
    functions: String,
    page: usize,
    asked: Asked,
}

impl Wire {
    /// Starts one before this stand-in. Lists come in pages of this many at most.
    pub fn before(stand_in: &str, page: usize, asked: Asked) -> Self {
        Self::before_both(stand_in, stand_in, page, asked)
    }

    /// The same, with Lambda's calls going to another one.
    pub fn before_both(stand_in: &str, functions: &str, page: usize, asked: Asked) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let (address, functions) = (stand_in.to_owned(), functions.to_owned());
        let behind = Behind { address, functions, page, asked };
        let kept = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (state, behind) = (Arc::clone(&kept), behind.clone());
                thread::spawn(move || serve(stream, &state, &behind));
            }
        });
        Self { url, state }
    }

    /// An authorizer that lets nobody in but whoever has this token.
    pub fn knowing(token: &'static str) -> Asked {
        Arc::new(move |authorization| {
            if authorization == format!("Bearer {token}") {
                let policy = json!({"Statement": [{"Effect": "Allow", "Resource": "*"}]});
                (200, policy.to_string())
            } else {
                (401, String::new())
            }
        })
    }

    /// Forgets the calls, and makes the one of this number fail so many times.
    pub fn arm(&self, fault: Option<(usize, Fault, usize)>) {
        *self.state.lock().unwrap() = State { fault, ..State::default() };
    }

    /// Forgets the calls, and loses patches of stages that have this in their path.
    pub fn lose(&self, forgotten: &'static str) {
        let forgotten = Some(forgotten);
        *self.state.lock().unwrap() = State { forgotten, ..State::default() };
    }

    /// Forgets the calls, and shows a list with this in its path once, and empty after.
    pub fn empty(&self, emptied: &'static str) {
        let emptied = Some(emptied);
        *self.state.lock().unwrap() = State { emptied, ..State::default() };
    }

    /// The calls so far: method and path.
    pub fn calls(&self) -> Vec<(String, String)> {
        self.state.lock().unwrap().calls.clone()
    }

    /// What IAM and STS were sent so far.
    pub fn forms(&self) -> Vec<String> {
        self.state.lock().unwrap().forms.clone()
    }

    /// The calls of API Gateway's among them, and those that change something.
    pub fn of_api_gateway(&self) -> (Vec<String>, Vec<String>) {
        let calls = self.calls();
        let ours = calls
            .iter()
            .filter(|(_, path)| path.starts_with("/restapis") || path.starts_with("/tags"));
        let all: Vec<String> = ours.map(|(method, path)| format!("{method} {path}")).collect();
        let asks = |call: &String| call.contains("/authorizers/") && call.starts_with("POST");
        let writes = all.iter().filter(|call| !call.starts_with("GET") && !asks(call));
        let writes = writes.cloned().collect();
        (all, writes)
    }
}

/// A request as it came.
struct Request {
    method: String,
    path: String,
    head: String,
    body: Vec<u8>,
}

fn serve(mut stream: TcpStream, state: &Mutex<State>, behind: &Behind) {
    while let Some(mut request) = read(&mut stream) {
        let forgotten = state.lock().unwrap().forgotten;
        if let Some(text) = forgotten.filter(|_| request.path.contains("/stages/")) {
            let mut body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            if let Some(patches) = body["patchOperations"].as_array_mut() {
                patches.retain(|patch| !patch["path"].as_str().unwrap().contains(text));
                request.body = body.to_string().into_bytes();
            }
        }
        let fault = {
            let mut state = state.lock().unwrap();
            let number = state.calls.len();
            state.calls.push((request.method.clone(), request.path.clone()));
            if request.path == "/" {
                state.forms.push(String::from_utf8_lossy(&request.body).into_owned());
            }
            match &mut state.fault {
                Some((at, fault, left)) if *at <= number && *left > 0 => {
                    *left -= 1;
                    Some(*fault)
                }
                _ => None,
            }
        };
        let answer = match fault {
            Some(Fault::DroppedBefore) => return,
            Some(Fault::DroppedAfter) => {
                answer(&request, behind);
                return;
            }
            Some(Fault::Throttled) => (429, "TooManyRequestsException", json!({"message": "slow"})),
            Some(Fault::Conflict) => (409, "ConflictException", json!({"message": "busy"})),
            Some(Fault::Denied) => (403, "AccessDeniedException", json!({"message": "not you"})),
            Some(Fault::Refused) => (
                400,
                "BadRequestException",
                json!({"message": "Errors found during import: Unable to put resource"}),
            ),
            Some(Fault::Failure) => (500, "InternalFailure", json!({"message": "oops"})),
            None => {
                let (status, headers, mut body) = answer(&request, behind);
                if state.lock().unwrap().is_emptied(&request) {
                    body = b"{\"item\":[]}".to_vec();
                }
                let head = format!(
                    "HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n",
                    body.len()
                );
                if stream.write_all(&[head.as_bytes(), &body].concat()).is_err() {
                    return;
                }
                continue;
            }
        };
        let (status, code, body) = answer;
        // IAM and STS say it in XML.
        let (kind, text) = if request.path == "/" {
            let said = body["message"].as_str().unwrap();
            let xml = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{said}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
            );
            ("text/xml", xml)
        } else {
            ("application/json", body.to_string())
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\nx-amzn-ErrorType: {code}\r\nRetry-After: 0\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            text.len()
        );
        let _ = stream.write_all(format!("{head}{text}").as_bytes());
    }
}

fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut piece = vec![0; 65_536];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        match stream.read(&mut piece) {
            Ok(length @ 1..) => bytes.extend_from_slice(&piece[..length]),
            _ => return None,
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = header(&head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = bytes[end + 4..].to_vec();
    while body.len() < length {
        match stream.read(&mut piece) {
            Ok(length @ 1..) => body.extend_from_slice(&piece[..length]),
            _ => return None,
        }
    }
    let mut line = head.lines().next()?.split(' ');
    let (method, path) = (line.next()?.to_owned(), line.next()?.to_owned());
    Some(Request { method, path, head, body })
}

fn header(head: &str, name: &str) -> Option<String> {
    let found = head.lines().filter_map(|line| line.split_once(':'));
    let mut found = found.filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.trim().to_owned())
}

type Answer = (u16, String, Vec<u8>);

fn plain(status: u16, body: &Value) -> Answer {
    (status, "Content-Type: application/json\r\n".to_owned(), body.to_string().into_bytes())
}

/// Answers in the place of the stand-in where it cannot, and lets it answer otherwise.
fn answer(request: &Request, behind: &Behind) -> Answer {
    let path = request.path.split('?').next().unwrap();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("POST", ["restapis", _, "authorizers", _]) => {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let headers = body["headers"].as_object().cloned().unwrap_or_default();
            let token = headers.values().next().and_then(Value::as_str).unwrap_or_default();
            let (status, policy) = (behind.asked)(token);
            plain(
                200,
                &json!({"clientStatus": status, "log": format!("headers: {token}"), "latency": 1, "policy": policy}),
            )
        }
        ("DELETE", ["restapis", _, "stages", _, "cache", "authorizers"]) => plain(202, &json!({})),
        ("GET", ["restapis", _, "stages", _, "sdks", _]) => {
            let headers = "Content-Type: application/octet-stream\r\n".to_owned();
            // The end of an empty archive: the smallest zip there is.
            (200, headers, [b"PK\x05\x06".as_slice(), &[0; 18]].concat())
        }
        ("PUT", ["restapis", api]) => {
            let answer = pass_on(request, behind);
            if answer.0 == 200 {
                import_the_rest(api, request, behind);
            }
            answer
        }
        ("PATCH", ["restapis", _]) => {
            // The stand-in counts the types and does not name them.
            let text = String::from_utf8_lossy(&request.body);
            let body =
                ["EDGE", "REGIONAL", "PRIVATE"].iter().fold(text.into_owned(), |text, kind| {
                    text.replace(&format!("/types/{kind}"), "/types/0")
                });
            let Request { method, path, head, .. } = request;
            let (method, path, head) = (method.clone(), path.clone(), head.clone());
            pass_on(&Request { method, path, head, body: body.into_bytes() }, behind)
        }
        (_, ["tags", _]) => {
            tagged(request);
            pass_on(request, behind)
        }
        ("GET", _) if request.path.contains("limit=") => page(request, behind),
        _ => pass_on(request, behind),
    }
}

/// Tags that were set apart from their API's creation, by the API's id: the stand-in does not
/// show them with it.
static TAGS: Mutex<BTreeMap<String, BTreeMap<String, Value>>> = Mutex::new(BTreeMap::new());

/// Remembers what was tagged; `%2F` stands for what is before the id.
fn tagged(request: &Request) {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let Some((_, id)) = path.rsplit_once("%2F") else { return };
    let mut all = TAGS.lock().unwrap();
    let tags = all.entry(id.to_owned()).or_default();
    let set: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    for (name, value) in set["tags"].as_object().into_iter().flatten() {
        tags.insert(name.clone(), value.clone());
    }
    for name in query.split('&').filter_map(|pair| pair.strip_prefix("tagKeys=")) {
        tags.insert(name.replace("%3A", ":"), Value::Null);
    }
}

/// Shows an API's tags with it.
fn show_tags(items: &mut [Value]) {
    let all = TAGS.lock().unwrap();
    for item in items {
        for (name, value) in all.get(item["id"].as_str().unwrap_or("-")).into_iter().flatten() {
            if !item["tags"].is_object() {
                item["tags"] = json!({});
            }
            match value {
                Value::Null => _ = item["tags"].as_object_mut().unwrap().remove(name),
                value => item["tags"][name] = value.clone(),
            }
        }
    }
}

/// Does with a document what the stand-in leaves out.
fn import_the_rest(api: &str, request: &Request, behind: &Behind) {
    let document: Value = serde_json::from_slice(&request.body).unwrap();
    let send = |method: &str, path: &str, body: &Value| {
        let mut own = request.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let authorization = own.find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let headers: Vec<(&str, &str)> =
            authorization.into_iter().chain([("Content-Type", "application/json")]).collect();
        let url = format!("http://{}{path}", behind.address);
        http::send(method, &url, &headers, body.to_string().as_bytes())
    };
    let responses = &document["x-amazon-apigateway-gateway-responses"];
    for (kind, response) in responses.as_object().into_iter().flatten() {
        send("PUT", &format!("/restapis/{api}/gatewayresponses/{kind}"), response);
    }
    let resources = send("GET", &format!("/restapis/{api}/resources?limit=500"), &json!({})).json();
    let ids: BTreeMap<&str, &str> = (resources["item"]
        .as_array()
        .or(resources["_embedded"]["item"].as_array())
        .into_iter()
        .flatten())
    .filter_map(|item| Some((item["path"].as_str()?, item["id"].as_str()?)))
    .collect();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (verb, method) in methods.as_object().into_iter().flatten() {
            let verb = if verb.starts_with("x-") { "ANY".to_owned() } else { verb.to_uppercase() };
            let replace = |path: &str, value: &Value| json!({"patchOperations": [{"op": "replace", "path": path, "value": value}]});
            let place = format!("/restapis/{api}/resources/{}/methods/{verb}", ids[path.as_str()]);
            let role = &method["x-amazon-apigateway-integration"]["credentials"];
            if role.is_string() {
                send("PATCH", &format!("{place}/integration"), &replace("/credentials", role));
            }
            if method["x-amazon-apigateway-auth"]["type"] == "AWS_IAM" {
                send("PATCH", &place, &replace("/authorizationType", &json!("AWS_IAM")));
            }
        }
    }
}

/// Cuts a list into pages, as AWS does.
fn page(request: &Request, behind: &Behind) -> Answer {
    let (path, query) = request.path.split_once('?').unwrap();
    let mut members: BTreeMap<&str, &str> =
        query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let asked: usize = members.insert("limit", "500").unwrap().parse().unwrap();
    let from: usize = members.remove("position").map_or(0, |text| text.parse().unwrap());
    let query: Vec<String> =
        members.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let whole = Request {
        method: request.method.clone(),
        path: format!("{path}?{}", query.join("&")),
        head: request.head.clone(),
        body: Vec::new(),
    };
    let (status, headers, body) = pass_on(&whole, behind);
    let Ok(mut list) = serde_json::from_slice::<Value>(&body) else {
        return (status, headers, body);
    };
    let Some(mut items) = list["item"].as_array().cloned() else { return (status, headers, body) };
    if path == "/restapis" {
        show_tags(&mut items);
    }
    let to = (from + asked.min(behind.page)).min(items.len());
    list["item"] = items[from..to].into();
    if to < items.len() {
        list["position"] = json!(to.to_string());
    }
    plain(status, &list)
}

fn pass_on(request: &Request, behind: &Behind) -> Answer {
    let kept: BTreeSet<&str> =
        ["authorization", "content-type", "x-amz-date", "x-amz-target", "x-amz-security-token"]
            .into();
    let lines = request.head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers: Vec<(&str, &str)> =
        lines.filter(|(name, _)| kept.contains(name.to_ascii_lowercase().as_str())).collect();
    let is_of_lambda = request.path.starts_with("/20") && request.path.contains("/functions");
    let address = if is_of_lambda { &behind.functions } else { &behind.address };
    let url = format!("http://{address}{}", request.path);
    let answer = http::send(&request.method, &url, &headers, &request.body);
    let kept = ["content-type", "x-amzn-errortype", "x-amzn-requestid"];
    let lines = answer.headers.iter().filter(|(name, _)| kept.contains(&name.as_str()));
    let headers: Vec<String> = lines.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let headers = headers.concat();
    (answer.status, headers, answer.body.into_bytes())
}
