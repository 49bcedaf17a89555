//! The trait that a kind implements.

use std::{fmt::Debug, future::Future};

use model::{Address, Fault, Fields, Holds, Outputs, Tags, snapshot::Slow};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Place, Reader, Scope, Writer};

/// One kind of resource. The struct is the spec that an author writes *and* what [`observe`](Self::observe) reads
/// back, so that one comparison of two equal types serves diff, drift, fingerprint and order.
///
/// Every field is total: `None` means "must be absent". Serde is what lets references be resolved before
/// [`converge`](Self::converge) sees the spec: a kind never meets one.
pub trait Resource: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The word in the middle of an address.
    const KIND: &'static str;

    /// Whether AWS can tag it. What cannot be tagged has no receipt and is found by its natural key.
    const TAGGED: bool = true;

    /// Why deleting one cannot be undone, where that is so (aws-semantics 1.5).
    const IRREVERSIBLE: Option<&'static str> = None;

    /// The name in AWS, computed from the address unless the environment overrides it.
    fn physical(scope: &Scope, address: &Address) -> String {
        scope.name(address)
    }

    /// The same for a declared resource. Kinds without names of their own say their natural key here,
    /// references included: they are replaced as soon as they are known.
    fn physical_of(&self, scope: &Scope, address: &Address) -> String {
        Self::physical(scope, address)
    }

    /// Attributes that names alone tell, such as an ARN without invented parts.
    fn known(scope: &Scope, physical: &str) -> Outputs;

    /// Names each field once, in an exhaustive pattern, with the impact of changing it.
    fn list(&self, to: &mut Fields);

    /// The fields whose change takes long on a resource that exists.
    fn slow(&self) -> Option<Slow> {
        None
    }

    /// The physical name inside an ARN that the tagging API returned, when the ARN is of this kind.
    fn physical_of_arn(arn: &str) -> Option<String>;

    /// Address and physical name of everything of this kind that the stage owns, by default from the tagging API.
    fn owned(aws: &Reader) -> impl Future<Output = Result<Vec<(Address, String)>, Fault>> + Send {
        async {
            let owned = aws.owned().await?;
            let mut ours = Vec::new();
            for (arn, tags) in owned.iter() {
                let address = aws.scope().owned_address(tags).filter(|address| address.kind() == Self::KIND);
                ours.extend(address.zip(Self::physical_of_arn(arn)));
            }
            Ok(ours)
        }
    }

    /// Physical names of what hangs on the stage's own resources, whoever made it, and that the stage may not
    /// delete. What is not declared among it is worth showing to a person.
    fn unmanaged(_: &Reader) -> impl Future<Output = Result<Vec<String>, Fault>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Reads every field; `None` when it is not there.
    fn observe(at: &Place, aws: &Reader) -> impl Future<Output = Result<Option<Live<Self>>, Fault>> + Send;

    /// Makes AWS match `self`, whatever half-made state `live` is. Each sync inside can be repeated. There is no
    /// create and no update: a birth is a look that found nothing. Returns what others may refer to.
    fn converge(
        &self,
        at: &Place,
        live: Option<Live<Self>>,
        aws: &Writer,
    ) -> impl Future<Output = Result<Outputs, Fault>> + Send;

    /// Deletes what was found; that it is gone by now is fine.
    fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// What AWS holds: the author's own struct, filled in by AWS, plus what only AWS decides.
#[derive(Clone, Debug)]
pub struct Live<R> {
    pub actual: R,
    pub outputs: Outputs,
    /// All tags but those starting with `aws:`; `None` for kinds that cannot be tagged.
    pub tags: Option<Tags>,
    pub token: Option<String>,
    pub holds: Holds,
    pub protected: Option<String>,
    pub findings: Vec<String>,
    /// AWS does not show the fields yet (it waits for somebody else): they count as declared, and `actual` is
    /// only what could be told.
    pub unread: bool,
    /// A part of the account in the state in which AWS makes it: there is nothing to delete.
    pub inherent: bool,
}

impl<R> Live<R> {
    /// What most kinds have to say: fields, outputs and tags.
    pub fn new(actual: R, outputs: Outputs, tags: Option<Tags>) -> Self {
        Self {
            actual,
            outputs,
            tags,
            token: None,
            holds: Holds::Nothing,
            protected: None,
            findings: Vec::new(),
            unread: false,
            inherent: false,
        }
    }
}
