//! The SDK clients, and views of them that can only look.

use std::{ops::Deref, sync::Arc};

use aws_config::{SdkConfig, retry::RetryConfig};

use super::Names;

/// A client of which only the calls named by [`reads!`] can be reached: what makes a write inside `observe` a
/// compile error.
#[derive(Clone, Copy)]
pub struct ReadOnly<'a, C>(pub(crate) &'a C);

/// Lets a [`ReadOnly`] client start the named reads. Each kind's file names those it makes; what a role needs to look
/// is derived from all of them ([`reads`](crate::reads)).
macro_rules! reads {
    ($sdk:ident: $($operation:ident $builder:ident),+ $(,)?) => {
        /// The SDK's crate and its operations, as this file declares them.
        pub(crate) const READS: $crate::reads::Reads =
            (stringify!($sdk), &[$(stringify!($operation)),+]);

        impl<'a> $crate::aws::ReadOnly<'a, $sdk::Client> {
            $(pub(crate) fn $operation(&self) -> $sdk::operation::$operation::builders::$builder {
                self.0.$operation()
            })+
        }
    };
}
pub(crate) use reads;

/// Path-style buckets: with an endpoint of its own (an emulator), `bucket.localhost` is no name; against AWS both
/// styles work for the names that this program makes.
macro_rules! configure {
    (aws_sdk_s3, $config:expr) => {
        aws_sdk_s3::config::Builder::from($config).force_path_style($config.endpoint_url().is_some()).build()
    };
    ($sdk:ident, $config:expr) => {
        $sdk::config::Builder::from($config).build()
    };
}

macro_rules! clients {
    ($($(#[$doc:meta])* $service:ident: $sdk:ident),+ $(,)?) => {
        /// One client a service. Retries are the engine's, so the SDK's own are off.
        #[derive(Clone)]
        pub struct Clients {
            region: String,
            names: Option<Arc<dyn Names>>,
            $($service: $sdk::Client,)+
        }

        impl Clients {
            /// Makes all clients from one configuration.
            pub fn new(config: &SdkConfig) -> Self {
                let region = config.region().map(ToString::to_string).unwrap_or_default();
                let config = config.to_builder().retry_config(RetryConfig::disabled()).build();
                Self { region, names: None, $($service: $sdk::Client::from_conf(configure!($sdk, &config)),)+ }
            }

            pub fn region(&self) -> &str {
                &self.region
            }

            /// The same, and somebody to ask where host names lead.
            #[must_use]
            pub fn with_names(self, names: Arc<dyn Names>) -> Self {
                Self { names: Some(names), ..self }
            }

            pub(crate) fn names(&self) -> Option<&dyn Names> {
                self.names.as_deref()
            }
        }

        impl crate::Reader {
            $($(#[$doc])* pub(crate) fn $service(&self) -> ReadOnly<'_, $sdk::Client> {
                ReadOnly(&self.clients().$service)
            })+
        }

        impl crate::Writer {
            $($(#[$doc])* #[allow(dead_code, reason = "some services are only read")]
            pub(crate) fn $service(&self) -> &$sdk::Client {
                &self.deref().clients().$service
            })+
        }
    };
}

clients! {
    apigateway: aws_sdk_apigateway,
    cloudfront: aws_sdk_cloudfront,
    cloudtrail: aws_sdk_cloudtrail,
    cloudwatch: aws_sdk_cloudwatch,
    cognito: aws_sdk_cognitoidentity,
    dynamodb: aws_sdk_dynamodb,
    iam: aws_sdk_iam,
    kms: aws_sdk_kms,
    lambda: aws_sdk_lambda,
    logs: aws_sdk_cloudwatchlogs,
    s3: aws_sdk_s3,
    scheduler: aws_sdk_scheduler,
    secretsmanager: aws_sdk_secretsmanager,
    ses: aws_sdk_sesv2,
    /// Receipt rules, which version 2 of the API lacks.
    ses_receiving: aws_sdk_ses,
    sns: aws_sdk_sns,
    sqs: aws_sdk_sqs,
    sts: aws_sdk_sts,
    tagging: aws_sdk_resourcegroupstagging,
}
