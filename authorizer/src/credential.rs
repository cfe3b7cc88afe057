//! The `Authorization` header's value → exactly one bearer token (RFC 6750 section 2.1).

use serde_json::Value;

use crate::error::Rejection;

/// What stands in the `Authorization` header, as the gateway passed it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderValue<'a> {
    Missing,
    One(&'a str),
    /// Several values, or something that is no header value.
    Unclear,
}

impl<'a> HeaderValue<'a> {
    /// Reads a TOKEN event's `authorizationToken`.
    pub(crate) fn of_token(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Missing,
            Value::String(text) => Self::One(text),
            _ => Self::Unclear,
        }
    }

    /// Reads a REQUEST event's header maps. Names are compared without case (RFC 9110
    /// section 5.1). API Gateway's single-value map keeps only the last of several values,
    /// so the multi-value map decides where it is there.
    pub(crate) fn of_headers(single: &'a Value, multiple: &'a Value) -> Self {
        let mut found = Self::Missing;
        for (name, values) in multiple.as_object().into_iter().flatten() {
            if name.eq_ignore_ascii_case("authorization") {
                match values.as_array().map(Vec::as_slice) {
                    Some([]) | None => {}
                    Some([value]) => found = found.and(Self::of_token(value)),
                    Some(_) => return Self::Unclear,
                }
            }
        }
        if found != Self::Missing {
            return found;
        }
        for (name, value) in single.as_object().into_iter().flatten() {
            if name.eq_ignore_ascii_case("authorization") {
                found = found.and(Self::of_token(value));
            }
        }
        found
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Missing, one) | (one, Self::Missing) => one,
            _ => Self::Unclear,
        }
    }

    /// Returns the token. The scheme's case does not matter (RFC 9110 section 11.1); exactly
    /// one space follows it (RFC 6750 section 2.1), and a comma would begin another value.
    pub(crate) fn bearer(self) -> Result<&'a str, Rejection> {
        let value = match self {
            Self::Missing | Self::One("") => return Err(Rejection::MissingToken),
            Self::One(value) => value,
            Self::Unclear => return Err(Rejection::MalformedCredential),
        };
        let (scheme, token) = value.split_once(' ').ok_or(Rejection::MalformedCredential)?;
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if !scheme.eq_ignore_ascii_case("bearer")
            || token.is_empty()
            || !token.bytes().all(is_token)
        {
            return Err(Rejection::MalformedCredential);
        }
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::HeaderValue;
    use crate::error::Rejection;
    use serde_json::{Value, json};

    #[test]
    fn exactly_one_bearer_token_is_taken() {
        for (value, token) in [
            ("Bearer a.b.c", Ok("a.b.c")),
            ("bearer a.b.c", Ok("a.b.c")),
            ("BEARER a.b.c", Ok("a.b.c")),
            ("", Err(Rejection::MissingToken)),
            ("Bearer", Err(Rejection::MalformedCredential)),
            ("Bearer ", Err(Rejection::MalformedCredential)),
            ("Bearer  a.b.c", Err(Rejection::MalformedCredential)),
            (" Bearer a.b.c", Err(Rejection::MalformedCredential)),
            ("Bearer a.b.c ", Err(Rejection::MalformedCredential)),
            ("Bearer a.b.c, Bearer d.e.f", Err(Rejection::MalformedCredential)),
            ("Bearer a.b.c,d", Err(Rejection::MalformedCredential)),
            ("Bearer\ta.b.c", Err(Rejection::MalformedCredential)),
            ("Basic a.b.c", Err(Rejection::MalformedCredential)),
            ("a.b.c", Err(Rejection::MalformedCredential)),
            ("Bearer a.b.c\u{0}", Err(Rejection::MalformedCredential)),
            ("Bearer é", Err(Rejection::MalformedCredential)),
        ] {
            assert_eq!(HeaderValue::One(value).bearer(), token, "{value:?}");
        }
    }

    #[test]
    fn the_header_is_found_in_any_case_and_must_be_single() {
        let none = Value::Null;
        for (single, multiple, expected) in [
            (json!({"Authorization": "x"}), none.clone(), HeaderValue::One("x")),
            (json!({"aUTHORIZATION": "x"}), none.clone(), HeaderValue::One("x")),
            (
                json!({"Authorization": "x", "authorization": "x"}),
                none.clone(),
                HeaderValue::Unclear,
            ),
            (
                json!({"authorization": "y"}),
                json!({"authorization": ["x", "y"]}),
                HeaderValue::Unclear,
            ),
            (json!({"authorization": "x"}), json!({"authorization": ["x"]}), HeaderValue::One("x")),
            (
                none.clone(),
                json!({"authorization": ["x"], "Authorization": ["y"]}),
                HeaderValue::Unclear,
            ),
            (json!({"authorization": null}), json!({"authorization": null}), HeaderValue::Missing),
            (json!({"authorization": 7}), none.clone(), HeaderValue::Unclear),
            (json!([]), json!("x"), HeaderValue::Missing),
            (none.clone(), none.clone(), HeaderValue::Missing),
        ] {
            assert_eq!(
                HeaderValue::of_headers(&single, &multiple),
                expected,
                "{single} {multiple}"
            );
        }
    }
}
