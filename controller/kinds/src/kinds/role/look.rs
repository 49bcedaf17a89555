//! Reading roles: two paged lists for all of them, or a few narrow calls for one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_iam::types::{
    AttachedPermissionsBoundary, AttachedPolicy, EntityType, Role as Wire, RoleDetail, Tag,
};
use futures::future::{try_join, try_join_all, try_join3};
use model::{Address, Fault, Tags};
use percent_encoding::percent_decode_str;

use super::ABSENT;
use crate::{
    Place, Reader,
    aws::{Absent, reads},
};

reads!(aws_sdk_iam:
    get_account_authorization_details GetAccountAuthorizationDetailsFluentBuilder,
    list_roles ListRolesFluentBuilder,
    get_role GetRoleFluentBuilder,
    list_role_policies ListRolePoliciesFluentBuilder,
    get_role_policy GetRolePolicyFluentBuilder,
    list_attached_role_policies ListAttachedRolePoliciesFluentBuilder,
);

const PAGE: i32 = 1_000;

/// A role as IAM has it, its documents decoded.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub name: String,
    pub arn: String,
    pub id: String,
    pub path: String,
    pub description: Option<String>,
    pub max_session_s: u32,
    pub trust: String,
    pub inline: BTreeMap<String, String>,
    pub managed: BTreeSet<String>,
    pub boundary: Option<String>,
    pub tags: Tags,
}

/// IAM returns documents URL-encoded by RFC 3986, where `+` is no space.
pub(super) fn decoded(document: &str) -> String {
    percent_decode_str(document).decode_utf8_lossy().into_owned()
}

fn tags_of(tags: &[Tag]) -> Tags {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

fn arns_of(attached: &[AttachedPolicy]) -> BTreeSet<String> {
    attached.iter().filter_map(|one| one.policy_arn().map(str::to_owned)).collect()
}

fn boundary_of(boundary: Option<&AttachedPermissionsBoundary>) -> Option<String> {
    boundary?.permissions_boundary_arn().map(str::to_owned)
}

impl Seen {
    /// What both `GetRole` and `ListRoles` tell.
    fn of(role: &Wire) -> Self {
        Self {
            name: role.role_name.clone(),
            arn: role.arn.clone(),
            id: role.role_id.clone(),
            path: role.path.clone(),
            description: role.description.clone(),
            max_session_s: role.max_session_duration().and_then(|s| u32::try_from(s).ok()).unwrap_or(3_600),
            trust: decoded(role.assume_role_policy_document().unwrap_or_default()),
            inline: BTreeMap::new(),
            managed: BTreeSet::new(),
            boundary: boundary_of(role.permissions_boundary()),
            tags: tags_of(role.tags()),
        }
    }

    /// Adds what `ListRoles` leaves out.
    fn with(mut self, detail: &RoleDetail) -> Self {
        let document = |text: Option<&str>| decoded(text.unwrap_or_default());
        let policies = detail.role_policy_list().iter();
        self.inline = policies
            .filter_map(|one| Some((one.policy_name()?.to_owned(), document(one.policy_document()))))
            .collect();
        self.managed = arns_of(detail.attached_managed_policies());
        self.boundary = boundary_of(detail.permissions_boundary());
        self.tags = tags_of(detail.tags());
        self
    }
}

/// One role: from the lists, unless it is looked at by itself or the lists are denied.
pub(super) async fn one(at: &Place, aws: &Reader) -> Result<Option<Seen>, Fault> {
    if !aws.alone() {
        match all(&at.address, aws).await {
            Ok(all) => return Ok(all.get(at.name()).cloned()),
            Err(Fault::Refused(_)) => {}
            Err(fault) => return Err(fault),
        }
    }
    let get = async {
        let ask = || aws.iam().get_role().role_name(at.name()).send();
        let answer = aws.read(&at.address, "iam", "GetRole", ask).await.absent_on(ABSENT)?;
        Ok(answer.and_then(|answer| answer.role))
    };
    let (role, inline, managed) = try_join3(get, inline_of(at, aws), managed_of(at, aws)).await?;
    Ok(role.map(|role| Seen { inline, managed, ..Seen::of(&role) }))
}

/// All roles of the account by name. Policies, tags and boundaries are told by one list, description and
/// longest session only by the other (API model: `RoleDetail` and the note at `ListRoles`).
pub(super) async fn all(at: &Address, aws: &Reader) -> Result<Arc<BTreeMap<String, Seen>>, Fault> {
    aws.once("iam:roles", async {
        let (roles, details) = try_join(list(at, aws), details(at, aws)).await?;
        let details: BTreeMap<&str, &RoleDetail> =
            details.iter().filter_map(|detail| Some((detail.role_name()?, detail))).collect();
        // A role in one list only was made or deleted in between: the next look will tell.
        let both = |role: &Wire| Some(Seen::of(role).with(details.get(role.role_name())?));
        Ok(roles.iter().filter_map(both).map(|seen| (seen.name.clone(), seen)).collect())
    })
    .await
}

async fn list(at: &Address, aws: &Reader) -> Result<Vec<Wire>, Fault> {
    let (mut all, mut marker) = (Vec::new(), None::<String>);
    loop {
        let page = aws
            .read(at, "iam", "ListRoles", || {
                aws.iam().list_roles().max_items(PAGE).set_marker(marker.clone()).send()
            })
            .await?;
        all.extend_from_slice(page.roles());
        marker = page.marker.filter(|_| page.is_truncated);
        if marker.is_none() {
            return Ok(all);
        }
    }
}

async fn details(at: &Address, aws: &Reader) -> Result<Vec<RoleDetail>, Fault> {
    let (mut all, mut marker) = (Vec::new(), None::<String>);
    loop {
        let page = aws
            .read(at, "iam", "GetAccountAuthorizationDetails", || {
                let ask = aws.iam().get_account_authorization_details().filter(EntityType::Role);
                ask.max_items(PAGE).set_marker(marker.clone()).send()
            })
            .await?;
        all.extend_from_slice(page.role_detail_list());
        marker = page.marker.filter(|_| page.is_truncated);
        if marker.is_none() {
            return Ok(all);
        }
    }
}

async fn inline_of(at: &Place, aws: &Reader) -> Result<BTreeMap<String, String>, Fault> {
    let (mut names, mut marker) = (Vec::new(), None::<String>);
    loop {
        let page = aws
            .read(&at.address, "iam", "ListRolePolicies", || {
                let ask = aws.iam().list_role_policies().role_name(at.name());
                ask.set_marker(marker.clone()).send()
            })
            .await
            .absent_on(ABSENT)?;
        let Some(page) = page else { return Ok(BTreeMap::new()) };
        names.extend_from_slice(page.policy_names());
        marker = page.marker.filter(|_| page.is_truncated);
        if marker.is_none() {
            break;
        }
    }
    let document = async |name: String| {
        let answer = aws
            .read(&at.address, "iam", "GetRolePolicy", || {
                aws.iam().get_role_policy().role_name(at.name()).policy_name(&name).send()
            })
            .await
            .absent_on(ABSENT)?;
        Ok::<_, Fault>(answer.map(|answer| (name, decoded(&answer.policy_document))))
    };
    Ok(try_join_all(names.into_iter().map(document)).await?.into_iter().flatten().collect())
}

async fn managed_of(at: &Place, aws: &Reader) -> Result<BTreeSet<String>, Fault> {
    let (mut arns, mut marker) = (BTreeSet::new(), None::<String>);
    loop {
        let page = aws
            .read(&at.address, "iam", "ListAttachedRolePolicies", || {
                let ask = aws.iam().list_attached_role_policies().role_name(at.name());
                ask.set_marker(marker.clone()).send()
            })
            .await
            .absent_on(ABSENT)?;
        let Some(page) = page else { return Ok(arns) };
        arns.extend(arns_of(page.attached_policies()));
        marker = page.marker.filter(|_| page.is_truncated);
        if marker.is_none() {
            return Ok(arns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_decoded_once_and_a_plus_stays() {
        let text = decoded("%7B%22Sid%22%3A%22a+b%20%2525%22%7D");
        assert_eq!(text, r#"{"Sid":"a+b %25"}"#);
    }
}
