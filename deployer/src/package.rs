//! A function's package: the zip of the authorizer's binary and its configuration. Equal contents
//! have equal bytes, so that Lambda recognizes a package that it already has.

use std::io::{Cursor, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use compiler::api::Architecture;
use compiler::fingerprint::sha256;

/// The name of the binary in a package: Lambda's custom runtimes start this file.
const BOOTSTRAP: &str = "bootstrap";
/// The name of the configuration in a package.
const CONFIGURATION: &str = "authorizer.json";

/// The maximum size of an unpacked package.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_UNPACKED: u64 = 250 * 1024 * 1024;

/// The fixed level of the compression: the best, because a cold start reads the package.
const LEVEL: i64 = 9;

/// A function's package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The zip.
    pub bytes: Vec<u8>,
    /// Its SHA-256 in Base64, as Lambda reports it.
    pub code_sha256: String,
}

/// The reason a package cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// The checksum or the compressed data is invalid.
    #[error("has a damaged `bootstrap`")]
    Damaged,
    /// The binary is encrypted.
    #[error("has an encrypted `bootstrap`")]
    Encrypted,
    /// There is no `bootstrap` in the root directory.
    #[error("has no `bootstrap` in its root directory")]
    NoBootstrap,
    /// The file is not a zip file.
    #[error("is not a zip file")]
    NotAZip,
    /// The binary is not an executable for 64-bit Linux.
    #[error("has a `bootstrap` that is not a 64-bit ELF executable")]
    NotExecutable,
    /// The content is larger than Lambda allows.
    #[error("has more than 250 MB of unpacked content")]
    TooLarge,
    /// The binary is compressed with another method than deflate.
    #[error("has a `bootstrap` with an unsupported compression method")]
    UnsupportedCompression,
}

impl Package {
    /// Creates the package of a binary and its configuration.
    pub fn new(bootstrap: &[u8], configuration: &str) -> Result<Self, PackageError> {
        let size = u64::try_from(bootstrap.len()).unwrap_or(u64::MAX);
        let rest = u64::try_from(configuration.len()).unwrap_or(u64::MAX);
        if size.saturating_add(rest) > MAX_UNPACKED {
            return Err(PackageError::TooLarge);
        }
        // In memory, only a size that zip files cannot have makes this fail.
        let bytes = zip(bootstrap, configuration).map_err(|_| PackageError::TooLarge)?;
        let code_sha256 = STANDARD.encode(sha256(&bytes));
        Ok(Self { bytes, code_sha256 })
    }
}

fn zip(bootstrap: &[u8], configuration: &str) -> ZipResult<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = |mode: u32| {
        SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(LEVEL))
            // 1980-01-01, the earliest time of the format.
            .last_modified_time(DateTime::DEFAULT)
            .unix_permissions(mode)
    };
    writer.start_file(BOOTSTRAP, options(0o755))?;
    writer.write_all(bootstrap)?;
    writer.start_file(CONFIGURATION, options(0o644))?;
    writer.write_all(configuration.as_bytes())?;
    Ok(writer.finish()?.into_inner())
}

/// Returns the binary of a package.
pub fn bootstrap_of(zip: &[u8]) -> Result<Vec<u8>, PackageError> {
    read_bootstrap(zip, MAX_UNPACKED)
}

fn read_bootstrap(zip: &[u8], most: u64) -> Result<Vec<u8>, PackageError> {
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(|_| PackageError::NotAZip)?;
    let index = archive.index_for_name(BOOTSTRAP).ok_or(PackageError::NoBootstrap)?;
    let raw = archive.by_index_raw(index).map_err(|_| PackageError::Damaged)?;
    if raw.encrypted() {
        return Err(PackageError::Encrypted);
    }
    if !matches!(raw.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(PackageError::UnsupportedCompression);
    }
    drop(raw);
    let file = archive.by_index(index).map_err(|_| PackageError::Damaged)?;
    // The size in the header may be incorrect.
    let mut bootstrap = Vec::new();
    let mut limited = file.take(most.saturating_add(1));
    limited.read_to_end(&mut bootstrap).map_err(|_| PackageError::Damaged)?;
    if u64::try_from(bootstrap.len()).unwrap_or(u64::MAX) > most {
        return Err(PackageError::TooLarge);
    }
    if !is_executable(&bootstrap) {
        return Err(PackageError::NotExecutable);
    }
    Ok(bootstrap)
}

/// Returns whether a binary has the header of a 64-bit, little-endian ELF file.
fn is_executable(binary: &[u8]) -> bool {
    binary.starts_with(b"\x7fELF\x02\x01")
}

/// Returns the architecture of an ELF executable, if Lambda has it.
pub fn architecture_of(bootstrap: &[u8]) -> Option<Architecture> {
    if !is_executable(bootstrap) {
        return None;
    }
    // `e_machine`, a 16-bit number. <https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>
    match bootstrap.get(18..20)? {
        [0x3e, 0] => Some(Architecture::X86_64),
        [0xb7, 0] => Some(Architecture::Arm64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a binary with this `e_machine`.
    fn elf(machine: u8) -> Vec<u8> {
        let mut binary = b"\x7fELF\x02\x01\x01".to_vec();
        binary.resize(18, 0);
        binary.extend([machine, 0]);
        binary
    }

    fn zip_of(name: &str, content: &[u8], options: SimpleFileOptions) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file(name, options).unwrap();
        writer.write_all(content).unwrap();
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn equal_contents_have_equal_packages() {
        let package = Package::new(&elf(0x3e), "{}\n").unwrap();
        assert_eq!(package, Package::new(&elf(0x3e), "{}\n").unwrap());
        // A change of this value publishes a new version of every function.
        assert_eq!(package.code_sha256, "C/ppDyvwyyya818Ig8YQNSpp4hklBJDnic0iHSBAiuo=");
        let other = Package::new(&elf(0x3e), "{ }\n").unwrap();
        assert_ne!(package.code_sha256, other.code_sha256);
        assert_eq!(bootstrap_of(&package.bytes), Ok(elf(0x3e)));
    }

    #[test]
    fn a_package_has_fixed_names_times_and_modes() {
        let package = Package::new(&elf(0xb7), "{}").unwrap();
        let mut archive = ZipArchive::new(Cursor::new(package.bytes)).unwrap();
        for (index, name, mode) in [(0, "bootstrap", 0o755), (1, "authorizer.json", 0o644)] {
            let file = archive.by_index(index).unwrap();
            assert_eq!(file.name(), name);
            assert_eq!(file.unix_mode().unwrap() & 0o777, mode);
            assert_eq!(file.last_modified(), Some(DateTime::DEFAULT));
        }
        assert_eq!(archive.len(), 2);
    }

    #[test]
    fn a_file_that_cannot_be_a_package_is_rejected() {
        let plain = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let packed = zip_of("bootstrap", &elf(0x3e), plain);
        assert_eq!(bootstrap_of(&packed), Ok(elf(0x3e)));
        let replaced = |from: &[u8], to: &[u8]| {
            let at = packed.windows(from.len()).position(|part| part == from).unwrap();
            let mut bytes = packed.clone();
            bytes[at..at + to.len()].copy_from_slice(to);
            bytes
        };
        // The general purpose flags and the method (12 is bzip2) follow the version in both headers.
        let central = packed.windows(4).position(|part| part == b"PK\x01\x02").unwrap();
        let patched = |local: usize, value: u8| {
            let mut bytes = packed.clone();
            bytes[local] = value;
            bytes[central + local + 2] = value;
            bytes
        };
        for (zip, error) in [
            (b"not a zip".to_vec(), PackageError::NotAZip),
            (Vec::new(), PackageError::NotAZip),
            (zip_of("bin/bootstrap", &elf(0x3e), plain), PackageError::NoBootstrap),
            (zip_of("bootstrap", b"#!/bin/sh\n", plain), PackageError::NotExecutable),
            (zip_of("bootstrap", b"\x7fELF\x01\x01", plain), PackageError::NotExecutable),
            (replaced(b"\x7fELF", b"\x7fEL0"), PackageError::Damaged),
            (patched(6, 1), PackageError::Encrypted),
            (patched(8, 12), PackageError::UnsupportedCompression),
        ] {
            assert_eq!(bootstrap_of(&zip), Err(error));
        }
    }

    #[test]
    fn a_binary_is_read_up_to_the_limit_only() {
        let binary = [elf(0x3e), vec![0; 1000]].concat();
        let zip = Package::new(&binary, "{}").unwrap().bytes;
        assert_eq!(read_bootstrap(&zip, 1020), Ok(binary));
        assert_eq!(read_bootstrap(&zip, 1019), Err(PackageError::TooLarge));
    }

    #[test]
    fn the_architecture_is_that_of_the_elf_header() {
        for (machine, architecture) in
            [(0x3e, Some(Architecture::X86_64)), (0xb7, Some(Architecture::Arm64)), (0x28, None)]
        {
            assert_eq!(architecture_of(&elf(machine)), architecture);
        }
        assert_eq!(architecture_of(b"MZ"), None);
        assert_eq!(architecture_of(b"\x7fELF\x02\x01"), None);
    }
}
