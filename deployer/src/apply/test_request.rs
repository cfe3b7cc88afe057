//! The request of `TestInvokeAuthorizer`: the token at its location, and a value of each other identity
//! source, without which API Gateway does not invoke the function.

use std::collections::BTreeMap;

use authorizer::config::{TokenScheme, TokenSource};
use aws::apigateway::AuthorizerTestRequest;
use compiler::api::{AuthorizerShape, IdentitySource, PresentedToken, RAW_TOKEN_PATTERN};

/// The value of an identity source without the token.
const PLACEHOLDER: &str = "portcullis-test";

/// The path of the request.
const PATH: &str = "/";

/// Returns the request with a token. Without a known location, each header and query parameter that is
/// an identity source has the token.
pub(super) fn test_request(
    shape: &AuthorizerShape,
    source: Option<&TokenSource>,
    stage_variables: &BTreeMap<String, String>,
    token: &str,
) -> AuthorizerTestRequest {
    let mut request = AuthorizerTestRequest {
        path: PATH.to_owned(),
        stage_variables: stage_variables.clone(),
        ..AuthorizerTestRequest::default()
    };
    let located = source.map(|source| PresentedToken::new(source, token));
    let mut presented: Vec<PresentedToken> = located.iter().cloned().collect();
    for identity in shape.identity.iter().filter_map(|text| text.parse().ok()) {
        match identity {
            IdentitySource::Header(name) => presented.push(match located {
                None => PresentedToken::new(&header(shape, name), token),
                Some(_) => PresentedToken::Header { name, value: PLACEHOLDER.to_owned() },
            }),
            IdentitySource::Query(name) => {
                let value = if located.is_none() { token } else { PLACEHOLDER };
                presented.push(PresentedToken::Query { name, value: value.to_owned() });
            }
            IdentitySource::StageVariable(name) => {
                request.stage_variables.entry(name).or_insert_with(|| PLACEHOLDER.to_owned());
            }
            IdentitySource::Context(name) => request.context.extend(context(&name)),
        }
    }
    for (number, part) in presented.iter().enumerate() {
        // The token replaces the placeholder of the same header or parameter.
        if !presented.iter().take(number).any(|earlier| earlier.replaces(part)) {
            request.path = part.url(&request.path);
            let header = part.header().map(|(name, value)| (name.to_owned(), value.to_owned()));
            request.headers.extend(header);
        }
    }
    request
}

/// Returns the location of the token in a header, with the scheme that the validation expression
/// requires.
fn header(shape: &AuthorizerShape, name: String) -> TokenSource {
    let is_raw = shape.validation.as_deref() == Some(RAW_TOKEN_PATTERN);
    let scheme = if is_raw { TokenScheme::None } else { TokenScheme::Bearer };
    TokenSource::Header { name, scheme }
}

/// Returns the entries of `additionalContext` for a context variable. Its documentation does not
/// specify the keys, "a key-value map of additional context variables", and no published request has
/// it: both spellings are sent, that of the identity source and the one without `context.`. Published
/// logs of tests show that API Gateway itself sets the most common variables, to the values below.
/// <https://docs.aws.amazon.com/apigateway/latest/api/API_TestInvokeAuthorizer.html>
fn context(name: &str) -> [(String, String); 2] {
    let value = match name {
        "httpMethod" => "GET",
        "path" | "resourcePath" => PATH,
        "protocol" => "HTTP/1.1",
        "stage" => "test-invoke-stage",
        "identity.apiKey" => "test-invoke-api-key",
        "identity.sourceIp" => "test-invoke-source-ip",
        _ => PLACEHOLDER,
    };
    [name.to_owned(), IdentitySource::Context(name.to_owned()).to_string()]
        .map(|key| (key, value.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use authorizer::config::TokenSource;
    use compiler::api::{AuthorizerShape, BEARER_TOKEN_PATTERN, RAW_TOKEN_PATTERN};
    use serde_json::{Value, json};

    use super::test_request;

    /// Returns the headers, the path, the stage variables and the context of a request with the token
    /// `x`, for a stage with the variable `a`.
    fn request(authorizer: &Value, source: Option<Value>) -> Value {
        let source: Option<TokenSource> = source.map(|one| serde_json::from_value(one).unwrap());
        let shape = AuthorizerShape::read(authorizer, "");
        let variables = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        let found = test_request(&shape, source.as_ref(), &variables, "x");
        json!([found.headers, found.path, found.stage_variables, found.context])
    }

    #[test]
    fn a_test_has_the_token_at_its_location_and_every_identity_source() {
        let header = |name: &str| format!("method.request.header.{name}");
        let query = |name: &str| format!("method.request.querystring.{name}");
        let variable = json!({"a": "1"});
        for (source, identity, expected) in [
            (
                None,
                vec![header("Authorization")],
                json!([{"Authorization": "Bearer x"}, "/", variable, {}]),
            ),
            (
                None,
                vec![header("A"), query("t"), query("u")],
                json!([{"A": "Bearer x"}, "/?t=x&u=x", variable, {}]),
            ),
            (
                Some(json!({"header": "X-Token"})),
                vec![header("x-token")],
                json!([{"X-Token": "Bearer x"}, "/", variable, {}]),
            ),
            (
                Some(json!({"header": "x-token", "scheme": "none"})),
                vec![header("X-Token")],
                json!([{"x-token": "x"}, "/", variable, {}]),
            ),
            (
                Some(json!({"cookie": "s"})),
                vec![header("cookie"), header("X-Tenant")],
                json!([{"Cookie": "s=x", "X-Tenant": "portcullis-test"}, "/", variable, {}]),
            ),
            (
                Some(json!({"query": "t"})),
                vec![query("s"), query("t"), query("u"), header("X")],
                json!([
                    {"X": "portcullis-test"},
                    "/?t=x&s=portcullis-test&u=portcullis-test",
                    variable,
                    {},
                ]),
            ),
            (
                Some(json!({"header": "Authorization"})),
                ["stageVariables.a", "stageVariables.b", "context.httpMethod", "context.x.y"]
                    .map(str::to_owned)
                    .to_vec(),
                json!([
                    {"Authorization": "Bearer x"},
                    "/",
                    {"a": "1", "b": "portcullis-test"},
                    {
                        "httpMethod": "GET",
                        "context.httpMethod": "GET",
                        "x.y": "portcullis-test",
                        "context.x.y": "portcullis-test",
                    },
                ]),
            ),
        ] {
            let sources = identity.join(",");
            let authorizer = json!({"type": "request", "identitySource": sources});
            assert_eq!(request(&authorizer, source.clone()), expected, "{source:?} {sources}");
        }
    }

    #[test]
    fn a_token_without_a_known_location_has_the_scheme_of_the_validation_expression() {
        for (expression, value) in [(BEARER_TOKEN_PATTERN, "Bearer x"), (RAW_TOKEN_PATTERN, "x")] {
            let authorizer = json!({
                "type": "token",
                "identitySource": "method.request.header.T",
                "identityValidationExpression": expression,
            });
            assert_eq!(request(&authorizer, None)[0], json!({"T": value}));
        }
    }
}
