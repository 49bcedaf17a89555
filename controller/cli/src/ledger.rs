//! The journal as a file, `.dn/STAGE/journal.jsonl`, and how it and the one in the control bucket are kept alike.
//!
//! A line is on this disk before anything is done. The bucket gets it when a run begins, every minute, and when it
//! ends; what a run that was cut off left here goes up with the next one. A stage that has no bucket yet has its
//! journal here, and all of it goes up once there is one.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Seek, SeekFrom, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

use engine::{Fetched, Ledger, Recorder, segments};
use keeper::control::ControlJournal;
use model::journal::Journal;

use crate::{
    exit::{Failure, Kind},
    screen::Screen,
    session::Connected,
};

const NAME: &str = "journal.jsonl";

/// Appends whole lines, and reaches the disk before it says so.
struct FileLedger(Mutex<File>);

impl Ledger for FileLedger {
    fn append(&self, line: &str) -> io::Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let end = file.seek(SeekFrom::End(0))?;
        let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_data());
        if written.is_err() {
            // What a full disk took of the line is cut off again, so that the journal stays whole.
            file.set_len(end)?;
        }
        written
    }
}

/// Reads the journal of a stage; an absent one is empty.
pub(crate) fn read(folder: &Path) -> Result<Journal, Failure> {
    let path = folder.join(NAME);
    parse(&path, &text(&path)?).map(|(journal, _)| journal)
}

/// Opens the journal of a stage to go on with it, making folder and file where they are missing.
pub(crate) fn open(folder: &Path) -> Result<Recorder, Failure> {
    let path = folder.join(NAME);
    let failed = |error: io::Error| Failure::file(&path, &error);
    fs::create_dir_all(folder).map_err(failed)?;
    let file =
        OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Failure::error(format!("{} is no regular file", path.display())).hint("move it away"));
    }
    // The stage's lock is kept in its control bucket, which a first run has yet to make.
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(busy(&path)),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    let text = io::read_to_string(&file).map_err(failed)?;
    let (journal, whole) = parse(&path, &text)?;
    // A crash may have cut the last line; the next one must not continue it.
    file.set_len(whole as u64).map_err(failed)?;
    Ok(Recorder::new(journal, Box::new(FileLedger(Mutex::new(file)))))
}

/// Brings this machine's journal up to what the control bucket holds. Returns the number of the first line that the
/// bucket does not hold.
pub(crate) async fn refresh(connected: &Connected, screen: &Screen) -> Result<u64, Failure> {
    let path = connected.session.state.join(NAME);
    let local = text(&path)?;
    // What is wrong with the file is told with its name.
    let (journal, whole) = parse(&path, &local)?;
    let next = journal.last_number() + 1;
    match segments::fetch(&ControlJournal(connected.control()), &local).await? {
        Fetched::NoPlace => Ok(1),
        Fetched::Same => Ok(next),
        Fetched::Ahead(first) => Ok(first),
        Fetched::Behind(more) => {
            let number = next + more.lines().count() as u64;
            rewrite(&path, &(local[..whole].to_owned() + &more))?;
            Ok(number)
        }
        Fetched::Forked(stage) => {
            let aside = path.with_extension(format!("left-{}.jsonl", connected.session.clock.now_ms()));
            fs::rename(&path, &aside).map_err(|error| Failure::file(&aside, &error))?;
            rewrite(&path, &stage)?;
            screen.remark(&format!(
                "others went on with the stage's journal; lines that only this machine had are kept in {}",
                aside.display()
            ));
            Ok(stage.lines().count() as u64 + 1)
        }
    }
}

/// Verifies every line that the control bucket holds, and compares them with this machine's.
pub(crate) async fn verify(connected: &Connected) -> Result<(), Failure> {
    match segments::fetch(&ControlJournal(connected.control()), "").await? {
        Fetched::Behind(_) | Fetched::NoPlace | Fetched::Same => Ok(()),
        other => Err(Failure::error(format!("the journal cannot be verified: {other:?}"))),
    }
}

/// Brings the lines of this machine from `first` on to the control bucket; `false` where there is none.
pub(crate) async fn ship(connected: &Connected, first: u64) -> Result<bool, Failure> {
    let local = text(&connected.session.state.join(NAME))?;
    let whole = local.rfind('\n').map_or(0, |end| end + 1);
    let skipped = usize::try_from(first.saturating_sub(1)).unwrap_or(usize::MAX);
    let lines: String = local[..whole].split_inclusive('\n').skip(skipped).collect();
    let store = ControlJournal(connected.control_with(connected.lock_writer()));
    Ok(segments::ship(&store, first, &lines).await?)
}

fn text(path: &Path) -> Result<String, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Failure::file(path, &error)),
    }
}

/// Whole or not at all; a run on this machine that is writing keeps its file.
fn rewrite(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::file(path, &error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    if let Ok(file) = File::open(path)
        && matches!(file.try_lock(), Err(TryLockError::WouldBlock))
    {
        return Err(busy(path));
    }
    let part = path.with_extension(format!("part-{}", std::process::id()));
    let mut file = File::create(&part).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).map_err(failed)?;
    fs::rename(&part, path).map_err(failed)
}

fn busy(path: &Path) -> Failure {
    let text = format!("another run on this machine is writing {}", path.display());
    Failure::new(Kind::Blocked, text).hint("wait until it ends, then run this again")
}

fn parse(path: &Path, text: &str) -> Result<(Journal, usize), Failure> {
    Journal::replay(text).map_err(|error| {
        Failure::error(format!("{}: {error}", path.display()))
            .hint("somebody edited the audit log; keep a copy, then move it away to begin a new one")
    })
}
