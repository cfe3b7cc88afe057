//! The head of a request: its request line and headers.

use std::collections::BTreeMap;

use http::HeaderMap;
use time::OffsetDateTime;
use time::format_description;

/// The head of a request, without the stage.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// The method, in capitals.
    pub method: String,
    /// The path below the stage, as it was sent: `/pets/1`.
    pub path: String,
    /// The query without its `?`, as it was sent.
    pub query: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The header names in the client's case, where needed: by the name in lower case, in order.
    pub header_names: BTreeMap<String, Vec<String>>,
    /// The client's address.
    pub source_ip: String,
    /// The request's id.
    pub id: String,
    /// The id that `x-amz-apigw-id` has.
    pub extended_id: String,
    /// The time of its receipt.
    pub time: RequestTime,
}

/// The time of a request's receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestTime(pub OffsetDateTime);

impl RequestTime {
    /// Returns the time in Common Log Format: `21/Nov/2026:09:30:00 +0000`.
    pub fn common_log_format(self) -> String {
        let format = "[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000";
        let format = format_description::parse_borrowed::<2>(format);
        format.ok().and_then(|format| self.0.format(&format).ok()).unwrap_or_default()
    }

    /// Returns the Unix time in milliseconds.
    pub fn milliseconds(self) -> i128 {
        self.0.unix_timestamp_nanos() / 1_000_000
    }
}

impl RequestHead {
    /// Returns the query's parameters, decoded, in order.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        let query = self.query.as_deref().unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    /// Returns the headers' names, in the client's case, and values, in order; values that are not
    /// text are left out.
    pub fn header_pairs(&self) -> impl Iterator<Item = (String, &str)> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        self.headers.iter().filter_map(move |(name, value)| {
            let nth = counts.entry(name.as_str()).or_default();
            let original = self.header_names.get(name.as_str()).and_then(|names| names.get(*nth));
            *nth += 1;
            let name = original.map_or(name.as_str(), String::as_str).to_owned();
            Some((name, value.to_str().ok()?))
        })
    }

    /// Returns the headers that API Gateway adds for the integration.
    pub fn forwarded(&self) -> [(&'static str, String); 4] {
        let before = self.headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
        let by = before.map_or_else(String::new, |before| format!("{before}, "));
        let host = self.headers.get("host").and_then(|host| host.to_str().ok());
        let port = host.and_then(|host| host.rsplit_once(':')).map_or("80", |(_, port)| port);
        [
            ("X-Amzn-Trace-Id", self.trace_id()),
            ("X-Forwarded-For", format!("{by}{}", self.source_ip)),
            ("X-Forwarded-Port", port.to_owned()),
            ("X-Forwarded-Proto", "http".to_owned()),
        ]
    }

    /// Returns the request's id as an X-Ray trace id.
    pub fn trace_id(&self) -> String {
        let id: String = self.id.chars().filter(char::is_ascii_hexdigit).take(24).collect();
        format!("Root=1-{:08x}-{id}", self.time.0.unix_timestamp())
    }

    /// Returns the size of request line and headers in bytes, as API Gateway counts it.
    pub fn size(&self) -> usize {
        let query = self.query.as_ref().map_or(0, |query| query.len() + 1);
        let headers: usize =
            self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        self.method.len() + self.path.len() + query + headers
    }
}
