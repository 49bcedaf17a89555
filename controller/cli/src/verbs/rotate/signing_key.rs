//! The key that links are signed with.

use contract::signing::KEY_GROUP;
use keeper::signing_key::{Algorithm, Made, Task, make, observe, site};
use kinds::kinds::key_group::rotation::{Seen, Site};
use rotation::{Next, Rules, Step, Wish};

use super::overtaken;
use crate::{
    args::{self, SigningAlgorithm},
    exit::{Done, Failure, Kind},
    project::Project,
    render::{Rotation, rotation_json, rotation_text},
    screen::Screen,
    session::{Connected, Session},
    verbs::{apply::confirm, noted::noted},
};

pub(crate) async fn run(project: &Project, screen: &Screen, args: args::Rotate) -> Result<Done, Failure> {
    if args.overlap.is_some() || args.retire_used || args.bring_back {
        return Err(Failure::error("--overlap, --retire-used and --bring-back are for API keys"));
    }
    let session = Session::without_code(project, &args.stage.stage)?;
    let rules = Rules::SAFE.due_after(session.rotation().every_days);
    let mut task = Task { site: declared(&session)?, rules, wish: Wish { early: args.early } };
    let connected = session.connect(&args.stage).await?;
    let now_ms = || connected.session.clock.now_ms();
    let (seen, found) = observe(&connected.reading(), &task, now_ms()).await?;
    let Next::Do(step) = &found else {
        tell(screen, &args, &seen, None, &found);
        return match found {
            Next::Stuck(stuck) => Err(Failure::new(Kind::Blocked, stuck.to_string()).hint(stuck.hint())),
            _ => Ok(Done::Nothing),
        };
    };
    if args.status {
        tell(screen, &args, &seen, None, &found);
        return Ok(Done::Changes);
    }
    if !args.yes {
        tell(screen, &args, &seen, None, &found);
        confirm(screen, &args.stage.stage, "make this step").await?;
    }
    let done = locked(&connected, screen, &task, step, args.algorithm).await?;
    // A person who repeats `--early` for each step would begin a rotation after the other.
    task.wish = Wish::default();
    let (seen, after) = observe(&connected.reading(), &task, now_ms()).await?;
    tell(screen, &args, &seen, Some(&done), &after);
    Ok(Done::Nothing)
}

fn tell(screen: &Screen, args: &args::Rotate, seen: &Seen, done: Option<&Step>, next: &Next) {
    let (stage, observed) = (args.stage.stage.as_str(), &seen.observed);
    let told = Rotation { stage, subject: "signing-key", observed, done, next };
    match args.json {
        true => screen.data(&rotation_json(&told)),
        false => screen.data(&rotation_text(&told, &screen.style())),
    }
}

/// Where key group and secret are, which must be declared.
fn declared(session: &Session) -> Result<Site, Failure> {
    let site = site(&session.scope).map_err(|error| Failure::error(error.to_string()))?;
    let (stack, name) = KEY_GROUP;
    if !session.declared().iter().any(|one| one.address == site.group.address) {
        return Err(Failure::error(format!("{} declares no {stack}/key group/{name}", session.stage))
            .hint("a group needs a key to begin with: reports.signing_keys in the environment"));
    }
    Ok(site)
}

/// Makes the step under the lock of the stage.
async fn locked(
    connected: &Connected,
    screen: &Screen,
    task: &Task,
    step: &Step,
    algorithm: SigningAlgorithm,
) -> Result<Step, Failure> {
    let algorithm = match algorithm {
        SigningAlgorithm::Ecdsa => Algorithm::Ecdsa,
        SigningAlgorithm::Rsa => Algorithm::Rsa,
    };
    let verb = format!("rotate signing-key ({})", step.name());
    noted(connected, screen, &verb, "", async |aws| {
        let now_ms = connected.session.clock.now_ms();
        match make(&aws, task, now_ms, step, algorithm).await? {
            Made::Done(step) => Ok(step),
            Made::Overtaken => Err(overtaken()),
        }
    })
    .await
}
