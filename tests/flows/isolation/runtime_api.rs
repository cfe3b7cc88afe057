//! The Lambda Runtime API for one function, which runs one invocation at a time.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use e2e::http;
use e2e::wait::Wait;
use serde_json::{Value, json};

pub(crate) struct RuntimeApi {
    pub(crate) address: String,
    polls: Mutex<Receiver<()>>,
    events: Sender<String>,
    responses: Mutex<Receiver<Value>>,
}

/// The end of the function's channels.
struct Function {
    polls: Sender<()>,
    events: Mutex<Receiver<String>>,
    responses: Sender<Value>,
}

impl RuntimeApi {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let ((polls, polled), (events, received), (responses, responded)) =
            (channel(), channel(), channel());
        let function = Arc::new(Function { polls, events: Mutex::new(received), responses });
        thread::spawn(move || {
            for stream in listener.incoming() {
                let function = Arc::clone(&function);
                thread::spawn(move || serve(stream.unwrap(), &function));
            }
        });
        Self { address, polls: Mutex::new(polled), events, responses: Mutex::new(responded) }
    }

    /// Waits until the function polls for an event.
    pub(crate) fn wait_for_poll(&self) {
        let polls = self.polls.lock().unwrap();
        polls.recv_timeout(Wait::Start.limit()).unwrap();
    }

    /// Sends an event, without waiting for its response.
    pub(crate) fn send(&self, event: &Value) {
        self.events.send(event.to_string()).unwrap();
    }

    /// Waits for the next response or error.
    pub(crate) fn response(&self) -> Value {
        let responses = self.responses.lock().unwrap();
        responses.recv_timeout(Wait::Reply.limit()).unwrap()
    }

    pub(crate) fn invoke(&self, event: &Value) -> Value {
        self.send(event);
        self.response()
    }
}

fn serve(stream: TcpStream, function: &Function) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some((line, body)) = http::read_request(&mut reader) {
        let response = if line.contains("/invocation/next") {
            let _ = function.polls.send(());
            let Ok(event) = function.events.lock().unwrap().recv() else { return };
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
                 Lambda-Runtime-Deadline-Ms: 4102444800000\r\n\
                 Lambda-Runtime-Invoked-Function-Arn: \
                 arn:aws:lambda:eu-west-1:123456789012:function:authorizer\r\n\r\n{event}",
                event.len()
            )
        } else {
            let _ = function.responses.send(serde_json::from_str(&body).unwrap_or(json!(body)));
            "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_owned()
        };
        if writer.write_all(response.as_bytes()).is_err() {
            return;
        }
    }
}
