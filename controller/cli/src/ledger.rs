//! The journal as a file: `.dn/STAGE/journal.jsonl`.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Seek, SeekFrom, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

use engine::{Ledger, Recorder};
use model::journal::Journal;

use crate::exit::{Failure, Kind};

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
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Journal::default()),
        Err(error) => return Err(Failure::file(&path, &error)),
    };
    parse(&path, &text).map(|(journal, _)| journal)
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
