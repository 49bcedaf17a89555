//! `dn apply`: plan, show, ask, execute; with a file exactly that plan.

use std::{collections::BTreeMap, fs, io, path::Path};

use engine::settle;
use model::{
    Action, Address, Expects, Plan, Selection, Snapshot,
    journal::{Ending, Journal, Status},
};

use crate::{
    args,
    choice::select,
    declared,
    exit::{Done, Failure, Kind},
    ledger,
    progress::News,
    project::Project,
    render,
    screen::Screen,
    session::{Connected, Session},
    verbs::{noted::noted, plan, run},
};

pub(crate) async fn run(project: &Project, screen: &Screen, args: args::Apply) -> Result<Done, Failure> {
    let session = Session::open(project, &args.stage.stage)?;
    session.within_quotas()?;
    let selection = select(&args.choice, &session.declared())?;
    let file = args.file.as_deref().map(|path| read(path, &session)).transpose()?;
    let connected = session.connect(&args.stage).await?;
    let doubts = go_on_after_doubts(&connected, screen).await?;
    let (made, observation) = plan::make(&connected, &selection).await?;
    tell_of_doubts(&doubts, &observation.snapshot, &made, screen);
    let journal = ledger::read(&connected.session.state)?;
    let begun = file.as_ref().map(|saved| journal.earlier(&run::plan_digest(saved))).unwrap_or_default();
    let (planned, origin) = match file {
        Some(saved) => {
            let moved = moved(&saved, &observation.snapshot, &begun);
            if !moved.is_empty() {
                return Err(applied_before(&saved, &journal).unwrap_or_else(|| stale(&moved)));
            }
            (saved, run::Origin::File)
        }
        None => (made, run::Origin::Fresh),
    };
    screen.data(&render::plan_text(&planned, &screen.style()));
    if planned.blocks().next().is_some() {
        return Err(plan::blocked(&planned));
    }
    if planned.is_empty() {
        // A run that was cut off after its last step had nothing left to do: that is known now.
        let whole = selection.targets.is_empty() && selection.excluded.is_empty();
        if whole && journal.unfinished().is_some() {
            noted(&connected, screen, "apply", &run::plan_digest(&planned), async |_| Ok(())).await?;
        }
        declared::leave(&connected, &selection).await?;
        return Ok(Done::Nothing);
    }
    if !args.yes {
        confirm(screen, &planned.stage, "apply this plan").await?;
        // A person took their time: look again before the first write.
        let (_, now) = plan::make(&connected, &selection).await?;
        let moved = moved(&planned, &now.snapshot, &begun);
        if !moved.is_empty() {
            return Err(stale(&moved));
        }
    }
    let done = run::execute(&connected, screen, &planned, "apply", origin).await?;
    declared::leave(&connected, &selection).await?;
    Ok(done)
}

/// What an interrupted run of a plan file began.
type Begun = BTreeMap<(Address, Action), Status>;

/// Reads a plan file and checks that it is for this stage and these declarations.
fn read(path: &Path, session: &Session) -> Result<Plan, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
    let plan = render::read_plan(&text).map_err(|error| {
        Failure::error(format!("{}: {error}", path.display()))
            .hint("write it with `dn plan STAGE --out FILE`")
    })?;
    let target = session.target();
    if (&plan.stage, &plan.account, &plan.region) != (&target.stage, &target.account, &target.region) {
        let text = format!(
            "{} is a plan for {} ({} {}), not for {}",
            path.display(),
            plan.stage,
            plan.account,
            plan.region,
            target.stage
        );
        let hint = format!("plan for it with `dn plan {} --out FILE`", target.stage);
        return Err(Failure::new(Kind::Blocked, text).hint(hint));
    }
    if plan.spec_hash != model::plan::spec_hash(&session.declared()) {
        let text = format!("{} was made from other declarations than these", path.display());
        return Err(
            Failure::new(Kind::Stale, text).hint("plan again, or check out the revision it was made from")
        );
    }
    Ok(plan)
}

/// The planned resources that are not what the plan saw, with what was found instead.
fn moved(plan: &Plan, seen: &Snapshot, begun: &Begun) -> Vec<String> {
    let mut moved = Vec::new();
    for step in &plan.steps {
        // Replaced ones are judged by their delete step; what an interrupted run of this plan began is ours.
        if step.action == Action::Replace || begun.contains_key(&(step.address.clone(), step.action)) {
            continue;
        }
        let orphan =
            || seen.orphans.iter().find(|(at, one)| *at == step.address && one.physical == step.physical);
        let same_name = seen.found.get(&step.address).filter(|one| one.physical == step.physical);
        let now = same_name.or_else(|| orphan().map(|(_, one)| one));
        let text = match (&step.expects, now) {
            (Expects::Absent, None) => continue,
            (Expects::Live { fingerprint, .. }, Some(now)) if *fingerprint == now.fingerprint() => continue,
            (Expects::Absent, Some(_)) => "exists by now",
            (Expects::Live { .. }, None) => "is gone",
            (Expects::Live { .. }, Some(_)) => "was changed",
        };
        moved.push(format!("{} {text}", step.address));
    }
    moved
}

/// A plan file whose work was done once: what is there is no longer what it saw.
fn applied_before(plan: &Plan, journal: &Journal) -> Option<Failure> {
    let digest = run::plan_digest(plan);
    let mut runs = journal.runs().iter().rev();
    let run = runs.find(|run| run.plan == digest && run.how == Some(Ending::Done))?;
    let when = render::instant(run.begun_ms);
    let text = format!("{} applied this plan already, at {when}: nothing was changed now", run.who);
    Some(Failure::new(Kind::Stale, text).hint("plan again to see whether anything is left to do"))
}

fn stale(moved: &[String]) -> Failure {
    let text = format!("the plan is stale, and nothing was changed: {}", moved.join(", "));
    Failure::new(Kind::Stale, text).hint("plan again, look, and apply that")
}

/// Says what the last run left open, and waits until AWS shows what it made.
pub(crate) async fn go_on_after_doubts(
    connected: &Connected,
    screen: &Screen,
) -> Result<Vec<(Address, Action)>, Failure> {
    ledger::refresh(connected, screen).await?;
    let journal = ledger::read(&connected.session.state)?;
    let doubts: Vec<(Address, Action)> =
        journal.in_doubt().map(|(address, action)| (address.clone(), action)).collect();
    for (address, action) in &doubts {
        let word = format!("{action:?}").to_lowercase();
        screen.remark(&format!(
            "the last run was cut off during the {word} of {address}: looking what became of it"
        ));
    }
    let news = News::observing();
    settle(&journal, connected.session.clock.as_ref(), &news).await;
    news.clear();
    Ok(doubts)
}

/// Says what was found of each.
pub(crate) fn tell_of_doubts(doubts: &[(Address, Action)], seen: &Snapshot, plan: &Plan, screen: &Screen) {
    for (address, action) in doubts {
        let there = seen.found.contains_key(address) || seen.orphans.iter().any(|(at, _)| at == address);
        let left = plan.steps.iter().any(|step| step.address == *address);
        let what = match (action, there, left) {
            (Action::Delete, true, _) => "it is still there",
            (Action::Delete, false, _) | (Action::Update, false, _) => "it is gone",
            (Action::Create | Action::Replace, false, _) => "it was not made",
            (Action::Create | Action::Replace, true, true) => "it was made, and not all of it",
            (Action::Create | Action::Replace, true, false) => "it was made, and nothing is missing",
            (Action::Update, true, true) => "it was not changed, or not all of it",
            (Action::Update, true, false) => "it was changed, and nothing is missing",
        };
        screen.remark(&format!("  {address}: {what}"));
    }
}

/// Asks for the stage's name; anything else is a no.
pub(crate) async fn confirm(screen: &Screen, stage: &str, what: &str) -> Result<(), Failure> {
    if !screen.can_ask() {
        return Err(Failure::new(Kind::Blocked, format!("nobody is there to confirm: {what}?"))
            .hint("look at the plan, then repeat with --yes"));
    }
    screen.remark(&format!("To {what}, type the name of the stage ({stage}); anything else stops."));
    let line = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    });
    let line = line.await.map_err(|error| Failure::error(error.to_string()))?;
    let line = line.map_err(|error| Failure::error(format!("the answer cannot be read: {error}")))?;
    if line.trim() == stage {
        return Ok(());
    }
    Err(Failure::new(Kind::Blocked, "not confirmed, and nothing was changed"))
}

/// Selects everything for destruction but what is excluded.
pub(crate) fn destruction(selection: Selection) -> Selection {
    Selection { destroy: true, ..selection }
}
