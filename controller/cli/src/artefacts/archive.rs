//! Zips that are byte for byte the same from the same binary: one order, one time, one mode.
//!
//! Lambda compares the SHA-256 of the zip (`CodeSha256`), so a zip with another time in it would be a code change.

use std::{
    fs,
    io::{Cursor, Write},
    path::{Path, PathBuf},
};

use contract::needs::FILE;
use sha2::{Digest, Sha256};
use zip::{CompressionMethod, DateTime, ZipWriter, result::ZipResult, write::SimpleFileOptions};

use crate::exit::Failure;

/// What Lambda starts.
const NAME: &str = "bootstrap";
const EXECUTABLE: u32 = 0o755;
const READABLE: u32 = 0o644;

/// A zip on disk.
pub(super) struct Zip {
    pub(super) file: PathBuf,
    pub(super) sha256: String,
    pub(super) size: u64,
}

/// SHA-256 as 64 hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The zip of a binary and its contract; the one that was made before where both are the same.
pub(super) fn kept(folder: &Path, name: &str, binary: &[u8], contract: &str) -> Result<Zip, Failure> {
    let both = digest([digest(binary), digest(contract.as_bytes())].concat().as_bytes());
    let file = folder.join(format!("{name}-{}.zip", &both[..16]));
    let bytes = match fs::read(&file) {
        Ok(bytes) => bytes,
        Err(_) => {
            let bytes = zip(binary, contract)
                .map_err(|error| Failure::error(format!("{name} cannot be zipped: {error}")))?;
            write(&file, &bytes).map_err(|error| Failure::file(&file, &error))?;
            bytes
        }
    };
    Ok(Zip { sha256: digest(&bytes), size: bytes.len() as u64, file })
}

/// Under another name first: a run beside this one sees a whole zip or none.
fn write(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let part = file.with_extension(format!("part-{}", std::process::id()));
    fs::write(&part, bytes)?;
    fs::rename(part, file)
}

fn zip(binary: &[u8], contract: &str) -> ZipResult<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(6))
        .last_modified_time(DateTime::default())
        .system(zip::System::Unix);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(NAME, options.unix_permissions(EXECUTABLE))?;
    zip.write_all(binary)?;
    zip.start_file(FILE, options.unix_permissions(READABLE))?;
    zip.write_all(contract.as_bytes())?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_same_binary_gives_the_same_zip_with_one_executable() {
        let binary = b"not really a program".repeat(1000);
        let first = zip(&binary, "{}").expect("a zip");
        assert_eq!(digest(&first), digest(&zip(&binary, "{}").expect("a zip")));
        assert_ne!(digest(&first), digest(&zip(b"another", "{}").expect("a zip")));
        assert_ne!(digest(&first), digest(&zip(&binary, "{ }").expect("a zip")));
        let mut read = zip::ZipArchive::new(Cursor::new(first)).expect("a zip");
        let mut entry = read.by_index(0).expect("one entry");
        assert_eq!((entry.name().expect("a name"), entry.unix_mode()), ("bootstrap".into(), Some(0o100_755)));
        let time = entry.last_modified().expect("a time");
        assert_eq!((time.year(), time.month(), time.day()), (1980, 1, 1));
        let mut back = Vec::new();
        entry.read_to_end(&mut back).expect("bytes");
        assert_eq!(back, binary);
    }
}
