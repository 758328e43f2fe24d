//! `dueherald init [DIR]`: a config to begin with, keys, a folder for templates, and sample instalments.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::clock::{Clock, entropy};
use crate::plan::local_date;

/// The config that is written: also what documents every key.
pub const SAMPLE_CONFIG: &str = include_str!("../../deploy/config/dueherald.toml");

/// Instalments whose due dates are days from today.
const SAMPLE_INSTALLMENTS: &str = include_str!("../../deploy/config/sample.csv");

/// The time zone of the sample rows that name none: the sample config's.
const SAMPLE_ZONE: Tz = Tz::Asia__Shanghai;

const TEMPLATES_README: &str = "\
Templates in this folder go before the built-in ones
=====================================================

A file here replaces the built-in one with the same path; what is not here stays as it is built in. So copy only what \
you
change: `examples/templates/` beside the config holds the built-in ones to copy from, and is itself never read.

    cp -r examples/templates/before-due templates/
    dueherald template check
    dueherald template preview before-due --channel sms

A folder with a new name is a template of its own, for rules that name it: template = \"my-template\".
";

/// Writes a commented config, keys, a folder for templates and sample instalments. Nothing that is there already is
/// written over.
#[derive(Debug, Clone, clap::Args)]
pub struct InitArgs {
    /// The folder to write into; made if it is not there.
    #[arg(value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
    /// Write over what is there. Keys are kept all the same: links in messages that went out and the database depend on
    /// them.
    #[arg(long)]
    pub force: bool,
}

/// Why nothing, or not everything, was written.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Something is there already; nothing was written: exit code 2.
    #[error(
        "{} there already; nothing was written. Name another folder, or write over with --force (keys are kept)",
        is_there(.0)
    )]
    Exists(Vec<PathBuf>),
    /// A file could not be written: exit code 1.
    #[error("{} could not be written: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The sample is broken: exit code 1.
    #[error("the sample instalments could not be made: {0}")]
    Sample(#[from] csv::Error),
    /// The operating system has no randomness for keys: exit code 1.
    #[error("the operating system gave no randomness for the keys: {0}")]
    Entropy(#[from] getrandom::Error),
    /// The summary could not be printed: exit code 1.
    #[error("the summary could not be written: {0}")]
    Output(#[from] io::Error),
}

impl InitError {
    /// The exit code of the process.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Exists(_) => 2,
            Self::File { .. } | Self::Sample(_) | Self::Entropy(_) | Self::Output(_) => 1,
        }
    }
}

fn is_there(paths: &[PathBuf]) -> String {
    const SHOWN: usize = 3;
    let names: Vec<_> = paths.iter().take(SHOWN).map(|path| path.display().to_string()).collect();
    let more = paths.len().saturating_sub(SHOWN);
    match (names.join(", "), paths.len()) {
        (name, 1) => format!("{name} is"),
        (names, _) if more > 0 => format!("{names} and {more} more are"),
        (names, _) => format!("{names} are"),
    }
}

/// A file to be written.
struct InitFile {
    /// Below the folder.
    name: PathBuf,
    text: String,
    kind: SheetKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SheetKind {
    Plain,
    /// Hidden from other users, because secrets are often written into it: a config that others can read is rejected
    /// then.
    Config,
    /// Readable by its owner only, and never written over.
    Key,
}

/// Writes everything below `args.folder` and tells on `out` what to do next. `templates` are the built-in ones, each
/// with its path below a template folder: they are written beside the template folder, to copy from.
///
/// # Errors
/// [`InitError::Exists`] before anything is written; the others when something could not be.
pub fn run(
    args: &InitArgs,
    clock: &dyn Clock,
    templates: &[(&str, &str)],
    out: &mut dyn Write,
) -> Result<(), InitError> {
    let sheets = sheets(clock.now(), templates)?;
    if !args.force {
        let there = sheets.iter().map(|sheet| args.folder.join(&sheet.name)).filter(|path| path.exists());
        let there: Vec<_> = there.collect();
        if !there.is_empty() {
            return Err(InitError::Exists(there));
        }
    }
    // Told at the end, so that whoever does not read it gets all files all the same.
    let (mut examples, mut told) = (0, String::new());
    for sheet in &sheets {
        let path = args.folder.join(&sheet.name);
        let written =
            write(&path, sheet, args.force).map_err(|source| InitError::File { path: path.clone(), source })?;
        match written {
            _ if sheet.name.starts_with("examples") => examples += 1,
            true => told += &format!("wrote {}\n", path.display()),
            false => told += &format!("kept  {}\n", path.display()),
        }
    }
    write!(out, "{told}")?;
    if examples > 0 {
        writeln!(
            out,
            "wrote {} ({examples} templates to copy from)",
            args.folder.join("examples/templates").display()
        )?;
    }
    print_next_steps(&args.folder, out)?;
    Ok(())
}

fn sheets(now: DateTime<Utc>, templates: &[(&str, &str)]) -> Result<Vec<InitFile>, InitError> {
    let sheet = |name: &str, text: String, kind| InitFile { name: name.into(), text, kind };
    let mut sheets = vec![
        sheet("dueherald.toml", SAMPLE_CONFIG.to_owned(), SheetKind::Config),
        sheet("link.key", new_key()?, SheetKind::Key),
        sheet("encryption.key", new_key()?, SheetKind::Key),
        sheet("index.key", new_key()?, SheetKind::Key),
        sheet("sample.csv", sample_installments(now)?, SheetKind::Plain),
        sheet("templates/README.md", TEMPLATES_README.to_owned(), SheetKind::Plain),
    ];
    let examples = templates.iter().map(|(path, text)| {
        let name = Path::new("examples/templates").join(path);
        InitFile { name, text: (*text).to_owned(), kind: SheetKind::Plain }
    });
    sheets.extend(examples);
    Ok(sheets)
}

/// 256 bits, as `openssl rand -hex 32` gives them.
fn new_key() -> Result<String, getrandom::Error> {
    let bytes: [u8; 32] = entropy()?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).chain(["\n".to_owned()]).collect())
}

/// The sample with real dates: each row's due date is counted from the local date of its own time zone.
pub(super) fn sample_installments(now: DateTime<Utc>) -> Result<String, csv::Error> {
    let mut rows = csv::Reader::from_reader(SAMPLE_INSTALLMENTS.as_bytes());
    let header = rows.headers()?.clone();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap_or_default();
    let (zone, due) = (column("time_zone"), column("due_date"));
    let mut dated = csv::Writer::from_writer(Vec::new());
    dated.write_record(&header)?;
    for row in rows.records() {
        let row = row?;
        let today = local_date(row[zone].parse().unwrap_or(SAMPLE_ZONE), now);
        let due_date = today + TimeDelta::days(row[due].parse().unwrap_or_default());
        dated.write_record(
            row.iter().enumerate().map(
                |(index, cell)| {
                    if index == due { due_date.to_string() } else { cell.to_owned() }
                },
            ),
        )?;
    }
    let bytes = dated.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// `false` if it was kept as it is.
fn write(path: &Path, sheet: &InitFile, force: bool) -> io::Result<bool> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = match (sheet.kind, force) {
        (SheetKind::Key, true) if path.exists() => return Ok(false),
        (SheetKind::Key, _) => OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?,
        (SheetKind::Config, true) => {
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(path)?
        }
        (SheetKind::Config, false) => OpenOptions::new().write(true).create_new(true).mode(0o640).open(path)?,
        (SheetKind::Plain, true) => File::create(path)?,
        // A file that came in between is not written over either.
        (SheetKind::Plain, false) => File::create_new(path)?,
    };
    file.write_all(sheet.text.as_bytes())?;
    Ok(true)
}

fn print_next_steps(folder: &Path, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nWhat to do next:")?;
    if folder != Path::new(".") {
        writeln!(out, "  cd {}", folder.display())?;
    }
    for (command, what) in [
        ("check", "reads the config and shows what it means"),
        ("migrate", "makes the database"),
        ("import sample.csv", "takes in instalments around today, all invented"),
        ("scan", "plans the reminders"),
        ("dispatch --drain", "sends what is due now, into the folder captured/: nothing leaves this machine"),
    ] {
        writeln!(out, "  dueherald {command:<18} # {what}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{InitArgs, InitError, run};
    use crate::clock::SimClock;
    use chrono::DateTime;
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    const TEMPLATES: &[(&str, &str)] = &[("before-due/sms.en.txt", "built in")];

    fn clock() -> SimClock {
        // It is the 23rd in Shanghai already.
        SimClock::at(DateTime::from_timestamp(1_795_369_200, 0).expect("2026-11-22T19:00:00Z is a time"))
    }

    fn init(folder: &Path, force: bool) -> Result<String, InitError> {
        let mut out = Vec::new();
        run(&InitArgs { folder: folder.to_owned(), force }, &clock(), TEMPLATES, &mut out)?;
        Ok(String::from_utf8(out).expect("it writes text"))
    }

    fn contents(folder: &Path) -> BTreeMap<PathBuf, String> {
        let entries =
            fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it is readable").path());
        entries
            .flat_map(|path| {
                if path.is_dir() {
                    contents(&path)
                } else {
                    BTreeMap::from([(path.clone(), fs::read_to_string(path).expect("it is text"))])
                }
            })
            .collect()
    }

    #[test]
    fn what_is_written_is_told_and_what_to_do_next() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let told = init(&folder.path().join("trial"), false).expect("an empty folder");
        insta::assert_snapshot!(told.replace(&folder.path().display().to_string(), "TMP"), @r#"
    wrote TMP/trial/dueherald.toml
    wrote TMP/trial/link.key
    wrote TMP/trial/encryption.key
    wrote TMP/trial/index.key
    wrote TMP/trial/sample.csv
    wrote TMP/trial/templates/README.md
    wrote TMP/trial/examples/templates (1 templates to copy from)

    What to do next:
      cd TMP/trial
      dueherald check              # reads the config and shows what it means
      dueherald migrate            # makes the database
      dueherald import sample.csv  # takes in instalments around today, all invented
      dueherald scan               # plans the reminders
      dueherald dispatch --drain   # sends what is due now, into the folder captured/: nothing leaves this machine
    "#);
        for key in ["link.key", "encryption.key", "index.key"] {
            let key = folder.path().join("trial").join(key);
            assert_eq!(fs::metadata(&key).expect("it is there").permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::read_to_string(key).expect("it is text").len(), 65);
        }
    }

    #[test]
    fn every_folder_gets_a_key_of_its_own() {
        let (one, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        for folder in [&one, &other] {
            init(folder.path(), false).expect("an empty folder");
        }
        let key = |folder: &tempfile::TempDir| fs::read_to_string(folder.path().join("link.key")).expect("it is there");
        assert_ne!(key(&one), key(&other));
    }

    #[test]
    fn nothing_is_written_over_without_force_and_the_key_never() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        init(folder.path(), false).expect("an empty folder");
        fs::write(folder.path().join("dueherald.toml"), "mine").expect("it can be written");
        fs::remove_file(folder.path().join("sample.csv")).expect("it is there");
        let before = contents(folder.path());
        let error = init(folder.path(), false).expect_err("something is there");
        assert!(matches!(&error, InitError::Exists(there) if there.len() == 6), "{error}");
        assert_eq!(error.exit_code(), 2);
        assert_eq!(contents(folder.path()), before, "not even what is missing is written");

        init(folder.path(), true).expect("it is forced");
        let after = contents(folder.path());
        assert_ne!(after[&folder.path().join("dueherald.toml")], "mine");
        for key in ["link.key", "encryption.key", "index.key"] {
            assert_eq!(after[&folder.path().join(key)], before[&folder.path().join(key)]);
        }
    }

    #[test]
    fn due_dates_lie_around_today_in_each_rows_own_zone() {
        let sample = super::sample_installments(clock_now()).expect("the sample is sound");
        let due = |id: &str| {
            let row = sample.lines().find(|line| line.contains(id)).expect("the row is there");
            row.split(',').nth(17).expect("a due date").to_owned()
        };
        assert_eq!((due("I-1001-03").as_str(), due("I-1004-07").as_str()), ("2026-11-26", "2026-11-22"));
        assert_eq!((due("HI-77").as_str(), due("HI-81").as_str()), ("2026-11-22", "2026-11-25"));
    }

    fn clock_now() -> DateTime<chrono::Utc> {
        crate::clock::Clock::now(&clock())
    }
}
