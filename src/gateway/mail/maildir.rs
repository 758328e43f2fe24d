//! A Maildir that a mail server delivers bounces into: `new` holds unread messages; a message that was read is moved to
//! `cur`.
//!
//! Only regular files are read. To open a pipe or to read a device may block for good, and a symbolic link may lead
//! anywhere.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::returned::{LOOKED_AT, NoReport, read};
use crate::domain::Report;

/// The folder that holds `new` and `cur`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maildir(pub PathBuf);

/// One message in `new`.
#[derive(Debug)]
pub struct MailFile {
    path: PathBuf,
    /// The report in it, or why it contains none or could not be opened.
    pub content: io::Result<Result<Report, NoReport>>,
}

impl MailFile {
    /// The name of its file.
    #[must_use]
    pub fn name(&self) -> OsString {
        self.path.file_name().unwrap_or_default().to_owned()
    }
}

impl Maildir {
    /// Whether it is one.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.0.join("new").is_dir() && self.0.join("cur").is_dir()
    }

    /// Reads messages in `new` but those `without`, at most `limit`, and leaves them there. Blocks.
    ///
    /// # Errors
    /// When `new` cannot be read.
    pub fn arrived(&self, limit: usize, without: &BTreeSet<OsString>) -> io::Result<Vec<MailFile>> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(self.0.join("new"))? {
            let entry = entry?;
            // Hidden ones belong to file systems and programs, not to the Maildir.
            let name = entry.file_name();
            if !name.as_encoded_bytes().starts_with(b".") && !without.contains(&name) {
                paths.push(entry.path());
            }
            if paths.len() == limit {
                break;
            }
        }
        Ok(paths.into_iter().map(|path| MailFile { content: beginning(&path).map(|raw| read(&raw)), path }).collect())
    }

    /// Moves a message to `cur`, where a mail program shows it: as seen if it was taken in, as unread if it is for a
    /// person, and flagged if it could not be opened. Blocks.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub fn put_away(&self, arrived: &MailFile) -> io::Result<()> {
        let flags = match arrived.content {
            Ok(Ok(_)) => "S",
            Ok(Err(_)) => "",
            Err(_) => "F",
        };
        let name = arrived.path.file_name().unwrap_or_default().to_string_lossy();
        let unique = name.split(':').next().unwrap_or_default();
        std::fs::rename(&arrived.path, self.0.join("cur").join(format!("{unique}:2,{flags}")))
    }
}

/// The beginning of a message, or an error where there is no regular file. Never blocks for longer than a disk does.
fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let no_file = || io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file");
    // Before it is opened: a device may act when it is.
    if !path.symlink_metadata()?.is_file() {
        return Err(no_file());
    }
    // It may have been replaced since.
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::CLOEXEC).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(no_file());
    }
    let mut raw = Vec::new();
    file.take(LOOKED_AT as u64).read_to_end(&mut raw)?;
    Ok(raw)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::Maildir;

    #[test]
    fn every_message_ends_in_cur_marked_by_what_became_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let (maildir, none) = (Maildir(folder.path().to_owned()), BTreeSet::new());
        assert!(!maildir.exists() && maildir.arrived(10, &none).is_err());
        for within in ["new", "cur", "tmp"] {
            fs::create_dir(folder.path().join(within)).unwrap();
        }
        assert!(maildir.exists());
        let bounce = include_str!("../../../tests/it/gateway/returned/exim.eml");
        fs::write(folder.path().join("new/1.M1.mx"), bounce).unwrap();
        fs::write(folder.path().join("new/2.M2.mx:2,"), "From: zhang@borrower.example\n\nWhy?\n").unwrap();
        fs::write(folder.path().join("new/.nfs1"), "").unwrap();
        // An entry that cannot be read as a file.
        fs::create_dir(folder.path().join("new/3.M3.mx")).unwrap();
        let arrived = maildir.arrived(2, &none).unwrap();
        assert_eq!(arrived.len(), 2, "no more at once than was asked for");
        for one in maildir.arrived(10, &none).unwrap() {
            maildir.put_away(&one).unwrap();
        }
        let names = |within: &str| {
            let entries = fs::read_dir(folder.path().join(within)).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        assert_eq!(names("cur"), ["1.M1.mx:2,S", "2.M2.mx:2,", "3.M3.mx:2,F"]);
        assert_eq!(names("new"), [".nfs1"]);
        assert_eq!(fs::read_to_string(folder.path().join("cur/1.M1.mx:2,S")).unwrap(), bounce, "nothing is lost");
    }

    #[test]
    fn what_is_no_regular_file_is_put_away_flagged_and_never_read() {
        let folder = tempfile::tempdir().unwrap();
        let maildir = Maildir(folder.path().to_owned());
        for within in ["new", "cur", "new/4.folder"] {
            fs::create_dir(folder.path().join(within)).unwrap();
        }
        let new = |name: &str| folder.path().join("new").join(name);
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        // Nobody will ever write into it, and somebody holds the other open without a word.
        for pipe in ["1.pipe", "2.held"] {
            rustix::fs::mknodat(rustix::fs::CWD, new(pipe), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        }
        let _held = fs::OpenOptions::new().read(true).write(true).open(new("2.held")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(new("3.socket")).unwrap();
        let elsewhere = folder.path().join("elsewhere.eml");
        fs::write(&elsewhere, include_str!("../../../tests/it/gateway/returned/exim.eml")).unwrap();
        std::os::unix::fs::symlink(&elsewhere, new("5.link")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", new("6.endless")).unwrap();
        std::os::unix::fs::symlink("/nowhere", new("7.dangling")).unwrap();
        fs::File::create(new("8.huge")).unwrap().set_len(1 << 33).unwrap();

        let arrived = maildir.arrived(100, &BTreeSet::new()).unwrap();
        assert_eq!(arrived.len(), 8);
        arrived.iter().for_each(|one| maildir.put_away(one).unwrap());
        let entries = fs::read_dir(folder.path().join("cur")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        let flagged = ["1.pipe", "2.held", "3.socket", "4.folder", "5.link", "6.endless", "7.dangling"];
        let mut expected: Vec<_> = flagged.iter().map(|name| format!("{name}:2,F")).collect();
        expected.push("8.huge:2,".into());
        assert_eq!(names, expected);
        assert!(elsewhere.exists());
    }
}
