//! A Lambda function: its code and configuration, published as one version that the alias `live` serves.
//!
//! Outputs: `arn` (unqualified), `alias_arn` (with `:live`: what everybody should call), `name`, all known
//! from the name; and `version` (what the alias serves).
//!
//! What counts is what callers get, so the fields that are read are those of the alias's version; a `$LATEST`
//! that was edited and never published is drift of its own (`strays`). Configuration, code, publishing and
//! the alias are one unit and the alias moves last: no caller meets new code with an old configuration.
//!
//! Surprises (aws-semantics 11): one change at a time, and each takes seconds; the same error code says
//! "already there" and "another change is in progress"; the digest is of the zip's bytes and in Base64; AWS
//! does not tell where the code came from; an update leaves alone what it does not mention, except that
//! environment and logging are replaced as a whole; the settings for events without a caller, and event
//! sources, belong to the alias, not to the function; log groups and event sources outlive their function.
//!
//! The last few published versions stay, each a way back; older ones that no alias names go when the function is
//! changed (`prune`), since all versions of an account share 75 GB.

use std::collections::BTreeMap;

use model::{Fault, Fields, Outputs, Ref, Tags, Text};
use serde::{Deserialize, Serialize};

use super::{
    artefact::{Artefact, digits_of},
    key::Key,
    log_group::LogGroup,
    queue::Queue,
    role::Role,
};
use crate::{
    Handle, Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, tag_changes},
};

mod beside;
pub(crate) mod look;
mod prune;
mod read;
mod release;
mod sources;
mod switch;

pub use look::Alias;
pub use release::move_alias;
pub use sources::EventSource;
pub use switch::{Canary, Switch};

use look::Seen;

const ABSENT: &[&str] = &["ResourceNotFoundException"];

/// The alias that everybody calls.
pub const LIVE: &str = "live";

/// Code that AWS runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// At most 256 characters.
    pub description: Option<String>,
    /// What the code may do, by ARN. Lambda must be allowed to assume it.
    pub role: Ref<Role>,
    pub code: Code,
    /// The name by which a binary of several handlers picks one.
    pub handler: String,
    /// `provided.al2023` for binaries of our own.
    pub runtime: String,
    /// What the binary was built for.
    pub architecture: Architecture,
    /// 128 to 10,240; processors come with it (1,769 are one).
    pub memory_mb: u32,
    /// At most 900.
    pub timeout_s: u32,
    /// Of `/tmp`: 512 to 10,240.
    pub ephemeral_mb: u32,
    /// At most 4 KB together. Everybody who may look at the function sees them: names of secrets, never
    /// secrets.
    pub environment: BTreeMap<String, Text>,
    /// Encrypts the environment; `None` is AWS's key.
    pub key: Option<Ref<Key>>,
    pub tracing: Tracing,
    /// Where lines go, by name. Without one made beforehand Lambda would make one that keeps lines for ever.
    pub log_group: Ref<LogGroup>,
    pub log_format: LogFormat,
    /// Calls at once that are set aside for it, and its limit; 0 switches it off.
    pub reserved_concurrency: Option<u32>,
    /// What becomes of events that it does not answer; `None` is six hours and two more attempts.
    pub async_calls: Option<AsyncCalls>,
    /// Queues that feed it. The names are for authors: AWS tells event sources apart by their queues, so
    /// plans show queues, and one queue can be named once.
    pub event_sources: BTreeMap<String, EventSource>,
    /// What stands beside the declared and is put right, by name: an edit of `$LATEST` that was never
    /// published (`latest memory_mb`), no alias, weights of an alias, layers, a VPC. A spec has none.
    pub strays: BTreeMap<String, String>,
    /// How callers come to a new version. No field: AWS keeps nothing of it.
    pub switch: Switch,
}

/// A zip in the control bucket. AWS shows only its digest again, so only that is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Code {
    /// 64 hexadecimal digits.
    pub sha256: Ref<Artefact>,
    pub bucket: Ref<Artefact>,
    pub key: Ref<Artefact>,
}

impl Code {
    pub fn of(artefact: &Handle<Artefact>) -> Self {
        Self { sha256: artefact.by("sha256"), bucket: artefact.by("bucket"), key: artefact.by("key") }
    }
}

/// The instructions of a binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    Arm64,
    #[serde(rename = "x86_64")]
    X86,
}

/// Whether calls are traced by X-Ray.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tracing {
    /// Some of all calls.
    Active,
    /// Only calls that somebody traces already.
    PassThrough,
}

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    Text,
    /// Lines below these levels are dropped.
    Json {
        application: Level,
        /// Of Lambda's own lines: debug, info or warn.
        system: Level,
    },
}

/// How serious a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

/// What becomes of events from callers that do not wait for an answer (topics, schedules, buckets).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AsyncCalls {
    /// 60 to 21,600.
    pub max_age_s: u32,
    /// At most 2, after the first attempt.
    pub retries: u32,
    /// Where events go that were given up, by ARN; the function's role must be allowed to send there.
    pub on_failure: Option<Ref<Queue>>,
}

impl Function {
    /// A function of a binary of our own, with Lambda's defaults but for JSON lines and ARM.
    #[must_use]
    pub fn new(role: Ref<Role>, code: Code, handler: &str, log_group: Ref<LogGroup>) -> Self {
        Self {
            description: None,
            role,
            code,
            handler: handler.to_owned(),
            runtime: "provided.al2023".to_owned(),
            architecture: Architecture::Arm64,
            memory_mb: 128,
            timeout_s: 3,
            ephemeral_mb: 512,
            environment: BTreeMap::new(),
            key: None,
            tracing: Tracing::PassThrough,
            log_group,
            log_format: LogFormat::Json { application: Level::Info, system: Level::Info },
            reserved_concurrency: None,
            async_calls: None,
            event_sources: BTreeMap::new(),
            strays: BTreeMap::new(),
            switch: Switch::default(),
        }
    }

    /// With one more variable.
    #[must_use]
    pub fn with(mut self, variable: &str, value: impl Into<Text>) -> Self {
        self.environment.insert(variable.to_owned(), value.into());
        self
    }

    /// With one more queue.
    #[must_use]
    pub fn fed_by(mut self, name: &str, source: EventSource) -> Self {
        self.event_sources.insert(name.to_owned(), source);
        self
    }

    fn layout(&self) -> Fields {
        let mut to = Fields::default();
        self.list(&mut to);
        to
    }

    /// Which calls would make `have` like this one.
    fn differs(&self, have: &Self) -> Differs {
        let mut differs = Differs::default();
        for change in self.layout().diff(&have.layout()) {
            match change.field.split('.').next().unwrap_or_default() {
                "code" | "architecture" => differs.code = true,
                "reserved_concurrency" | "async_calls" | "event_sources" => {}
                _ => differs.configuration = true,
            }
        }
        differs
    }
}

/// What of a version differs; what belongs to the function or its alias is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Differs {
    configuration: bool,
    code: bool,
}

impl Differs {
    fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

impl Resource for Function {
    const KIND: &'static str = "function";
    const IRREVERSIBLE: Option<&'static str> = Some("its published versions go too, so there is no way back");

    fn known(scope: &Scope, physical: &str) -> Outputs {
        let arn = scope.arn("lambda", &format!("function:{physical}"));
        Outputs::from([
            ("alias_arn".to_owned(), format!("{arn}:{LIVE}")),
            ("arn".to_owned(), arn),
            ("name".to_owned(), physical.to_owned()),
        ])
    }

    fn physical_of_arn(arn: &str) -> Option<String> {
        let (_, name) = arn.strip_prefix("arn:aws:lambda:")?.split_once(":function:")?;
        (!name.contains(':')).then(|| name.to_owned())
    }

    fn list(&self, to: &mut Fields) {
        let Self {
            description,
            role,
            code,
            handler,
            runtime,
            architecture,
            memory_mb,
            timeout_s,
            ephemeral_mb,
            environment,
            key,
            tracing,
            log_group,
            log_format,
            reserved_concurrency,
            async_calls,
            event_sources,
            strays,
            switch: _,
        } = self;
        to.field("description", description);
        to.field("role", role);
        to.field("code", &code.sha256);
        to.field("handler", handler);
        to.field("runtime", runtime);
        to.field("architecture", architecture);
        to.field("memory_mb", memory_mb);
        to.field("timeout_s", timeout_s);
        to.field("ephemeral_mb", ephemeral_mb);
        to.each("environment", environment);
        to.field("key", key);
        to.field("tracing", tracing);
        to.field("log_group", log_group);
        to.field("log_format", log_format);
        to.field("reserved_concurrency", reserved_concurrency);
        to.field("async_calls", async_calls);
        to.field("event_sources", &sources::by_queue(event_sources));
        to.each("strays", strays);
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let seen = look::one(at, aws).await?;
        seen.as_ref().as_ref().map(|seen| seen.live(at, aws)).transpose()
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        self.check(at)?;
        let seen = match live {
            // This step has looked just now, and nothing was asked since.
            Some(_) => look::one(at, aws).await?.as_ref().clone(),
            None => None,
        };
        let seen = match seen {
            Some(seen) => seen,
            None => self.create(at, aws).await?,
        };
        let version = self.release(at, &seen, aws).await?;
        self.sync_concurrency(at, &seen, aws).await?;
        self.sync_async_calls(at, &seen, aws).await?;
        sources::sync(&self.event_sources, at, &seen.sources, aws).await?;
        self.prune(at, seen.alias.as_ref(), &version, aws).await?;
        sync_tags(at, &seen.tags, aws).await?;
        let mut outputs = Self::known(aws.scope(), at.name());
        outputs.insert("version".to_owned(), version);
        Ok(outputs)
    }

    async fn delete(at: &Place, _: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        // Event sources would outlive it, and wait for a function of the same name.
        if let Some(seen) = look::one(at, aws).await?.as_ref() {
            sources::sync(&BTreeMap::new(), at, &seen.sources, aws).await?;
        }
        aws.write(at, "lambda", "DeleteFunction", || {
            aws.lambda().delete_function().function_name(at.name()).send()
        })
        .await
        .absent_on(ABSENT)?;
        Ok(())
    }
}

impl Function {
    /// What AWS would not refuse, and still cannot be.
    fn check(&self, at: &Place) -> Result<(), Fault> {
        if sources::by_queue(&self.event_sources).len() != self.event_sources.len() {
            return Err(Fault::refused(&at.address, "two of its event sources are the same queue")
                .hint("name each queue once"));
        }
        if let Some(name) = self.strays.keys().next() {
            return Err(Fault::refused(&at.address, format!("declares a stray: {name}"))
                .hint("strays are what is found; leave them empty"));
        }
        Ok(())
    }
}

/// What the alias `live` serves: its version, and the digest of its code (64 hexadecimal digits). `None` where the
/// function or its alias is not there.
///
/// # Errors
/// When Lambda refuses or does not answer.
pub async fn serving(at: &Place, aws: &Reader) -> Result<Option<(String, String)>, Fault> {
    let found = look::function(at, Some(LIVE), aws).await?.and_then(|found| found.configuration);
    Ok(found.map(|found| {
        let version = found.version().unwrap_or_default().to_owned();
        (version, digits_of(found.code_sha256().unwrap_or_default()))
    }))
}

/// Last, as they say that all was written.
async fn sync_tags(at: &Place, live: &Tags, aws: &Writer) -> Result<(), Fault> {
    let arn = &Function::known(aws.scope(), at.name())["arn"];
    let (set, unset) = tag_changes(live, &at.tags);
    if !unset.is_empty() {
        aws.write(at, "lambda", "UntagResource", || {
            aws.lambda().untag_resource().resource(arn).set_tag_keys(Some(unset.clone())).send()
        })
        .await?;
    }
    if !set.is_empty() {
        aws.write(at, "lambda", "TagResource", || {
            aws.lambda().tag_resource().resource(arn).set_tags(Some(set.clone().into_iter().collect())).send()
        })
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_functions_are_read_from_arns() {
        let name = |rest: &str| Function::physical_of_arn(&format!("arn:aws:lambda:us-east-1:1:{rest}"));
        assert_eq!(name("function:api").as_deref(), Some("api"));
        assert_eq!(name("function:api:live"), None);
        assert_eq!(name("event-source-mapping:0"), None);
    }
}
