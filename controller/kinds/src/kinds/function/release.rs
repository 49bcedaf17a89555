//! One release: configuration, code and a published version, and then the alias.

use std::time::Duration;

use aws_sdk_lambda::types::{self as sdk, FunctionConfiguration, LastUpdateStatus, State};
use model::{Fault, Tags};

use super::{
    Alias, Function, LIVE, Seen,
    look::{self, is_working},
    read::wire,
};
use crate::{
    Place, Writer,
    aws::{CallError, Waiting},
    kinds::artefact::base64_of,
};

/// AWS's own waiter looks every second, and gives up after as long. Looking is cheap: `GetFunction` has a
/// wide lane.
const WAITING: Waiting =
    Waiting { longest: Duration::from_secs(1), ..Waiting::up_to(300, "the function to be ready") };

/// Lets the alias `live` serve a version: the moment at which callers meet it, and the way back. `seen` is
/// the alias as it was looked at; when somebody has moved it since, nothing is done.
///
/// # Errors
/// When the version is not there, or Lambda refuses or does not answer.
///
/// Returns the alias as it is then; `None` where nothing was to be done.
pub async fn move_alias(
    at: &Place,
    seen: Option<&Alias>,
    version: &str,
    aws: &Writer,
) -> Result<Option<Alias>, Fault> {
    let moved = |revision| Some(Alias { version: version.to_owned(), revision, weights: [].into() });
    let Some(seen) = seen else {
        let made = aws
            .write(at, "lambda", "CreateAlias", || {
                let ask = aws.lambda().create_alias().function_name(at.name());
                ask.name(LIVE).function_version(version).send()
            })
            .await
            .map_err(|error| stale(at, error))?;
        return Ok(moved(made.revision_id));
    };
    if seen.version == version && seen.weights.is_empty() {
        return Ok(None);
    }
    let answer = aws
        .write(at, "lambda", "UpdateAlias", || {
            let none =
                sdk::AliasRoutingConfiguration::builder().set_additional_version_weights(Some([].into()));
            let ask = aws.lambda().update_alias().function_name(at.name()).name(LIVE);
            ask.function_version(version)
                .routing_config(none.build())
                .set_revision_id(seen.revision.clone())
                .send()
        })
        .await
        .map_err(|error| stale(at, error))?;
    Ok(moved(answer.revision_id))
}

impl Function {
    /// Makes the function and its first version in one call. It has no alias yet, so nobody is served.
    pub(super) async fn create(&self, at: &Place, aws: &Writer) -> Result<Seen, Fault> {
        let code = sdk::FunctionCode::builder()
            .s3_bucket(self.code.bucket.text().as_str())
            .s3_key(self.code.key.text().as_str())
            .build();
        let created = aws
            .write(at, "lambda", "CreateFunction", || {
                let ask = aws.lambda().create_function().function_name(at.name()).publish(true);
                ask.set_description(self.description.clone())
                    .role(self.role.text().as_str())
                    .code(code.clone())
                    .handler(&self.handler)
                    .runtime(self.runtime.as_str().into())
                    .architectures(self.wire_architecture())
                    .memory_size(wire(self.memory_mb))
                    .timeout(wire(self.timeout_s))
                    .ephemeral_storage(self.wire_ephemeral())
                    .environment(self.wire_environment())
                    .set_kms_key_arn(self.key.as_ref().map(|key| key.text().to_string()))
                    .tracing_config(self.wire_tracing())
                    .logging_config(self.wire_logging())
                    .set_tags(Some(at.birth_tags().into_iter().collect()))
                    .send()
            })
            .await;
        match created {
            Ok(answer) => {
                let published = FunctionConfiguration::builder()
                    .set_version(answer.version)
                    .set_code_sha256(answer.code_sha256)
                    .set_state(answer.state)
                    .set_last_update_status(answer.last_update_status)
                    .build();
                Ok(Seen::born(published, at.birth_tags()))
            }
            // The same code as "another change is in progress" (aws-semantics 1.3), which the gate waits out.
            Err(error) if error.is("ResourceConflictException") => unseen(at, aws).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Makes `live` serve what is declared, and tells the version. A `$LATEST` that nobody is served from is
    /// put right without publishing it.
    pub(super) async fn release(&self, at: &Place, seen: &Seen, aws: &Writer) -> Result<String, Fault> {
        if let Some(published) = &seen.published {
            return self.serve(at, seen, published.clone(), aws).await;
        }
        let serving = seen.serving(at)?;
        let alias =
            seen.alias.as_ref().filter(|_| serving.is_some_and(|have| self.differs(&have).is_nothing()));
        let mut latest = seen.latest.clone();
        if is_working(&latest) {
            latest = settled(at, None, aws).await?;
        }
        let have = Self::read(at, &latest)?;
        let differs = self.differs(&have);
        if differs.configuration {
            self.update_configuration(at, &latest, &have, aws).await?;
            latest = settled(at, None, aws).await?;
            succeeded(at, &latest)?;
        }
        let mut published = None;
        if differs.code {
            // Publishing goes with the same call: nobody can come between, and a round is saved.
            published = self.update_code(at, &latest, alias.is_none(), aws).await?;
        }
        if let Some(alias) = alias {
            if differs.code {
                succeeded(at, &settled(at, None, aws).await?)?;
            }
            move_alias(at, Some(alias), &alias.version, aws).await?;
            return Ok(alias.version.clone());
        }
        let published = match published {
            Some(published) => published,
            None => self.publish(at, aws).await?,
        };
        self.serve(at, seen, published, aws).await
    }

    /// Waits for a version, makes sure that it is the declared code, and moves the alias.
    async fn serve(
        &self,
        at: &Place,
        seen: &Seen,
        published: FunctionConfiguration,
        aws: &Writer,
    ) -> Result<String, Fault> {
        let version = published.version().unwrap_or_default().to_owned();
        let published =
            if is_working(&published) { settled(at, Some(&version), aws).await? } else { published };
        succeeded(at, &published)?;
        if published.code_sha256() != base64_of(self.code.sha256.text().as_str()).as_deref() {
            let text = format!("version {version} is not the declared code: {LIVE} was not moved");
            return Err(Fault::refused(&at.address, text).hint(
                "the object in the bucket is not what its name says: delete it there, and apply again",
            ));
        }
        self.switch(at, seen.alias.as_ref(), &version, aws).await?;
        Ok(version)
    }

    /// Sends everything but the code. What is never declared is cleared where it is there.
    async fn update_configuration(
        &self,
        at: &Place,
        latest: &FunctionConfiguration,
        have: &Self,
        aws: &Writer,
    ) -> Result<(), Fault> {
        let stray = |name: &str| have.strays.contains_key(name);
        let no_network = sdk::VpcConfig::builder()
            .set_subnet_ids(Some(Vec::new()))
            .set_security_group_ids(Some(Vec::new()))
            .build();
        let no_letters = sdk::DeadLetterConfig::builder().target_arn("").build();
        let key = self.key.as_ref().map(|key| key.text().to_string());
        aws.write(at, "lambda", "UpdateFunctionConfiguration", || {
            let ask = aws.lambda().update_function_configuration().function_name(at.name());
            ask.set_revision_id(latest.revision_id().map(str::to_owned))
                .description(self.description.clone().unwrap_or_default())
                .role(self.role.text().as_str())
                .handler(&self.handler)
                .runtime(self.runtime.as_str().into())
                .memory_size(wire(self.memory_mb))
                .timeout(wire(self.timeout_s))
                .ephemeral_storage(self.wire_ephemeral())
                .environment(self.wire_environment())
                // Empty clears.
                .kms_key_arn(key.clone().unwrap_or_default())
                .tracing_config(self.wire_tracing())
                .logging_config(self.wire_logging())
                .set_layers(stray("layers").then(Vec::new))
                .set_vpc_config(stray("vpc").then(|| no_network.clone()))
                .set_dead_letter_config(stray("dead letters").then(|| no_letters.clone()))
                .send()
        })
        .await
        .map_err(|error| stale(at, error))?;
        Ok(())
    }

    /// The version, where one was to be published.
    async fn update_code(
        &self,
        at: &Place,
        latest: &FunctionConfiguration,
        publish: bool,
        aws: &Writer,
    ) -> Result<Option<FunctionConfiguration>, Fault> {
        let answer = aws
            .write(at, "lambda", "UpdateFunctionCode", || {
                let ask = aws.lambda().update_function_code().function_name(at.name());
                ask.s3_bucket(self.code.bucket.text().as_str())
                    .s3_key(self.code.key.text().as_str())
                    .architectures(self.wire_architecture())
                    .set_revision_id(latest.revision_id().map(str::to_owned))
                    .publish(publish)
                    .send()
            })
            .await
            .map_err(|error| stale(at, error))?;
        let published = FunctionConfiguration::builder()
            .set_version(answer.version)
            .set_code_sha256(answer.code_sha256)
            .set_state(answer.state)
            .set_last_update_status(answer.last_update_status);
        Ok(publish.then(|| published.build()))
    }

    /// Publishes `$LATEST` if it still is the declared code. When it is the last version already, that is
    /// told.
    async fn publish(&self, at: &Place, aws: &Writer) -> Result<FunctionConfiguration, Fault> {
        let sum = base64_of(self.code.sha256.text().as_str());
        let answer = aws
            .write(at, "lambda", "PublishVersion", || {
                let ask = aws.lambda().publish_version().function_name(at.name());
                ask.set_code_sha256(sum.clone()).send()
            })
            .await?;
        let published = FunctionConfiguration::builder()
            .set_version(answer.version)
            .set_code_sha256(answer.code_sha256)
            .set_state(answer.state)
            .set_last_update_status(answer.last_update_status);
        Ok(published.build())
    }
}

impl Seen {
    /// A function of which nothing but its first version is known.
    fn born(published: FunctionConfiguration, tags: Tags) -> Self {
        Self {
            latest: published.clone(),
            published: Some(published),
            alias: None,
            served: None,
            concurrency: None,
            async_calls: None,
            sources: Vec::new(),
            tags,
        }
    }
}

/// The function that the look before did not see: of an earlier birth whose answer was lost, or somebody
/// else's.
async fn unseen(at: &Place, aws: &Writer) -> Result<Seen, Fault> {
    let waiting = Waiting::up_to(60, "the function to be seen");
    let seen = aws.until(at, waiting, || async { Ok(look::one(at, &aws.fresh()).await?.as_ref().clone()) });
    let seen = seen.await?;
    if aws.scope().owned_address(&seen.tags).as_ref() == Some(&at.address) {
        return Ok(seen);
    }
    let found = "somebody else has just made a function of this name".to_owned();
    Err(Fault::Stale { address: Box::new(at.address.clone()), found })
}

/// Waits until no change is in progress. What was just made may not be seen at first.
async fn settled(at: &Place, qualifier: Option<&str>, aws: &Writer) -> Result<FunctionConfiguration, Fault> {
    aws.until(at, WAITING, || async move {
        let found = look::function(at, qualifier, aws).await?.and_then(|found| found.configuration);
        Ok(found.filter(|found| !is_working(found)))
    })
    .await
}

/// A change that Lambda took and could not carry out.
fn succeeded(at: &Place, found: &FunctionConfiguration) -> Result<(), Fault> {
    let failed = |what: &str, reason: Option<&str>| {
        let text = format!("{what}: {}", reason.unwrap_or("Lambda gives no reason"));
        Err(Fault::refused(&at.address, text)
            .hint("put that right and apply again; callers are served as before"))
    };
    if found.state() == Some(&State::Failed) {
        return failed("Lambda could not start it", found.state_reason());
    }
    if found.last_update_status() == Some(&LastUpdateStatus::Failed) {
        return failed("Lambda could not change it", found.last_update_status_reason());
    }
    Ok(())
}

/// Another revision means that somebody else changed it since it was looked at.
pub(super) fn stale(at: &Place, error: CallError) -> Fault {
    if error.is("PreconditionFailedException") {
        let found = "somebody else has just changed it".to_owned();
        return Fault::Stale { address: Box::new(at.address.clone()), found };
    }
    error.into()
}
