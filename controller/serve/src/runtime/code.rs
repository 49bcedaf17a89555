//! Unpacked artefacts by digest: `CODE/<sha256>/bootstrap`.

use std::{
    fs::{self, File, Permissions},
    io::{self, Cursor, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use sha2::{Digest, Sha256};
use zip::ZipArchive;

/// What Lambda allows unpacked.
const BYTES_MAX: u64 = 250 * 1024 * 1024;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// The digest of a zip in hexadecimal, as folders are named.
#[must_use]
pub fn digest(zip: &[u8]) -> String {
    Sha256::digest(zip).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The folder with the code of `zip` below `root`: unpacked once, whole or not at all, however many processes do it.
///
/// # Errors
/// When it is no zip, holds no `bootstrap`, or cannot be written.
pub fn unpack(root: &Path, zip: &[u8]) -> io::Result<PathBuf> {
    let folder = root.join(digest(zip));
    if folder.join("bootstrap").is_file() {
        return Ok(folder);
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let fresh = folder.with_extension(format!("{}-{number}", process::id()));
    let done = write_all(&fresh, zip).and_then(|()| match fs::rename(&fresh, &folder) {
        // Somebody else was faster.
        Err(_) if folder.join("bootstrap").is_file() => Ok(()),
        done => done,
    });
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    done.map(|()| folder)
}

fn write_all(folder: &Path, zip: &[u8]) -> io::Result<()> {
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(io::Error::other)?;
    fs::create_dir_all(folder)?;
    let mut left = BYTES_MAX;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(io::Error::other)?;
        let Some(name) = entry.enclosed_name() else {
            return Err(io::Error::other("a name in the artefact leads out of its folder"));
        };
        let path = folder.join(name);
        if entry.is_dir() {
            fs::create_dir_all(&path)?;
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mode = entry.unix_mode().unwrap_or(0o644) & 0o777;
        let mut file = File::create(&path)?;
        let written = io::copy(&mut entry.take(left + 1), &mut file)?;
        left = left.checked_sub(written).ok_or_else(|| io::Error::other("more than 250 MB unpacked"))?;
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    let bootstrap = folder.join("bootstrap");
    let mode = match fs::metadata(&bootstrap) {
        Ok(about) => about.permissions().mode(),
        Err(_) => return Err(io::Error::other("the artefact holds no `bootstrap`")),
    };
    if mode & 0o100 == 0 {
        return Err(io::Error::other("`bootstrap` is not executable in the artefact"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn zip(entries: &[(&str, u32)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, mode) in entries {
            let options = SimpleFileOptions::default().unix_permissions(*mode);
            writer.start_file(*name, options).unwrap();
            writer.write_all(name.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn an_artefact_is_unpacked_once() {
        let root = tempfile::tempdir().unwrap();
        let zip = zip(&[("bootstrap", 0o755), ("data/table.txt", 0o644)]);
        let folder = unpack(root.path(), &zip).unwrap();
        assert_eq!(folder, root.path().join(digest(&zip)));
        assert_eq!(fs::read_to_string(folder.join("data/table.txt")).unwrap(), "data/table.txt");
        let mode = fs::metadata(folder.join("bootstrap")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        fs::remove_file(folder.join("data/table.txt")).unwrap();
        assert_eq!(unpack(root.path(), &zip).unwrap(), folder);
        assert!(!folder.join("data/table.txt").exists(), "what is there is taken as it is");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_cannot_run_is_refused_and_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let refused = |zip: &[u8]| unpack(root.path(), zip).unwrap_err().to_string();
        assert!(refused(&zip(&[("main", 0o755)])).contains("no `bootstrap`"));
        assert!(refused(&zip(&[("bootstrap", 0o644)])).contains("not executable"));
        assert!(refused(&zip(&[("../bootstrap", 0o755)])).contains("leads out"));
        assert!(refused(b"no zip").contains("nvalid"));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
