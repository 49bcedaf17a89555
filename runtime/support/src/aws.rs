//! Clients of AWS: one configuration and one connection pool for a process.

use std::{env, fmt, sync::OnceLock, time::Duration};

use crate::Failed;
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::{
    behavior_version::BehaviorVersion, orchestrator::HttpResponse, result::SdkError,
};
use aws_smithy_types::{error::metadata::ProvideErrorMetadata, retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{SdkConfig, region::Region};

/// Clients, made when they are first asked for.
pub struct Aws {
    config: OnceLock<SdkConfig>,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    kms: OnceLock<aws_sdk_kms::Client>,
    secrets: OnceLock<aws_sdk_secretsmanager::Client>,
    mail: OnceLock<aws_sdk_sesv2::Client>,
}

impl Aws {
    /// What Lambda sets: region and credentials of the function's role, and `AWS_ENDPOINT_URL` where AWS is
    /// simulated. Nothing is read or connected before a client is asked for.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            config: OnceLock::new(),
            dynamodb: OnceLock::new(),
            kms: OnceLock::new(),
            secrets: OnceLock::new(),
            mail: OnceLock::new(),
        }
    }

    /// Clients of this configuration.
    #[must_use]
    pub fn of(config: SdkConfig) -> Self {
        Self { config: config.into(), ..Self::of_process() }
    }

    /// For clients that are not here.
    pub fn config(&self) -> &SdkConfig {
        self.config.get_or_init(of_process)
    }

    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.dynamodb.get_or_init(|| aws_sdk_dynamodb::Client::new(self.config()))
    }

    pub fn kms(&self) -> &aws_sdk_kms::Client {
        self.kms.get_or_init(|| aws_sdk_kms::Client::new(self.config()))
    }

    pub fn secrets(&self) -> &aws_sdk_secretsmanager::Client {
        self.secrets.get_or_init(|| aws_sdk_secretsmanager::Client::new(self.config()))
    }

    /// SES, version 2 of its API.
    pub fn mail(&self) -> &aws_sdk_sesv2::Client {
        self.mail.get_or_init(|| aws_sdk_sesv2::Client::new(self.config()))
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aws")
    }
}

/// Built by hand: the usual chain would look for profiles, single sign-on and instance roles, none of which a
/// function has, and would be a fifth of the artefact.
fn of_process() -> SdkConfig {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    let credentials = Credentials::new(
        variable("AWS_ACCESS_KEY_ID").unwrap_or_default(),
        variable("AWS_SECRET_ACCESS_KEY").unwrap_or_default(),
        variable("AWS_SESSION_TOKEN"),
        None,
        "the function's role",
    );
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region.map(Region::new))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(2))
                .operation_attempt_timeout(Duration::from_secs(4))
                .operation_timeout(Duration::from_secs(10))
                .build(),
        )
        .http_client(
            Builder::new()
                .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
                .build_https(),
        );
    config.set_endpoint_url(variable("AWS_ENDPOINT_URL"));
    config.build()
}

/// The code of a refusal, where AWS answered with one.
pub fn code_of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// Refusals that another try may not meet.
const PASSING: &[&str] = &[
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// What a call that AWS did not do means for the caller. The message of AWS is left out: it may quote a
/// value.
pub fn failed<E: ProvideErrorMetadata>(call: &str, error: &SdkError<E, HttpResponse>) -> Failed {
    let (passing, what) = match error {
        SdkError::ServiceError(refused) => {
            let code = refused.err().code().unwrap_or("refused");
            (refused.raw().status().is_server_error() || PASSING.contains(&code), code)
        }
        SdkError::TimeoutError(_) => (true, "timed out"),
        SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => (true, "no answer"),
        _ => (false, "not sent"),
    };
    let cause = format!("{call}: {what}");
    if passing { Failed::unavailable(cause) } else { Failed::internal(cause) }
}

/// Whether AWS finds fault with what was asked itself, so that the same would be refused tomorrow, and says nothing of
/// other requests: a 400 that is no throttle, or what could not even be written as a request. That something is not
/// there, or not allowed, has other numbers.
pub fn is_faulty<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::ServiceError(refused) => {
            let passing = refused.err().code().is_some_and(|code| PASSING.contains(&code));
            refused.raw().status().as_u16() == 400 && !passing
        }
        SdkError::ConstructionFailure(_) => true,
        _ => false,
    }
}
