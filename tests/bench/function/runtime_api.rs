//! The Lambda Runtime API: a function polls for the next event and posts its response. All
//! functions use this server, so that measurements differ in the function only.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use e2e::http;

/// The limit of a function's start: 1 s for the slowest, Node's; some seconds under callgrind.
const START_LIMIT: Duration = Duration::from_mins(1);

/// The limit of one batch of invocations: some thousands, 1 ms each.
const INVOCATIONS_LIMIT: Duration = Duration::from_mins(1);

/// The number of connections that a function can have at once.
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
    /// True while the function waits for an event.
    idle: bool,
    events: Arc<Vec<String>>,
    next: usize,
    left: usize,
    sent_at: Option<Instant>,
    durations: Vec<Duration>,
    error: Option<String>,
}

impl RuntimeApi {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared::default());
        // Started beforehand, so that none starts while a function is measured.
        for _ in 0..CONNECTIONS {
            let (listener, shared) = (listener.try_clone().unwrap(), Arc::clone(&shared));
            thread::spawn(move || {
                for stream in listener.incoming() {
                    serve(stream.unwrap(), &shared);
                }
            });
        }
        Self { address, shared }
    }

    /// Waits for the function's first poll and returns its time.
    pub(crate) fn first_poll(&self) -> Instant {
        let state = self.shared.state.lock().unwrap();
        let waited =
            self.shared.changed.wait_timeout_while(state, START_LIMIT, |s| s.first_poll.is_none());
        let first_poll = waited.unwrap().0.first_poll;
        first_poll.unwrap_or_else(|| panic!("no poll within {START_LIMIT:?}"))
    }

    /// Sends `count` events one after another, repeating the given ones, and returns the duration
    /// of each. Every response must be an Allow.
    pub(crate) fn invoke(&self, events: &Arc<Vec<String>>, count: usize) -> Vec<Duration> {
        let mut state = self.shared.state.lock().unwrap();
        state.events = Arc::clone(events);
        state.left = count;
        state.durations = Vec::with_capacity(count);
        self.shared.changed.notify_all();
        let done = |s: &mut State| {
            s.error.is_none() && !(s.idle && s.left == 0 && s.durations.len() == count)
        };
        let waited = self.shared.changed.wait_timeout_while(state, INVOCATIONS_LIMIT, done);
        let mut state = waited.unwrap().0;
        assert_eq!(state.error, None);
        assert_eq!(state.durations.len(), count, "responses within {INVOCATIONS_LIMIT:?}");
        std::mem::take(&mut state.durations)
    }
}

/// Serves one connection. A duration is the time from an event's last byte to its response's.
fn serve(stream: TcpStream, shared: &Shared) {
    stream.set_nodelay(true).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some((line, body)) = http::read_request(&mut reader) {
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
            shared.state.lock().unwrap().sent_at = Some(Instant::now());
            if writer.write_all(&message).is_err() {
                return;
            }
            continue;
        }
        let now = Instant::now();
        let mut state = shared.state.lock().unwrap();
        let allows = body.contains(r#""Effect":"Allow""#);
        if line.contains("/response") && allows {
            let duration = state.sent_at.take().map(|sent_at| now - sent_at);
            state.durations.extend(duration);
        } else {
            state.error = Some(format!("{line}: {body}"));
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

/// Waits for the next event. The thread of a function that has ended waits here forever.
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
