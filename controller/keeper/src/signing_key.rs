//! One step of the rotation of the key that links are signed with, whoever makes it.
//!
//! What to do is decided by [`rotation::next`]; what is looked at and called is [`kinds`]' `key_group::rotation`.

use contract::signing::{KEY_GROUP, SECRET, SigningKey};
use kinds::{
    Place, Reader, Scope, Writer,
    kinds::{
        key_group::rotation::{Attempt, KeyMaker, NewKey, Seen, Site, act, look},
        secret::SecretText,
    },
};
use model::{Address, Fault, Tags, address::AddressError};
use rotation::{Next, Rules, Step, Wish, next};
pub use signing::Algorithm;
use signing::Pair;

/// Whose rotation it is, and how careful it is.
#[derive(Clone, Debug)]
pub struct Task {
    pub site: Site,
    pub rules: Rules,
    pub wish: Wish,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    Done(Step),
    /// Somebody was faster, and nothing was changed.
    Overtaken,
}

/// Where key group and secret are, by the names of a stage.
///
/// # Errors
/// Never: the addresses are constants that fit.
pub fn site(scope: &Scope) -> Result<Site, AddressError> {
    let place = |stack: &str, kind: &str, name: &str| {
        let address = Address::new(stack, kind, name)?;
        let physical = scope.name(&address);
        Ok::<_, AddressError>(Place { address, physical, tags: Tags::new() })
    };
    let (stack, name) = KEY_GROUP;
    Ok(Site { group: place(stack, "key group", name)?, secret: place(SECRET.stack, "secret", SECRET.name)? })
}

/// Looks, and decides. `now_ms` is this machine's clock.
///
/// # Errors
/// When AWS refuses or does not answer.
pub async fn observe(aws: &Reader, task: &Task, now_ms: u64) -> Result<(Seen, Next), Fault> {
    let seen = look(aws, &task.site, now_ms).await?;
    let next = next(&seen.observed, &task.rules, task.wish);
    Ok((seen, next))
}

/// Makes the step that was decided on, after another look: somebody may have been at it before the lock was ours. The
/// rules hold without a lock: it spares two operators a lost race.
///
/// # Errors
/// Those of the look and of the step.
pub async fn make(
    aws: &Writer,
    task: &Task,
    now_ms: u64,
    step: &Step,
    algorithm: Algorithm,
) -> Result<Made, Fault> {
    let (seen, now) = observe(aws.reader(), task, now_ms).await?;
    let Next::Do(found) = now else { return Ok(Made::Overtaken) };
    if found.name() != step.name() {
        return Ok(Made::Overtaken);
    }
    let maker = Maker(algorithm);
    let attempt = Attempt { site: &task.site, seen: &seen, rules: &task.rules, maker: &maker };
    act(aws, &attempt, &found).await?;
    Ok(Made::Done(found))
}

/// Makes pairs in this process: the private half goes into the document, and nowhere else.
struct Maker(Algorithm);

struct MadePair(Pair);

fn document(key: &SigningKey) -> SecretText {
    // Two strings always become JSON.
    SecretText::new(serde_json::to_string(key).unwrap_or_default())
}

impl KeyMaker for Maker {
    fn none(&self) -> SecretText {
        document(&SigningKey::none())
    }

    fn make(&self) -> Result<Box<dyn NewKey>, String> {
        let pair = Pair::generate(self.0).map_err(|error| error.to_string())?;
        Ok(Box::new(MadePair(pair)))
    }
}

impl NewKey for MadePair {
    fn public_pem(&self) -> String {
        self.0.public_pem()
    }

    fn document(&self, key_id: &str) -> SecretText {
        document(&self.0.document(key_id))
    }
}
