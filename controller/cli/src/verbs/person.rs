//! `dn person`: what a stage keeps about a person, shown or erased (R104). The address comes from standard input or a
//! hidden prompt, and is in no argument, journal, log or message.

use std::collections::BTreeMap;

use contract::{
    outreach::EventType,
    resource::CONTACT_LIST,
    table::{self, Table},
};
use kinds::{
    Place, Reader, Writer,
    kinds::{
        contact_list::{Contact, contact_of, forget_contact},
        table::rows::{Row, delete_row, rows_of, strip_row},
    },
};
use model::{Address, Tags};
use serde_json::{Value, json};

use crate::{
    args::{self, Asked},
    exit::{Done, Failure, Kind},
    project::Project,
    render::count,
    screen::Screen,
    session::Session,
    verbs::{apply::confirm, noted::noted, secret},
};

/// The longest address that a mail server takes (RFC 5321).
const LONGEST: usize = 254;

/// Tables that know people by their address: by the partition key, or by the key of an index.
const KNOWN_BY: &[(&Table, Option<&str>, &str)] = &[
    (&table::EVENTS, Some("by_recipient"), "recipient"),
    (&table::RECIPIENTS, Some("by_recipient"), "recipient"),
    (&table::TRACKING, Some("EmailIndex"), "email"),
    (&table::TRACKING, Some("email-event-index"), "recipient"),
    (&table::EQUITY_RECIPIENTS, None, "email"),
    (&table::AUDIT, None, "contact"),
    (&table::SUPPRESSION, None, "email"),
    (&table::CONTACTS, None, "email"),
];

/// What records of changes say of a person beside the change itself.
const PERSONAL: [&str; 2] = ["ip", "detection"];

/// Why an opt-out stays.
const OPTED_OUT: &str =
    "the person wants no mail: without it mail would be sent again (GDPR Art. 17(3)(b), 21(3))";
const SUPPRESSED: &str =
    "mail bounced or was complained about: without it mail would be sent again (GDPR Art. 17(3)(b))";
const RECORDED: &str =
    "proves when mail was wanted and when not, without IP address and words (GDPR Art. 7(1), 17(3)(e))";

/// Where rows are, and how they are found.
struct Source {
    at: Place,
    table: &'static Table,
    index: Option<&'static str>,
    attribute: &'static str,
}

impl Source {
    fn keys(&self) -> Vec<&'static str> {
        [Some(self.table.hash.name), self.table.range.map(|range| range.name)].into_iter().flatten().collect()
    }
}

/// What a stage keeps about one person.
struct Kept {
    rows: Vec<(Source, Vec<Row>)>,
    list: Place,
    /// As the contact list spells the address.
    contacts: Vec<(String, Contact)>,
}

pub(crate) async fn run(project: &Project, screen: &Screen, args: args::Person) -> Result<Done, Failure> {
    let session = Session::without_code(project, &args.stage.stage)?;
    let sources = sources(&session)?;
    let connected = session.connect(&args.stage).await?;
    let address = address(screen, &args).await?;
    if args.what == Asked::Show {
        let kept = look(&connected.reading(), sources, list(&connected.session)?, &address).await?;
        screen.data(&if args.json { pretty(&kept.json(&args.stage.stage)) } else { kept.text() });
        return Ok(Done::Nothing);
    }
    if !args.yes {
        confirm(screen, &args.stage.stage, "erase what is kept about this person").await?;
    }
    let list = list(&connected.session)?;
    let erased = noted(&connected, screen, "person erase", "", async |aws| {
        let kept = look(aws.reader(), sources, list, &address).await?;
        erase(&aws, &kept, &address).await
    })
    .await?;
    screen.data(&if args.json { pretty(&erased.json(&args.stage.stage)) } else { erased.text() });
    match erased.overtaken {
        false => Ok(Done::Nothing),
        true => Err(Failure::new(Kind::Partly, "the person made a choice meanwhile, which was kept")
            .hint("run it again")),
    }
}

fn place(session: &Session, stack: &str, kind: &str, name: &str) -> Result<Place, Failure> {
    let address = Address::new(stack, kind, name).map_err(|error| Failure::error(error.to_string()))?;
    let found = session.declared().into_iter().find(|one| one.address == address);
    let found = found.ok_or_else(|| Failure::error(format!("{} declares no {address}", session.stage)))?;
    Ok(Place { address, physical: found.physical, tags: Tags::new() })
}

fn sources(session: &Session) -> Result<Vec<Source>, Failure> {
    let source = |(table, index, attribute): &(&'static Table, Option<&'static str>, &'static str)| {
        let at = place(session, table.stack, "table", table.name)?;
        Ok(Source { at, table, index: *index, attribute })
    };
    KNOWN_BY.iter().map(source).collect()
}

fn list(session: &Session) -> Result<Place, Failure> {
    place(session, CONTACT_LIST.0, "contact list", CONTACT_LIST.1)
}

/// The address in the one spelling that rows have.
async fn address(screen: &Screen, args: &args::Person) -> Result<String, Failure> {
    let asks = screen.can_ask();
    let read = tokio::task::spawn_blocking(move || secret::read(asks, "address: "));
    let text = read.await.map_err(|error| Failure::error(error.to_string()))?;
    let text = text.map_err(|error| Failure::error(format!("the address cannot be read: {error}")))?;
    let address = text.trim().to_lowercase();
    let parts = address.rsplit_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty());
    let strange = |one: char| one.is_control() || one.is_whitespace();
    if !parts || address.len() > LONGEST || address.contains(strange) {
        let what = if args.what == Asked::Show { "show" } else { "erase" };
        return Err(Failure::error("that is no address, and nothing was looked for")
            .hint(format!("one address, and nothing else: dn person {} {what} < FILE", args.stage.stage)));
    }
    Ok(address)
}

async fn look(aws: &Reader, sources: Vec<Source>, list: Place, address: &str) -> Result<Kept, Failure> {
    let mut rows = Vec::new();
    let mut spellings = vec![address.to_owned()];
    for source in sources {
        let found = rows_of(aws, &source.at, source.index, source.attribute, address).await?;
        spellings.extend(found.iter().filter_map(|row| row.text("listedAs").map(str::to_owned)));
        rows.push((source, found));
    }
    let mut contacts = Vec::new();
    for spelling in spellings {
        if let Some(contact) = contact_of(aws, &list, &spelling).await? {
            contacts.push((spelling, contact));
        }
    }
    Ok(Kept { rows, list, contacts })
}

/// What was done.
#[derive(Default)]
struct Erased {
    /// By place.
    erased: BTreeMap<String, usize>,
    /// By place, with why.
    kept: BTreeMap<String, (usize, &'static str)>,
    overtaken: bool,
}

impl Erased {
    fn erased(&mut self, at: &Place) {
        *self.erased.entry(at.address.to_string()).or_default() += 1;
    }

    fn kept(&mut self, at: &Place, why: &'static str) {
        self.kept.entry(at.address.to_string()).or_insert((0, why)).0 += 1;
    }
}

/// Erases all but what keeps an opt-out; what was cut off goes on with the next run. What says that mail is not wanted
/// is never deleted, not even for a moment.
async fn erase(aws: &Writer, kept: &Kept, address: &str) -> Result<Erased, Failure> {
    let mut done = Erased::default();
    let mirror = kept.rows.iter().filter(|(source, _)| source.table.name == table::CONTACTS.name);
    let out =
        mirror.flat_map(|(_, rows)| rows).any(opted_out) || kept.contacts.iter().any(|one| one.1.opted_out());
    for (spelling, _) in &kept.contacts {
        if out {
            done.kept(&kept.list, OPTED_OUT);
        } else {
            forget_contact(aws, &kept.list, spelling).await?;
            done.erased(&kept.list);
        }
    }
    for (source, rows) in &kept.rows {
        let (at, keys) = (&source.at, source.keys());
        for row in rows {
            if source.table.name == table::AUDIT.name {
                let personal: Vec<&str> = PERSONAL.into_iter().filter(|name| row.has(name)).collect();
                if !personal.is_empty() {
                    strip_row(aws, at, &keys, row, &personal).await?;
                }
                done.kept(at, RECORDED);
            } else if source.table.name == table::SUPPRESSION.name {
                done.kept(at, SUPPRESSED);
            } else if source.table.name == table::CONTACTS.name {
                if out {
                    done.kept(at, OPTED_OUT);
                } else if delete_row(aws, at, &keys, row, Some("version")).await? {
                    done.erased(at);
                } else {
                    done.overtaken = true;
                }
            } else {
                if source.table.name == table::EVENTS.name {
                    // That the person was counted for a message is in no index: its key holds the address.
                    for kind in EventType::ALL {
                        let marker = row.with("event", format!("counted#{}#{address}", kind.name()));
                        delete_row(aws, at, &keys, &marker, None).await?;
                    }
                }
                delete_row(aws, at, &keys, row, None).await?;
                done.erased(at);
            }
        }
    }
    Ok(done)
}

/// Whether a row of the mirror says that mail of any sort is not wanted.
fn opted_out(row: &Row) -> bool {
    let row = row.json();
    let out = |said: &Value| said["status"] == "OPT_OUT";
    out(&row["everything"]) || row["topics"].as_object().is_some_and(|topics| topics.values().any(out))
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

impl Kept {
    /// By place; a row that two indexes find is there once.
    fn by_place(&self) -> BTreeMap<String, Vec<Value>> {
        let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let contacts = self.contacts.iter().map(|(_, contact)| (&self.list, contact.json()));
        let rows =
            self.rows.iter().flat_map(|(source, rows)| rows.iter().map(|row| (&source.at, row.json())));
        for (at, row) in rows.chain(contacts) {
            let known = all.entry(at.address.to_string()).or_default();
            if !known.contains(&row) {
                known.push(row);
            }
        }
        all
    }

    fn json(&self, stage: &str) -> Value {
        json!({ "stage": stage, "kept": self.by_place() })
    }

    fn text(&self) -> String {
        let all = self.by_place();
        if all.is_empty() {
            return "nothing is kept about this person\n".to_owned();
        }
        let rows = |(at, rows): (&String, &Vec<Value>)| {
            let lines: Vec<String> = rows.iter().map(|row| format!("  {row}\n")).collect();
            format!("{at}: {}\n{}", count(rows.len(), "row"), lines.concat())
        };
        all.iter().map(rows).collect()
    }
}

impl Erased {
    fn json(&self, stage: &str) -> Value {
        let kept = self.kept.iter().map(|(at, (rows, why))| json!({ "where": at, "rows": rows, "why": why }));
        json!({ "stage": stage, "erased": self.erased, "kept": kept.collect::<Vec<_>>() })
    }

    fn text(&self) -> String {
        if self.erased.is_empty() && self.kept.is_empty() {
            return "nothing is kept about this person\n".to_owned();
        }
        let erased = self.erased.iter().map(|(at, rows)| format!("erased  {at}: {}\n", count(*rows, "row")));
        let kept = self.kept.iter();
        let kept =
            kept.map(|(at, (rows, why))| format!("kept    {at}: {}\n        {why}\n", count(*rows, "row")));
        erased.chain(kept).collect()
    }
}
