//! Decisions of the authorizer, as API Gateway invokes it: event JSON in, response JSON out.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test that cannot continue panics"
)]

mod attacks;
mod bounds;
mod claims;
mod configuration;
mod credentials;
mod description;
mod edges;
mod events;
mod fetching;

mod keys;
mod mint;
mod peers;
mod pinned;
mod policies;
mod possession;
mod providers;
mod responses;
mod retained;
mod routing;
mod rules;
mod telemetry;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use authorizer::keys::fetch::{DocumentRequest, Fetch, FetchError, FetchFuture, FetchResponse};
use authorizer::telemetry::{Invocation, Telemetry};
use authorizer::{Authorizer, Config, Outcome, UnixTime};
use serde_json::{Value, json};

use mint::Signer;

pub(crate) const ISSUER: &str = "https://issuer.example.com/";
pub(crate) const JWKS: &str = "https://issuer.example.com/keys";
pub(crate) const AUDIENCE: &str = "https://api.example.com";
pub(crate) const NOW: i64 = 1_800_000_000;

/// An RSA key takes long to make: the tests share one.
pub(crate) static RS256: LazyLock<Signer> = LazyLock::new(|| Signer::new("RS256", "rsa-1"));

pub(crate) fn at(seconds: i64) -> UnixTime {
    UnixTime::from_seconds(seconds)
}

/// Documents by URL, replaceable while the authorizer runs, and the URLs that were requested.
#[derive(Default)]
pub(crate) struct Web {
    documents: Mutex<BTreeMap<String, Result<FetchResponse, FetchError>>>,
    hanging: Mutex<BTreeSet<String>>,
    requested_urls: Mutex<Vec<String>>,
    tags: Mutex<Vec<Option<String>>>,
}

impl Web {
    pub(crate) fn publish(&self, url: &str, document: &impl ToString) {
        self.publish_with(url, document, None, None);
    }

    /// Publishes with an entity tag and a `max-age`.
    pub(crate) fn publish_with(
        &self,
        url: &str,
        document: &impl ToString,
        tag: Option<&str>,
        max_age: Option<u64>,
    ) {
        let document = FetchResponse::Document {
            body: document.to_string().into_bytes(),
            entity_tag: tag.map(str::to_owned),
            max_age: max_age.map(Duration::from_secs),
        };
        self.documents.lock().unwrap().insert(url.to_owned(), Ok(document));
    }

    pub(crate) fn fail(&self, url: &str) {
        let failure = FetchError::Status { url: url.to_owned(), status: 503 };
        self.documents.lock().unwrap().insert(url.to_owned(), Err(failure));
    }

    /// Lets requests of a document hang, or no longer.
    pub(crate) fn hang(&self, url: &str, hangs: bool) {
        let mut hanging = self.hanging.lock().unwrap();
        if hangs {
            hanging.insert(url.to_owned())
        } else {
            hanging.remove(url)
        };
    }

    /// The entity tags of the requests, in order.
    pub(crate) fn tags(&self) -> Vec<Option<String>> {
        self.tags.lock().unwrap().clone()
    }

    pub(crate) fn requested_urls(&self) -> Vec<String> {
        self.requested_urls.lock().unwrap().clone()
    }
}

impl Fetch for Web {
    fn get<'a>(&'a self, request: DocumentRequest<'a>) -> FetchFuture<'a> {
        Box::pin(async move {
            let DocumentRequest { url, entity_tag, .. } = request;
            self.requested_urls.lock().unwrap().push(url.to_owned());
            self.tags.lock().unwrap().push(entity_tag.map(str::to_owned));
            // Lets concurrent callers request the same document during the fetch.
            tokio::task::yield_now().await;
            if self.hanging.lock().unwrap().contains(url) {
                std::future::pending::<()>().await;
            }
            let missing = || Err(FetchError::Status { url: url.to_owned(), status: 404 });
            let found = self.documents.lock().unwrap().get(url).cloned().unwrap_or_else(missing);
            match found {
                Ok(FetchResponse::Document { entity_tag: Some(tag), max_age, .. })
                    if Some(tag.as_str()) == entity_tag =>
                {
                    Ok(FetchResponse::Unchanged { max_age })
                }
                other => other,
            }
        })
    }
}

/// An authorizer with one issuer whose key set holds the given keys.
pub(crate) struct Bench {
    pub(crate) web: Arc<Web>,
    pub(crate) authorizer: Authorizer,
}

impl Bench {
    pub(crate) fn new(config: &Value) -> Self {
        Self::of(Config::from_json(&config.to_string()).expect("a valid configuration"))
    }

    pub(crate) fn of(config: Config) -> Self {
        let web = Arc::new(Web::default());
        let fetch: Arc<dyn Fetch> = Arc::<Web>::clone(&web);
        Self { authorizer: Authorizer::new(config, &fetch), web }
    }

    pub(crate) fn with_keys(config: &Value, keys: &[Value]) -> Self {
        let bench = Self::new(config);
        bench.web.publish(JWKS, &json!({"keys": keys}));
        bench
    }

    pub(crate) async fn authorize(&self, authorization: &str) -> Outcome {
        self.authorize_at(authorization, NOW).await
    }

    pub(crate) async fn authorize_at(&self, authorization: &str, now: i64) -> Outcome {
        let outcome =
            self.authorizer.handle(&token_event(authorization).to_string(), at(now)).await;
        assert_no_part_of(authorization, &outcome);
        outcome
    }

    /// Decides a whole event, from synchronous code.
    pub(crate) fn authorize_event(&self, event: &Value, now: i64) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(self.authorizer.handle(&event.to_string(), at(now)))
    }

    pub(crate) async fn bearer(&self, token: &str) -> Outcome {
        self.authorize(&format!("Bearer {token}")).await
    }
}

pub(crate) fn config(algorithms: &[&str]) -> Value {
    json!({"issuers": [{
        "issuer": ISSUER, "audience": [AUDIENCE], "algorithms": algorithms, "jwks_uri": JWKS, "leeway_seconds": 0
    }]})
}

pub(crate) fn token_event(authorization: &str) -> Value {
    json!({
        "type": "TOKEN",
        "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/pets/1",
        "authorizationToken": authorization,
    })
}

/// The claims of a valid access token.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 300, "iat": NOW - 10, "nbf": NOW - 10,
        "sub": "user-1", "client_id": "client-1", "scope": "pets:read pets:write",
    })
}

/// [`claims`] with some members replaced, or removed if the new value is null.
pub(crate) fn claims_with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// Returns the status that API Gateway derives from an outcome (200, 401 or 500), and the reason.
pub(crate) fn verdict(outcome: &Outcome) -> (u16, &'static str) {
    let status = match &outcome.response {
        Ok(_) => 200,
        Err(error) if error.error_message == "Unauthorized" => 401,
        Err(_) => 500,
    };
    (status, outcome.decision.reason.unwrap_or("-"))
}

pub(crate) fn response_json(outcome: &Outcome) -> Value {
    serde_json::from_str(outcome.response.as_ref().expect("a response").as_str()).expect("JSON")
}

/// Decides any event, and checks that no output contains its secrets.
pub(crate) async fn handle(bench: &Bench, event: &Value) -> Outcome {
    let outcome = bench.authorizer.handle(&event.to_string(), at(NOW)).await;
    for name in
        ["authorization", "Authorization", "Cookie", "DPoP", "Sec-WebSocket-Protocol", "X-Token"]
    {
        assert_no_part_of(event["headers"][name].as_str().unwrap_or_default(), &outcome);
    }
    assert_no_part_of(
        event["queryStringParameters"]["token"].as_str().unwrap_or_default(),
        &outcome,
    );
    outcome
}

/// Asserts that neither response nor log nor metrics contain a part of the presented credential.
fn assert_no_part_of(presented: &str, outcome: &Outcome) {
    let invocation = Invocation {
        request_id: "r",
        trace_id: None,
        timestamp_ms: 0,
        duration_us: 0,
        cold_start: false,
    };
    let level = |key: &str| (key == "AWS_LAMBDA_LOG_LEVEL").then(|| "TRACE".to_owned());
    let telemetry = Telemetry::from_environment(level).unwrap();
    let line = telemetry.line(&invocation, &outcome.decision);
    let metrics = telemetry.metrics(&invocation, &outcome.decision);
    let output = format!("{line:?}{metrics}{:?}", outcome.response);
    for piece in presented.as_bytes().windows(12) {
        let contains = std::str::from_utf8(piece).is_ok_and(|piece| output.contains(piece));
        assert!(!contains, "{output}");
    }
}
