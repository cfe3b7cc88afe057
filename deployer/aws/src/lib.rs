//! AWS. No other crate of this program uses its SDK. Credentials come from the default provider
//! chain; the partition comes from the caller's ARN and is never assumed.

use std::sync::OnceLock;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_apigateway::config::SharedHttpClient;
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use deployment::observed::{AccountSettings, AwsTarget};

mod api_call;
pub mod apigateway;
mod caller;
mod classify;
pub mod iam;
pub mod lambda;
mod rate_limit;

use api_call::ApiCall;
pub use api_call::{Call, CallError, CallErrorKind};
use caller::Caller;
pub use caller::Listener;
use classify::causes;

/// The Region, the credentials and the endpoint of AWS calls.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// The Region; without one, the profile's or the environment's.
    pub region: Option<String>,
    /// A profile of the shared configuration.
    pub profile: Option<String>,
    /// The role to assume, and its external id.
    pub assume_role: Option<(String, Option<String>)>,
    /// The custom endpoint of every call.
    pub endpoint_url: Option<String>,
}

/// The reason AWS cannot be called.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No Region is configured.
    #[error("no AWS Region configured")]
    NoRegion,
    /// The name of the Region has an invalid form.
    #[error("invalid AWS Region `{0}`")]
    InvalidRegion(String),
    /// No credentials are configured.
    #[error("no AWS credentials found")]
    NoCredentials,
    /// The named profile has no credentials.
    #[error("profile `{0}` does not exist or has no AWS credentials")]
    NoProfileCredentials(String),
    /// The configured credentials could not be loaded.
    #[error("cannot load AWS credentials: {0}")]
    Credentials(String),
    /// The caller could not be identified.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// AWS, for one caller in one Region.
pub struct Aws {
    /// The account and the Region.
    pub target: AwsTarget,
    /// The caller's ARN.
    pub identity: String,
    /// The custom endpoint of every call.
    pub endpoint: Option<String>,
    caller: Caller,
    /// The settings of API Gateway for the account, once they were read.
    account: OnceLock<AccountSettings>,
    apigateway: aws_sdk_apigateway::Client,
    iam: aws_sdk_iam::Client,
    lambda: aws_sdk_lambda::Client,
}

impl Aws {
    /// Loads credentials and identifies the caller.
    pub fn connect(options: &ConnectOptions, listener: Listener) -> Call<'_, Self, ConnectError> {
        Box::pin(async move {
            let config = configuration(options).await?;
            let region = config.region().map(ToString::to_string).ok_or(ConnectError::NoRegion)?;
            if !is_region(&region) {
                return Err(ConnectError::InvalidRegion(region));
            }
            let provider = config.credentials_provider().ok_or(ConnectError::NoCredentials)?;
            provider
                .provide_credentials()
                .await
                .map_err(|error| credentials_error(&error, options.profile.as_deref()))?;
            let caller = Caller::new(listener, config.endpoint_url().is_some());
            let sts = aws_sdk_sts::Client::new(&config);
            let call = ApiCall::idempotent("sts", "identifying the caller");
            let identity = caller.call(&call, || sts.get_caller_identity().send()).await?;
            let arn = identity.arn().unwrap_or_default();
            let partition = arn.split(':').nth(1).filter(|part| part.starts_with("aws"));
            Ok(Self {
                target: AwsTarget {
                    account: identity.account().unwrap_or_default().to_owned(),
                    partition: partition.unwrap_or("aws").to_owned(),
                    region,
                },
                identity: arn.to_owned(),
                endpoint: config.endpoint_url().map(str::to_owned),
                caller,
                account: OnceLock::new(),
                apigateway: aws_sdk_apigateway::Client::new(&config),
                iam: aws_sdk_iam::Client::new(&config),
                lambda: aws_sdk_lambda::Client::new(&config),
            })
        })
    }

    /// Returns whether calls go to a custom endpoint, such as an emulator, instead of AWS.
    pub fn has_custom_endpoint(&self) -> bool {
        self.endpoint.is_some()
    }

    /// Waits, and reports the reason if the wait takes a second or more.
    pub async fn wait(&self, delay: Duration, reason: &str) {
        self.caller.wait(delay, reason).await;
    }

    /// Returns a function that makes every API call fail except the one in flight.
    pub fn stop_before_next_call(&self) -> impl Fn() + Send + 'static {
        self.caller.stop()
    }
}

/// Returns the error of a provider: its cause as AWS or the shared configuration has it.
fn credentials_error(error: &CredentialsError, profile: Option<&str>) -> ConnectError {
    if let CredentialsError::CredentialsNotLoaded(_) = error {
        return profile.map_or(ConnectError::NoCredentials, |name| {
            ConnectError::NoProfileCredentials(name.to_owned())
        });
    }
    let denied = causes(error).find_map(|cause| cause.downcast_ref::<AssumeRoleError>());
    let message = denied.and_then(|error| error.message().map(str::to_owned));
    let deepest = || causes(error).last().map_or_else(|| error.to_string(), ToString::to_string);
    ConnectError::Credentials(message.unwrap_or_else(deepest))
}

/// Returns whether a text has the form of a Region's name, such as `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    match parts.as_slice() {
        [words @ .., number] => {
            words.len() >= 2 && words.iter().all(is_word) && number.parse::<u8>().is_ok()
        }
        [] => false,
    }
}

/// Returns the HTTP client of all calls, with the program's one crypto library.
fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https()
}

async fn configuration(options: &ConnectOptions) -> Result<SdkConfig, ConnectError> {
    let http = http_client();
    // `Caller` retries, because only it distinguishes the calls that may be sent twice.
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(5))
                .operation_attempt_timeout(Duration::from_mins(1))
                .build(),
        );
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &options.profile {
        // A named profile has precedence over keys in the environment, which the default chain
        // would use first.
        let files = ProviderConfig::without_region()
            .with_region(options.region.clone().map(Region::new))
            .with_http_client(http.clone());
        let keys = ProfileFileCredentialsProvider::builder().configure(&files);
        loader =
            loader.profile_name(profile).credentials_provider(keys.profile_name(profile).build());
    }
    if let Some(url) = &options.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let config = loader.load().await;
    let Some((role, external_id)) = &options.assume_role else { return Ok(config) };
    if config.region().is_none() {
        return Err(ConnectError::NoRegion);
    }
    let mut role_provider = AssumeRoleProvider::builder(role).session_name("portcullis-deployer");
    if let Some(id) = external_id {
        role_provider = role_provider.external_id(id);
    }
    let provider = role_provider.configure(&config).build().await;
    let provider = SharedCredentialsProvider::new(provider);
    Ok(config.into_builder().credentials_provider(provider).build())
}
