//! HTTP/1.1 as bytes on a socket, so that a test can send what no client would.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status; 0 if there was no answer.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends a request to an `http` URL.
pub fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let rest = url.strip_prefix("http://").expect("an http URL");
    let (address, path) = rest
        .split_once('/')
        .map_or((rest, String::new()), |(address, path)| (address, path.to_owned()));
    let mut head = format!("{method} /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += name;
        head += ": ";
        head += value;
        head += "\r\n";
    }
    if !body.is_empty() {
        head += "Content-Length: ";
        head += &body.len().to_string();
        head += "\r\n";
    }
    raw(address, &[head.as_bytes(), b"\r\n", body].concat())
}

/// Sends bytes, if somebody listens.
pub fn raw_if_there(address: &str, bytes: &[u8]) -> Option<Answer> {
    TcpStream::connect(address).ok().map(|_| raw(address, bytes))
}

/// Sends bytes and reads until the server closes, or for ten minutes: a first answer may
/// wait for a build.
pub fn raw(address: &str, bytes: &[u8]) -> Answer {
    raw_within(address, bytes, Duration::from_mins(10))
}

/// Sends bytes and reads until the server closes, or keeps silent for this long.
pub fn raw_within(address: &str, bytes: &[u8], patience: Duration) -> Answer {
    let mut stream =
        TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    stream.set_read_timeout(Some(patience)).unwrap();
    // A server may refuse before it has read everything.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return Answer { status: 0, headers: Vec::new(), body: answer };
    };
    let mut lines = head.lines();
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Answer { status: status.unwrap_or(0), headers, body: body.to_owned() }
}
