//! How CloudFront signs its requests to an origin. Outputs: `id`.
//!
//! Surprises (aws-semantics 8.2): it cannot be tagged, so its name finds it and its description says whose it is; all
//! fields change in place, but not the origin type while a distribution uses it; signing `Never` turns access control
//! off for every origin that uses it.

use aws_sdk_cloudfront::types::{
    OriginAccessControlConfig as Config, OriginAccessControlSigningProtocols as Protocols,
};
use model::{Address, Fault, Fields, Outputs};
use serde::{Deserialize, Serialize};

use super::distribution::{
    mark,
    version::{Born, bear, over_version},
};
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, reads, whole_account},
};

reads!(aws_sdk_cloudfront:
    get_origin_access_control GetOriginAccessControlFluentBuilder,
    list_origin_access_controls ListOriginAccessControlsFluentBuilder,
);

const ABSENT: &[&str] = &["NoSuchOriginAccessControl"];
const COMMENT_MAX: usize = 256;

/// The identity with which distributions ask a private origin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OriginAccessControl {
    pub comment: String,
    pub origin: OriginType,
    pub signs: Signs,
}

/// What sort of origin it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OriginType {
    S3,
    Lambda,
    MediaStore,
    MediaPackageV2,
}

/// Which requests are signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signs {
    Always,
    /// Those that carry no signature of the viewer.
    NoOverride,
    Never,
}

impl OriginType {
    fn word(&self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Lambda => "lambda",
            Self::MediaStore => "mediastore",
            Self::MediaPackageV2 => "mediapackagev2",
        }
    }
}

impl Signs {
    fn word(&self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::NoOverride => "no-override",
            Self::Never => "never",
        }
    }
}

impl OriginAccessControl {
    /// For a private bucket: every request is signed.
    #[must_use]
    pub fn bucket() -> Self {
        Self { comment: String::new(), origin: OriginType::S3, signs: Signs::Always }
    }

    fn config(&self, at: &Place, scope: &Scope) -> Result<Config, Fault> {
        let description = mark::marked(scope, &at.address, &self.comment);
        mark::check_length(&description, COMMENT_MAX, at)?;
        Config::builder()
            .name(at.name())
            .description(description)
            .signing_protocol(Protocols::Sigv4)
            .signing_behavior(self.signs.word().into())
            .origin_access_control_origin_type(self.origin.word().into())
            .build()
            .map_err(|error| Fault::refused(&at.address, error.to_string()))
    }

    fn read(at: &Place, scope: &Scope, config: &Config) -> Result<Self, Fault> {
        let unknown = |what: &str| Fault::refused(&at.address, format!("its {what} is not known"));
        let (origin, signs) =
            (config.origin_access_control_origin_type().as_str(), config.signing_behavior().as_str());
        Ok(Self {
            comment: mark::words(scope, &at.address, config.description().unwrap_or_default()),
            origin: serde_json::from_value(origin.into()).map_err(|_| unknown("origin type"))?,
            signs: serde_json::from_value(signs.into()).map_err(|_| unknown("signing behaviour"))?,
        })
    }
}

impl Resource for OriginAccessControl {
    const KIND: &'static str = "origin access control";
    const TAGGED: bool = false;

    /// AWS invents its id.
    fn known(_: &Scope, _: &str) -> Outputs {
        Outputs::new()
    }

    fn physical_of_arn(_: &str) -> Option<String> {
        None
    }

    fn list(&self, to: &mut Fields) {
        let Self { comment, origin, signs } = self;
        to.field("comment", comment);
        to.field("origin", origin);
        to.field("signs", signs);
    }

    async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
        let all = aws.once("cloudfront:ListOriginAccessControls", listed(aws)).await?;
        let ours = all.iter().filter_map(|(_, one)| {
            let address = mark::owned_address(aws.scope(), one.description()?)?;
            (address.kind() == Self::KIND).then(|| (address, one.name().to_owned()))
        });
        Ok(ours.collect())
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let all = match aws.alone() {
            true => listed(aws).await?.into(),
            false => aws.once("cloudfront:ListOriginAccessControls", listed(aws)).await?,
        };
        let Some((id, config)) = all.iter().find(|(_, one)| one.name() == at.name()) else { return Ok(None) };
        let live = |config: &Config, token| {
            let actual = Self::read(at, aws.scope(), config)?;
            let outputs = Outputs::from([("id".to_owned(), id.clone())]);
            let findings = match actual.signs {
                Signs::Always => Vec::new(),
                _ => vec![
                    "it does not sign every request: origins that trust it alone refuse the others"
                        .to_owned(),
                ],
            };
            Ok(Some(Live { token, findings, ..Live::new(actual, outputs, None) }))
        };
        if !aws.alone() {
            return live(config, None);
        }
        let answer = aws
            .read(&at.address, "cloudfront", "GetOriginAccessControl", || {
                aws.cloudfront().get_origin_access_control().id(id).send()
            })
            .await
            .absent_on(ABSENT)?;
        let Some(answer) = answer else { return Ok(None) };
        let Some(config) = answer.origin_access_control().and_then(|one| one.origin_access_control_config())
        else {
            return Ok(None);
        };
        live(config, answer.e_tag().map(str::to_owned))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let config = self.config(at, aws.scope())?;
        let make = |_| {
            let config = config.clone();
            async move {
                aws.write(at, "cloudfront", "CreateOriginAccessControl", || {
                    let ask = aws.cloudfront().create_origin_access_control();
                    ask.origin_access_control_config(config.clone()).send()
                })
                .await
            }
        };
        let live = match live {
            Some(live) => live,
            None => match bear::<Self, _, _, _>(at, aws, "OriginAccessControlAlreadyExists", make).await? {
                Born::Before(live) => live,
                Born::Made(made) => {
                    let id = made.origin_access_control.map(|one| one.id).unwrap_or_default();
                    return Ok(Outputs::from([("id".to_owned(), id)]));
                }
            },
        };
        mark::refuse_other(aws.scope(), at, &live.actual.comment)?;
        let outputs = live.outputs.clone();
        if *self != live.actual {
            let (config, id) = (&config, &outputs["id"]);
            over_version(at, live, aws, |version| async move {
                aws.write(at, "cloudfront", "UpdateOriginAccessControl", || {
                    let ask = aws.cloudfront().update_origin_access_control().id(id).if_match(&version);
                    ask.origin_access_control_config(config.clone()).send()
                })
                .await
            })
            .await?;
        }
        Ok(outputs)
    }

    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        mark::refuse_other(aws.scope(), at, &live.actual.comment)?;
        let id = &live.outputs["id"].clone();
        over_version(at, live, aws, |version| async move {
            let gone = aws
                .write(at, "cloudfront", "DeleteOriginAccessControl", || {
                    aws.cloudfront().delete_origin_access_control().id(id).if_match(&version).send()
                })
                .await;
            match gone {
                Err(error) if ABSENT.iter().any(|code| error.is(code)) => Ok(()),
                other => other.map(|_| ()),
            }
        })
        .await
        .map_err(|fault| fault.hint("take it out of the origins that use it first"))
    }
}

/// Ids and what the list tells, which is everything but the version.
async fn listed(aws: &Reader) -> Result<Vec<(String, Config)>, Fault> {
    let (mut all, mut marker) = (Vec::new(), None::<String>);
    let at = whole_account("origin-access-controls");
    loop {
        let page = aws
            .read(&at, "cloudfront", "ListOriginAccessControls", || {
                let ask = aws.cloudfront().list_origin_access_controls().max_items(100);
                ask.set_marker(marker.clone()).send()
            })
            .await?;
        let Some(page) = page.origin_access_control_list else { return Ok(all) };
        for one in page.items() {
            let config = Config::builder()
                .name(one.name())
                .description(one.description())
                .signing_protocol(one.signing_protocol().clone())
                .signing_behavior(one.signing_behavior().clone())
                .origin_access_control_origin_type(one.origin_access_control_origin_type().clone())
                .build()
                .map_err(|error| Fault::refused(&at, error.to_string()))?;
            all.push((one.id().to_owned(), config));
        }
        marker = page.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(all);
        }
    }
}
