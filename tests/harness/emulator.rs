//! Third-party AWS emulators, and the proxy between them and the deployer.
//!
//! The proxy records calls, injects faults, refuses what AWS refuses ([`crate::strict`]), and adds
//! what the emulator lacks: deployments, test-invoked authorizers, generated SDKs, cache flushes,
//! gateway responses and `AWS_IAM` in imported documents, paginated lists, the settings of the
//! account, the values of new entries of method settings, and the time that an endpoint needs to
//! change.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use serde_json::{Value, json};

use crate::data_plane::DataPlane;
use crate::port::free_port;
use crate::strict::model::Service;
use crate::strict::operation::Call;
use crate::strict::patches::Patch;
use crate::strict::state::{AccountSettings, Read, State as AwsState};
use crate::strict::{self, Refusal, method_settings, test_invoke};
use crate::wait::Wait;
use crate::{binary, http, root, tool};

/// An emulator that runs as long as the tests do.
pub struct Emulator {
    /// The host and port on which it listens.
    pub address: String,
    _process: Child,
}

/// The addresses of the emulators.
static ADDRESSES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Returns whether a text has the address of an emulator, which no proxy is in front of.
pub fn is_emulator(text: &str) -> bool {
    ADDRESSES.lock().unwrap().iter().any(|address| text.contains(address.as_str()))
}

/// Starts a program that ends with this process, even if it is killed: the program's shell reads
/// from a pipe of this process. Waits until it is healthy; its output is written to a file.
fn start(program: &str, address: &str, environment: &[(&str, String)]) -> Child {
    ADDRESSES.lock().unwrap().insert(address.to_owned());
    let log = root().join(format!("target/tmp/emulator-{}.log", address.replace(':', "-")));
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
    let output = || format!("{program}\n{}", fs::read_to_string(&log).unwrap_or_default());
    Wait::Start.until(&format!("status 200 from {url}"), output, healthy);
    child
}

impl Emulator {
    /// `LocalStack`, the control plane. Every access key of twelve digits is an account of its own.
    pub fn localstack() -> &'static Self {
        static RUNNING: OnceLock<Emulator> = OnceLock::new();
        RUNNING.get_or_init(|| {
            let port = free_port();
            let address = format!("127.0.0.1:{port}");
            let python = tool("localstack/bin/python");
            let program = root().join("tests/harness/emulator.py");
            let folder = root().join(format!("target/tmp/localstack-{port}"));
            let process = start(
                &format!("{} {}", python.display(), program.display()),
                &address,
                &[
                    ("GATEWAY_LISTEN", address.clone()),
                    ("FILESYSTEM_ROOT", folder.display().to_string()),
                    ("SERVICES", "apigateway,iam,lambda,sts,route53".to_owned()),
                    ("SKIP_SSL_CERT_DOWNLOAD", "1".to_owned()),
                    ("DISABLE_EVENTS", "1".to_owned()),
                    ("DNS_ADDRESS", "0".to_owned()),
                ],
            );
            Self { address, _process: process }
        })
    }

    /// `MiniStack`, which runs functions. With `auth` it checks signatures and IAM policies.
    pub fn ministack(auth: bool) -> Self {
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let mut environment =
            vec![("GATEWAY_PORT", port.to_string()), ("BIND_HOST", "127.0.0.1".to_owned())];
        if auth {
            environment.push(("AUTH", "true".to_owned()));
        }
        let program = tool("ministack/bin/ministack").display().to_string();
        let process = start(&program, &address, &environment);
        Self { address, _process: process }
    }
}

/// A fault that the proxy injects into a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429, with `Retry-After`.
    Throttled,
    /// 409.
    Conflict,
    /// 500.
    Failure,
    /// 400, as for an OpenAPI document that API Gateway rejects.
    Refused,
    /// 403: the caller stops at once, as if it had been interrupted.
    Denied,
    /// 429, which no retry ends: API Gateway's `LimitExceededException`.
    LimitExceeded,
    /// 409: IAM's `LimitExceeded`.
    RoleLimitExceeded,
    /// 409: IAM's `ConcurrentModification`.
    ConcurrentModification,
    /// The connection is closed before the call is forwarded.
    DroppedBefore,
    /// The connection is closed after the call was executed, without a response.
    DroppedAfter,
}

impl Fault {
    /// The faults that can occur for a valid call.
    pub const ALL: [Self; 6] = [
        Self::Throttled,
        Self::Conflict,
        Self::Failure,
        Self::Denied,
        Self::DroppedBefore,
        Self::DroppedAfter,
    ];
}

/// The result of `TestInvokeAuthorizer` for an `Authorization` value: status and policy.
pub type TestInvokeAuthorizer = Arc<dyn Fn(&str) -> (u16, String) + Send + Sync>;

/// The recorded calls and the faults to inject.
#[derive(Default)]
struct State {
    /// Every call: method and path with query.
    calls: Vec<(String, String)>,
    /// The bodies of IAM and STS calls, which all have the same path.
    forms: Vec<String>,
    /// The JSON bodies of other calls, by method and path; without the large ones.
    bodies: Vec<(String, Value)>,
    /// The first call that fails, counted from 0; its fault; the number of failures left.
    fault: Option<(usize, Fault, usize)>,
    /// Calls whose method and path contain this fail.
    failing: Option<(&'static str, Fault)>,
    /// Stage patch operations whose path contains this are dropped.
    dropped: Option<&'static str>,
    /// A list whose path contains this is empty from the second read on.
    emptied_list: Option<&'static str>,
}

impl State {
    /// Returns whether this list was read before and is now shown empty.
    fn is_emptied(&self, request: &Request) -> bool {
        let lists = |path: &str| self.emptied_list.is_some_and(|text| path.contains(text));
        let reads = self.calls.iter().filter(|(method, path)| method == "GET" && lists(path));
        request.method == "GET" && lists(&request.path) && reads.count() > 1
    }
}

/// A function that is called after each mutating call, before its response is sent, with the method
/// and path.
pub type Hook = Arc<dyn Fn(&str) + Send + Sync>;

/// A proxy between the deployer and an emulator.
pub struct FaultProxy {
    /// Its base URL.
    pub url: String,
    /// The data plane of the APIs that are deployed through it.
    pub data_plane: DataPlane,
    state: Arc<Mutex<State>>,
    hook: Arc<Mutex<Option<Hook>>>,
    settings: Arc<Mutex<AccountSettings>>,
    refusals: Arc<Mutex<Vec<Refusal>>>,
    updating: Arc<Mutex<BTreeMap<String, u32>>>,
}

/// The emulators behind the proxy, and what it adds to them.
#[derive(Clone)]
struct Upstream {
    address: String,
    /// The emulator that receives Lambda's calls.
    functions: String,
    page: usize,
    /// None invokes the authorizer of the draft.
    test_invoke_authorizer: Option<TestInvokeAuthorizer>,
    /// Forwards requests and responses unchanged.
    is_unchanged: bool,
    data_plane: DataPlane,
    hook: Arc<Mutex<Option<Hook>>>,
    settings: Arc<Mutex<AccountSettings>>,
    refusals: Arc<Mutex<Vec<Refusal>>>,
    /// The APIs whose endpoint type changes, each with the reads after which the change is complete. The
    /// emulator changes it at once; AWS does not accept another change meanwhile.
    updating: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Upstream {
    /// Counts a read of an API, and returns whether its endpoint is still changing.
    fn is_updating_at_read(&self, api: &str) -> bool {
        let mut updating = self.updating.lock().unwrap();
        let Some(reads) = updating.get_mut(api) else { return false };
        *reads -= 1;
        if *reads == 0 {
            updating.remove(api);
        }
        true
    }
}

impl FaultProxy {
    /// Starts a proxy in front of an emulator. Lists have at most `page` items a page.
    pub fn in_front_of(
        emulator: &str,
        page: usize,
        test_invoke_authorizer: TestInvokeAuthorizer,
    ) -> Self {
        Self::in_front_of_both(emulator, emulator, page, test_invoke_authorizer)
    }

    /// Starts a proxy in front of two emulators: Lambda's calls go to `functions`.
    pub fn in_front_of_both(
        emulator: &str,
        functions: &str,
        page: usize,
        test_invoke_authorizer: TestInvokeAuthorizer,
    ) -> Self {
        Self::start(emulator, functions, page, Some(test_invoke_authorizer), false)
    }

    /// Starts a proxy in front of two emulators: Lambda's calls go to `functions`, and
    /// `TestInvokeAuthorizer` invokes the function that the draft's authorizer names.
    pub fn that_invokes(emulator: &str, functions: &str) -> Self {
        Self::start(emulator, functions, 500, None, false)
    }

    /// Starts a proxy in front of an emulator that only records and validates requests: they and their
    /// responses are forwarded unchanged, so that signatures remain valid. Rules that depend on the
    /// state of the account do not apply.
    pub fn unchanged(emulator: &str) -> Self {
        Self::start(emulator, emulator, 500, None, true)
    }

    fn start(
        emulator: &str,
        functions: &str,
        page: usize,
        test_invoke_authorizer: Option<TestInvokeAuthorizer>,
        is_unchanged: bool,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let data_plane = DataPlane::new(emulator, functions);
        let hook: Arc<Mutex<Option<Hook>>> = Arc::default();
        let settings: Arc<Mutex<AccountSettings>> = Arc::default();
        let refusals: Arc<Mutex<Vec<Refusal>>> = Arc::default();
        let updating: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
        let upstream = Upstream {
            address: emulator.to_owned(),
            functions: functions.to_owned(),
            page,
            test_invoke_authorizer,
            is_unchanged,
            data_plane: data_plane.clone(),
            hook: Arc::clone(&hook),
            settings: Arc::clone(&settings),
            refusals: Arc::clone(&refusals),
            updating: Arc::clone(&updating),
        };
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (state, upstream) = (Arc::clone(&shared), upstream.clone());
                thread::spawn(move || serve(stream, &state, &upstream));
            }
        });
        Self { url, data_plane, state, hook, settings, refusals, updating }
    }

    /// Sets the settings of the account; without this call it can write logs, and has the limits of
    /// most Regions.
    pub fn set_account(&self, settings: AccountSettings) {
        *self.settings.lock().unwrap() = settings;
    }

    /// Leaves an API in the middle of a change of its endpoint, as an interrupted run does.
    pub fn set_updating(&self, api: &str) {
        self.updating.lock().unwrap().insert(api.to_owned(), 2);
    }

    /// The requests that were refused so far because AWS refuses them.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.refusals.lock().unwrap().clone()
    }

    /// Calls a function after each mutating call, until it is replaced.
    pub fn after_writes(&self, hook: Option<Hook>) {
        *self.hook.lock().unwrap() = hook;
    }

    /// An authorizer that allows this token only.
    pub fn accepting(token: &'static str) -> TestInvokeAuthorizer {
        Arc::new(move |authorization| {
            if authorization == format!("Bearer {token}") {
                let policy = json!({"Statement": [{"Effect": "Allow", "Resource": "*"}]});
                (200, policy.to_string())
            } else {
                (401, String::new())
            }
        })
    }

    /// Clears the recorded calls, and injects a fault: first call, fault, number of failures.
    pub fn inject(&self, fault: Option<(usize, Fault, usize)>) {
        *self.state.lock().unwrap() = State { fault, ..State::default() };
    }

    /// Clears the recorded calls, and injects a fault into every call whose method and path contain this.
    pub fn inject_into(&self, call: &'static str, fault: Fault) {
        let failing = Some((call, fault));
        *self.state.lock().unwrap() = State { failing, ..State::default() };
    }

    /// Clears the recorded calls, and drops stage patch operations whose path contains this.
    pub fn drop_patches(&self, dropped: &'static str) {
        let dropped = Some(dropped);
        *self.state.lock().unwrap() = State { dropped, ..State::default() };
    }

    /// Clears the recorded calls, and shows a list whose path contains this once, then empty.
    pub fn empty_list(&self, emptied_list: &'static str) {
        let emptied_list = Some(emptied_list);
        *self.state.lock().unwrap() = State { emptied_list, ..State::default() };
    }

    /// The calls so far: method and path.
    pub fn calls(&self) -> Vec<(String, String)> {
        self.state.lock().unwrap().calls.clone()
    }

    /// The bodies of the IAM and STS calls so far.
    pub fn forms(&self) -> Vec<String> {
        self.state.lock().unwrap().forms.clone()
    }

    /// The JSON bodies of the calls so far whose method and path end with this.
    pub fn bodies(&self, call: &str) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        let found = state.bodies.iter().filter(|(known, _)| known.ends_with(call));
        found.map(|(_, body)| body.clone()).collect()
    }

    /// The API Gateway calls so far, and the mutating ones among them.
    pub fn api_gateway_calls(&self) -> (Vec<String>, Vec<String>) {
        let calls = self.calls();
        let selected = calls
            .iter()
            .filter(|(_, path)| path.starts_with("/restapis") || path.starts_with("/tags"));
        let all: Vec<String> = selected.map(|(method, path)| format!("{method} {path}")).collect();
        let is_test_invoke =
            |call: &String| call.contains("/authorizers/") && call.starts_with("POST");
        let writes = all.iter().filter(|call| !call.starts_with("GET") && !is_test_invoke(call));
        let writes = writes.cloned().collect();
        (all, writes)
    }
}

/// A request as received.
struct Request {
    method: String,
    path: String,
    head: String,
    body: Vec<u8>,
}

fn serve(mut stream: TcpStream, state: &Mutex<State>, upstream: &Upstream) {
    while let Some(mut request) = read(&mut stream) {
        let dropped = state.lock().unwrap().dropped;
        if let Some(text) = dropped.filter(|_| request.path.contains("/stages/")) {
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
            } else if request.body.len() < 65_536
                && let Ok(body) = serde_json::from_slice(&request.body)
            {
                state.bodies.push((format!("{} {}", request.method, request.path), body));
            }
            let call = format!("{} {}", request.method, request.path);
            let failing = state.failing.filter(|(text, _)| call.contains(text));
            match &mut state.fault {
                Some((at, fault, left)) if *at <= number && *left > 0 => {
                    *left -= 1;
                    Some(*fault)
                }
                _ => failing.map(|(_, fault)| fault),
            }
        };
        let response = match fault {
            Some(Fault::DroppedBefore) => return,
            Some(Fault::DroppedAfter) => {
                respond(&request, upstream);
                return;
            }
            Some(Fault::Throttled) => (429, "TooManyRequestsException", "slow"),
            Some(Fault::Conflict) => (409, "ConflictException", "busy"),
            Some(Fault::Denied) => (403, "AccessDeniedException", "not authorized"),
            Some(Fault::Refused) => {
                (400, "BadRequestException", "Errors found during import: Unable to put resource")
            }
            Some(Fault::LimitExceeded) => (
                429,
                "LimitExceededException",
                "Maximum number of stages for this API has been reached",
            ),
            Some(Fault::RoleLimitExceeded) => {
                (409, "LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000")
            }
            Some(Fault::ConcurrentModification) => {
                (409, "ConcurrentModification", "The role is being modified by another request")
            }
            Some(Fault::Failure) => (500, "InternalFailure", "oops"),
            None => {
                let (status, headers, mut body) = respond(&request, upstream);
                let hook = upstream.hook.lock().unwrap().clone();
                if let Some(hook) = hook.filter(|_| request.method != "GET") {
                    hook(&format!("{} {}", request.method, request.path));
                }
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
        let (status, code, message) = response;
        let (status, headers, body) = error_response(request.path == "/", status, code, message);
        let head = format!(
            "HTTP/1.1 {status} X\r\nRetry-After: 0\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(&[head.as_bytes(), &body].concat());
    }
}

/// Returns an error as AWS does. The errors of IAM and STS are XML.
fn error_response(is_query: bool, status: u16, code: &str, message: &str) -> RawResponse {
    let (kind, text) = if is_query {
        let message = message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let xml = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
        );
        ("text/xml", xml)
    } else {
        ("application/json", json!({"message": message}).to_string())
    };
    let headers = format!("x-amzn-ErrorType: {code}\r\nContent-Type: {kind}\r\n");
    (status, headers, text.into_bytes())
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

type RawResponse = (u16, String, Vec<u8>);

fn json_response(status: u16, body: &Value) -> RawResponse {
    (status, "Content-Type: application/json\r\n".to_owned(), body.to_string().into_bytes())
}

/// Refuses what AWS refuses, and responds to everything else.
fn respond(request: &Request, upstream: &Upstream) -> RawResponse {
    let settings = upstream.settings.lock().unwrap().clone();
    let read = |path: &str| read_state(request, upstream, path);
    let read: Option<Read<'_>> = if upstream.is_unchanged { None } else { Some(&read) };
    let state = AwsState { settings: &settings, read };
    let received = strict::Request {
        method: &request.method,
        target: &request.path,
        head: &request.head,
        body: &request.body,
    };
    let call = match strict::check(&received, &state) {
        Ok(call) => call,
        Err(refusal) => {
            let Refusal { status, code, message, .. } = &refusal;
            let response = error_response(request.path == "/", *status, code, message);
            upstream.refusals.lock().unwrap().push(refusal);
            return response;
        }
    };
    if upstream.is_unchanged {
        return forward_unchanged(request, &upstream.address);
    }
    if call.service != Service::ApiGateway {
        return answer(request, upstream);
    }
    match call.operation.as_str() {
        "GetAccount" => json_response(200, &settings.response(&call.account)),
        "UpdateStage" => update_stage(&call, request, upstream, &state),
        _ => answer(request, upstream),
    }
}

/// Reads a path of API Gateway with the credentials of a request; none if it does not exist.
fn read_state(request: &Request, upstream: &Upstream, path: &str) -> Option<Value> {
    let authorization = header(&request.head, "authorization")?;
    let url = format!("http://{}{path}", upstream.address);
    let response = http::send("GET", &url, &[("Authorization", &authorization)], b"");
    (response.status == 200).then(|| response.json())
}

/// Updates a stage whose patches may make entries of its method settings.
fn update_stage(
    call: &Call,
    request: &Request,
    upstream: &Upstream,
    account: &AwsState<'_>,
) -> RawResponse {
    let patches = Patch::all(call);
    if !patches.iter().any(|patch| patch.method_setting().is_some()) {
        return answer(request, upstream);
    }
    let stage = account.stage(call.text("restApiId"), call.text("stageName"));
    let Some(stage) = stage.value() else { return answer(request, upstream) };
    let patches = method_settings::complete(&patches, &stage["methodSettings"], account.settings);
    let operations: Vec<Value> = patches
        .iter()
        .map(|patch| match patch.op.as_str() {
            "remove" => json!({"op": "remove", "path": patch.path}),
            "copy" => json!({"op": "copy", "path": patch.path, "from": patch.from}),
            op => json!({"op": op, "path": patch.path, "value": patch.value}),
        })
        .collect();
    let body = json!({"patchOperations": operations}).to_string().into_bytes();
    let Request { method, path, head, .. } = request;
    let (method, path, head) = (method.clone(), path.clone(), head.clone());
    answer(&Request { method, path, head, body }, upstream)
}

/// Responds itself where the emulator cannot, and forwards everything else.
fn answer(request: &Request, upstream: &Upstream) -> RawResponse {
    let path = request.path.split('?').next().unwrap();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("POST", ["restapis", api, "authorizers", id]) => {
            test_invoke_authorizer(request, upstream, api, id)
        }
        ("POST", [_, "functions", _, "invocations"])
            if upstream.functions == upstream.address && requests_description(request) =>
        {
            describe(request)
                .map_or_else(|| forward(request, upstream), |it| json_response(200, &it))
        }
        ("POST", ["restapis", api, "deployments"]) => {
            let response = forward(request, upstream);
            let created: Value = serde_json::from_slice(&response.2).unwrap_or_default();
            if let Some(id) = created["id"].as_str() {
                let authorization = header(&request.head, "authorization").unwrap();
                upstream.data_plane.record(&authorization, api, id);
            }
            response
        }
        ("DELETE", ["restapis", _, "stages", _, "cache", "authorizers"]) => {
            json_response(202, &json!({}))
        }
        ("GET", ["restapis", _, "stages", _, "sdks", _]) => {
            let headers = "Content-Type: application/octet-stream\r\n".to_owned();
            // The end record of an empty archive: the smallest valid zip file.
            (200, headers, [b"PK\x05\x06".as_slice(), &[0; 18]].concat())
        }
        ("PUT", ["restapis", api]) => {
            let response = forward(request, upstream);
            if response.0 == 200 {
                complete_import(api, request, upstream);
            }
            response
        }
        ("GET", ["restapis", api]) if upstream.is_updating_at_read(api) => {
            with_status(forward(request, upstream), "UPDATING")
        }
        ("PATCH", ["restapis", api]) => {
            // The emulator addresses the types by index, not by name.
            let text = String::from_utf8_lossy(&request.body);
            let body =
                ["EDGE", "REGIONAL", "PRIVATE"].iter().fold(text.into_owned(), |text, kind| {
                    text.replace(&format!("/types/{kind}"), "/types/0")
                });
            let Request { method, path, head, .. } = request;
            let (method, path, head) = (method.clone(), path.clone(), head.clone());
            let changes_type = body.contains("/types/0");
            if changes_type && upstream.updating.lock().unwrap().contains_key(*api) {
                let message =
                    "The endpoint type cannot change until the current change is complete";
                return error_response(false, 409, "ConflictException", message);
            }
            let changed =
                forward(&Request { method, path, head, body: body.into_bytes() }, upstream);
            if !changes_type || changed.0 != 200 {
                return changed;
            }
            upstream.updating.lock().unwrap().insert((*api).to_owned(), 2);
            with_status(changed, "UPDATING")
        }
        (_, ["tags", _]) => {
            record_tags(request);
            forward(request, upstream)
        }
        ("GET", _) if request.path.contains("limit=") => page(request, upstream),
        _ => forward(request, upstream),
    }
}

/// Returns the response of an API with this status.
fn with_status(response: RawResponse, status: &str) -> RawResponse {
    let (code, headers, body) = response;
    let mut api: Value = serde_json::from_slice(&body).unwrap_or_default();
    api["apiStatus"] = json!(status);
    (code, headers, api.to_string().into_bytes())
}

fn test_invoke_authorizer(
    request: &Request,
    upstream: &Upstream,
    api: &str,
    id: &str,
) -> RawResponse {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let path = format!("/restapis/{api}/authorizers/{id}");
    let authorizer = read_state(request, upstream, &path).unwrap_or_default();
    let token = test_invoke::token(&body);
    let invocation = test_invoke::unmet(&authorizer, &body).is_empty().then(|| {
        match &upstream.test_invoke_authorizer {
            Some(test_invoke) => test_invoke(token),
            None => upstream.data_plane.test_invoke(&request.head, api, id, token),
        }
    });
    json_response(200, &test_invoke::response(&authorizer, token, invocation.as_ref()))
}

/// The project of each account without a Lambda emulator: its functions describe themselves as if they
/// had been published from it.
static PROJECTS: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());

/// Makes the functions of an account describe themselves as if they had been published from a project.
pub fn describe_functions(key: &str, project: &Path) {
    PROJECTS.lock().unwrap().insert(key.to_owned(), project.to_owned());
}

fn requests_description(request: &Request) -> bool {
    serde_json::from_slice::<Value>(&request.body).is_ok_and(|it| it["portcullis"] == "describe")
}

/// Describes all authorizers of the account's project.
fn describe(request: &Request) -> Option<Value> {
    let credential = header(&request.head, "authorization")?;
    let key = credential.split_once("Credential=")?.1.split('/').next()?.to_owned();
    let project = PROJECTS.lock().unwrap().get(&key)?.clone();
    let manifest = fs::read_to_string(project.join("portcullis.toml")).ok()?;
    let names = manifest.lines().filter_map(|line| line.strip_prefix("[authorizer."));
    let mut routes = BTreeMap::new();
    for name in names.filter_map(|name| name.strip_suffix(']')) {
        let mut config = Command::new(binary("deployer"));
        config.args(["config", "--authorizer", name]).current_dir(&project);
        let output = config.output().ok()?;
        let Ok(document) = serde_json::from_slice::<Value>(&output.stdout) else { continue };
        for route in document["routes"].as_array().into_iter().flatten() {
            let key = format!("{} {}", route["method"].as_str()?, route["path"].as_str()?);
            routes.insert(key, route["scopes"].clone());
        }
    }
    Some(json!({"portcullis": {
        "format": 1, "version": "0", "pinned": false, "tables": [{"digest": "0", "routes": routes}],
    }}))
}

/// Tags that were set after their API's creation, by API id: the emulator does not return them
/// with the API.
static TAGS: Mutex<BTreeMap<String, BTreeMap<String, Value>>> = Mutex::new(BTreeMap::new());

/// Records the tags of a `/tags` call; the API id follows the last `%2F`.
fn record_tags(request: &Request) {
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

/// Adds the recorded tags to the APIs.
fn add_tags(items: &mut [Value]) {
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

/// Imports the parts of a document that the emulator ignores.
fn complete_import(api: &str, request: &Request, upstream: &Upstream) {
    let document: Value = serde_json::from_slice(&request.body).unwrap();
    let send = |method: &str, path: &str, body: &Value| {
        let mut headers = request.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let authorization = headers.find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let headers: Vec<(&str, &str)> =
            authorization.into_iter().chain([("Content-Type", "application/json")]).collect();
        let url = format!("http://{}{path}", upstream.address);
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
            let method_url =
                format!("/restapis/{api}/resources/{}/methods/{verb}", ids[path.as_str()]);
            let role = &method["x-amazon-apigateway-integration"]["credentials"];
            if role.is_string() {
                send("PATCH", &format!("{method_url}/integration"), &replace("/credentials", role));
            }
            if method["x-amazon-apigateway-auth"]["type"] == "AWS_IAM" {
                send("PATCH", &method_url, &replace("/authorizationType", &json!("AWS_IAM")));
            }
        }
    }
}

/// Paginates a list, as AWS does.
fn page(request: &Request, upstream: &Upstream) -> RawResponse {
    let (path, query) = request.path.split_once('?').unwrap();
    let mut members: BTreeMap<&str, &str> =
        query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let limit: usize = members.insert("limit", "500").unwrap().parse().unwrap();
    let from: usize = members.remove("position").map_or(0, |text| text.parse().unwrap());
    let query: Vec<String> =
        members.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let whole = Request {
        method: request.method.clone(),
        path: format!("{path}?{}", query.join("&")),
        head: request.head.clone(),
        body: Vec::new(),
    };
    let (status, headers, body) = forward(&whole, upstream);
    let Ok(mut list) = serde_json::from_slice::<Value>(&body) else {
        return (status, headers, body);
    };
    let Some(mut items) = list["item"].as_array().cloned() else { return (status, headers, body) };
    if path == "/restapis" {
        add_tags(&mut items);
        let updating = upstream.updating.lock().unwrap();
        for item in &mut items {
            if item["id"].as_str().is_some_and(|id| updating.contains_key(id)) {
                item["apiStatus"] = json!("UPDATING");
            }
        }
    }
    let to = (from + limit.min(upstream.page)).min(items.len());
    list["item"] = items[from..to].into();
    if to < items.len() {
        list["position"] = json!(to.to_string());
    }
    json_response(status, &list)
}

fn forward_unchanged(request: &Request, address: &str) -> RawResponse {
    let head = format!("{}\r\nConnection: close\r\n\r\n", request.head);
    let response = http::raw(address, &[head.as_bytes(), &request.body].concat());
    let framing = ["connection", "content-length", "transfer-encoding"];
    let headers = response.headers.iter().filter(|(name, _)| !framing.contains(&name.as_str()));
    let headers: Vec<String> =
        headers.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    (response.status, headers.concat(), response.body.into_bytes())
}

fn forward(request: &Request, upstream: &Upstream) -> RawResponse {
    let forwarded: BTreeSet<&str> =
        ["authorization", "content-type", "x-amz-date", "x-amz-target", "x-amz-security-token"]
            .into();
    let lines = request.head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers: Vec<(&str, &str)> =
        lines.filter(|(name, _)| forwarded.contains(name.to_ascii_lowercase().as_str())).collect();
    let is_lambda_call = request.path.starts_with("/20")
        && (request.path.contains("/functions") || request.path.contains("/tags/"));
    let address = if is_lambda_call { &upstream.functions } else { &upstream.address };
    let url = format!("http://{address}{}", request.path);
    let response = http::send(&request.method, &url, &headers, &request.body);
    let returned = ["content-type", "x-amzn-errortype", "x-amzn-requestid"];
    let lines = response.headers.iter().filter(|(name, _)| returned.contains(&name.as_str()));
    let headers: Vec<String> = lines.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let headers = headers.concat();
    (response.status, headers, response.body.into_bytes())
}
