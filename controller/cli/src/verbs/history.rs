//! `dn history`: who applied what, when, from which revision, and how it ended.

use crate::{
    args::{self, Stage, Weather},
    exit::{Done, Failure, Kind},
    ledger,
    project::Project,
    render,
    screen::Screen,
    session::Session,
};

pub(crate) async fn run(project: &Project, screen: &Screen, args: &args::History) -> Result<Done, Failure> {
    let options =
        Stage { stage: args.stage.clone(), weather: Weather::Calm, trouble: Vec::new(), later: None };
    let session = Session::without_code(project, &args.stage)?;
    let state = session.state.clone();
    match session.connect(&options).await {
        Ok(connected) => {
            ledger::verify(&connected).await?;
            ledger::refresh(&connected, screen).await?;
        }
        Err(failure) if failure.kind == Kind::Blocked => return Err(failure),
        // Without credentials there is still what this machine knows.
        Err(failure) => screen.remark(&format!("only what this machine knows: {}", failure.message)),
    }
    let journal = ledger::read(&state)?;
    let runs = journal.runs();
    screen.data(&if args.json {
        render::history_json(runs)
    } else {
        render::history_text(runs, &screen.style())
    });
    Ok(Done::Nothing)
}
