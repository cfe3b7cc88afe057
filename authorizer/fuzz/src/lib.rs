//! An authorizer for the fuzz targets, which cannot sign with its keys.

use std::sync::{Arc, LazyLock};

use authorizer::keys::fetch::{DocumentRequest, Fetch, FetchFuture, FetchResponse};
use authorizer::{Authorizer, Config, Outcome, UnixTime};
use tokio::runtime::Runtime;

/// The time of every decision.
pub const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

/// The key of RFC 8037 appendix A.2 and that of RFC 7515 appendix A.3.
const KEYS: &str = r#"{"keys":[
    {"kid":"k","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    {"kid":"e","kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
]}"#;

const CONFIG: &str = r#"{"issuers":[{
    "issuer":"https://i.example.com/","audience":["a"],"algorithms":["EdDSA","ES256","RS256"],
    "jwks_uri":"https://i.example.com/k","dpop":"optional","mtls":"optional"}],
    "routes":[{"method":"GET","path":"/pets/{id}","scopes":[["s"]]}]TOKEN}"#;

struct OneKeySet;

impl Fetch for OneKeySet {
    fn get<'a>(&'a self, _: DocumentRequest<'a>) -> FetchFuture<'a> {
        let body = KEYS.as_bytes().to_vec();
        Box::pin(async move { Ok(FetchResponse::Document { body, entity_tag: None, max_age: None }) })
    }
}

type Instance = LazyLock<(Authorizer, Runtime)>;

/// Decides an event by an authorizer and a runtime that are created once. The token is in the
/// `Authorization` header.
pub fn handle(event: &str) -> Outcome {
    static AUTHORIZER: Instance = LazyLock::new(|| authorizer(""));
    AUTHORIZER.1.block_on(AUTHORIZER.0.handle(event, NOW))
}

/// Returns whether an event requests the description of the function.
pub fn is_described(event: &str) -> bool {
    static AUTHORIZER: Instance = LazyLock::new(|| authorizer(""));
    AUTHORIZER.0.describe(event).is_some()
}

/// Decides an event. The token is in the cookie `s`.
pub fn handle_cookie(event: &str) -> Outcome {
    static AUTHORIZER: Instance = LazyLock::new(|| authorizer(r#","token":{"cookie":"s"}"#));
    AUTHORIZER.1.block_on(AUTHORIZER.0.handle(event, NOW))
}

fn authorizer(token: &str) -> (Authorizer, Runtime) {
    let fetch: Arc<dyn Fetch> = Arc::new(OneKeySet);
    let config = Config::from_json(&CONFIG.replace("TOKEN", token)).expect("a valid configuration");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    (Authorizer::new(config, &fetch), runtime.expect("a runtime"))
}
