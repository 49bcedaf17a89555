//! Writing roles, one API call after the other.

use model::Fault;

use super::{ABSENT, INLINE, Role};
use crate::{Place, Writer, aws::Absent};

/// Refuses to touch the role that this process runs as (aws-semantics 12).
pub(super) async fn refuse_own(at: &Place, aws: &Writer) -> Result<(), Fault> {
    let caller =
        aws.read(&at.address, "sts", "GetCallerIdentity", || aws.sts().get_caller_identity().send()).await?;
    let own = caller.arn().and_then(role_of_session);
    if own.is_some_and(|own| own.eq_ignore_ascii_case(at.name())) {
        return Err(Fault::refused(&at.address, "is the role that this process runs as")
            .hint("run it with the credentials of another role"));
    }
    Ok(())
}

/// `arn:aws:sts::123456789012:assumed-role/name/session`
fn role_of_session(arn: &str) -> Option<&str> {
    arn.split_once(":assumed-role/")?.1.split('/').next()
}

impl Role {
    pub(super) fn wire_session(&self) -> i32 {
        i32::try_from(self.max_session_s).unwrap_or(i32::MAX)
    }

    /// Description, longest session and trust policy.
    pub(super) async fn sync_settings(&self, at: &Place, live: &Self, aws: &Writer) -> Result<(), Fault> {
        if self.description != live.description || self.max_session_s != live.max_session_s {
            // What is left out is kept, so that an absent description must be sent as an empty one.
            let description = self.description.clone().unwrap_or_default();
            aws.write(at, "iam", "UpdateRole", || {
                let ask = aws.iam().update_role().role_name(at.name()).description(&description);
                ask.max_session_duration(self.wire_session()).send()
            })
            .await?;
        }
        if self.trust != live.trust {
            aws.write(at, "iam", "UpdateAssumeRolePolicy", || {
                let ask = aws.iam().update_assume_role_policy().role_name(at.name());
                ask.policy_document(self.trust.document()).send()
            })
            .await?;
        }
        Ok(())
    }

    pub(super) async fn sync_boundary(&self, at: &Place, live: &Self, aws: &Writer) -> Result<(), Fault> {
        match &self.boundary {
            boundary if *boundary == live.boundary => {}
            None => {
                aws.write(at, "iam", "DeleteRolePermissionsBoundary", || {
                    aws.iam().delete_role_permissions_boundary().role_name(at.name()).send()
                })
                .await
                .absent_on(ABSENT)?;
            }
            Some(boundary) => {
                aws.write(at, "iam", "PutRolePermissionsBoundary", || {
                    let ask = aws.iam().put_role_permissions_boundary().role_name(at.name());
                    ask.permissions_boundary(boundary).send()
                })
                .await?;
            }
        }
        Ok(())
    }

    /// The one inline policy as declared, and no other.
    pub(super) async fn sync_inline(&self, at: &Place, live: &Self, aws: &Writer) -> Result<(), Fault> {
        if let Some(policy) = self.inline.as_ref().filter(|_| self.inline != live.inline) {
            aws.write(at, "iam", "PutRolePolicy", || {
                let ask = aws.iam().put_role_policy().role_name(at.name()).policy_name(INLINE);
                ask.policy_document(policy.document()).send()
            })
            .await?;
        }
        let own = (self.inline.is_none() && live.inline.is_some()).then_some(INLINE);
        let strays = live.strays.keys().map(String::as_str).filter(|name| !self.strays.contains_key(*name));
        for name in own.into_iter().chain(strays) {
            aws.write(at, "iam", "DeleteRolePolicy", || {
                aws.iam().delete_role_policy().role_name(at.name()).policy_name(name).send()
            })
            .await
            .absent_on(ABSENT)?;
        }
        Ok(())
    }

    /// Detaches first, as the number of attached policies is limited.
    pub(super) async fn sync_managed(&self, at: &Place, live: &Self, aws: &Writer) -> Result<(), Fault> {
        for arn in live.managed.difference(&self.managed) {
            aws.write(at, "iam", "DetachRolePolicy", || {
                aws.iam().detach_role_policy().role_name(at.name()).policy_arn(arn).send()
            })
            .await
            .absent_on(ABSENT)?;
        }
        for arn in self.managed.difference(&live.managed) {
            aws.write(at, "iam", "AttachRolePolicy", || {
                aws.iam().attach_role_policy().role_name(at.name()).policy_arn(arn).send()
            })
            .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_names_its_role_and_a_user_none() {
        let session = "arn:aws:sts::123456789012:assumed-role/deploy/ci-7";
        assert_eq!(role_of_session(session), Some("deploy"));
        assert_eq!(role_of_session("arn:aws:iam::123456789012:user/somebody"), None);
    }
}
