//! The proxy for fetching keys, from `HTTPS_PROXY` and `NO_PROXY`.

use reqwest::NoProxy;
use url::Url;

/// Hosts that are never reached through the proxy.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// The proxy for https URLs and the hosts that are reached without it. Loopback hosts never use
/// it. The proxy resolves the names, so the rules for addresses are those of the proxy.
#[derive(Clone, Debug)]
pub struct Proxy {
    url: Url,
    no_proxy: String,
}

/// `HTTPS_PROXY` is empty or not the URL of a proxy. Does not contain the value, which can have a
/// password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` must be an http or https URL, such as `http://proxy.example.com:3128`")]
pub struct ProxyError(&'static str);

impl Proxy {
    /// Reads `HTTPS_PROXY` and `NO_PROXY`, or the same names in lower case. `None` without a
    /// proxy.
    pub fn from_environment(
        get: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, ProxyError> {
        let first =
            |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, get(name)?)));
        let Some((name, value)) = first(["HTTPS_PROXY", "https_proxy"]) else { return Ok(None) };
        let no_proxy = first(["NO_PROXY", "no_proxy"]).map(|(_, value)| value).unwrap_or_default();
        let url = parse(value.trim()).ok_or(ProxyError(name))?;
        Ok(Some(Self { url, no_proxy: format!("{no_proxy},{LOOPBACK}") }))
    }

    /// Returns the host of the proxy.
    pub(super) fn host(&self) -> Option<&str> {
        self.url.host_str()
    }

    /// Returns the proxy for the HTTP client.
    pub(super) fn client_proxy(&self) -> Option<reqwest::Proxy> {
        let proxy = reqwest::Proxy::https(self.url.clone()).ok()?;
        Some(proxy.no_proxy(NoProxy::from_string(&self.no_proxy)))
    }
}

/// Parses the URL of a proxy. Without a scheme it is http, as for curl.
fn parse(text: &str) -> Option<Url> {
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&url).ok()?;
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && bare).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::Proxy;

    #[test]
    fn an_empty_or_invalid_proxy_is_an_error() {
        let read = |name: &'static str, value: &'static str| {
            Proxy::from_environment(move |key| (key == name).then(|| value.to_owned()))
        };
        for (value, host) in [
            ("http://proxy.example.com:3128", "proxy.example.com"),
            ("https://user:secret@proxy.example.com/", "proxy.example.com"),
            ("proxy.example.com:3128", "proxy.example.com"),
            ("10.0.0.1:3128", "10.0.0.1"),
        ] {
            for name in ["HTTPS_PROXY", "https_proxy"] {
                let proxy = read(name, value).unwrap().unwrap();
                assert_eq!(proxy.host(), Some(host), "{value}");
                assert!(proxy.client_proxy().is_some(), "{value}");
            }
        }
        for value in [
            "",
            " ",
            "http://",
            "socks5://user:secret@proxy.example.com",
            "http://proxy.example.com/path",
            "http://proxy.example.com?x=secret",
            "http://proxy.example.com:99999",
            "two words",
        ] {
            for name in ["HTTPS_PROXY", "https_proxy"] {
                let error = read(name, value).unwrap_err().to_string();
                assert!(error.contains(name) && !error.contains("secret"), "{value}: {error}");
            }
        }
        assert!(read("NO_PROXY", "example.com").unwrap().is_none());
        assert!(read("HTTP_PROXY", "http://proxy.example.com").unwrap().is_none());
    }
}
