//! A local OpenID Connect issuer: discovery, key set, and tokens without client authentication. Its
//! key is generated when it starts, and only `dev` trusts it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use authorizer::UnixTime;
use authorizer::config::IssuerDocument;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::{CACHE_CONTROL, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value as Json, json};

use gateway::body::{AnyBody, json_reply};
use gateway::clock;
use gateway::ids::random;

/// The lifetime of a token, in seconds.
const LIFETIME: i64 = 3600;

const KEY_ID: &str = "local-1";

/// The limit for token requests.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// The issuer and its key.
pub struct Issuer {
    url: String,
    audience: RwLock<Vec<String>>,
    key: EncodingKey,
    key_set: Json,
}

/// The issuer's key cannot be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot generate a signing key")]
pub struct KeyGenerationError;

/// Returns the trusted issuer of an authorizer for the issuer at `url`: with the configured audiences.
pub fn trusted_issuer(url: &str, configured: &[IssuerDocument]) -> IssuerDocument {
    IssuerDocument {
        issuer: url.to_owned(),
        audience: audiences(configured),
        ..IssuerDocument::default()
    }
}

fn audiences(configured: &[IssuerDocument]) -> Vec<String> {
    let mut audiences: Vec<String> =
        configured.iter().flat_map(|issuer| issuer.audience.clone()).collect();
    audiences.sort_unstable();
    audiences.dedup();
    audiences
}

impl Issuer {
    /// Creates an issuer with a new key, whose tokens have the configured audiences.
    pub fn new(url: String, configured: &[IssuerDocument]) -> Result<Self, KeyGenerationError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyGenerationError)?;
        let private = pair.as_der().map_err(|_| KeyGenerationError)?;
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(private.as_ref())
        );
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| KeyGenerationError)?;
        let public = aws_lc_rs::signature::KeyPair::public_key(&pair);
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let key_set = json!({"keys": [{
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID,
            "n": number(public.modulus().big_endian_without_leading_zero()),
            "e": number(public.exponent().big_endian_without_leading_zero()),
        }]});
        Ok(Self { url, audience: RwLock::new(audiences(configured)), key, key_set })
    }

    /// Sets the audiences of its tokens to those of the configured issuers.
    pub fn set_audiences(&self, configured: &[IssuerDocument]) {
        *self.audience.write().unwrap_or_else(PoisonError::into_inner) = audiences(configured);
    }

    /// Returns the URL, which is the `iss` of its tokens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the public keys, as published.
    pub fn key_set(&self) -> &Json {
        &self.key_set
    }

    /// Issues an access token (RFC 9068) with these scopes.
    pub fn mint(
        &self,
        client: &str,
        scope: &str,
        audience: Option<&str>,
        now: UnixTime,
    ) -> Result<String, KeyGenerationError> {
        let default_audience =
            || json!(*self.audience.read().unwrap_or_else(PoisonError::into_inner));
        let audience = audience.map_or_else(default_audience, |audience| json!(audience));
        let claims = json!({
            "iss": self.url, "aud": audience, "sub": client, "client_id": client, "scope": scope,
            "iat": now.seconds(), "nbf": now.seconds(), "exp": now.seconds() + LIFETIME,
            "jti": URL_SAFE_NO_PAD.encode(random::<16>()),
        });
        let header = Header {
            kid: Some(KEY_ID.to_owned()),
            typ: Some("at+jwt".to_owned()),
            ..Header::new(Algorithm::RS256)
        };
        jsonwebtoken::encode(&header, &claims, &self.key).map_err(|_| KeyGenerationError)
    }

    /// Handles one request.
    pub async fn handle(self: Arc<Self>, request: Request<AnyBody>) -> Response<AnyBody> {
        let mut response = match (request.method(), request.uri().path()) {
            (&Method::GET, "/.well-known/openid-configuration") => {
                json_reply(StatusCode::OK, &self.metadata())
            }
            (&Method::GET, "/jwks") => json_reply(StatusCode::OK, &self.key_set),
            (&Method::POST, "/token") => self.token(request).await,
            _ => json_reply(StatusCode::NOT_FOUND, &json!({"error": "not_found"})),
        };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// OpenID Connect Discovery 1.0 section 3: the supported metadata.
    fn metadata(&self) -> Json {
        json!({
            "issuer": self.url,
            "jwks_uri": format!("{}/jwks", self.url),
            "token_endpoint": format!("{}/token", self.url),
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": [],
            "subject_types_supported": ["public"],
        })
    }

    /// RFC 6749 section 4.4: grants every requested scope.
    async fn token(&self, request: Request<AnyBody>) -> Response<AnyBody> {
        let refuse = |error: &str| json_reply(StatusCode::BAD_REQUEST, &json!({"error": error}));
        let Ok(form) = Limited::new(request.into_body(), MAX_FORM_BYTES).collect().await else {
            return refuse("invalid_request");
        };
        let form = form.to_bytes();
        let form: BTreeMap<String, String> =
            url::form_urlencoded::parse(&form).into_owned().collect();
        let field =
            |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
        if field("grant_type") != Some("client_credentials") {
            return refuse("unsupported_grant_type");
        }
        let scope = field("scope").unwrap_or_default();
        if !scope.split(' ').all(|name| name.is_empty() || authorizer::scope::is_scope_name(name)) {
            return refuse("invalid_scope");
        }
        let scope = scope.split(' ').filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" ");
        let now = clock::unix_time();
        let client = field("client_id").unwrap_or("local-client");
        // RFC 8707 calls it `resource`; Auth0 and others `audience`.
        let audience = field("audience").or(field("resource"));
        match self.mint(client, &scope, audience, now) {
            Ok(token) => json_reply(
                StatusCode::OK,
                &json!({"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME, "scope": scope}),
            ),
            Err(KeyGenerationError) => {
                json_reply(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": "server_error"}))
            }
        }
    }
}
