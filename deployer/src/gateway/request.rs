//! A request as the gateway looks at it: what its line and headers say.

use http::HeaderMap;

/// The head of a request, its stage taken off.
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
    /// The client's address.
    pub source_ip: String,
    /// The request's id.
    pub id: String,
}

impl RequestHead {
    /// Returns the query's parameters, decoded, in order.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        let query = self.query.as_deref().unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    /// Returns the headers' names and values, in order; a value that is no text is left out.
    pub fn header_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = |(name, value)| {
            Some((http::HeaderName::as_str(name), http::HeaderValue::to_str(value).ok()?))
        };
        self.headers.iter().filter_map(text)
    }
}
