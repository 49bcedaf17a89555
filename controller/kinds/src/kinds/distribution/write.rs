//! Births, changes, tags and deletes of distributions.

use aws_sdk_cloudfront::types::{
    DistributionConfig, DistributionConfigWithTags, Tag, TagKeys, Tags as SdkTags,
};
use model::{Fault, Outputs, Tags};

use super::{
    Distribution, Methods, Tls, find, mark,
    merge::blank,
    version::{Born, bear, is_outdated, keeps_moving, moved},
};
use crate::{
    Live, Place, Writer,
    aws::{Absent, CallError, Waiting, tag_changes},
};

const COMMENT_MAX: usize = 128;
const VERSIONS_MAX: u32 = 5;

/// AWS's own waiter gives a change 35 minutes to reach every edge.
const DEPLOYMENT_S_MAX: u64 = 2_100;

impl Distribution {
    /// What CloudFront would refuse with an error that does not say where.
    pub(super) fn check(&self, at: &Place) -> Result<(), Fault> {
        let refuse = |message: String, hint: &str| Err(Fault::refused(&at.address, message).hint(hint));
        if let Some(Tls::Older(word)) = self.custom_domain.as_ref().map(|domain| &domain.tls) {
            return refuse(format!("{word} lets viewers speak old TLS"), "set TLSv1.2_2021 or a newer one");
        }
        let all = self.behaviors.iter().map(|one| (one.path.as_str(), &one.behavior));
        let mut all = all.chain([("the default", &self.default_behavior)]);
        if let Some((path, _)) = all.find(|(_, one)| one.caches_options && one.methods == Methods::Read) {
            let message = format!("the behaviour of {path} caches OPTIONS and does not let them through");
            return refuse(message, "let its methods be ReadAndOptions or All");
        }
        if let Some(code) = self.error_responses.keys().find(|code| code.parse::<u16>().is_err()) {
            return refuse(format!("{code} is no code of an error"), "such as 404");
        }
        Ok(())
    }

    fn wanted(
        &self,
        at: &Place,
        base: DistributionConfig,
        aws: &Writer,
    ) -> Result<DistributionConfig, Fault> {
        let comment = mark::marked(aws.scope(), &at.address, &self.comment);
        mark::check_length(&comment, COMMENT_MAX, at)?;
        self.merge(base, comment).map_err(|error| Fault::refused(&at.address, error.to_string()))
    }

    /// One call makes it with its tags, receipt included.
    pub(super) async fn bear(&self, at: &Place, aws: &Writer) -> Result<Born<Outputs, Self>, Fault> {
        let broken =
            |error: aws_sdk_cloudfront::error::BuildError| Fault::refused(&at.address, error.to_string());
        let config = self.wanted(at, blank("-").map_err(broken)?, aws)?;
        let tags = SdkTags::builder().set_items(Some(sdk_tags(&at.tags).map_err(broken)?)).build();
        let make = |reference: String| {
            let mut config = config.clone();
            config.caller_reference = reference;
            let both =
                DistributionConfigWithTags::builder().distribution_config(config).tags(tags.clone()).build();
            async move { make(at, both, aws).await }
        };
        bear(at, aws, "DistributionAlreadyExists", make).await
    }

    /// Sends the live configuration with ours in it, as long as that is what it was when it was looked at.
    pub(super) async fn update(&self, at: &Place, live: &Live<Self>, aws: &Writer) -> Result<(), Fault> {
        let id = &live.outputs["id"];
        for _ in 0..VERSIONS_MAX {
            let Some(found) = find::get(&at.address, id, aws).await? else {
                return Err(moved(at, "it is gone by now"));
            };
            if Self::read(at, aws.scope(), &found.config)? != live.actual {
                return Err(moved(at, "a field was changed since"));
            }
            let config = self.wanted(at, found.config, aws)?;
            match send(at, id, &found.version, &config, aws).await {
                Err(error) if is_outdated(&error) => {}
                other => return other.map_err(Fault::from),
            }
        }
        Err(keeps_moving(at))
    }
}

async fn make(at: &Place, both: DistributionConfigWithTags, aws: &Writer) -> Result<Outputs, CallError> {
    let made = aws
        .write(at, "cloudfront", "CreateDistributionWithTags", || {
            let ask = aws.cloudfront().create_distribution_with_tags();
            ask.distribution_config_with_tags(both.clone()).send()
        })
        .await?;
    let outputs = made.distribution.map(|one| {
        Outputs::from([
            ("id".to_owned(), one.id),
            ("arn".to_owned(), one.arn),
            ("domain".to_owned(), one.domain_name),
        ])
    });
    Ok(outputs.unwrap_or_default())
}

async fn send(
    at: &Place,
    id: &str,
    version: &str,
    config: &DistributionConfig,
    aws: &Writer,
) -> Result<(), CallError> {
    aws.write(at, "cloudfront", "UpdateDistribution", || {
        let ask = aws.cloudfront().update_distribution().id(id).if_match(version);
        ask.distribution_config(config.clone()).send()
    })
    .await
    .map(|_| ())
}

fn sdk_tags(tags: &Tags) -> Result<Vec<Tag>, aws_sdk_cloudfront::error::BuildError> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

pub(super) async fn sync_tags(at: &Place, arn: &str, live: &Tags, aws: &Writer) -> Result<(), Fault> {
    let (set, unset) = tag_changes(live, &at.tags);
    if !unset.is_empty() {
        aws.write(at, "cloudfront", "UntagResource", || {
            let keys = TagKeys::builder().set_items(Some(unset.clone())).build();
            aws.cloudfront().untag_resource().resource(arn).tag_keys(keys).send()
        })
        .await?;
    }
    if !set.is_empty() {
        let set = sdk_tags(&set).map_err(|error| Fault::refused(&at.address, error.to_string()))?;
        aws.write(at, "cloudfront", "TagResource", || {
            let tags = SdkTags::builder().set_items(Some(set.clone())).build();
            aws.cloudfront().tag_resource().resource(arn).tags(tags).send()
        })
        .await?;
    }
    Ok(())
}

/// Disables it, waits until every edge knows, and deletes it. A run that is cut short is taken up by the next one
/// wherever it was.
pub(super) async fn delete(at: &Place, id: &str, aws: &Writer) -> Result<(), Fault> {
    disable(at, id, aws).await?;
    for _ in 0..VERSIONS_MAX {
        let waiting = Waiting::up_to(DEPLOYMENT_S_MAX, "the disabled distribution to leave the edges");
        let quiet = aws
            .until(at, waiting, || async {
                match find::get(&at.address, id, aws).await? {
                    None => Ok(Some(None)),
                    Some(found) if found.config.enabled() => Err(moved(at, "it was enabled again")),
                    Some(found) => Ok(found.deployed.then_some(Some(found.version))),
                }
            })
            .await?;
        let Some(version) = quiet else { return Ok(()) };
        let gone = aws
            .write(at, "cloudfront", "DeleteDistribution", || {
                aws.cloudfront().delete_distribution().id(id).if_match(&version).send()
            })
            .await;
        match gone {
            Err(error) if is_outdated(&error) || error.is("DistributionNotDisabled") => {}
            other => return other.absent_on(find::ABSENT).map(|_| ()),
        }
    }
    Err(keeps_moving(at))
}

async fn disable(at: &Place, id: &str, aws: &Writer) -> Result<(), Fault> {
    for _ in 0..VERSIONS_MAX {
        let Some(found) = find::get(&at.address, id, aws).await? else { return Ok(()) };
        if !found.config.enabled() {
            return Ok(());
        }
        let mut config = found.config;
        config.enabled = false;
        match send(at, id, &found.version, &config, aws).await {
            Err(error) if is_outdated(&error) => {}
            other => return other.absent_on(find::ABSENT).map(|_| ()),
        }
    }
    Err(keeps_moving(at))
}
