//! One hand-over as one line of JSON.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::{BorrowerKey, HandoverRecord, NewReminder, Origin, ReminderId, ReminderKey};

/// The fields have short names: there is a line for every message.
#[derive(Serialize, Deserialize)]
struct JournalLine<'a> {
    /// When.
    at: i64,
    /// The reminder's number.
    id: i64,
    /// Which attempt.
    n: u32,
    /// The gateway.
    g: Cow<'a, str>,
    /// Merchant, borrower, due date, step and channel: the key.
    m: Cow<'a, str>,
    b: Cow<'a, str>,
    d: NaiveDate,
    s: Cow<'a, str>,
    c: Cow<'a, str>,
    /// Who asked for it, in a word.
    o: Cow<'a, str>,
    /// Not before and not at or after.
    f: i64,
    e: i64,
}

const SCHEDULE: &str = "schedule";
const NOTICE: &str = "notice";
const REPLY: &str = "reply";
const MANUAL: &str = "manual";

/// Who asked for it and why is in the database that lost the reminder; these stand in its place.
const NOBODY: &str = "dueherald";
const PUT_BACK: &str = "put back from a daemon's own record; who asked for it is lost";

/// Appends the line of a hand-over.
pub(super) fn write(one: &HandoverRecord, text: &mut Vec<u8>) {
    let HandoverRecord { at, id, attempt, gateway, reminder } = one;
    let NewReminder { key, origin, not_before, expires_at } = reminder;
    let line = JournalLine {
        at: at.timestamp_millis(),
        id: id.0,
        n: *attempt,
        g: gateway.as_str().into(),
        m: key.borrower.merchant.as_str().into(),
        b: key.borrower.id.as_str().into(),
        d: key.due_date,
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
    serde_json::to_writer(&mut *text, &line).expect("texts and numbers are JSON, and memory takes them");
    text.push(b'\n');
}

/// Reads every whole line of a file. One that was cut off when the machine stopped is passed over.
pub(super) fn read(path: &Path, mut visit: impl FnMut(HandoverRecord)) -> io::Result<()> {
    let file = match File::open(path) {
        // Another process has just put a new one in its place.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut text = Vec::new();
    while reader.read_until(b'\n', &mut text)? > 0 {
        if let Some(one) = serde_json::from_slice(&text).ok().and_then(parsed) {
            visit(one);
        }
        text.clear();
    }
    Ok(())
}

fn parsed(line: JournalLine<'_>) -> Option<HandoverRecord> {
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
        due_date: line.d,
        step: line.s.parse().ok()?,
        channel: line.c.parse().ok()?,
    };
    Some(HandoverRecord {
        at: time(line.at)?,
        id: ReminderId(line.id),
        attempt: line.n,
        gateway: line.g.parse().ok()?,
        reminder: NewReminder { key, origin, not_before: time(line.f)?, expires_at: time(line.e)? },
    })
}
