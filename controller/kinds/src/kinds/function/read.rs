//! Between AWS's words and ours.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_lambda::types as sdk;
use model::{Fault, Ref, Text};

use super::{Architecture, Code, Function, Level, LogFormat, Switch, Tracing};
use crate::{Place, kinds::artefact::digits_of};

impl Function {
    /// What a version (or `$LATEST`) says. What belongs to the function or its alias is left empty.
    pub(super) fn read(at: &Place, found: &sdk::FunctionConfiguration) -> Result<Self, Fault> {
        let unknown = |what: &str, value: &str| {
            Fault::refused(&at.address, format!("its {what} is {value}, which this program does not know"))
                .hint("update this program")
        };
        let text = |given: Option<&str>| given.unwrap_or_default().to_owned();
        let number = |given: Option<i32>| given.and_then(|n| u32::try_from(n).ok()).unwrap_or_default();
        let architecture = match found.architectures() {
            [] | [sdk::Architecture::X8664] => Architecture::X86,
            [sdk::Architecture::Arm64] => Architecture::Arm64,
            other => return Err(unknown("architecture", &format!("{other:?}"))),
        };
        let variables = found.environment().and_then(|environment| environment.variables());
        let logging = found.logging_config();
        let level = |given: Option<&str>| match given {
            None => Ok(Level::Info),
            Some(word) => Level::of(word).ok_or_else(|| unknown("log level", word)),
        };
        let log_format = match logging.and_then(|logging| logging.log_format()) {
            Some(sdk::LogFormat::Json) => LogFormat::Json {
                application: level(logging.and_then(|l| l.application_log_level()).map(|one| one.as_str()))?,
                system: level(logging.and_then(|l| l.system_log_level()).map(|one| one.as_str()))?,
            },
            _ => LogFormat::Text,
        };
        let group = logging.and_then(|logging| logging.log_group()).map(str::to_owned);
        let mode = found.tracing_config().and_then(|tracing| tracing.mode());
        Ok(Self {
            description: found.description().filter(|text| !text.is_empty()).map(str::to_owned),
            role: Ref::live(text(found.role())),
            code: Code {
                sha256: Ref::live(digits_of(found.code_sha256().unwrap_or_default())),
                bucket: Ref::live(""),
                key: Ref::live(""),
            },
            handler: text(found.handler()),
            runtime: text(found.runtime().map(sdk::Runtime::as_str)),
            architecture,
            memory_mb: number(found.memory_size()),
            timeout_s: number(found.timeout()),
            ephemeral_mb: found.ephemeral_storage().map_or(512, |storage| number(Some(storage.size()))),
            environment: variables
                .into_iter()
                .flatten()
                .map(|(k, v)| (k.clone(), v.as_str().into()))
                .collect(),
            key: found.kms_key_arn().filter(|arn| !arn.is_empty()).map(Ref::live),
            tracing: if mode == Some(&sdk::TracingMode::Active) {
                Tracing::Active
            } else {
                Tracing::PassThrough
            },
            log_group: Ref::live(group.unwrap_or_else(|| format!("/aws/lambda/{}", at.name()))),
            log_format,
            reserved_concurrency: None,
            async_calls: None,
            event_sources: BTreeMap::new(),
            strays: strays(found),
            switch: Switch::default(),
        })
    }

    pub(super) fn wire_environment(&self) -> sdk::Environment {
        let variable = |(name, value): (&String, &Text)| (name.clone(), value.to_string());
        let variables: HashMap<String, String> = self.environment.iter().map(variable).collect();
        sdk::Environment::builder().set_variables(Some(variables)).build()
    }

    /// Levels are valid with JSON only.
    pub(super) fn wire_logging(&self) -> sdk::LoggingConfig {
        let to = sdk::LoggingConfig::builder().log_group(self.log_group.text().as_str());
        match self.log_format {
            LogFormat::Text => to.log_format(sdk::LogFormat::Text).build(),
            LogFormat::Json { application, system } => to
                .log_format(sdk::LogFormat::Json)
                .application_log_level(application.word().into())
                .system_log_level(system.word().into())
                .build(),
        }
    }

    pub(super) fn wire_tracing(&self) -> sdk::TracingConfig {
        let mode = match self.tracing {
            Tracing::Active => sdk::TracingMode::Active,
            Tracing::PassThrough => sdk::TracingMode::PassThrough,
        };
        sdk::TracingConfig::builder().mode(mode).build()
    }

    pub(super) fn wire_ephemeral(&self) -> sdk::EphemeralStorage {
        sdk::EphemeralStorage::builder().size(wire(self.ephemeral_mb)).build().expect("the size is given")
    }

    pub(super) fn wire_architecture(&self) -> sdk::Architecture {
        match self.architecture {
            Architecture::Arm64 => sdk::Architecture::Arm64,
            Architecture::X86 => sdk::Architecture::X8664,
        }
    }
}

/// Numbers beyond AWS's range are refused by AWS, with its own words.
pub(super) fn wire(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// What changes how the code runs and is never declared.
fn strays(found: &sdk::FunctionConfiguration) -> BTreeMap<String, String> {
    let layers: Vec<&str> = found.layers().iter().filter_map(sdk::Layer::arn).collect();
    let subnets = found.vpc_config().map(sdk::VpcConfigResponse::subnet_ids).unwrap_or_default();
    let letters = found.dead_letter_config().and_then(|letters| letters.target_arn()).unwrap_or_default();
    [("layers", layers.join(", ")), ("vpc", subnets.join(", ")), ("dead letters", letters.to_owned())]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }

    fn of(word: &str) -> Option<Self> {
        serde_json::from_value(word.into()).ok()
    }
}
