//! A key that callers of an API send.

use kinds::{
    Place, Resource,
    kinds::{
        api_key::{
            ApiKey,
            rotation::{Seen, Site, act, look},
        },
        usage_plan::UsagePlan,
    },
};
use model::{Declared, Fault, Tags};
use rotation::api_key::{Next, Rules, Step, Wish, next};

use super::overtaken;
use crate::{
    args,
    exit::{Done, Failure, Kind},
    project::Project,
    render::{KeyRotation, key_rotation_json, key_rotation_text, used},
    screen::Screen,
    session::{Connected, Session},
    verbs::{apply::confirm, noted::noted},
};

/// What a run is about, and how careful it is.
struct Task {
    site: Site,
    rules: Rules,
    wish: Wish,
}

pub(crate) async fn run(
    project: &Project,
    screen: &Screen,
    args: &args::Rotate,
    name: &str,
) -> Result<Done, Failure> {
    let session = Session::open(project, &args.stage.stage)?;
    let (early, retire_used, bring_back) = (args.early, args.retire_used, args.bring_back);
    let wish = Wish { early, retire_used, bring_back };
    let mut task = Task { site: site(&session, name)?, rules: rules(&session, args), wish };
    let connected = session.connect(&args.stage).await?;
    let (seen, found) = observe(&connected, &task).await?;
    let Next::Do(step) = &found else {
        tell(screen, args, &task, &seen, None, &found);
        return ended(&found);
    };
    if args.status {
        tell(screen, args, &task, &seen, None, &found);
        return Ok(Done::Changes);
    }
    if !args.yes {
        tell(screen, args, &task, &seen, None, &found);
        confirm(screen, &args.stage.stage, "make this step").await?;
    }
    let done = locked(&connected, screen, &task, step).await?;
    // A person who repeats the flags for each step would begin a rotation after the other.
    task.wish = Wish::default();
    let (seen, after) = observe(&connected, &task).await?;
    tell(screen, args, &task, &seen, Some(&done), &after);
    Ok(Done::Nothing)
}

/// How a run ends that has no step to make.
fn ended(found: &Next) -> Result<Done, Failure> {
    match found {
        Next::Stuck(stuck) => Err(Failure::new(Kind::Blocked, stuck.to_string()).hint(stuck.hint())),
        Next::Used { .. } => Err(Failure::new(Kind::Blocked, used(found))
            .hint("the access log of the API tells where from; --retire-used disables it all the same")),
        _ => Ok(Done::Nothing),
    }
}

fn tell(screen: &Screen, args: &args::Rotate, task: &Task, seen: &Seen, done: Option<&Step>, next: &Next) {
    let (stage, name) = (args.stage.stage.as_str(), task.site.key.address.name());
    let told = KeyRotation { stage, name, observed: &seen.observed, done, next };
    match args.json {
        true => screen.data(&key_rotation_json(&told)),
        false => screen.data(&key_rotation_text(&told, &screen.style())),
    }
}

fn rules(session: &Session, args: &args::Rotate) -> Rules {
    let keys = &session.rotation().api_keys;
    let rules = Rules::of_days(keys.every_days, keys.overlap_days, keys.disabled_days);
    match args.overlap {
        Some(overlap) => rules.overlapping(i64::try_from(overlap.as_secs()).unwrap_or(i64::MAX / 2)),
        None => rules,
    }
}

/// The declared key of this name or address, and the usage plan that names it.
fn site(session: &Session, name: &str) -> Result<Site, Failure> {
    let declared = session.declared();
    let keys = || declared.iter().filter(|one| one.address.kind() == ApiKey::KIND);
    let names: Vec<String> = keys().map(|one| one.address.to_string()).collect();
    let is_meant = |one: &&Declared| one.address.name() == name || one.address.to_string() == name;
    let mut meant = keys().filter(is_meant);
    let key = match (meant.next(), meant.next()) {
        (Some(key), None) => key,
        (Some(_), Some(_)) => {
            return Err(Failure::error(format!("several API keys are called {name}"))
                .hint("name it by its whole address"));
        }
        (None, _) => {
            return Err(Failure::error(format!("no API key is called {name}"))
                .hint(format!("API keys of this stage: {}", names.join(", "))));
        }
    };
    let plan = declared
        .iter()
        .find(|one| one.address.kind() == UsagePlan::KIND && one.fields.references().contains(&key.address));
    let plan = plan.ok_or_else(|| {
        Failure::new(Kind::Blocked, format!("no usage plan lets {} in", key.address))
            .hint("a key does nothing without one: declare it first")
    })?;
    let place = |one: &Declared| Place {
        address: one.address.clone(),
        physical: one.physical.clone(),
        tags: Tags::new(),
    };
    Ok(Site { key: place(key), plan: place(plan) })
}

async fn observe(connected: &Connected, task: &Task) -> Result<(Seen, Next), Fault> {
    let seen = look(&connected.reading(), &task.site, connected.session.clock.now_ms()).await?;
    let next = next(&seen.observed, &task.rules, task.wish);
    Ok((seen, next))
}

/// Makes the step under the lock of the stage, after another look: whoever held the lock before may have made it, and
/// nothing else keeps two from making a key each.
async fn locked(connected: &Connected, screen: &Screen, task: &Task, step: &Step) -> Result<Step, Failure> {
    let verb = format!("rotate api-key {} ({})", task.site.key.address.name(), step.name());
    noted(connected, screen, &verb, "", async |aws| {
        let (seen, now) = observe(connected, task).await?;
        let Next::Do(found) = now else { return Err(overtaken()) };
        if found.name() != step.name() {
            return Err(overtaken());
        }
        act(&aws, &task.site, &seen, &task.rules, &found).await?;
        Ok(found)
    })
    .await
}
