//! One hand-over as one line: the hash of its key, the reminder's number and attempt, and the rest as JSON.
//!
//! A process that starts needs only the three in front, of up to 300,000 lines: 40 ms, where parsing all the JSON took
//! more than a second before the first message left.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::{BorrowerKey, HandoverRecord, NewReminder, Origin, ReminderId, ReminderKey};

/// The fields have short names: there is a line for every message.
#[derive(Serialize, Deserialize)]
struct JournalLine<'a> {
    /// When.
    at: i64,
    /// The gateway.
    g: Cow<'a, str>,
    /// Merchant, borrower, due date, step and channel: the key.
    m: Cow<'a, str>,
    b: Cow<'a, str>,
    /// In days, from the first of the common era.
    d: i32,
    s: Cow<'a, str>,
    c: Cow<'a, str>,
    /// The origin of the reminder, as one of the words below.
    o: Cow<'a, str>,
    /// Not before and not at or after.
    f: i64,
    e: i64,
}

/// How many digits a hash has: a line that is cut off at the front has fewer.
const HASH_DIGITS: usize = 16;

const SCHEDULE: &str = "schedule";
const NOTICE: &str = "notice";
const REPLY: &str = "reply";
const MANUAL: &str = "manual";

/// The actor and the reason of a manual resend that is put back. The real ones are in the database that lost the
/// reminder.
const NOBODY: &str = "dueherald";
const PUT_BACK: &str = "put back from a daemon's own record; who asked for it is lost";

/// Which attempt of which reminder a line is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineHead {
    /// The hash of the reminder's key.
    pub(super) hash: u64,
    pub(super) id: ReminderId,
    pub(super) attempt: u32,
}

/// Appends the line of a hand-over.
pub(super) fn write(head: LineHead, one: &HandoverRecord, text: &mut Vec<u8>) {
    let NewReminder { key, origin, not_before, expires_at } = &one.reminder;
    let line = JournalLine {
        at: one.at.timestamp_millis(),
        g: one.gateway.as_str().into(),
        m: key.borrower.merchant.as_str().into(),
        b: key.borrower.id.as_str().into(),
        d: key.due_date.num_days_from_ce(),
        s: key.step.to_string().into(),
        c: key.channel.as_str().into(),
        o: match origin {
            Origin::Schedule => SCHEDULE,
            Origin::Notice => NOTICE,
            Origin::Reply => REPLY,
            Origin::Manual { .. } => MANUAL,
        }
        .into(),
        f: not_before.timestamp_millis(),
        e: expires_at.timestamp_millis(),
    };
    let LineHead { hash, id, attempt } = head;
    write!(text, "{hash:016x} {} {attempt} ", id.0).expect("memory takes them");
    serde_json::to_writer(&mut *text, &line).expect("texts and numbers are JSON, and memory takes them");
    text.push(b'\n');
}

/// Reads every whole line of a file. One that was cut off when the machine stopped is passed over.
pub(super) fn read(path: &Path, mut visit: impl FnMut(HandoverRecord)) -> io::Result<()> {
    each_line(path, None, |head, rest| visit_whole(head, rest, &mut visit))
}

/// Reads the lines in the last `bytes` of a file.
pub(super) fn read_last(path: &Path, bytes: u64, mut visit: impl FnMut(HandoverRecord)) -> io::Result<()> {
    each_line(path, Some(bytes), |head, rest| visit_whole(head, rest, &mut visit))
}

/// Reads the head of every line.
pub(super) fn read_heads(path: &Path, mut visit: impl FnMut(LineHead)) -> io::Result<()> {
    each_line(path, None, |head, _| visit(head))
}

fn visit_whole(head: LineHead, rest: &str, visit: &mut impl FnMut(HandoverRecord)) {
    if let Some(one) = serde_json::from_str(rest).ok().and_then(|line| parsed(head, line)) {
        visit(one);
    }
}

fn each_line(path: &Path, last: Option<u64>, mut visit: impl FnMut(LineHead, &str)) -> io::Result<()> {
    let mut file = match File::open(path) {
        // Another process has just put a new one in its place.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    if let Some(bytes) = last {
        file.seek(SeekFrom::Start(file.metadata()?.len().saturating_sub(bytes)))?;
    }
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut text = Vec::new();
    while reader.read_until(b'\n', &mut text)? > 0 {
        // A line that is cut off at the front has no head.
        if let Some((head, rest)) = str::from_utf8(&text).ok().and_then(split) {
            visit(head, rest);
        }
        text.clear();
    }
    Ok(())
}

fn split(line: &str) -> Option<(LineHead, &str)> {
    let (hash, rest) = line.split_once(' ').filter(|(hash, _)| hash.len() == HASH_DIGITS)?;
    let (id, rest) = rest.split_once(' ')?;
    let (attempt, rest) = rest.split_once(' ')?;
    let head = LineHead {
        hash: u64::from_str_radix(hash, 16).ok()?,
        id: ReminderId(id.parse().ok()?),
        attempt: attempt.parse().ok()?,
    };
    Some((head, rest))
}

fn parsed(head: LineHead, line: JournalLine<'_>) -> Option<HandoverRecord> {
    let time = |millis| DateTime::<Utc>::from_timestamp_millis(millis);
    let origin = match &*line.o {
        SCHEDULE => Origin::Schedule,
        NOTICE => Origin::Notice,
        REPLY => Origin::Reply,
        MANUAL => Origin::Manual { actor: NOBODY.to_owned(), reason: PUT_BACK.to_owned(), of: None },
        _ => return None,
    };
    let key = ReminderKey {
        borrower: BorrowerKey { merchant: line.m.parse().ok()?, id: line.b.parse().ok()? },
        due_date: NaiveDate::from_num_days_from_ce_opt(line.d)?,
        step: line.s.parse().ok()?,
        channel: line.c.parse().ok()?,
    };
    Some(HandoverRecord {
        at: time(line.at)?,
        id: head.id,
        attempt: head.attempt,
        gateway: line.g.parse().ok()?,
        reminder: NewReminder { key, origin, not_before: time(line.f)?, expires_at: time(line.e)? },
    })
}
