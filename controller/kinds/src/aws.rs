//! The doorway to AWS: names, clients, paced and journalled calls, and one list call for many resources.

pub(crate) mod caller;
mod clients;
mod door;
pub(crate) mod inventory;
pub(crate) mod names;
mod scope;
pub(crate) mod trail;

pub use caller::Caller;
pub(crate) use clients::reads;
pub use clients::{Clients, ReadOnly};
pub use door::{Absent, CallError, Reader, Waiting, Writer};
pub(crate) use inventory::whole_account;
pub use names::Names;
pub use scope::{Place, Scope, tag_changes};
