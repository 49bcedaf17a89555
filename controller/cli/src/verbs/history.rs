//! `dn history`: who applied what, when, and how it ended.

use crate::{
    args,
    exit::{Done, Failure},
    ledger,
    project::Project,
    render,
    screen::Screen,
};

pub(crate) fn run(project: &Project, screen: &Screen, args: &args::History) -> Result<Done, Failure> {
    project.environment(&args.stage)?;
    let journal = ledger::read(&project.state(&args.stage))?;
    let runs = journal.runs();
    screen.data(&if args.json {
        render::history_json(runs)
    } else {
        render::history_text(runs, &screen.style())
    });
    Ok(Done::Nothing)
}
