use std::sync::Arc;

use authorizer::config::{Document, IssuerDocument};
use authorizer::keys::fetch::{DocumentRequest, Fetch, FetchFuture, FetchResponse};
use authorizer::{Authorizer, Config, UnixTime};
use dev::issuer::{Issuer, trusted_issuer};
use serde_json::json;

const URL: &str = "http://127.0.0.1:4010";

fn configured() -> Vec<IssuerDocument> {
    let issuer = |audience: &[&str]| IssuerDocument {
        issuer: "https://issuer.example.com/".to_owned(),
        audience: audience.iter().map(ToString::to_string).collect(),
        ..IssuerDocument::default()
    };
    vec![issuer(&["a", "b"]), issuer(&["b", "c"])]
}

struct KeySet(String);

impl Fetch for KeySet {
    fn get<'a>(&'a self, request: DocumentRequest<'a>) -> FetchFuture<'a> {
        let document = match request.url {
            "http://127.0.0.1:4010/jwks" => self.0.clone(),
            "http://127.0.0.1:4010/.well-known/openid-configuration" => {
                json!({"issuer": URL, "jwks_uri": format!("{URL}/jwks")}).to_string()
            }
            other => panic!("unexpected URL {other}"),
        };
        let body = document.into_bytes();
        Box::pin(
            async move { Ok(FetchResponse::Document { body, entity_tag: None, max_age: None }) },
        )
    }
}

#[test]
fn the_local_issuer_is_trusted_for_the_configured_audiences_only() {
    let issuer = Issuer::new(URL.to_owned(), &configured()).unwrap();
    let trusted = trusted_issuer(URL, &configured());
    assert_eq!(trusted.audience, ["a", "b", "c"]);
    let config =
        Config::resolve(&Document { issuers: vec![trusted], ..Document::default() }).unwrap();
    let fetch: Arc<dyn Fetch> = Arc::new(KeySet(issuer.key_set().to_string()));
    let authorizer = Authorizer::new(config, &fetch);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let now = UnixTime::from_seconds(1_800_000_000);
    for (audience, later, accepted) in [
        (None, 0, true),
        (Some("b"), 0, true),
        (Some("x"), 0, false),
        (None, 3_629, true),
        (None, 3_630, false),
    ] {
        let token = issuer.mint("client", "s", audience, now).unwrap();
        let event = json!({
            "type": "TOKEN", "authorizationToken": format!("Bearer {token}"),
            "methodArn": "arn:aws:execute-api:us-east-1:000000000000:local/dev/GET/x",
        });
        let at = UnixTime::from_seconds(now.seconds() + later);
        let outcome = runtime.block_on(authorizer.handle(&event.to_string(), at));
        assert_eq!(
            outcome.response.is_ok(),
            accepted,
            "{audience:?} +{later}: {:?}",
            outcome.decision
        );
    }
}
