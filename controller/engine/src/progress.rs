//! News on long work.

use model::{Address, Fault, Step};

/// Told as things happen; must not block.
pub trait Progress: Send + Sync {
    /// So many of so many resources were looked at.
    fn observed(&self, done: usize, total: usize);

    fn started(&self, step: &Step);

    fn finished(&self, step: &Step, outcome: Result<(), &Fault>);

    /// A resource waits for something that takes long.
    fn waiting(&self, address: &Address, what: &str);
}

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn observed(&self, _: usize, _: usize) {}

    fn started(&self, _: &Step) {}

    fn finished(&self, _: &Step, _: Result<(), &Fault>) {}

    fn waiting(&self, _: &Address, _: &str) {}
}
