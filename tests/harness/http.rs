//! HTTP/1.1 as bytes on a socket, so that a test can send what no HTTP client sends.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::wait::Wait;

/// A server's response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status; 0 if there was no response.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Response {
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
#[track_caller]
pub fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
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

/// Connects; each read has the limit of [`Wait::Reply`].
pub fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    stream.set_read_timeout(Some(Wait::Reply.limit())).unwrap();
    stream
}

/// Sends bytes and reads until the server closes.
#[track_caller]
pub fn raw(address: &str, bytes: &[u8]) -> Response {
    let limit = Wait::Reply.limit();
    let (response, timed_out) = exchange(address, bytes, limit);
    let head = String::from_utf8_lossy(bytes);
    let line = head.lines().next().unwrap_or_default();
    assert!(
        !timed_out,
        "no reply from {address} to `{line}` within {limit:?}; so far {response:?}"
    );
    response
}

/// Sends bytes and reads until the server closes or sends nothing for this long.
pub fn raw_within(address: &str, bytes: &[u8], limit: Duration) -> Response {
    exchange(address, bytes, limit).0
}

/// Returns the response, and whether a read timed out.
fn exchange(address: &str, bytes: &[u8], limit: Duration) -> (Response, bool) {
    let mut stream = connect(address);
    stream.set_read_timeout(Some(limit)).unwrap();
    // A server may reject a request before it has read all of it.
    let _ = stream.write_all(bytes);
    let mut response = Vec::new();
    let end = stream.read_to_end(&mut response).map_err(|error| error.kind());
    let timed_out = matches!(end, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut));
    (parse(&String::from_utf8_lossy(&response)), timed_out)
}

fn parse(response: &str) -> Response {
    let Some((head, body)) = response.split_once("\r\n\r\n") else {
        return Response { status: 0, headers: Vec::new(), body: response.to_owned() };
    };
    let mut lines = head.lines();
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Response { status: status.unwrap_or(0), headers, body: body.to_owned() }
}

/// Reads a request from a server's connection: its first line and its body. `None` at the end.
pub fn read_request(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
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
