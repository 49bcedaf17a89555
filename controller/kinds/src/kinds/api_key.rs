//! A key that callers of an API send in `x-api-key`.
//!
//! Outputs: `id`, `name`, `arn`. The value is made by AWS and never read by this program: `dn` has no way to
//! print it.
//!
//! Surprises (aws-semantics 10): names are not unique, so the tag `dn:address` tells which key is meant and
//! `CreateApiKey` is called only after all were listed; the value can never be changed, so rotation is a
//! second key; a key does nothing unless a method asks for one.
//!
//! **Rotation's keys are guests.** While `dn rotate` replaces a key ([`rotation`](self::rotation)), several carry the
//! same address. The declared one is the one that callers are told of; the others are the rotation's business: no plan
//! sees them, in the usage plan neither. Whoever deletes the key deletes its guests.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ::rotation::api_key::{FOLLOWS, Mark, WORKS_SINCE, in_use, is_guest};
use aws_sdk_apigateway::types::ApiKey as Found;
use model::{Address, Fault, Fields, Outputs, Tags};
use serde::{Deserialize, Serialize};

use super::rest_api::{
    identity::{self, ABSENT, Listed, PAGE},
    pages,
    patch::Patch,
};
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, reads, whole_account},
};

pub mod rotation;

reads!(aws_sdk_apigateway: get_api_keys GetApiKeysFluentBuilder);

const COLLECTION: &str = "apikeys";

/// Who is calling, for throttles and quotas; no proof of identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    pub description: String,
    /// Calls with a disabled key are refused with 403.
    pub enabled: bool,
}

impl ApiKey {
    #[must_use]
    pub fn enabled(description: &str) -> Self {
        Self { description: description.to_owned(), enabled: true }
    }

    fn read(found: &Found) -> Self {
        Self { description: found.description().unwrap_or_default().to_owned(), enabled: found.enabled() }
    }
}

impl Resource for ApiKey {
    const KIND: &'static str = "api key";
    const IRREVERSIBLE: Option<&'static str> =
        Some("whoever has its value is locked out, and it never comes back");

    fn known(_: &Scope, physical: &str) -> Outputs {
        match identity::by_id(physical) {
            Some(id) => Outputs::from([("id".to_owned(), id.to_owned())]),
            None => Outputs::from([("name".to_owned(), physical.to_owned())]),
        }
    }

    fn physical_of_arn(arn: &str) -> Option<String> {
        identity::id_of_arn(arn, COLLECTION).map(|id| format!("id:{id}"))
    }

    fn list(&self, to: &mut Fields) {
        let Self { description, enabled } = self;
        to.field("description", description);
        to.field("enabled", enabled);
    }

    /// All but guests.
    async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
        let listed = aws.owned().await?;
        let mut of: BTreeMap<Address, Vec<Marked>> = BTreeMap::new();
        for (arn, tags) in listed.iter() {
            let address = aws.scope().owned_address(tags).filter(|address| address.kind() == Self::KIND);
            if let Some((address, id)) = address.zip(identity::id_of_arn(arn, COLLECTION)) {
                of.entry(address).or_default().push(Marked::of(id, tags));
            }
        }
        let named = of.iter().flat_map(|(address, all)| {
            let name = aws.scope().name(address);
            let marks: Vec<Mark<'_>> = all.iter().map(Marked::mark).collect();
            let current = in_use(&marks).filter(|_| identity::by_id(&name).is_none());
            let ours = marks.clone().into_iter().filter(move |mark| !is_guest(mark, &marks));
            ours.map(move |mark| {
                let physical =
                    if current == Some(mark.id) { name.clone() } else { format!("id:{}", mark.id) };
                (address.clone(), physical)
            })
        });
        Ok(named.collect())
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let all = list(aws).await?;
        let Some(found) = current(at, &all, aws)? else { return Ok(None) };
        let outputs = outputs(Listed::id(found), Listed::name(found), aws);
        Ok(Some(Live::new(Self::read(found), outputs, Some(tags(found)))))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let Some(live) = live else {
            return self.create(at, aws).await;
        };
        let id = live.outputs["id"].as_str();
        let mut patch = Patch::default();
        if self.description != live.actual.description {
            patch.replace("/description", &self.description);
        }
        if self.enabled != live.actual.enabled {
            patch.replace("/enabled", self.enabled);
        }
        if let Some(operations) = patch.operations() {
            aws.write(at, "apigateway", "UpdateApiKey", || {
                let ask = aws.apigateway().update_api_key().api_key(id);
                ask.set_patch_operations(Some(operations.clone())).send()
            })
            .await?;
        }
        let arn = identity::arn(aws, COLLECTION, id);
        identity::sync_tags(at, &arn, &live.tags.unwrap_or_default(), aws).await?;
        Ok(live.outputs)
    }

    /// Its guests first: without the key nobody would find them.
    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        let id = &live.outputs["id"];
        if identity::by_id(at.name()).is_none() {
            let guests = guests(aws).await?;
            for (_, guest) in guests.iter().filter(|(address, guest)| *address == at.address && guest != id) {
                delete(at, guest, aws).await?;
            }
        }
        delete(at, id, aws).await
    }
}

async fn delete(at: &Place, id: &str, aws: &Writer) -> Result<(), Fault> {
    aws.write(at, "apigateway", "DeleteApiKey", || aws.apigateway().delete_api_key().api_key(id).send())
        .await
        .absent_on(ABSENT)?;
    Ok(())
}

/// What of a key tells its part in a rotation.
struct Marked {
    id: String,
    follows: Option<String>,
    since_s: Option<i64>,
}

impl Marked {
    fn of(id: &str, tags: &Tags) -> Self {
        let since_s = tags.get(WORKS_SINCE).and_then(|text| text.parse().ok());
        Self { id: id.to_owned(), follows: tags.get(FOLLOWS).cloned(), since_s }
    }

    fn mark(&self) -> Mark<'_> {
        Mark { id: &self.id, follows: self.follows.as_deref(), since_s: self.since_s }
    }
}

/// The tags without those of a rotation, which are no declaration's.
fn tags(found: &Found) -> Tags {
    let mut tags = identity::tags(found);
    tags.retain(|key, _| key != FOLLOWS && key != WORKS_SINCE);
    tags
}

/// The keys that carry an address of this stage.
fn ours<'l>(address: &Address, all: &'l [Found], scope: &Scope) -> Vec<&'l Found> {
    let owner = |one: &&Found| scope.owned_address(&identity::tags(*one)).as_ref() == Some(address);
    all.iter().filter(owner).collect()
}

/// The key that callers are told of.
fn current<'l>(at: &Place, all: &'l [Found], aws: &Reader) -> Result<Option<&'l Found>, Fault> {
    if identity::by_id(at.name()).is_none() {
        let ours = ours(&at.address, all, aws.scope());
        let marked: Vec<Marked> =
            ours.iter().map(|one| Marked::of(Listed::id(*one), &identity::tags(*one))).collect();
        let marks: Vec<Mark<'_>> = marked.iter().map(Marked::mark).collect();
        if let Some(id) = in_use(&marks) {
            return Ok(ours.into_iter().find(|one| Listed::id(*one) == id));
        }
    }
    identity::pick(at, all, aws)
}

/// The keys that are there because of a rotation, with the address that they carry.
pub(super) async fn guests(aws: &Reader) -> Result<BTreeSet<(Address, String)>, Fault> {
    let all = list(aws).await?;
    let mut of: BTreeMap<Address, Vec<Marked>> = BTreeMap::new();
    for key in all.iter() {
        let tags = identity::tags(key);
        let address = aws.scope().owned_address(&tags).filter(|address| address.kind() == ApiKey::KIND);
        if let Some(address) = address {
            of.entry(address).or_default().push(Marked::of(Listed::id(key), &tags));
        }
    }
    let guests = of.iter().flat_map(|(address, all)| {
        let marks: Vec<Mark<'_>> = all.iter().map(Marked::mark).collect();
        let guests: Vec<_> = marks.iter().filter(|mark| is_guest(mark, &marks)).map(|mark| mark.id).collect();
        guests.into_iter().map(|id| (address.clone(), id.to_owned()))
    });
    Ok(guests.collect())
}

impl ApiKey {
    /// The answer holds the value; only the id is taken from it.
    async fn create(&self, at: &Place, aws: &Writer) -> Result<Outputs, Fault> {
        let created = aws
            .write(at, "apigateway", "CreateApiKey", || {
                let ask = aws.apigateway().create_api_key().name(at.name()).enabled(self.enabled);
                ask.description(&self.description)
                    .set_tags(Some(at.tags.clone().into_iter().collect()))
                    .send()
            })
            .await?;
        let id = created
            .id
            .ok_or_else(|| Fault::refused(&at.address, "API Gateway made a key and did not say which"))?;
        Ok(outputs(&id, at.name(), aws))
    }
}

fn outputs(id: &str, name: &str, aws: &Reader) -> Outputs {
    Outputs::from([
        ("id".to_owned(), id.to_owned()),
        ("name".to_owned(), name.to_owned()),
        ("arn".to_owned(), identity::arn(aws, COLLECTION, id)),
    ])
}

/// All keys of the account, tags included and values not.
async fn list(aws: &Reader) -> Result<Arc<Vec<Found>>, Fault> {
    aws.once("apigateway:GetApiKeys", async {
        let at = whole_account("api-keys");
        let ask = || aws.apigateway().get_api_keys().include_values(false);
        Ok(pages!(&at, aws, "GetApiKeys", &[], ask()).unwrap_or_default())
    })
    .await
}
