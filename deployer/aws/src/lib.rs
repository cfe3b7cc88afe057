//! AWS, and nothing else in this program names its SDK. Credentials come from where every tool
//! of AWS's takes them; the partition comes from the caller's ARN and is never assumed.

use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use deployment::observed::AwsTarget;

pub mod apigateway;
mod call;
pub mod iam;
pub mod lambda;
mod rate_limit;

pub use call::{Asked, Call, CallError, Caller, Kind, Listener};

/// How to get in.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The Region, if not the profile's or the environment's.
    pub region: Option<String>,
    /// A profile of the shared configuration.
    pub profile: Option<String>,
    /// A role to assume, and its external id.
    pub assume_role: Option<(String, Option<String>)>,
    /// Where to send every call, in the place of AWS.
    pub endpoint_url: Option<String>,
}

/// Why there is no way in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoAccess {
    /// Nothing says which Region.
    #[error("no Region is set")]
    NoRegion,
    /// A text that is the name of no Region.
    #[error("`{0}` is not the name of a Region")]
    NotARegion(String),
    /// No credentials were found, or none that can be used.
    #[error("no AWS credentials: {0}")]
    NoCredentials(String),
    /// AWS does not say who is calling.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// AWS, for one caller in one Region.
pub struct Aws {
    /// Where.
    pub place: AwsTarget,
    /// Who is calling, for messages.
    pub identity: String,
    /// Whether every call goes somewhere else than AWS.
    pub is_stand_in: bool,
    /// Where every call goes in the place of AWS.
    pub endpoint: Option<String>,
    caller: Caller,
    provider: SharedCredentialsProvider,
    apigateway: aws_sdk_apigateway::Client,
    iam: aws_sdk_iam::Client,
    lambda: aws_sdk_lambda::Client,
}

impl Aws {
    /// Gets in, and asks who that is.
    pub fn connect(access: &Access, listener: Listener) -> Call<'_, Self, NoAccess> {
        Box::pin(async move {
            let config = configuration(access).await?;
            let region = config.region().map(ToString::to_string).ok_or(NoAccess::NoRegion)?;
            if !is_region(&region) {
                return Err(NoAccess::NotARegion(region));
            }
            let provider = config.credentials_provider();
            let provider =
                provider.ok_or_else(|| NoAccess::NoCredentials("none is set".to_owned()))?;
            provider.provide_credentials().await.map_err(|error| {
                let cause = std::error::Error::source(&error).map(|c| format!(": {c}"));
                NoAccess::NoCredentials(format!("{error}{}", cause.unwrap_or_default()))
            })?;
            let caller = Caller::new(listener);
            let sts = aws_sdk_sts::Client::new(&config);
            let asked = Asked::reading("sts", "asking who is calling");
            let told = caller.call(&asked, || sts.get_caller_identity().send()).await?;
            let arn = told.arn().unwrap_or_default();
            let partition = arn.split(':').nth(1).filter(|part| part.starts_with("aws"));
            Ok(Self {
                place: AwsTarget {
                    account: told.account().unwrap_or_default().to_owned(),
                    partition: partition.unwrap_or("aws").to_owned(),
                    region,
                },
                identity: arn.to_owned(),
                is_stand_in: config.endpoint_url().is_some(),
                endpoint: config.endpoint_url().map(str::to_owned),
                caller,
                provider,
                apigateway: aws_sdk_apigateway::Client::new(&config),
                iam: aws_sdk_iam::Client::new(&config),
                lambda: aws_sdk_lambda::Client::new(&config),
            })
        })
    }

    /// Returns the variables by which another program gets in as the same caller.
    pub fn environment(&self) -> Call<'_, Vec<(&'static str, String)>, NoAccess> {
        Box::pin(async move {
            let keys = self.provider.provide_credentials().await;
            let keys = keys.map_err(|error| NoAccess::NoCredentials(error.to_string()))?;
            let mut variables = vec![
                ("AWS_ACCESS_KEY_ID", keys.access_key_id().to_owned()),
                ("AWS_SECRET_ACCESS_KEY", keys.secret_access_key().to_owned()),
                ("AWS_REGION", self.place.region.clone()),
            ];
            variables
                .extend(keys.session_token().map(|token| ("AWS_SESSION_TOKEN", token.to_owned())));
            Ok(variables)
        })
    }

    /// Waits, and says what for.
    pub async fn wait(&self, delay: Duration, why: &str) {
        self.caller.wait(delay, why).await;
    }

    /// Ends before the next call: what was begun is finished, and a second run does the rest.
    pub fn stop_before_next_call(&self) -> impl Fn() + Send + 'static {
        self.caller.stop()
    }
}

/// Says whether a text has the form of a Region's name, such as `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    match parts.as_slice() {
        [words @ .., number] => {
            words.len() >= 2 && words.iter().all(word) && number.parse::<u8>().is_ok()
        }
        [] => false,
    }
}

async fn configuration(access: &Access) -> Result<SdkConfig, NoAccess> {
    // One crypto library in the whole program.
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https();
    // Calls are repeated by ours, which knows which may be.
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(5))
                .operation_attempt_timeout(Duration::from_mins(1))
                .build(),
        );
    if let Some(region) = &access.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &access.profile {
        // A profile that is named counts for more than keys in the environment, which the
        // default chain would take first.
        let files = ProviderConfig::without_region()
            .with_region(access.region.clone().map(Region::new))
            .with_http_client(http.clone());
        let keys = ProfileFileCredentialsProvider::builder().configure(&files);
        loader =
            loader.profile_name(profile).credentials_provider(keys.profile_name(profile).build());
    }
    if let Some(url) = &access.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let config = loader.load().await;
    let Some((role, external_id)) = &access.assume_role else { return Ok(config) };
    if config.region().is_none() {
        return Err(NoAccess::NoRegion);
    }
    let mut assumed = AssumeRoleProvider::builder(role).session_name("portcullis-deployer");
    if let Some(id) = external_id {
        assumed = assumed.external_id(id);
    }
    let provider = assumed.configure(&config).build().await;
    let provider = SharedCredentialsProvider::new(provider);
    Ok(config.into_builder().credentials_provider(provider).build())
}
