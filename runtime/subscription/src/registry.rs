//! Changes: the mirror and the audit record together or not at all, then the contact list.

use std::time::Duration;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use contract::{
    resource::UpdateContactList,
    table::{Audit, Contacts},
    variable::{Reads, Table, Writes},
};
use serde::{Deserialize, Serialize};
use support::{
    Aws, Clock, Failed,
    aws::failed,
    table::{Key, Reader, Writer, number, text},
};
use tokio::time::Instant;
use tracing::warn;

use crate::{
    Action, Event, Preferences, Recipient, Source, Wish,
    audit::{Log, Record, Result as Ended},
    list::{List, Listed, Untold},
    row::{Pending, Row},
};

/// How often a write is tried again when somebody else changed the row meanwhile.
const ATTEMPTS: u32 = 8;

/// When the list is told again of an address that it refused.
const REFUSED_AGAIN_MS: i64 = 24 * 60 * 60 * 1000;

/// How far a run came with telling the contact list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaughtUp {
    pub told: usize,
    /// Addresses that the list does not take.
    pub refused: usize,
}

impl CaughtUp {
    fn asked(self) -> usize {
        self.told + self.refused
    }
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the contact wants now.
    pub preferences: Preferences,
    /// Whether this changed what the contact gets.
    pub changed: bool,
}

/// All contacts: the mirror, the audit table and the contact list.
#[derive(Clone)]
pub struct Registry {
    rows: Reader<Contacts>,
    writes: Writer<Contacts>,
    log: Log,
    list: List,
    dynamodb: aws_sdk_dynamodb::Client,
    clock: Clock,
}

/// How one attempt to write ended.
enum Written {
    Done,
    /// The event was applied before.
    Repeated,
    /// Somebody else changed the row.
    Overtaken,
}

impl Registry {
    #[must_use]
    pub fn of<M: Reads + Writes, N: Writes>(
        contacts: &Table<Contacts, M>,
        audit: &Table<Audit, N>,
        list: &UpdateContactList,
        aws: &Aws,
        clock: Clock,
    ) -> Self {
        Self {
            rows: Reader::of(contacts, aws, clock),
            writes: Writer::of(contacts, aws, clock),
            log: Log::of(audit, aws, clock),
            list: List::of(list, aws),
            dynamodb: aws.dynamodb().clone(),
            clock,
        }
    }

    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    #[must_use]
    pub fn list(&self) -> &List {
        &self.list
    }

    /// What a contact wants; who is not known has said nothing.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn preferences(&self, who: &Recipient) -> Result<Preferences, Failed> {
        Ok(self.row(who).await?.map(|row| row.preferences()).unwrap_or_default())
    }

    async fn row(&self, who: &Recipient) -> Result<Option<Row>, Failed> {
        self.rows.row(Key::of(who.address())).await
    }

    /// Applies a wish that was made at this time. When it returns, the mirror and the record hold it; the
    /// contact list was told, or is told later.
    ///
    /// # Errors
    /// When the tables do not answer: nothing is done then, and that is recorded if it can be.
    pub async fn apply(
        &self,
        who: &Recipient,
        wish: &Wish,
        at_ms: i64,
        event: &Event,
    ) -> Result<Outcome, Failed> {
        let outcome = self.write(who, wish, at_ms, event).await;
        match &outcome {
            Err(failure) => {
                let reason = format!("{:?}", failure.code);
                if let Err(failure) = self.log.failure(Some(who), event, wish, at_ms, &reason).await {
                    warn!(request = event.id, cause = failure.cause, "a failure is not recorded");
                }
            }
            Ok((_, Some(row))) => self.tell_list(row.clone(), event).await,
            Ok((_, None)) => {}
        }
        outcome.map(|(outcome, _)| outcome)
    }

    /// Returns the row that the contact list is to be told of, too.
    async fn write(
        &self,
        who: &Recipient,
        wish: &Wish,
        at_ms: i64,
        event: &Event,
    ) -> Result<(Outcome, Option<Row>), Failed> {
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(10 << attempt)).await;
            }
            let known = self.row(who).await?;
            let fresh = known.is_none();
            let mut row = known.unwrap_or_else(|| Row::new(who, self.clock.now_ms()));
            let before = row.preferences();
            let after = before.with(wish, at_ms);
            let changed = !after.agrees(&before);
            let outcome = Outcome { preferences: after.clone(), changed };
            let ended = if changed || fresh { Ended::Done } else { Ended::Unchanged };
            let record = Record::of(Some(who), event, at_ms, ended).asking(wish).leaving(&after);
            if after == before && !fresh {
                let added = self.log.add(&record).await?;
                return Ok((outcome, Some(row).filter(|row| added && row.pending.is_some())));
            }
            row.set(&after);
            // What the list itself said it need not be told, unless a later choice stands against it.
            let news = if event.source.is_list() { !holds(&after, wish) } else { changed || fresh };
            if news {
                row.mark(Pending::Change, self.clock.now_ms());
            }
            row.version += 1;
            match self.transact(&row, &record).await? {
                Written::Done => {
                    let tell = row.pending.is_some().then_some(row);
                    return Ok((outcome, tell));
                }
                Written::Repeated => return Ok((Outcome { preferences: before, changed: false }, None)),
                Written::Overtaken => {}
            }
        }
        Err(Failed::unavailable("the contact is changed by too many at once"))
    }

    /// Writes a row where it is as it was read, and the record where it is new.
    async fn transact(&self, row: &Row, record: &Record) -> Result<Written, Failed> {
        let put = self.as_read(row)?;
        let record = self.log.rows.adding(record)?;
        let items = [put, record].map(|put| TransactWriteItem::builder().put(put).build());
        let sent = self.dynamodb.transact_write_items().set_transact_items(Some(items.to_vec())).send().await;
        let Err(error) = sent else { return Ok(Written::Done) };
        let cancelled = error.as_service_error().is_some_and(|of| of.is_transaction_canceled_exception());
        let aws_sdk_dynamodb::error::SdkError::ServiceError(refused) = &error else {
            return Err(failed("TransactWriteItems", &error));
        };
        use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError as Refusal;
        let reasons: Vec<&str> = match refused.err() {
            Refusal::TransactionCanceledException(of) if cancelled => {
                of.cancellation_reasons().iter().map(|one| one.code().unwrap_or_default()).collect()
            }
            Refusal::TransactionInProgressException(_) => return Ok(Written::Overtaken),
            _ => return Err(failed("TransactWriteItems", &error)),
        };
        match reasons[..] {
            [_, "ConditionalCheckFailed"] => Ok(Written::Repeated),
            ["ConditionalCheckFailed" | "TransactionConflict", _] | [_, "TransactionConflict"] => {
                Ok(Written::Overtaken)
            }
            _ if reasons.iter().any(|code| code.contains("Throttl") || code.contains("Exceeded")) => {
                Err(Failed::unavailable("TransactWriteItems: throttled"))
            }
            _ => Err(failed("TransactWriteItems", &error)),
        }
    }

    /// A put of a row whose last version was one less.
    fn as_read(&self, row: &Row) -> Result<Put, Failed> {
        let mut put = self.writes.adding(row)?;
        if row.version > 1 {
            put.condition_expression = Some("version = :read".to_owned());
            put.expression_attribute_names = None;
            put.expression_attribute_values = Some([(":read".to_owned(), number(row.version - 1))].into());
        }
        Ok(put)
    }

    /// Tells the contact list what a row says, and takes the mark away. What fails stays marked.
    async fn tell_list(&self, row: Row, event: &Event) {
        let Err(failure) = self.tell(row.clone()).await.map_err(Untold::failed) else { return };
        warn!(request = event.id, cause = failure.cause, "the contact list is told later");
        let event = Event { id: format!("{}/list", event.id), action: Action::List, ..event.clone() };
        let who = Recipient::parse(&row.email);
        let reason = format!("{:?}", failure.code);
        let says = row.preferences().said();
        let now_ms = self.clock.now_ms();
        if let Err(failure) = self.log.failure(who.as_ref(), &event, &says, now_ms, &reason).await {
            warn!(request = event.id, cause = failure.cause, "a failure is not recorded");
        }
    }

    /// Two who tell the list of one contact may be heard in the wrong order. Whoever finds the row changed
    /// afterwards tells it again, so the last one heard tells what stands.
    async fn tell(&self, mut row: Row) -> Result<(), Untold> {
        for _ in 0..ATTEMPTS {
            self.list.put(row.listed(), &row.preferences()).await?;
            if self.unmark(&row).await.map_err(Untold::Failed)? {
                return Ok(());
            }
            let Some(who) = Recipient::parse(&row.email) else { return Ok(()) };
            let Some(newer) = self.row(&who).await.map_err(Untold::Failed)? else { return Ok(()) };
            row = newer;
        }
        Ok(())
    }

    async fn unmark(&self, row: &Row) -> Result<bool, Failed> {
        let update = self.writes.update(Key::of(&row.email)).condition_expression("version = :version");
        let update = update.update_expression("REMOVE pending, pendingSince, refusedSince");
        self.writes.apply(update.expression_attribute_values(":version", number(row.version))).await
    }

    /// Lets a row that the list refuses wait, so that those behind it are told. A newer choice does not wait.
    async fn put_off(&self, row: &Row) -> Result<bool, Failed> {
        let now_ms = self.clock.now_ms();
        let update = self.writes.update(Key::of(&row.email)).condition_expression("version = :version");
        let update = update
            .update_expression("SET pendingSince = :later, refusedSince = if_not_exists(refusedSince, :now)")
            .expression_attribute_values(":version", number(row.version))
            .expression_attribute_values(":later", number(now_ms + REFUSED_AGAIN_MS))
            .expression_attribute_values(":now", number(now_ms));
        self.writes.apply(update).await
    }

    /// Tells the contact list of up to `most` rows that it does not know of: choices first, the oldest first. An
    /// address that the list refuses stands in nobody's way: it is recorded, and its turn comes again a day later.
    ///
    /// # Errors
    /// When the table does not answer, or the list is busy or refuses everybody: the rest is for the next time.
    pub async fn catch_up(&self, most: usize, pace: &Pace, run: &str) -> Result<CaughtUp, Failed> {
        let mut caught_up = CaughtUp::default();
        for pending in Pending::ALL {
            let query = self.rows.query_index("by_pending");
            let query = query.key_condition_expression("pending = :pending AND pendingSince <= :now");
            let query = query.expression_attribute_values(":pending", text(pending.name()));
            let query = query.expression_attribute_values(":now", number(self.clock.now_ms()));
            // An index is read eventually: what it names is read again before it is told.
            for seen in self.rows.all::<Row>(query, most.saturating_sub(caught_up.asked())).await? {
                if !pace.next().await {
                    return Ok(caught_up);
                }
                let Some(who) = Recipient::parse(&seen.email) else { continue };
                let Some(row) = self.row(&who).await?.filter(|row| row.pending.is_some()) else { continue };
                let action = if pending == Pending::New { Action::Add } else { Action::List };
                let event = Event::new(format!("{run}/{}", row.version), action, Source::Reconciliation);
                match self.tell(row.clone()).await {
                    Ok(()) => {
                        let record = Record::of(Some(&who), &event, self.clock.now_ms(), Ended::Done);
                        self.log.add(&record.leaving(&row.preferences())).await?;
                        caught_up.told += 1;
                    }
                    Err(Untold::Refused(failure)) => {
                        warn!(run, cause = failure.cause, "the contact list refuses an address");
                        // Recorded once, before the row says so: whoever is ended in between records it again.
                        if row.refused_since.is_none() {
                            let now_ms = self.clock.now_ms();
                            let says = row.preferences().said();
                            self.log.failure(Some(&who), &event, &says, now_ms, "RefusedByList").await?;
                        }
                        self.put_off(&row).await?;
                        caught_up.refused += 1;
                    }
                    Err(Untold::Failed(failure)) => return Err(failure),
                }
            }
        }
        Ok(caught_up)
    }

    /// Takes in what the contact list says of some contacts; returns how many rows changed.
    ///
    /// The list tells when a contact was last changed, not when a choice was made. So an opt-out that the
    /// mirror lacks is taken over when it is later than the mirror's opt-in, and an opt-in never is: those
    /// come as events, or by `add-contact`. Where the two differ otherwise the list is told what the mirror
    /// says.
    ///
    /// # Errors
    /// When the tables do not answer.
    pub async fn take_in(&self, listed: &[Listed], run: &str) -> Result<usize, Failed> {
        let mut keys: Vec<&Recipient> = listed.iter().map(|one| &one.who).collect();
        keys.sort_unstable();
        keys.dedup();
        let keys = keys.into_iter().map(|who| Key::of(who.address())).collect();
        let known: Vec<Row> = self.rows.rows(keys).await?;
        let known: std::collections::BTreeMap<&str, &Row> =
            known.iter().map(|row| (row.email.as_str(), row)).collect();
        let mut changed = 0;
        for one in listed {
            let row = known.get(one.who.address()).copied();
            if row.is_none() || row.is_some_and(|row| row.pending.is_none() && differs(row, one)) {
                self.take(one, run).await?;
                changed += 1;
            }
        }
        Ok(changed)
    }

    /// Writes what one contact of the list says into its row, with the spelling of the list.
    async fn take(&self, listed: &Listed, run: &str) -> Result<(), Failed> {
        for _ in 0..ATTEMPTS {
            let known = self.row(&listed.who).await?;
            let fresh = known.is_none();
            let mut row = known.unwrap_or_else(|| Row::new(&listed.who, self.clock.now_ms()));
            let before = row.preferences();
            let wish = if fresh { listed.says.clone() } else { outs(&listed.says) };
            let after = before.with(&wish, listed.changed_ms);
            row.set(&after);
            row.listed_as = Some(listed.spelling.clone()).filter(|spelling| *spelling != row.email);
            if !after.agrees(&Preferences::default().with(&listed.says, 0)) {
                row.mark(Pending::Change, self.clock.now_ms());
            }
            row.version += 1;
            let action = if fresh { Action::Add } else { Action::Update };
            let event = Event::new(format!("{run}/{}", row.version), action, Source::Reconciliation);
            let ended = if fresh || !after.agrees(&before) { Ended::Done } else { Ended::Unchanged };
            let record = Record::of(Some(&listed.who), &event, self.clock.now_ms(), ended);
            match self.transact(&row, &record.asking(&wish).leaving(&after)).await? {
                Written::Done | Written::Repeated => return Ok(()),
                Written::Overtaken => {}
            }
        }
        // Whoever is changing it tells the list.
        Ok(())
    }
}

/// Calls of the contact list one after the other, until a run ends.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub between: Duration,
    pub end: Instant,
}

impl Pace {
    /// Waits for the next call; whether there is time for it.
    pub async fn next(&self) -> bool {
        tokio::time::sleep(self.between).await;
        Instant::now() < self.end
    }
}

/// How far the contact list was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bookmark {
    /// Where the next page begins; none: at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// When the whole list had been read last, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_ms: Option<i64>,
}

/// The bookmark's row: its key is no address.
#[derive(Serialize)]
struct Marked<'a> {
    email: &'static str,
    #[serde(flatten)]
    bookmark: &'a Bookmark,
}

const BOOKMARK: &str = "#contact-list";

impl Registry {
    /// How far the contact list was read.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn bookmark(&self) -> Result<Bookmark, Failed> {
        Ok(self.rows.row(Key::of(BOOKMARK)).await?.unwrap_or_default())
    }

    /// Remembers how far it was read.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn set_bookmark(&self, bookmark: &Bookmark) -> Result<(), Failed> {
        let put = self.writes.put(&Marked { email: BOOKMARK, bookmark })?;
        put.send().await.map(drop).map_err(|error| failed("PutItem", &error))
    }
}

/// Whether the preferences say what was wished.
fn holds(preferences: &Preferences, wish: &Wish) -> bool {
    preferences.agrees(&preferences.with(wish, i64::MAX))
}

/// Whether the list says anything else than a row.
fn differs(row: &Row, listed: &Listed) -> bool {
    let said = Preferences::default().with(&listed.says, 0);
    !row.preferences().agrees(&said) || row.listed() != listed.spelling
}

/// The opt-outs of a wish.
fn outs(wish: &Wish) -> Wish {
    use contract::subscription::Status;
    let out = |status: &Status| *status == Status::OptOut;
    Wish {
        streams: wish
            .streams
            .iter()
            .filter(|(_, status)| out(status))
            .map(|(one, two)| (*one, *two))
            .collect(),
        everything: wish.everything.filter(out),
    }
}
