//! Who may be sent to, asked before every send (R67, A2).

use std::collections::{BTreeMap, BTreeSet};

use contract::{
    stream::Stream,
    table::Contacts,
    variable::{Reads, Table, Writes},
};
use futures::{StreamExt, TryStreamExt};
use support::{
    Aws, Clock, Failed,
    table::{Key, Reader, Writer},
};

use crate::{
    Recipient,
    row::{Pending, Row},
};

/// Contacts that are made at the same time.
const AT_ONCE: usize = 16;

/// Whether a recipient is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Send,
    /// Left this stream.
    LeftStream,
    /// Left everything.
    LeftEverything,
}

impl Verdict {
    #[must_use]
    pub fn sends(self) -> bool {
        self == Self::Send
    }
}

/// The gate before every send.
#[derive(Clone)]
pub struct Gate {
    rows: Reader<Contacts>,
    writes: Writer<Contacts>,
    clock: Clock,
}

impl Gate {
    #[must_use]
    pub fn of<M: Reads + Writes>(contacts: &Table<Contacts, M>, aws: &Aws, clock: Clock) -> Self {
        Self { rows: Reader::of(contacts, aws, clock), writes: Writer::of(contacts, aws, clock), clock }
    }

    /// What to do with each recipient. Opt-outs that were confirmed before the call are seen. Who is not
    /// known yet is made a contact with the default preferences; the contact list is told of it in the
    /// background.
    ///
    /// # Errors
    /// When the table does not answer: then nobody may be sent to.
    pub async fn ensure_recipient_subscription(
        &self,
        stream: Stream,
        recipients: &[Recipient],
    ) -> Result<BTreeMap<Recipient, Verdict>, Failed> {
        let asked: BTreeSet<&Recipient> = recipients.iter().collect();
        let keys = asked.iter().map(|who| Key::of(who.address())).collect();
        let known: Vec<Row> = self.rows.rows(keys).await?;
        let mut verdicts: BTreeMap<Recipient, Verdict> = known
            .iter()
            .filter_map(|row| Some((Recipient::parse(&row.email)?, verdict(row, stream))))
            .collect();
        let missing: Vec<Recipient> =
            asked.into_iter().filter(|who| !verdicts.contains_key(*who)).cloned().collect();
        let made: Vec<(Recipient, Verdict)> = futures::stream::iter(missing)
            .map(|who| async move {
                let verdict = self.make(&who, stream).await?;
                Ok::<_, Failed>((who, verdict))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        verdicts.extend(made);
        Ok(verdicts)
    }

    async fn make(&self, who: &Recipient, stream: Stream) -> Result<Verdict, Failed> {
        let now_ms = self.clock.now_ms();
        let mut row = Row::new(who, now_ms);
        row.version = 1;
        row.mark(Pending::New, now_ms);
        if self.writes.add(&row).await? {
            return Ok(Verdict::Send);
        }
        // Somebody was faster, perhaps with an opt-out.
        let row: Option<Row> = self.rows.row(Key::of(who.address())).await?;
        Ok(row.map_or(Verdict::LeftEverything, |row| verdict(&row, stream)))
    }
}

fn verdict(row: &Row, stream: Stream) -> Verdict {
    let preferences = row.preferences();
    match (preferences.left_everything(), preferences.wants(stream)) {
        (true, _) => Verdict::LeftEverything,
        (false, false) => Verdict::LeftStream,
        (false, true) => Verdict::Send,
    }
}
