//! An OpenID Connect provider of IAM: whose tokens roles may be assumed with. Outputs: `arn`, `name`.
//!
//! Surprises: the URL is the identity, so there is one in an account, whoever made it; AWS gives the URL back without
//! its scheme; adding and removing a client and deleting a provider that is gone are no errors; thumbprints of
//! providers with a public certificate are neither needed nor looked at (IAM user guide, "Obtain the thumbprint"), so
//! they are no field.

use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_iam::types::Tag;
use model::{Address, Fault, Fields, Outputs, Tags};
use serde::{Deserialize, Serialize};

use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, reads, tag_changes, whole_account},
};

reads!(aws_sdk_iam:
    get_open_id_connect_provider GetOpenIDConnectProviderFluentBuilder,
    list_open_id_connect_providers ListOpenIDConnectProvidersFluentBuilder,
);

const ABSENT: &[&str] = &["NoSuchEntity"];
const SCHEME: &str = "https://";

/// A provider and those whom its tokens are for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityProvider {
    /// Where its keys are found: `https://token.actions.githubusercontent.com`.
    pub url: String,
    /// The audiences that are accepted, at most 100.
    pub clients: BTreeSet<String>,
}

impl IdentityProvider {
    /// The provider at this URL, for tokens that are made for this client.
    #[must_use]
    pub fn at(url: &str, client: &str) -> Self {
        Self { url: url.to_owned(), clients: [client.to_owned()].into() }
    }

    /// The provider as ARNs and conditions of policies name it.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.strip_prefix(SCHEME).unwrap_or(&self.url).trim_end_matches('/')
    }
}

fn arn_of(scope: &Scope, host: &str) -> String {
    format!("arn:aws:iam::{}:oidc-provider/{host}", scope.account)
}

impl Resource for IdentityProvider {
    const KIND: &'static str = "identity provider";

    fn physical_of(&self, _: &Scope, _: &Address) -> String {
        self.host().to_owned()
    }

    fn known(scope: &Scope, physical: &str) -> Outputs {
        Outputs::from([("arn".to_owned(), arn_of(scope, physical)), ("name".to_owned(), physical.to_owned())])
    }

    fn physical_of_arn(arn: &str) -> Option<String> {
        let (_, host) = arn.strip_prefix("arn:aws:iam::")?.split_once(":oidc-provider/")?;
        Some(host.to_owned())
    }

    fn list(&self, to: &mut Fields) {
        let Self { url, clients } = self;
        to.fixed("url", url);
        to.field("clients", clients);
    }

    /// The tagging API lists what IAM has in us-east-1 alone.
    async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
        let at = whole_account("identity-providers");
        let listed = aws
            .read(&at, "iam", "ListOpenIDConnectProviders", || {
                aws.iam().list_open_id_connect_providers().send()
            })
            .await?;
        let mut ours = Vec::new();
        for arn in listed.open_id_connect_provider_list().iter().filter_map(|one| one.arn()) {
            let found = seen(&at, arn, aws).await?;
            let Some((_, tags)) = found.as_ref() else { continue };
            let address = aws.scope().owned_address(tags).filter(|address| address.kind() == Self::KIND);
            ours.extend(address.zip(Self::physical_of_arn(arn)));
        }
        Ok(ours)
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let outputs = Self::known(aws.scope(), at.name());
        let found = match aws.alone() {
            true => get(&at.address, &outputs["arn"], aws).await?,
            false => seen(&at.address, &outputs["arn"], aws).await?.as_ref().clone(),
        };
        Ok(found.map(|(actual, tags)| Live::new(actual, outputs, Some(tags))))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let outputs = Self::known(aws.scope(), at.name());
        let arn = &outputs["arn"];
        let Some(live) = live else {
            let tags = sdk_tags(at, &at.tags)?;
            aws.write(at, "iam", "CreateOpenIDConnectProvider", || {
                let clients = self.clients.iter().cloned().collect();
                let ask = aws.iam().create_open_id_connect_provider().url(&self.url);
                ask.set_client_id_list(Some(clients)).set_tags(Some(tags.clone())).send()
            })
            .await?;
            return Ok(outputs);
        };
        for client in self.clients.difference(&live.actual.clients) {
            aws.write(at, "iam", "AddClientIDToOpenIDConnectProvider", || {
                let ask = aws.iam().add_client_id_to_open_id_connect_provider();
                ask.open_id_connect_provider_arn(arn).client_id(client).send()
            })
            .await?;
        }
        for client in live.actual.clients.difference(&self.clients) {
            aws.write(at, "iam", "RemoveClientIDFromOpenIDConnectProvider", || {
                let ask = aws.iam().remove_client_id_from_open_id_connect_provider();
                ask.open_id_connect_provider_arn(arn).client_id(client).send()
            })
            .await?;
        }
        retag(at, arn, live.tags.as_ref().unwrap_or(&Tags::new()), aws).await?;
        Ok(outputs)
    }

    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        aws.write(at, "iam", "DeleteOpenIDConnectProvider", || {
            let ask = aws.iam().delete_open_id_connect_provider();
            ask.open_id_connect_provider_arn(&live.outputs["arn"]).send()
        })
        .await
        .absent_on(ABSENT)?;
        Ok(())
    }
}

/// The receipt among the tags is written last.
async fn retag(at: &Place, arn: &str, live: &Tags, aws: &Writer) -> Result<(), Fault> {
    let (set, unset) = tag_changes(live, &at.tags);
    if !unset.is_empty() {
        aws.write(at, "iam", "UntagOpenIDConnectProvider", || {
            let ask = aws.iam().untag_open_id_connect_provider().open_id_connect_provider_arn(arn);
            ask.set_tag_keys(Some(unset.clone())).send()
        })
        .await?;
    }
    if !set.is_empty() {
        let set = sdk_tags(at, &set)?;
        aws.write(at, "iam", "TagOpenIDConnectProvider", || {
            let ask = aws.iam().tag_open_id_connect_provider().open_id_connect_provider_arn(arn);
            ask.set_tags(Some(set.clone())).send()
        })
        .await?;
    }
    Ok(())
}

type Found = Option<(IdentityProvider, Tags)>;

/// The same for all who ask in one run of looking: the provider is listed, and declared.
async fn seen(at: &Address, arn: &str, aws: &Reader) -> Result<Arc<Found>, Fault> {
    aws.once(&format!("iam:GetOpenIDConnectProvider {arn}"), get(at, arn, aws)).await
}

async fn get(at: &Address, arn: &str, aws: &Reader) -> Result<Found, Fault> {
    let found = aws
        .read(at, "iam", "GetOpenIDConnectProvider", || {
            aws.iam().get_open_id_connect_provider().open_id_connect_provider_arn(arn).send()
        })
        .await
        .absent_on(ABSENT)?;
    Ok(found.map(|found| {
        let url = found.url.unwrap_or_default();
        let url = if url.starts_with(SCHEME) { url } else { format!("{SCHEME}{url}") };
        let clients = found.client_id_list.unwrap_or_default().into_iter().collect();
        let tags = found.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
        (IdentityProvider { url, clients }, tags)
    }))
}

fn sdk_tags(at: &Place, tags: &Tags) -> Result<Vec<Tag>, Fault> {
    let one = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let tags: Result<Vec<_>, _> = tags.iter().map(one).collect();
    tags.map_err(|error| Fault::refused(&at.address, error.to_string()))
}
