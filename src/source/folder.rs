//! Files that the lender puts into a folder: which are complete, their content, and where they go afterwards.
//!
//! Only regular files in the folder itself are taken; a symbolic link may lead anywhere. A file is copied before
//! anything of it is imported, so that one that changes or vanishes meanwhile is left for the next look.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};
use tempfile::SpooledTempFile;

use super::{Encoding, Format, TextInput, TextOptions};

/// The bytes of a file that stay in memory while it is imported; the rest is in a temporary file without a name.
const IN_MEMORY: usize = 32 * 1024 * 1024;

/// The largest content of a file, inflated: a bomb must not fill the disk.
const MAX_CONTENT: u64 = 8 * 1024 * 1024 * 1024;

/// The longest last line, in bytes.
const MAX_TRAILER: u64 = 512;

/// Where files go that were taken.
const DONE: &str = "done";

/// Where files go that were refused, each with a file that says why.
const FAILED: &str = "failed";

/// How a file shows that it is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// An empty file beside it, with `.done` behind its name.
    Marker,
    /// Its size, time and content are the same in two looks.
    Stable,
}

/// The last line of a file, which says what it must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trailer {
    /// `#count=N`: the number of records.
    Count,
    /// `#sha256=HEX`: the digest of everything before the line.
    Sha256,
}

impl Trailer {
    fn prefix(self) -> &'static str {
        match self {
            Self::Count => "#count=",
            Self::Sha256 => "#sha256=",
        }
    }
}

/// A folder that is looked into.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The folder.
    pub path: PathBuf,
    /// How files show that they are complete.
    pub completeness: Completeness,
    /// The last line that files have.
    pub trailer: Option<Trailer>,
    /// The encoding; `None` detects UTF-8 and UTF-16.
    pub encoding: Option<Encoding>,
}

/// A file that may be complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderFile {
    name: OsString,
    /// The look by which a later one is compared.
    size: u64,
    modified: SystemTime,
    inode: (u64, u64),
}

/// The copy of a file.
pub struct FileContent {
    /// The digest of the file, in hexadecimal digits.
    pub digest: String,
    content: SpooledTempFile,
}

/// Why a file is not imported.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// The next look decides: it changes, vanished, or cannot be read now.
    #[error("{0}")]
    NotNow(String),
    /// It is refused as a whole.
    #[error("{0}")]
    Refused(String),
}

impl FolderFile {
    /// Its name, in a form that one line holds.
    #[must_use]
    pub fn shown(&self) -> String {
        let name = self.name.to_string_lossy();
        if name.chars().any(|sign| sign.is_control() || sign == '\u{fffd}') {
            return format!("{:?}", self.name);
        }
        name.into_owned()
    }

    /// When it was last written.
    #[must_use]
    pub fn modified(&self) -> DateTime<Utc> {
        self.modified.into()
    }

    /// The format by its name.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        format_of(&self.name)
    }

    fn is_compressed(&self) -> bool {
        is_compressed(&self.name)
    }
}

fn is_compressed(name: &OsStr) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

fn format_of(name: &OsStr) -> Option<Format> {
    let path = Path::new(name);
    let inner = if is_compressed(name) { Path::new(path.file_stem()?) } else { path };
    Format::of_path(inner)
}

fn look(name: OsString, about: &Metadata) -> io::Result<FolderFile> {
    Ok(FolderFile { name, size: about.len(), modified: about.modified()?, inode: (about.dev(), about.ino()) })
}

impl Folder {
    /// The files that may be complete, in the order in which they were written.
    ///
    /// # Errors
    /// When the folder is not there, or cannot be read.
    pub fn files(&self) -> io::Result<Vec<FolderFile>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            if name.as_encoded_bytes().starts_with(b".") || format_of(&name).is_none() {
                continue;
            }
            // It may vanish at any time.
            let Ok(about) = fs::symlink_metadata(self.path.join(&name)) else { continue };
            if about.is_file() && self.is_marked(&name) {
                found.push(look(name, &about)?);
            }
        }
        found.sort_by(|a, b| (a.modified, &a.name).cmp(&(b.modified, &b.name)));
        Ok(found)
    }

    fn marker(&self, name: &OsStr) -> PathBuf {
        let mut marker = name.to_owned();
        marker.push(".done");
        self.path.join(marker)
    }

    fn is_marked(&self, name: &OsStr) -> bool {
        match self.completeness {
            Completeness::Marker => fs::symlink_metadata(self.marker(name)).is_ok_and(|about| about.is_file()),
            Completeness::Stable => true,
        }
    }

    /// Copies a file. Size, time and content are compared with the look that found it.
    ///
    /// # Errors
    /// [`FileFault::NotNow`] when it changes, vanishes or cannot be read; [`FileFault::Refused`] when it is no gzip
    /// although its name says so, or too large.
    pub fn read(&self, file: &FolderFile) -> Result<FileContent, FileFault> {
        let not_now = |error: io::Error| FileFault::NotNow(format!("cannot be read: {error}"));
        let changed = || FileFault::NotNow("changes or was replaced; the next look decides".to_owned());
        let path = self.path.join(&file.name);
        let about = fs::symlink_metadata(&path).map_err(not_now)?;
        if !about.is_file() || look(file.name.clone(), &about).map_err(not_now)? != *file {
            return Err(changed());
        }
        let opened = File::open(&path).map_err(not_now)?;
        let is_same = |about: &Metadata| look(file.name.clone(), about).is_ok_and(|look| look == *file);
        if !is_same(&opened.metadata().map_err(not_now)?) {
            return Err(changed());
        }
        let mut content = SpooledTempFile::new(IN_MEMORY);
        let mut raw = HashingReader { inner: &opened, hash: Sha256::new(), read: 0 };
        let copied = if file.is_compressed() {
            io::copy(&mut MultiGzDecoder::new(&mut raw).take(MAX_CONTENT + 1), &mut content)
        } else {
            io::copy(&mut (&mut raw).take(MAX_CONTENT + 1), &mut content)
        };
        let copied = match copied {
            Ok(copied) => copied,
            Err(error) if is_no_gzip(&error) && is_same(&opened.metadata().map_err(not_now)?) => {
                return Err(FileFault::Refused("is no whole gzip, although its name says so".to_owned()));
            }
            Err(error) => return Err(not_now(error)),
        };
        if copied > MAX_CONTENT {
            return Err(FileFault::Refused(format!("has more than {MAX_CONTENT} bytes")));
        }
        // Bytes behind a gzip are a part of the file.
        io::copy(&mut raw, &mut io::sink()).map_err(not_now)?;
        if raw.read != file.size || !is_same(&opened.metadata().map_err(not_now)?) {
            return Err(changed());
        }
        content.rewind().map_err(not_now)?;
        Ok(FileContent { digest: hex(&raw.hash.finalize()), content })
    }

    /// Checks the last line, if files have one, and gives the text in front of it. `count` counts the records of a
    /// text.
    ///
    /// # Errors
    /// [`FileFault::Refused`] when the last line is missing or says something else, or the content is no text.
    pub fn text(
        &self,
        content: FileContent,
        count: impl FnOnce(TextInput) -> Result<u64, String>,
    ) -> Result<TextInput, FileFault> {
        let refused = |text: String| FileFault::Refused(text);
        let spooled = |error: io::Error| FileFault::NotNow(format!("its copy cannot be read: {error}"));
        let FileContent { mut content, .. } = content;
        let options = TextOptions { encoding: self.encoding, strict: false };
        let Some(trailer) = self.trailer else {
            return TextInput::of_spool(content, options).map_err(|error| refused(error.to_string()));
        };
        let (end, line) = last_line(&mut content).map_err(spooled)?;
        let prefix = trailer.prefix();
        let said = line.strip_prefix(prefix).ok_or_else(|| {
            refused(format!("does not end with a line {prefix}…, as `trailer` says: it may be cut off"))
        })?;
        let mut front = SpooledTempFile::new(IN_MEMORY);
        let mut hashed = HashingReader { inner: &mut content, hash: Sha256::new(), read: 0 };
        hashed.inner.rewind().map_err(spooled)?;
        io::copy(&mut (&mut hashed).take(end), &mut front).map_err(spooled)?;
        let digest = hex(&hashed.hash.finalize());
        match trailer {
            Trailer::Sha256 if said.eq_ignore_ascii_case(&digest) => {}
            Trailer::Sha256 => return Err(refused("is not what its last line says: the checksum differs".to_owned())),
            Trailer::Count => {
                let expected: u64 =
                    said.parse().map_err(|_| refused(format!("has no number behind {prefix} in its last line")))?;
                let mut copy = SpooledTempFile::new(IN_MEMORY);
                front.rewind().map_err(spooled)?;
                io::copy(&mut front, &mut copy).map_err(spooled)?;
                let text = TextInput::of_spool(copy, options).map_err(|error| refused(error.to_string()))?;
                let records = count(text).map_err(refused)?;
                if records != expected {
                    return Err(refused(format!("its last line counts {expected}, but the file holds {records}")));
                }
            }
        }
        TextInput::of_spool(front, options).map_err(|error| refused(error.to_string()))
    }

    /// Moves a file to `done`, or with a reason to `failed`. Never over another file.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub fn put_away(&self, file: &FolderFile, reason: Option<&str>) -> io::Result<()> {
        let folder = self.path.join(if reason.is_some() { FAILED } else { DONE });
        match fs::symlink_metadata(&folder) {
            Ok(about) if about.is_dir() => {}
            Ok(_) => return Err(io::Error::other(format!("{} is no folder", folder.display()))),
            Err(_) => fs::create_dir(&folder)?,
        }
        let named = |number: u32| {
            let mut name = file.name.clone();
            if number > 0 {
                name.push(format!(".{number}"));
            }
            folder.join(name)
        };
        let free = (0..10_000).map(named).find(|path| fs::symlink_metadata(path).is_err());
        let place = free.ok_or_else(|| io::Error::other("too many files of this name"))?;
        if let Some(reason) = reason {
            let mut text = place.clone().into_os_string();
            text.push(".reason.txt");
            // A full disk does not keep the file from being moved.
            if let Err(error) = File::create(text).and_then(|mut out| writeln!(out, "{reason}")) {
                tracing::warn!(%error, "the reason of a refused file could not be written");
            }
        }
        fs::rename(self.path.join(&file.name), place)?;
        if self.completeness == Completeness::Marker {
            fs::remove_file(self.marker(&file.name))?;
        }
        Ok(())
    }
}

fn is_no_gzip(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

/// Where the last line begins, and the line without its end.
fn last_line(content: &mut SpooledTempFile) -> io::Result<(u64, String)> {
    let length = content.seek(SeekFrom::End(0))?;
    let start = length.saturating_sub(MAX_TRAILER);
    content.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    content.take(MAX_TRAILER).read_to_end(&mut tail)?;
    let whole = tail.trim_ascii_end();
    let line = whole.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let text = String::from_utf8_lossy(&whole[line..]).trim().to_owned();
    Ok((start + line as u64, text))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hashes what is read.
struct HashingReader<R> {
    inner: R,
    hash: Sha256,
    read: u64,
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        self.read += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read, Write};
    use std::os::unix::fs::symlink;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use rstest::rstest;
    use sha2::{Digest, Sha256};
    use tempfile::TempDir;

    use super::{Completeness, FileFault, Folder, Trailer, hex};

    fn folder(completeness: Completeness, trailer: Option<Trailer>) -> (TempDir, Folder) {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder { path: place.path().to_owned(), completeness, trailer, encoding: None };
        (place, folder)
    }

    fn names(folder: &Folder) -> Vec<String> {
        folder.files().expect("listed").iter().map(super::FolderFile::shown).collect()
    }

    #[test]
    fn only_complete_files_of_the_folder_itself_are_found() {
        let (place, folder) = folder(Completeness::Marker, None);
        let at = |name: &str| place.path().join(name);
        for name in ["a.csv", "a.csv.done", "b.jsonl", "c.csv.gz", "c.csv.gz.done", ".d.csv", ".d.csv.done", "e.txt"] {
            fs::write(at(name), "x").expect("written");
        }
        fs::create_dir(at("f.csv")).expect("made");
        fs::write(at("f.csv.done"), "").expect("written");
        symlink("/etc/passwd", at("g.csv")).expect("linked");
        fs::write(at("g.csv.done"), "").expect("written");
        assert_eq!(names(&folder), ["a.csv", "c.csv.gz"]);
        fs::write(at("new\nline.csv"), "x").expect("written");
        let stable = Folder { completeness: Completeness::Stable, ..folder };
        assert!(names(&stable).contains(&"\"new\\nline.csv\"".to_owned()), "{:?}", names(&stable));
        fs::remove_dir_all(place.path()).expect("removed");
        assert!(stable.files().is_err());
    }

    #[test]
    fn a_file_that_changes_or_vanishes_is_left() {
        let (place, folder) = folder(Completeness::Stable, None);
        let path = place.path().join("a.csv");
        fs::write(&path, "one").expect("written");
        let file = folder.files().expect("listed").remove(0);
        fs::write(&path, "another").expect("written");
        assert!(matches!(folder.read(&file), Err(FileFault::NotNow(_))));
        fs::remove_file(&path).expect("removed");
        assert!(matches!(folder.read(&file), Err(FileFault::NotNow(_))));
        symlink("/etc/passwd", &path).expect("linked");
        assert!(matches!(folder.read(&file), Err(FileFault::NotNow(_))));
    }

    fn text(folder: &Folder, content: &[u8], name: &str, records: u64) -> Result<String, String> {
        fs::write(folder.path.join(name), content).expect("written");
        let file = folder.files().expect("listed").remove(0);
        let content = folder.read(&file).map_err(|fault| fault.to_string())?;
        let mut read = String::new();
        let mut text = folder.text(content, |_| Ok(records)).map_err(|fault| fault.to_string())?;
        text.read_to_string(&mut read).expect("read");
        Ok(read)
    }

    #[rstest]
    #[case("a\nb\n#count=2\n", 2, Ok("a\nb\n"))]
    #[case("a\nb\n#count=2", 2, Ok("a\nb\n"))]
    #[case("a\nb\r\n#count=2\r\n\r\n", 2, Ok("a\nb\r\n"))]
    #[case("a\nb\n#count=3\n", 2, Err("its last line counts 3, but the file holds 2"))]
    #[case("a\nb\n#count=two\n", 2, Err("has no number behind #count= in its last line"))]
    #[case("a\nb\n", 2, Err("does not end with a line #count=…, as `trailer` says: it may be cut off"))]
    #[case("", 0, Err("does not end with a line #count=…, as `trailer` says: it may be cut off"))]
    fn a_count_is_checked(#[case] content: &str, #[case] records: u64, #[case] expected: Result<&str, &str>) {
        let (_place, folder) = folder(Completeness::Stable, Some(Trailer::Count));
        let read = text(&folder, content.as_bytes(), "a.csv", records);
        assert_eq!(read.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn a_checksum_is_of_the_inflated_text() {
        let (_place, folder) = folder(Completeness::Stable, Some(Trailer::Sha256));
        let body = "merchant,name\nmall,李雷\n";
        let zip = |text: &str| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(text.as_bytes()).expect("written");
            encoder.finish().expect("whole")
        };
        let digest = hex(&Sha256::digest(body));
        let whole = zip(&format!("{body}#sha256={digest}\n"));
        assert_eq!(text(&folder, &whole, "a.csv.gz", 0).as_deref(), Ok(body));
        let told = text(&folder, &zip(&format!("{body}x\n#sha256={digest}\n")), "a.csv.gz", 0).unwrap_err();
        assert!(told.contains("checksum differs"), "{told}");
        let told = text(&folder, &whole[..whole.len() - 9], "a.csv.gz", 0).unwrap_err();
        assert_eq!(told, "is no whole gzip, although its name says so");
    }

    #[test]
    fn files_are_put_away_and_none_is_overwritten() {
        let (place, folder) = folder(Completeness::Marker, None);
        let at = |name: &str| place.path().join(name);
        for reason in [None, None, Some("cut off")] {
            fs::write(at("a.csv"), "x").expect("written");
            fs::write(at("a.csv.done"), "").expect("written");
            let file = folder.files().expect("listed").remove(0);
            folder.put_away(&file, reason).expect("moved");
            assert_eq!(names(&folder), Vec::<String>::new());
            assert!(!at("a.csv.done").exists());
        }
        assert!(at("done/a.csv").exists() && at("done/a.csv.1").exists() && at("failed/a.csv").exists());
        assert_eq!(fs::read_to_string(at("failed/a.csv.reason.txt")).expect("read"), "cut off\n");
        fs::remove_dir_all(at("done")).expect("removed");
        symlink("/tmp", at("done")).expect("linked");
        fs::write(at("b.csv"), "x").expect("written");
        fs::write(at("b.csv.done"), "").expect("written");
        let file = folder.files().expect("listed").remove(0);
        assert!(folder.put_away(&file, None).is_err(), "a link may lead anywhere");
    }
}
