//! Files that hold secrets or personal data: who else can read one, and how to make one that nobody else can read.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::{getegid, geteuid, getgroups};

/// Its owner reads and writes it, nobody else does anything.
const PRIVATE: u32 = 0o600;

/// The group of root: its members may do everything, and systemd leaves credentials to it.
const ROOT_GROUP: u32 = 0;

/// A text that says who besides the owner can read or change a file that holds a secret, and how to fix it; `None` if
/// nobody can. Links are followed, because Kubernetes mounts each secret as a link.
///
/// A group may have access if this process belongs to it: that is how a daemon reads a file that it must not change. A
/// process of root accepts any group, as it may check the config for the daemon's user.
///
/// # Errors
/// When the file cannot be looked up.
pub fn exposure(path: &Path) -> io::Result<Option<String>> {
    let about = fs::metadata(path)?;
    let (mode, shown) = (about.mode() & 0o777, path.display());
    Ok(match () {
        // A pipe or a terminal holds nothing that others could read later.
        () if !about.is_file() => None,
        () if mode & 0o006 != 0 => Some(format!(
            "the file {shown} holds a secret, and every user of this machine can read or change it (mode {mode:o}); \
             run `chmod o= {shown}`"
        )),
        () if mode & 0o060 != 0 && !is_own_group(about.gid()) => Some(format!(
            "the file {shown} holds a secret, and group {}, which dueherald is not in, can read or change it (mode \
             {mode:o}); run `chmod g= {shown}`",
            about.gid()
        )),
        () => None,
    })
}

fn is_own_group(group: u32) -> bool {
    let is = |own: rustix::process::Gid| own.as_raw() == group;
    group == ROOT_GROUP || geteuid().is_root() || is(getegid()) || getgroups().is_ok_and(|own| own.into_iter().any(is))
}

/// Opens a file for writing from its beginning, readable by its owner alone; makes it if it is not there.
///
/// # Errors
/// When it cannot be opened, is a link, or belongs to another user.
pub fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(PRIVATE).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    let file = options.open(path).map_err(|error| match fs::symlink_metadata(path) {
        Ok(about) if about.is_symlink() => refusal(path, LINK),
        _ => error,
    })?;
    let about = file.metadata()?;
    // A device or a pipe keeps no content: there is nothing to protect or truncate.
    if about.is_file() {
        check_owner(path, &about)?;
        file.set_permissions(Permissions::from_mode(PRIVATE))?;
        file.set_len(0)?;
    }
    Ok(file)
}

/// Sees to it that only its owner can read a file that another library opens by its path; makes it if it is not there.
///
/// # Errors
/// When it cannot be made, is no regular file (a link is none), or belongs to another user.
pub fn prepare(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => restrict(path),
        made => made.map(drop),
    }
}

/// The same for a file that may be missing and then stays so.
///
/// # Errors
/// As [`prepare`].
pub fn restrict(path: &Path) -> io::Result<()> {
    // Only a handle on the path: to close a real one would drop the locks that SQLite has on the file in this process.
    let flags = (OFlags::PATH | OFlags::NOFOLLOW).bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let about = file.metadata()?;
    if about.is_symlink() {
        return Err(refusal(path, LINK));
    }
    if !about.is_file() {
        return Err(refusal(path, "is no file"));
    }
    check_owner(path, &about)?;
    if about.mode() & 0o077 == 0 {
        return Ok(());
    }
    let handle = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    fs::set_permissions(handle, Permissions::from_mode(PRIVATE))
}

/// Makes a folder that only its owner can enter, unless there is one.
///
/// # Errors
/// When it cannot be made, is a link, or belongs to another user.
pub fn create_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let about = fs::symlink_metadata(path)?;
    if about.is_symlink() { Err(refusal(path, LINK)) } else { check_owner(path, &about) }
}

const LINK: &str = "is a link, which others may turn elsewhere";

/// The owner must be this process's user. Root may work on files of others, but not where everybody can put some.
fn check_owner(path: &Path, about: &Metadata) -> io::Result<()> {
    let me = geteuid();
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_shared = || fs::metadata(parent).is_ok_and(|parent| parent.mode() & 0o002 != 0);
    if about.uid() == me.as_raw() || me.is_root() && !is_shared() {
        return Ok(());
    }
    Err(refusal(path, &format!("belongs to user {}, and dueherald runs as user {}", about.uid(), me.as_raw())))
}

fn refusal(path: &Path, problem: &str) -> io::Error {
    let text = format!("{} {problem}; remove it or name another path", path.display());
    io::Error::new(ErrorKind::InvalidInput, text)
}

/// Whether the error is a refusal of this module, and not the system's.
#[must_use]
pub fn is_refusal(error: &io::Error) -> bool {
    error.kind() == ErrorKind::InvalidInput && error.get_ref().is_some()
}

#[cfg(test)]
mod tests {
    use super::{create, create_folder, exposure, prepare, restrict};
    use rstest::rstest;
    use rustix::process::geteuid;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
    use std::path::PathBuf;
    use tempfile::TempDir;

    fn file(mode: u32) -> (TempDir, PathBuf) {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, "text").expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("it is ours");
        (folder, path)
    }

    #[rstest]
    #[case::private(0o600, None)]
    #[case::own_group(0o640, None)]
    #[case::read_only(0o440, None)]
    #[case::everybody_reads(0o644, Some("(mode 644); run `chmod o= "))]
    #[case::everybody_writes(0o602, Some("(mode 602); run `chmod o= "))]
    fn a_secret_is_for_its_owner_and_our_groups(#[case] mode: u32, #[case] expected: Option<&str>) {
        let (_folder, path) = file(mode);
        let told = exposure(&path).expect("it is there");
        assert_eq!(told.is_some(), expected.is_some(), "{told:?}");
        assert!(told.unwrap_or_default().contains(expected.unwrap_or_default()));
    }

    /// Kubernetes mounts a secret as `key -> ..data/key` and `..data -> ..2026_…`.
    #[test]
    fn the_links_of_a_mounted_secret_are_followed() {
        let folder = TempDir::new().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("..2026_11_28")).expect("a folder");
        fs::write(at("..2026_11_28/link.key"), "text").expect("a file");
        symlink("..2026_11_28", at("..data")).expect("a link");
        symlink("..data/link.key", at("link.key")).expect("a link");
        for (mode, passes) in [(0o440, true), (0o444, false)] {
            fs::set_permissions(at("..2026_11_28/link.key"), Permissions::from_mode(mode)).expect("it is ours");
            assert_eq!(exposure(&at("link.key")).expect("it is there").is_none(), passes, "{mode:o}");
        }
    }

    #[test]
    fn what_is_kept_is_private_whatever_was_there() {
        let mode = |path: &PathBuf| fs::metadata(path).expect("it is there").mode() & 0o777;
        let (_folder, path) = file(0o666);
        create(&path).expect("it is ours");
        assert_eq!((mode(&path), fs::read_to_string(&path).expect("text")), (0o600, String::new()));
        let (folder, path) = file(0o644);
        prepare(&path).expect("it is ours");
        assert_eq!((mode(&path), fs::read_to_string(&path).expect("text")), (0o600, "text".to_owned()));
        let (new, missing) = (folder.path().join("new"), folder.path().join("missing"));
        prepare(&new).expect("it can be made");
        restrict(&missing).expect("it may be missing");
        assert_eq!((mode(&new), missing.exists()), (0o600, false));
    }

    #[test]
    fn a_link_is_never_followed() {
        let (folder, path) = file(0o644);
        let link = folder.path().join("link");
        symlink(&path, &link).expect("a link");
        for told in [create(&link).map(drop), prepare(&link), restrict(&link)] {
            assert!(told.expect_err("it is a link").to_string().contains("is a link"));
        }
        assert_eq!(fs::read_to_string(&path).expect("text"), "text");
        symlink(folder.path(), folder.path().join("elsewhere")).expect("a link");
        assert!(create_folder(&folder.path().join("elsewhere")).is_err());
    }

    /// Only root can make a file of another user, and root works on one where nobody else can put it.
    #[test]
    fn a_file_of_another_user_is_refused_where_everybody_can_put_one() {
        if !geteuid().is_root() {
            return;
        }
        let (folder, path) = file(0o600);
        chown(&path, Some(64_998), None).expect("we are root");
        prepare(&path).expect("nobody else can put it here");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o1777)).expect("it is ours");
        for told in [create(&path).map(drop), prepare(&path)] {
            assert!(told.is_err_and(|error| error.to_string().contains("belongs to user 64998")));
        }
    }
}
