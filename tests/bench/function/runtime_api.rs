//! The Lambda Runtime API as a function sees it: it asks for the next event, and answers it.
//! Whatever answers, answers here, so that what is measured differs in the function alone.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The limit of a function's start: 1 s for the slowest, Node's; some seconds under callgrind.
const START_LIMIT: Duration = Duration::from_mins(1);

/// The limit of all invocations that are handed out at once: some thousands, 1 ms each.
const INVOCATIONS_LIMIT: Duration = Duration::from_mins(1);

/// How many connections a function may have at once.
const CONNECTIONS: usize = 4;

/// One function's Runtime API.
pub(crate) struct RuntimeApi {
    pub(crate) address: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    first_poll: Option<Instant>,
    /// Whether the function waits for an event.
    idle: bool,
    events: Arc<Vec<String>>,
    next: usize,
    left: usize,
    handed: Option<Instant>,
    took: Vec<Duration>,
    wrong: Option<String>,
}

impl RuntimeApi {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared::default());
        // Waiting already, so that none has to be started while a function does.
        for _ in 0..CONNECTIONS {
            let (listener, shared) = (listener.try_clone().unwrap(), Arc::clone(&shared));
            thread::spawn(move || {
                for stream in listener.incoming() {
                    converse(stream.unwrap(), &shared);
                }
            });
        }
        Self { address, shared }
    }

    /// Waits until the function asks for its first event, and says when it did.
    pub(crate) fn first_poll(&self) -> Instant {
        let state = self.shared.state.lock().unwrap();
        let waited =
            self.shared.changed.wait_timeout_while(state, START_LIMIT, |s| s.first_poll.is_none());
        let first_poll = waited.unwrap().0.first_poll;
        first_poll.unwrap_or_else(|| panic!("no request for an event within {START_LIMIT:?}"))
    }

    /// Hands out `count` events, over and over the given ones, each when the one before is
    /// answered, and returns how long each took. Every answer must be an Allow.
    pub(crate) fn invoke(&self, events: &Arc<Vec<String>>, count: usize) -> Vec<Duration> {
        let mut state = self.shared.state.lock().unwrap();
        state.events = Arc::clone(events);
        state.left = count;
        state.took = Vec::with_capacity(count);
        self.shared.changed.notify_all();
        let done =
            |s: &mut State| s.wrong.is_none() && !(s.idle && s.left == 0 && s.took.len() == count);
        let waited = self.shared.changed.wait_timeout_while(state, INVOCATIONS_LIMIT, done);
        let mut state = waited.unwrap().0;
        assert_eq!(state.wrong, None);
        assert_eq!(state.took.len(), count, "answers within {INVOCATIONS_LIMIT:?}");
        std::mem::take(&mut state.took)
    }
}

/// One connection: what is measured is between an event's last byte and its answer's.
fn converse(stream: TcpStream, shared: &Shared) {
    stream.set_nodelay(true).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some((line, body)) = request(&mut reader) {
        if line.contains("/invocation/next") {
            let Some(event) = next(shared) else { return };
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
                 Lambda-Runtime-Deadline-Ms: 4102444800000\r\n\
                 Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0\r\n\
                 Lambda-Runtime-Invoked-Function-Arn: \
                 arn:aws:lambda:eu-west-1:123456789012:function:authorizer\r\n\r\n",
                event.len()
            );
            let message = [head.as_bytes(), event.as_bytes()].concat();
            shared.state.lock().unwrap().handed = Some(Instant::now());
            if writer.write_all(&message).is_err() {
                return;
            }
            continue;
        }
        let now = Instant::now();
        let mut state = shared.state.lock().unwrap();
        let allows = body.contains(r#""Effect":"Allow""#);
        if line.contains("/response") && allows {
            let took = state.handed.take().map(|handed| now - handed);
            state.took.extend(took);
        } else {
            state.wrong = Some(format!("{line}: {body}"));
            shared.changed.notify_all();
        }
        drop(state);
        let accepted = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n\
                        Content-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";
        if writer.write_all(accepted.as_bytes()).is_err() {
            return;
        }
    }
}

/// Waits until there is an event to hand out. A function that ends leaves its thread here.
fn next(shared: &Shared) -> Option<String> {
    let mut state = shared.state.lock().unwrap();
    state.first_poll.get_or_insert_with(Instant::now);
    if state.left == 0 {
        state.idle = true;
        shared.changed.notify_all();
        state = shared.changed.wait_while(state, |s| s.left == 0).unwrap();
        state.idle = false;
    }
    state.left -= 1;
    let event = state.events.get(state.next % state.events.len()).cloned();
    state.next += 1;
    event
}

/// Reads one request: its first line and its body.
fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut line = String::new();
    let mut first = String::new();
    let (mut length, mut chunked) = (0, false);
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let header = line.trim_end();
        if first.is_empty() {
            header.clone_into(&mut first);
        } else if header.is_empty() {
            break;
        } else if let Some((name, value)) = header.split_once(':') {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok()?;
            }
            chunked |= name.eq_ignore_ascii_case("transfer-encoding");
        }
    }
    let mut body = Vec::new();
    while chunked {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim_end(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        body.extend_from_slice(chunk.get(..size)?);
        chunked = size > 0;
    }
    let mut rest = vec![0; length];
    reader.read_exact(&mut rest).ok()?;
    body.extend(rest);
    Some((first, String::from_utf8(body).ok()?))
}
