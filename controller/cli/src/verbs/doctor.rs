//! `dn doctor`: everything that an apply needs, checked one by one.

use std::{collections::BTreeMap, fs};

use engine::{Observation, lock};
use keeper::control::ControlLock;
use model::Selection;

use crate::{
    args,
    choice::{self, excluded},
    exit::{Done, Failure},
    ledger,
    project::Project,
    render::{self, count},
    screen::Screen,
    session::Session,
};

/// One answered question.
struct Check {
    good: bool,
    text: String,
    /// Only says how many of the lines that follow are of one sort.
    sums_up: bool,
}

pub(crate) async fn run(project: &Project, screen: &Screen, args: args::Doctor) -> Result<Done, Failure> {
    let stage = args.stage.stage.clone();
    let session = Session::open(project, &stage)?;
    let skipped = excluded(&args.exclude, &session.declared())?;
    let mut checks = vec![good(format!(
        "environments/{stage}.yaml declares {}",
        count(session.declared().len(), "resource")
    ))];
    checks.push(writable(&session));
    let local = journal(&session);
    let connected = session.connect(&args.stage).await?;
    checks.push(match ledger::verify(&connected).await {
        Ok(()) => local,
        Err(failure) => bad(failure.message),
    });
    checks.push(good(format!(
        "credentials of {} reach account {}",
        connected.caller, connected.session.scope.account
    )));
    let store = ControlLock::new(connected.lock_writer(), &stacks::control_bucket());
    checks.push(match lock::holder(&store).await? {
        None => good("nobody holds the lock".to_owned()),
        Some(note) => bad(format!("{} holds the lock since {}", note.owner, render::instant(note.since_ms))),
    });
    let observed = connected.observe(&skipped).await;
    match observed {
        Err(faults) => checks.extend(faults.iter().map(|fault| bad(fault.to_string()))),
        Ok(observed) => {
            choice::known(&Selection { excluded: skipped, ..Selection::default() }, &observed)?;
            checks.push(good(format!("{} can be read", count(observed.snapshot.found.len(), "resource"))));
            checks.extend(afterwards(&observed));
            let findings: BTreeMap<_, _> =
                observed.snapshot.found.iter().filter(|(_, found)| !found.findings.is_empty()).collect();
            for (address, found) in findings {
                checks.extend(found.findings.iter().map(|finding| bad(format!("{address}: {finding}"))));
            }
        }
    }
    let lines: Vec<String> = checks
        .iter()
        .map(|check| format!("{} {}", if check.good { "ok  " } else { "todo" }, check.text))
        .collect();
    screen.data(&lines.join("\n"));
    let open = checks.iter().filter(|check| !check.good && !check.sums_up).count();
    if open == 0 {
        Ok(Done::Nothing)
    } else {
        Err(Failure::error(format!("{} to do in {stage}", count(open, "thing"))))
    }
}

/// What people do once after an apply, by kind: a line each. What is left to do is told by the resources themselves.
const AFTERWARDS: [(&str, &str, &str); 5] = [
    ("secret", "every secret has a value", "without a value"),
    ("identity", "the DNS records of every mail domain are published", "waiting for DNS records"),
    ("domain name", "DNS leads callers to the domain of the APIs", "waiting for its DNS record"),
    ("mail account", "SES sends to everybody", "in the SES sandbox or stopped"),
    ("subscription", "everybody who is told of alarms has confirmed", "not confirmed"),
];

fn afterwards(observed: &Observation) -> Vec<Check> {
    let check = |(kind, done, open): (&str, &str, &str)| {
        let declared = observed.declared.iter().filter(|one| one.address.kind() == kind);
        let found: Vec<_> = declared.filter_map(|one| observed.snapshot.found.get(&one.address)).collect();
        let left = found.iter().filter(|found| !found.findings.is_empty()).count();
        match (found.len(), left) {
            (0, _) => None,
            (_, 0) => Some(good(done.to_owned())),
            (all, left) => {
                Some(Check { sums_up: true, ..bad(format!("{left} of {} {open}", count(all, kind))) })
            }
        }
    };
    AFTERWARDS.into_iter().filter_map(check).collect()
}

fn good(text: String) -> Check {
    Check { good: true, text, sums_up: false }
}

fn bad(text: String) -> Check {
    Check { good: false, text, sums_up: false }
}

fn writable(session: &Session) -> Check {
    let probe = session.state.join(".probe");
    let tried = fs::create_dir_all(&session.state)
        .and_then(|()| fs::write(&probe, b""))
        .and_then(|()| fs::remove_file(&probe));
    match tried {
        Ok(()) => good(format!("{} can be written", session.state.display())),
        Err(error) => bad(format!("{} cannot be written: {error}", session.state.display())),
    }
}

fn journal(session: &Session) -> Check {
    match ledger::read(&session.state) {
        Err(failure) => bad(failure.message),
        Ok(journal) => match journal.in_doubt().count() {
            0 => good(format!("the journal is whole: {}", count(journal.runs().len(), "run"))),
            open => bad(format!("the last run left {} in doubt: run apply again", count(open, "step"))),
        },
    }
}
