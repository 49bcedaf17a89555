//! Whether Lambda could start a binary.

use object::{
    Endianness,
    elf::{EM_AARCH64, EM_X86_64, FileHeader64},
    read::elf::{FileHeader, SectionHeader},
};
use stacks::code::Architecture;

/// The glibc of `provided.al2023` (Lambda developer guide, "OS-only runtimes").
const GLIBC: (u32, u32) = (2, 34);

pub(super) const HINT: &str = "build on a system with glibc 2.34 or older, with `cargo zigbuild --target \
    x86_64-unknown-linux-gnu.2.34`, or in a container of public.ecr.aws/lambda/provided:al2023";

/// Refuses what is no program for this architecture or asks for a newer glibc than Lambda has.
pub(super) fn check(binary: &[u8], architecture: Architecture) -> Result<(), String> {
    let header = FileHeader64::<Endianness>::parse(binary)
        .map_err(|error| format!("the binary is no 64-bit ELF program ({error})"))?;
    let endian = header.endian().map_err(|error| error.to_string())?;
    let (machine, wanted) = (
        header.e_machine(endian),
        match architecture {
            Architecture::X86 => EM_X86_64,
            Architecture::Arm64 => EM_AARCH64,
        },
    );
    if machine != wanted {
        return Err(format!(
            "the binary is for machine type {machine}, and {} is {wanted}",
            architecture.name()
        ));
    }
    match newest_glibc(header, binary).map_err(|error| format!("the binary cannot be read: {error}"))? {
        Some(needed) if needed > GLIBC => Err(format!(
            "the binary needs glibc {}.{}, and Lambda's provided.al2023 has {}.{}",
            needed.0, needed.1, GLIBC.0, GLIBC.1
        )),
        _ => Ok(()),
    }
}

/// The newest version of glibc that any symbol asks for.
fn newest_glibc(header: &FileHeader64<Endianness>, binary: &[u8]) -> object::Result<Option<(u32, u32)>> {
    let endian = header.endian()?;
    let sections = header.sections(endian, binary)?;
    let mut newest = None;
    for section in sections.iter() {
        let Some((mut needs, link)) = section.gnu_verneed(endian, binary)? else { continue };
        let strings = sections.strings(endian, binary, link)?;
        while let Some((_, mut names)) = needs.next()? {
            while let Some(name) = names.next()? {
                let name = name.name(endian, strings)?;
                newest = newest.max(version(&String::from_utf8_lossy(name)));
            }
        }
    }
    Ok(newest)
}

/// `GLIBC_2.34` to (2, 34).
fn version(name: &str) -> Option<(u32, u32)> {
    let mut parts = name.strip_prefix("GLIBC_")?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next().unwrap_or("0").parse().ok()?))
}

/// The least that is an ELF program, for tests.
#[cfg(test)]
fn program(machine: u16) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1]);
    bytes[16..18].copy_from_slice(&2_u16.to_le_bytes());
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_machine_and_no_program_at_all_are_refused() {
        assert_eq!(check(&program(EM_X86_64.0), Architecture::X86), Ok(()));
        assert_eq!(check(&program(EM_AARCH64.0), Architecture::Arm64), Ok(()));
        let wrong = check(&program(EM_AARCH64.0), Architecture::X86).unwrap_err();
        assert!(wrong.contains("machine type"), "{wrong}");
        assert!(check(b"#!/bin/sh\n", Architecture::X86).is_err());
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(version("GLIBC_2.4") < version("GLIBC_2.34"));
        assert!(version("GLIBC_2.35") > Some(GLIBC));
        assert_eq!(version("GCC_3.0"), None);
        assert_eq!(version("GLIBC_PRIVATE"), None);
    }

    /// This very program was built here: what it asks for is what a function built here would.
    #[test]
    fn the_versions_of_a_real_binary_are_read() {
        let binary = std::fs::read(std::env::current_exe().expect("a path")).expect("a binary");
        let header = FileHeader64::<Endianness>::parse(binary.as_slice()).expect("an ELF program");
        assert!(newest_glibc(header, &binary).expect("sections").is_some());
    }
}
