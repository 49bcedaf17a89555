//! What goes wrong, and at which call.

use std::fmt;

use crate::services::World;

/// Where the service of metrics keeps alarms.
const ALARMS: &str = "monitoring/alarms";

/// A trouble and how many matching calls it has seen.
pub(crate) struct Pending {
    pub(crate) trouble: Trouble,
    pub(crate) seen: usize,
}

/// One planned misfortune.
pub struct Trouble {
    pub when: When,
    pub what: What,
}

/// The call that is hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// The n-th call since the trouble was set, counting from 1.
    Call(usize),
    /// The n-th call that may change something, counting from 1.
    Write(usize),
    /// The first call of this operation (`dynamodb`, `CreateTable`).
    Operation { service: String, operation: String },
}

/// What happens to it.
pub enum What {
    /// Refused before anything is done, with this code and HTTP status, as often as said.
    Fail { code: String, message: String, status: u16, times: usize },
    /// The connection breaks before the request arrives.
    Unreachable,
    /// The work is done, and the answer is lost.
    LoseAnswer,
    /// The process dies before the request arrives.
    DieBefore,
    /// The process dies after the work was done.
    DieAfter,
    /// Another hand edits the account just before the call.
    Edit(Box<dyn FnOnce(&mut World<'_>) + Send>),
}

impl fmt::Debug for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.what {
            What::Fail { code, times, .. } => format!("{code} x{times}"),
            What::Unreachable => "unreachable".to_owned(),
            What::LoseAnswer => "answer lost".to_owned(),
            What::DieBefore => "dies before".to_owned(),
            What::DieAfter => "dies after".to_owned(),
            What::Edit(_) => "edited by another hand".to_owned(),
        };
        write!(f, "{what} at {:?}", self.when)
    }
}

impl What {
    /// AWS refuses for its rate, `times` times in a row.
    #[must_use]
    pub fn throttled(times: usize) -> Self {
        Self::Fail {
            code: "ThrottlingException".to_owned(),
            message: "Rate exceeded".to_owned(),
            status: 400,
            times,
        }
    }

    /// Every alarm begins to ring.
    #[must_use]
    pub fn rings() -> Self {
        Self::Edit(Box::new(|world| {
            let names: Vec<String> = world.all(ALARMS).into_keys().map(str::to_owned).collect();
            for name in names {
                world.edit(ALARMS, &name, |alarm| alarm["alarm"]["StateValue"] = "ALARM".into());
            }
        }))
    }

    /// AWS fails inside, before doing anything, once.
    #[must_use]
    pub fn fails() -> Self {
        let message = "An internal error occurred".to_owned();
        Self::Fail { code: "InternalFailure".to_owned(), message, status: 500, times: 1 }
    }
}

/// Whether an operation may change something, by the naming rules that all AWS services keep.
#[must_use]
pub fn writes(operation: &str) -> bool {
    const READS: &[&str] =
        &["Get", "List", "Describe", "Head", "Query", "Scan", "BatchGet", "Search", "Encrypt", "Decrypt"];
    !READS.iter().any(|verb| operation.starts_with(verb))
}
