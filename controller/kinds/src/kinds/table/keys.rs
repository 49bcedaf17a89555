//! Whose key encrypts a table. DynamoDB gives the ARN of the key, and only KMS knows who manages it.

use aws_sdk_dynamodb::types::{SseDescription, SseStatus};
use aws_sdk_kms::{
    operation::describe_key::builders::DescribeKeyFluentBuilder,
    types::{KeyManagerType, KeyState},
};
use model::{Fault, Ref};

use super::Encryption;
use crate::{
    Place, Reader,
    aws::{Absent, ReadOnly},
};

impl ReadOnly<'_, aws_sdk_kms::Client> {
    pub(crate) fn describe_key_of_table(&self) -> DescribeKeyFluentBuilder {
        self.0.describe_key()
    }
}

/// What matters of a key to a table that uses it.
struct Facts {
    managed: bool,
    finding: Option<String>,
}

/// The encryption, and what a person must know of its key. One call a key, however many tables use it.
pub(super) async fn encryption(
    at: &Place,
    aws: &Reader,
    live: Option<&SseDescription>,
) -> Result<(Encryption, Option<String>), Fault> {
    let off =
        |live: &&SseDescription| !matches!(live.status(), Some(SseStatus::Disabled | SseStatus::Disabling));
    let Some(arn) = live.filter(off).and_then(|live| live.kms_master_key_arn()) else {
        return Ok((Encryption::AwsOwned, None));
    };
    let facts = aws.once(&format!("table:kms:DescribeKey:{arn}"), facts(at, aws, arn)).await?;
    if facts.managed {
        return Ok((Encryption::AwsManaged, None));
    }
    Ok((Encryption::Key(Ref::live(arn)), facts.finding.clone()))
}

async fn facts(at: &Place, aws: &Reader, arn: &str) -> Result<Facts, Fault> {
    let answer = aws
        .read(&at.address, "kms", "DescribeKey", || aws.kms().describe_key_of_table().key_id(arn).send())
        .await
        .absent_on(&["NotFoundException"])?;
    let Some(key) = answer.and_then(|answer| answer.key_metadata) else {
        return Ok(Facts { managed: false, finding: Some(format!("its key {arn} does not exist")) });
    };
    let state = key.key_state().filter(|state| !matches!(state, KeyState::Enabled | KeyState::Updating));
    Ok(Facts {
        managed: key.key_manager() == Some(&KeyManagerType::Aws),
        finding: state.map(|state| format!("its key {arn} is {state}: no item can be read without it")),
    })
}
