//! The case of a client's header names. Events carry names as they were sent, and the HTTP library
//! preserves their case only in a message that it forwards. So the head is forwarded to an in-memory
//! stream.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Extensions, HeaderMap, Request};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;

/// More than the server's limit for a head.
const MAX_BYTES: usize = 64 * 1024;

/// Returns the client's spellings of each header name, by the name in lower case.
pub(super) async fn original_names(
    headers: HeaderMap,
    extensions: Extensions,
) -> BTreeMap<String, Vec<String>> {
    let (writer, mut reader) = tokio::io::duplex(MAX_BYTES);
    let mut builder = http1::Builder::new();
    builder.preserve_header_case(true);
    let Ok((mut sender, connection)) = builder.handshake(TokioIo::new(writer)).await else {
        return BTreeMap::new();
    };
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.headers_mut() = headers;
    *request.extensions_mut() = extensions;
    // This request has no body.
    request.headers_mut().remove(CONTENT_LENGTH);
    request.headers_mut().remove(TRANSFER_ENCODING);
    let reading = async {
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            match reader.read_buf(&mut head).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
        head
    };
    let head = tokio::select! {
        head = reading => head,
        _ = connection => Vec::new(),
        _ = sender.send_request(request) => Vec::new(),
    };
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&head).split("\r\n").skip(1) {
        if let Some((name, _)) = line.split_once(':') {
            names.entry(name.to_ascii_lowercase()).or_default().push(name.to_owned());
        }
    }
    for name in ["Content-Length", "Transfer-Encoding"] {
        names.insert(name.to_ascii_lowercase(), vec![name.to_owned()]);
    }
    names
}
