//! URIs without query and fragment, normalized by syntax and scheme (RFC 3986 sections 6.2.2 and
//! 6.2.3), for comparison.

use url::Url;

use crate::secure_url;

/// An https URI, or an http URI of a loopback host, without user, query and fragment: scheme and
/// host in lower case, without the default port, with a path, without dot segments, and with
/// percent-encoding in one spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NormalizedUri(Url);

impl NormalizedUri {
    /// Parses a URI, and ignores its query and fragment. `None` for a URI that is not normalizable,
    /// such as one with a user or a character that no URI has.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if !text.bytes().all(is_uri_byte) {
            return None;
        }
        let text = text.split(['?', '#']).next()?;
        let (origin, path) = split_origin(text)?;
        Self::new(origin, path)
    }

    /// Returns the URI of a requested path at an origin (`https://api.example.com`). `None` for a path
    /// with dot segments, which would be the URI of a different path.
    pub(crate) fn of_request(origin: &str, path: &str) -> Option<Self> {
        let (origin, rest) = split_origin(origin)?;
        let path = if path.is_empty() { "/" } else { path };
        let uri = Self::new(origin, path).filter(|_| rest.is_empty())?;
        (uri.0.path() == normalize_escapes(path)).then_some(uri)
    }

    /// Returns the URI of a path below this one.
    pub(crate) fn below(&self, path: &str) -> Option<Self> {
        let base = self.0.path().trim_end_matches('/');
        let origin = self.0.as_str().strip_suffix(self.0.path())?;
        Self::of_request(origin, &[base, "/", path].concat())
    }

    /// Returns the URI without slashes at its end.
    pub(crate) fn without_trailing_slash(mut self) -> Self {
        let path = self.0.path().trim_end_matches('/').to_owned();
        self.0.set_path(&path);
        self
    }

    fn new(origin: &str, path: &str) -> Option<Self> {
        let path = normalize_escapes(path);
        secure_url::parse(&[origin, &path].concat()).map(Self)
    }
}

/// Splits `scheme://host:port` from the path. The URL parser alone would accept other spellings,
/// such as `https:host` and `https://user@host`.
fn split_origin(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.split('/').next().filter(|authority| !authority.is_empty())?;
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let length = scheme.len().checked_add(3)?.checked_add(authority.len())?;
    (scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) && authority.bytes().all(is_host))
        .then(|| text.split_at_checked(length))?
}

/// Writes hexadecimal digits in upper case, decodes unreserved characters, and encodes what a path
/// cannot contain.
fn normalize_escapes(path: &str) -> String {
    let mut normalized = String::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let escaped = (*byte == b'%').then(|| hex_octet(after)).flatten();
        if let Some((octet, after)) = escaped {
            rest = after;
            if is_unreserved(octet) {
                normalized.push(char::from(octet));
            } else {
                push_escape(&mut normalized, octet);
            }
        } else if is_path_byte(*byte) {
            normalized.push(char::from(*byte));
        } else {
            push_escape(&mut normalized, *byte);
        }
    }
    normalized
}

/// Reads two hexadecimal digits; returns the octet and the bytes after them.
fn hex_octet(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, after) = bytes.split_at_checked(2)?;
    let digits = std::str::from_utf8(digits).ok()?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    Some((u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?, after))
}

fn push_escape(text: &mut String, octet: u8) {
    text.push('%');
    for digit in [octet >> 4, octet & 0xf] {
        text.extend(char::from_digit(digit.into(), 16).map(|digit| digit.to_ascii_uppercase()));
    }
}

/// RFC 3986 section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 section 3.3: the characters of segments, and `/`.
fn is_path_byte(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@/".contains(&byte)
}

/// RFC 3986 section 2: every character of a URI.
fn is_uri_byte(byte: u8) -> bool {
    is_path_byte(byte) || b"%?#[]".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::NormalizedUri;

    const URI: &str = "https://api.example.com/prod/pets/7";

    #[test]
    fn equivalent_spellings_are_equal_and_neighbors_are_not() {
        let uri = NormalizedUri::parse(URI).unwrap();
        for (spelling, is_equal) in [
            (URI, true),
            ("HTTPS://API.Example.com:443/prod/pets/7", true),
            ("https://api.example.com:/prod/pets/7", true),
            ("https://api.example.com/prod/./pets/x/../7", true),
            ("https://api.example.com/prod/%2e/pets/x/%2E%2e/7", true),
            ("https://api.example.com/%70rod/pet%73/%37", true),
            ("https://api.example.com/prod/pets/7?page=2", true),
            ("https://api.example.com/prod/pets/7#part", true),
            ("https://api.example.com/prod/pets/7?", true),
            ("https://api.example.com/prod/pets/7/", false),
            ("https://api.example.com/prod//pets/7", false),
            ("https://api.example.com/prod/PETS/7", false),
            ("https://api.example.com/prod/pets%2F7", false),
            ("https://api.example.com/prod/pets/%377", false),
            ("https://api.example.com/prod/pets/7%20", false),
            ("https://api.example.com/prod/pets/%2537", false),
            ("https://api.example.com/prod/pets", false),
            ("https://api.example.com:8443/prod/pets/7", false),
            ("https://api.example.com./prod/pets/7", false),
            ("https://api.example.com.evil.example/prod/pets/7", false),
            ("https://evil.example/https://api.example.com/prod/pets/7", false),
            ("http://api.example.com/prod/pets/7", false),
        ] {
            assert_eq!(
                NormalizedUri::parse(spelling).as_ref() == Some(&uri),
                is_equal,
                "{spelling}"
            );
        }
    }

    #[test]
    fn a_uri_that_parsers_read_differently_is_not_accepted() {
        for text in [
            "",
            "api.example.com/prod",
            "/prod/pets/7",
            "//api.example.com/prod",
            "https:api.example.com/prod",
            "https:/api.example.com/prod",
            "https:///api.example.com/prod",
            "https://user@api.example.com/prod",
            "https://@api.example.com/prod",
            "https://api.example.com@evil.example/prod",
            "https://evil.example\\@api.example.com/prod",
            "https:\\\\api.example.com\\prod",
            "https://api.example.com\\prod",
            "https://api.example.com/prod\\pets",
            "https://api.example.com/pr\tod",
            "https://api.example.com/prod ",
            " https://api.example.com/prod",
            "https://api.example.com%2Fprod",
            "https://%61pi.example.com/prod",
            "https://äpi.example.com/prod",
            "https://api.example.com:x/prod",
            "https://api.example.com:99999/prod",
            "http://api.example.com/prod",
            "ftp://api.example.com/prod",
            "javascript:alert(1)",
        ] {
            assert_eq!(NormalizedUri::parse(text), None, "{text}");
        }
    }

    #[test]
    fn http_is_for_loopback_hosts() {
        for (text, is_accepted) in [
            ("http://localhost:8080/x", true),
            ("http://127.0.0.1/x", true),
            ("http://[::1]:8080/x", true),
            ("http://localhost.example.com/x", false),
            ("http://10.0.0.1/x", false),
        ] {
            assert_eq!(NormalizedUri::parse(text).is_some(), is_accepted, "{text}");
        }
    }

    #[test]
    fn the_uri_of_a_request_keeps_its_path() {
        let parsed = |text| NormalizedUri::parse(text);
        for (origin, path, expected) in [
            ("https://a.example", "/x", parsed("https://a.example/x")),
            ("https://a.example", "", parsed("https://a.example")),
            (
                "https://a.example",
                "/a b/ä?c#d\\e%",
                parsed("https://a.example/a%20b/%C3%A4%3Fc%23d%5Ce%25"),
            ),
            ("https://a.example", "/x/../y", None),
            ("https://a.example", "/x/%2e%2e/y", None),
            ("https://a.example/x", "/y", None),
            ("https://a.example@evil.example", "/y", None),
            ("https://a.example\\", "/y", None),
        ] {
            assert_eq!(NormalizedUri::of_request(origin, path), expected, "{origin} {path}");
        }
        for (base, path, expected) in [
            ("https://a.example", "x/y", parsed("https://a.example/x/y")),
            ("https://a.example/", "x", parsed("https://a.example/x")),
            ("https://a.example:8443/api/", "x", parsed("https://a.example:8443/api/x")),
            ("https://a.example/api", "", parsed("https://a.example/api/")),
            ("https://a.example/api", "../x", None),
        ] {
            assert_eq!(parsed(base).unwrap().below(path), expected, "{base} {path}");
        }
    }

    proptest! {
        #[test]
        fn any_spelling_of_a_path_is_the_same_uri(
            bytes in prop::collection::vec((any::<u8>(), any::<bool>(), any::<bool>()), 0..12),
        ) {
            let (mut plain, mut spelled) = (String::new(), String::new());
            for (byte, escapes, upper) in bytes {
                let escape = |upper| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
                let is_unreserved = byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
                let literal = char::from(byte).to_string();
                plain += &if is_unreserved { literal.clone() } else { escape(true) };
                spelled += &if is_unreserved && !escapes { literal } else { escape(upper) };
            }
            let uri = |path: &str| NormalizedUri::parse(&format!("https://a.example/x{path}/y"));
            prop_assert_eq!(uri(&plain), uri(&spelled));
            prop_assert_eq!(uri(&plain), NormalizedUri::of_request("https://a.example", &format!("/x{plain}/y")));
            let longer = uri(&format!("{plain}z"));
            prop_assert_ne!(uri(&plain), longer);
        }

        #[test]
        fn no_text_panics_and_a_normalized_uri_is_unchanged(text in "\\PC{0,40}", path in "(/|%|\\.|[a-z0-9]|\\PC){0,20}") {
            for text in [text.clone(), format!("https://{text}"), format!("https://a.example/{path}")] {
                if let Some(uri) = NormalizedUri::parse(&text) {
                    prop_assert_eq!(NormalizedUri::parse(uri.0.as_str()), Some(uri));
                }
            }
            _ = NormalizedUri::of_request("https://a.example", &path);
        }
    }
}
