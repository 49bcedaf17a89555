//! `dn unlock`: breaks the lock of a run that is gone.

use engine::{LockStore, lock};
use keeper::control::ControlLock;

use crate::{
    args,
    exit::{Done, Failure, Kind},
    project::Project,
    render,
    screen::Screen,
    session::Session,
};

pub(crate) async fn run(project: &Project, screen: &Screen, args: args::Unlock) -> Result<Done, Failure> {
    let connected = Session::without_code(project, &args.stage.stage)?.connect(&args.stage).await?;
    let store = ControlLock::new(connected.lock_writer(), &stacks::control_bucket());
    let Some(note) = lock::holder(&store).await? else {
        screen.remark(&format!("{} is not locked", args.stage.stage));
        return Ok(Done::Nothing);
    };
    if note.owner != args.owner {
        let text = format!("the lock belongs to {}, since {}", note.owner, render::instant(note.since_ms));
        return Err(
            Failure::new(Kind::Blocked, text).hint("make sure that this run is gone, then name its owner")
        );
    }
    store.remove().await?;
    screen.remark(&format!("the lock of {} is broken", note.owner));
    Ok(Done::Nothing)
}
