//! The key that links are signed with.

use contract::signing::{KEY_GROUP, SECRET, SigningKey};
use kinds::{
    Place,
    kinds::{
        key_group::rotation::{Attempt, KeyMaker, NewKey, Seen, Site, act, look},
        secret::SecretText,
    },
};
use model::{Address, Fault, Tags};
use rotation::{Next, Rules, Step, Wish, next};
use signing::{Algorithm, Pair};

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

const RULES: Rules = Rules::SAFE;

pub(crate) async fn run(project: &Project, screen: &Screen, args: args::Rotate) -> Result<Done, Failure> {
    if args.overlap.is_some() || args.retire_used || args.bring_back {
        return Err(Failure::error("--overlap, --retire-used and --bring-back are for API keys"));
    }
    let session = Session::open(project, &args.stage.stage)?;
    let site = site(&session)?;
    let connected = session.connect(&args.stage).await?;
    let wish = Wish { early: args.early };
    let (seen, found) = observe(&connected, &site, wish).await?;
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
    let done = locked(&connected, screen, &site, wish, step, args.algorithm).await?;
    // A person who repeats `--early` for each step would begin a rotation after the other.
    let (seen, after) = observe(&connected, &site, Wish::default()).await?;
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

/// Where key group and secret are, as declared.
fn site(session: &Session) -> Result<Site, Failure> {
    let declared = session.declared();
    let place = |stack: &str, kind: &str, name: &str| {
        let address = Address::new(stack, kind, name).map_err(|error| Failure::error(error.to_string()))?;
        let found = declared.iter().find(|one| one.address == address).ok_or_else(|| {
            Failure::error(format!("{} declares no {address}", session.stage))
                .hint("a group needs a key to begin with: reports.signing_keys in the environment")
        })?;
        Ok::<_, Failure>(Place { address, physical: found.physical.clone(), tags: Tags::new() })
    };
    let (stack, name) = KEY_GROUP;
    Ok(Site { group: place(stack, "key group", name)?, secret: place(SECRET.stack, "secret", SECRET.name)? })
}

async fn observe(connected: &Connected, site: &Site, wish: Wish) -> Result<(Seen, Next), Fault> {
    let seen = look(&connected.reading(), site, connected.session.clock.now_ms()).await?;
    let next = next(&seen.observed, &RULES, wish);
    Ok((seen, next))
}

/// Makes the step under the lock of the stage, after another look: somebody may have been at it before the lock was
/// ours. The rules hold without a lock: it spares two operators a lost race.
async fn locked(
    connected: &Connected,
    screen: &Screen,
    site: &Site,
    wish: Wish,
    step: &Step,
    algorithm: SigningAlgorithm,
) -> Result<Step, Failure> {
    let verb = format!("rotate signing-key ({})", step.name());
    noted(connected, screen, &verb, "", async |aws| {
        let (seen, now) = observe(connected, site, wish).await?;
        let Next::Do(found) = now else { return Err(overtaken()) };
        if found.name() != step.name() {
            return Err(overtaken());
        }
        let maker = Maker(algorithm);
        act(&aws, &Attempt { site, seen: &seen, rules: &RULES, maker: &maker }, &found).await?;
        Ok(found)
    })
    .await
}

/// Makes pairs in this process: the private half goes into the document, and nowhere else.
struct Maker(SigningAlgorithm);

struct Made(Pair);

fn document(key: &SigningKey) -> SecretText {
    // Two strings always become JSON.
    SecretText::new(serde_json::to_string(key).unwrap_or_default())
}

impl KeyMaker for Maker {
    fn none(&self) -> SecretText {
        document(&SigningKey::none())
    }

    fn make(&self) -> Result<Box<dyn NewKey>, String> {
        let algorithm = match self.0 {
            SigningAlgorithm::Ecdsa => Algorithm::Ecdsa,
            SigningAlgorithm::Rsa => Algorithm::Rsa,
        };
        let pair = Pair::generate(algorithm).map_err(|error| error.to_string())?;
        Ok(Box::new(Made(pair)))
    }
}

impl NewKey for Made {
    fn public_pem(&self) -> String {
        self.0.public_pem()
    }

    fn document(&self, key_id: &str) -> SecretText {
        document(&self.0.document(key_id))
    }
}
