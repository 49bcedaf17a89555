//! Making a bucket: one call, and then a look at what AWS made of it.

use aws_sdk_s3::types as sdk;
use model::Fault;

use super::{Bucket, look, write};
use crate::{Live, Place, Writer, aws::Waiting};

/// us-east-1 is where buckets are when nothing is said, and refuses to be named.
const UNNAMED_REGION: &str = "us-east-1";

/// Creates the bucket, waits until it can be read, and says whose it is.
///
/// The look matters: AWS makes new buckets private and encrypted and other S3 servers do not, and in
/// us-east-1 a bucket that is there already answers like a new one.
pub(super) async fn create(spec: &Bucket, at: &Place, aws: &Writer) -> Result<Live<Bucket>, Fault> {
    let region = aws.scope().region.as_str();
    let place = (region != UNNAMED_REGION).then(|| {
        let place = sdk::BucketLocationConstraint::from(region);
        sdk::CreateBucketConfiguration::builder().location_constraint(place).build()
    });
    let created = aws
        .write(at, "s3", "CreateBucket", || {
            let ask = aws.s3().create_bucket().bucket(at.name()).object_ownership(spec.ownership.word());
            ask.set_create_bucket_configuration(place.clone()).send()
        })
        .await;
    match created {
        Ok(_) => {}
        // Our own work, whose answer was lost; or it was there and could not be seen yet.
        Err(error) if error.is("BucketAlreadyOwnedByYou") => {}
        Err(error) if error.is("BucketAlreadyExists") => {
            let text = format!("the name {} belongs to another account", at.name());
            return Err(Fault::refused(&at.address, text).hint(
                "give this resource another name in the environment: bucket names are unique in the world",
            ));
        }
        Err(error) => return Err(error.into()),
    }
    let seen = || look::bucket(at, aws);
    let mut live = aws.until(at, Waiting::up_to(120, "the new bucket to be seen"), seen).await?;
    let kept = live.tags.take().unwrap_or_default();
    if let Some(owner) = aws.scope().foreign_owner(&kept) {
        return Err(Fault::refused(&at.address, format!("{} belongs to {owner}", at.name()))
            .hint("give this resource another name in the environment, or release that one there"));
    }
    live.tags = Some(write::tags(&at.birth_tags(), &kept, at, aws).await?);
    Ok(live)
}
