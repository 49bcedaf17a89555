//! Which distribution is meant: by its tags, by the mark in its comment, or by its id.

use std::collections::BTreeMap;

use aws_sdk_cloudfront::types::{DistributionConfig, DistributionSummary};
use model::{Address, Fault, Tags};

use super::{Distribution, mark};
use crate::{
    Place, Reader, Resource,
    aws::{Absent, reads, whole_account},
};

reads!(aws_sdk_cloudfront:
    get_distribution GetDistributionFluentBuilder,
    list_distributions ListDistributionsFluentBuilder,
    list_tags_for_resource ListTagsForResourceFluentBuilder,
);

pub(super) const ABSENT: &[&str] = &["NoSuchDistribution", "NoSuchResource"];

/// Whether a physical name is the id of a distribution (`E2QWRUHAPOMQZL`): names of stages are in lower case.
pub(super) fn is_id(physical: &str) -> bool {
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    physical.starts_with('E') && (13..=14).contains(&physical.len()) && physical.chars().all(plain)
}

/// A distribution as one call tells it.
pub(super) struct Found {
    pub config: DistributionConfig,
    pub version: String,
    pub domain: String,
    /// The last change has reached every edge.
    pub deployed: bool,
}

pub(super) async fn get(at: &Address, id: &str, aws: &Reader) -> Result<Option<Found>, Fault> {
    let answer = aws
        .read(at, "cloudfront", "GetDistribution", || aws.cloudfront().get_distribution().id(id).send())
        .await
        .absent_on(ABSENT)?;
    let Some(answer) = answer else { return Ok(None) };
    let version = answer.e_tag.unwrap_or_default();
    Ok(answer.distribution.and_then(|found| {
        let deployed = found.status == "Deployed";
        Some(Found { config: found.distribution_config?, version, domain: found.domain_name, deployed })
    }))
}

pub(super) async fn tags(at: &Address, arn: &str, aws: &Reader) -> Result<Tags, Fault> {
    let answer = aws
        .read(at, "cloudfront", "ListTagsForResource", || {
            aws.cloudfront().list_tags_for_resource().resource(arn).send()
        })
        .await
        .absent_on(ABSENT)?;
    let tags = answer.and_then(|answer| answer.tags);
    let tags = tags.iter().flat_map(|tags| tags.items());
    Ok(tags.map(|tag| (tag.key().to_owned(), tag.value().unwrap_or_default().to_owned())).collect())
}

/// Every distribution of the account.
pub(in crate::kinds) async fn list(aws: &Reader) -> Result<Vec<DistributionSummary>, Fault> {
    let (mut all, mut marker) = (Vec::new(), None::<String>);
    let at = whole_account("distributions");
    loop {
        let page = aws
            .read(&at, "cloudfront", "ListDistributions", || {
                aws.cloudfront().list_distributions().max_items(100).set_marker(marker.clone()).send()
            })
            .await?;
        let Some(page) = page.distribution_list else { return Ok(all) };
        all.extend_from_slice(page.items());
        marker = page.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(all);
        }
    }
}

/// A distribution that may be this stage's.
struct Candidate {
    address: Address,
    id: String,
    /// Its tags say it; else only its comment does, and its tags name nobody.
    tagged: bool,
}

/// The distributions of the stage. Tags decide; a comment whose tags were taken away still counts for what is
/// declared, but a copy made by hand, which has the comment of the first, is not ours to delete.
async fn candidates(aws: &Reader) -> Result<Vec<Candidate>, Fault> {
    let scope = aws.scope();
    // The tagging API knows what is global in us-east-1 alone, and lags.
    let listed_tags = match aws.alone() || scope.region != "us-east-1" {
        true => None,
        false => Some(aws.owned().await?),
    };
    let looks = list(aws).await?.into_iter().map(|one| {
        let listed_tags = listed_tags.as_ref();
        async move {
            let marked = mark::owned_address(scope, one.comment());
            let known = listed_tags.and_then(|all| all.get(one.arn()).cloned());
            let tags = match (known, &marked, listed_tags) {
                (Some(tags), ..) => tags,
                (None, None, Some(_)) => return Ok::<_, Fault>(None),
                _ => tags(&whole_account("distributions"), one.arn(), aws).await?,
            };
            let of_kind = |address: &Address| address.kind() == Distribution::KIND;
            let by_tags = scope.owned_address(&tags).filter(of_kind);
            let nobody = !tags.keys().any(|key| key.starts_with("dn:"));
            let tagged = by_tags.is_some();
            let address = by_tags.or(marked.filter(|address| nobody && of_kind(address)));
            Ok(address.map(|address| Candidate { address, id: one.id().to_owned(), tagged }))
        }
    });
    let found: Vec<Option<Candidate>> = futures::future::try_join_all(looks).await?;
    let mut found: Vec<Candidate> = found.into_iter().flatten().collect();
    found.sort_by(|a, b| (!a.tagged, &a.id).cmp(&(!b.tagged, &b.id)));
    Ok(found)
}

/// The id of the distribution of an address.
pub(super) async fn id_of(at: &Place, aws: &Reader) -> Result<Option<String>, Fault> {
    if is_id(at.name()) {
        return Ok(Some(at.name().to_owned()));
    }
    let all = match aws.alone() {
        true => candidates(aws).await?.into(),
        false => aws.once("cloudfront:ListDistributions", candidates(aws)).await?,
    };
    Ok(all.iter().find(|one| one.address == at.address).map(|one| one.id.clone()))
}

/// The distributions that the stage owns: the one that [`id_of`] finds by its address, any other of the same address
/// by its id.
pub(super) async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
    let all = aws.once("cloudfront:ListDistributions", candidates(aws)).await?;
    let mut first = BTreeMap::new();
    let tagged = all.iter().filter(|one| one.tagged);
    Ok(tagged
        .map(|one| {
            let name = aws.scope().name(&one.address);
            let is_first = *first.entry(&one.address).or_insert(&one.id) == &one.id;
            (one.address.clone(), if is_first { name } else { one.id.clone() })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_told_from_a_name() {
        for id in ["E2QWRUHAPOMQZL", "EDFDVBD632BHD"] {
            assert!(is_id(id), "{id}");
            let arn = format!("arn:aws:cloudfront::000000000000:distribution/{id}");
            assert_eq!(Distribution::physical_of_arn(&arn).as_deref(), Some(id));
        }
        for name in ["dn-test-media", "E2QWRUHAPOMQZl", "E2", "D2QWRUHAPOMQZL"] {
            assert!(!is_id(name), "{name}");
        }
    }
}
