//! Method and path → route, with API Gateway's precedence.

use authorizer::routes::{self, Segment};
use percent_encoding::percent_decode_str;

use compiler::api::routing::ApiRouter;
use compiler::api::{Api, Route};

/// A route and the values of its path parameters in a request.
#[derive(Clone, Debug)]
pub struct Match<'a> {
    /// The route.
    pub route: &'a Route,
    /// Names and values, as they were sent.
    pub parameters: Vec<(&'a str, String)>,
}

impl Match<'_> {
    /// Returns a parameter's value, percent-decoded, as an event carries it.
    pub fn decoded(value: &str) -> String {
        percent_decode_str(value).decode_utf8_lossy().into_owned()
    }
}

/// Finds the route of a request; `router` is the router of the API's routes.
///
/// A path with `.` or `..` in it, encoded or not, has no route: a backend that resolves them would
/// answer for another path than the authorized one. Nor has one with an empty segment: AWS
/// does not document its route, and its method ARN may name another. Nor has one that is not text, or
/// contains a control character.
pub fn find<'a>(router: &ApiRouter, api: &'a Api, method: &str, path: &str) -> Option<Match<'a>> {
    if path.contains("//") {
        return None;
    }
    let segments = routes::split(path);
    let is_invalid = |segment: &&str| {
        !is_text(segment) || matches!(Match::decoded(segment).as_str(), "" | "." | "..")
    };
    if segments.iter().any(is_invalid) {
        return None;
    }
    let route = router.find(&api.routes, method, &segments)?;
    let parameters =
        route.path.segments().iter().enumerate().filter_map(|(at, segment)| match segment {
            Segment::Literal(_) => None,
            Segment::Parameter(name) => Some((name.as_str(), (*segments.get(at)?).to_owned())),
            Segment::Greedy(name) => Some((name.as_str(), segments.get(at..)?.join("/"))),
        });
    Some(Match { route, parameters: parameters.collect() })
}

/// Returns whether the percent-encoding is valid and decodes to text without control characters.
pub fn is_text(encoded: &str) -> bool {
    let escaped = encoded
        .split('%')
        .skip(1)
        .all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()));
    let decoded = percent_decode_str(encoded).decode_utf8();
    escaped && decoded.is_ok_and(|text| !text.chars().any(char::is_control))
}
