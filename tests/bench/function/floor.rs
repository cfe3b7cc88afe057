//! The minimal function: a loop over the Runtime API with a constant response. Without a Runtime
//! API it exits at once: the minimal process. It uses the standard library only and is compiled
//! like the authorizer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

fn main() {
    let Ok(address) = std::env::var("AWS_LAMBDA_RUNTIME_API") else { return };
    let stream = TcpStream::connect(&address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    let next = format!("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let response = r#"{"principalId":"x","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Allow","Resource":["*"]}]}}"#;
    loop {
        writer.write_all(next.as_bytes()).unwrap();
        let Some(id) = read(&mut reader) else { return };
        let post = format!(
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n{response}",
            response.len()
        );
        writer.write_all(post.as_bytes()).unwrap();
        if read(&mut reader).is_none() {
            return;
        }
    }
}

/// Reads a response and returns its request ID.
fn read(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut line, mut length, mut id) = (String::new(), 0, String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            if line == "\r\n" {
                break;
            }
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        } else if name.eq_ignore_ascii_case("lambda-runtime-aws-request-id") {
            id = value.trim().to_owned();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(id)
}
