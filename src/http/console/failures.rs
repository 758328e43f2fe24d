//! Failed logins on record: the first of each client and minute one by one, and of a flood the number.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::Console;
use crate::domain::{AuditAction, AuditOrigin, AuditSubject, AuditValues, NewAuditEntry, UserName};
use crate::http::HttpError;
use crate::http::limit::Client;

/// Entries of one client in a minute.
const MOST_OF_CLIENT: u32 = 3;

/// Entries of all clients in a minute.
const MOST_OF_ALL: u32 = 30;

/// The number of entries of this minute. A flood cannot fill the audit log, whatever addresses it comes from.
#[derive(Debug, Default)]
pub(super) struct LoginFailures(Mutex<FailureCount>);

#[derive(Debug, Default)]
struct FailureCount {
    minute: i64,
    entries: u32,
    /// As many clients at most as there are entries.
    by_client: BTreeMap<Option<String>, u32>,
    /// Failures without an entry since the last one that has one.
    left_out: u64,
}

impl FailureCount {
    /// Counts a failure. `None` where it gets no entry; otherwise how many before it got none.
    fn count(&mut self, client: Option<&str>, now: DateTime<Utc>) -> Option<u64> {
        let minute = now.timestamp().div_euclid(60);
        if self.minute != minute {
            (self.minute, self.entries) = (minute, 0);
            self.by_client.clear();
        }
        let client = client.map(str::to_owned);
        let of_client = self.by_client.get(&client).copied().unwrap_or_default();
        if of_client >= MOST_OF_CLIENT || self.entries >= MOST_OF_ALL {
            self.left_out += 1;
            return None;
        }
        self.entries += 1;
        self.by_client.insert(client, of_client + 1);
        Some(std::mem::take(&mut self.left_out))
    }
}

impl Console {
    /// Records that somebody failed to log in. A text that is nobody's name is not recorded: it may be a password.
    pub(super) async fn note_failure(
        &self,
        user: Option<&UserName>,
        client: Option<&Client>,
        why: &str,
    ) -> Result<(), HttpError> {
        let (now, client) = (self.app.clock.now(), client.map(ToString::to_string));
        let counted = {
            let mut failures = self.failures.0.lock().unwrap_or_else(PoisonError::into_inner);
            failures.count(client.as_deref(), now)
        };
        let Some(left_out) = counted else { return Ok(()) };
        let more = if left_out > 0 { format!("; {left_out} more before it have no entry") } else { String::new() };
        let entry = NewAuditEntry {
            at: now,
            actor: None,
            action: AuditAction::LoginFailed,
            subject: user.map_or_else(AuditSubject::default, |user| AuditSubject::object("user", user)),
            values: AuditValues::default().from_to(None, Some(format!("{why}{more}"))),
        };
        let origin = AuditOrigin::desk("unknown", "login", client.as_deref());
        self.patiently(self.store().append(&origin, &[entry])).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::{FailureCount, MOST_OF_ALL, MOST_OF_CLIENT};

    #[test]
    fn a_flood_gets_few_entries_and_its_number() {
        let (mut failures, start) = (FailureCount::default(), DateTime::<Utc>::UNIX_EPOCH);
        let of_one = (0..100).filter(|_| failures.count(Some("192.0.2.1"), start).is_some()).count();
        assert_eq!(of_one, MOST_OF_CLIENT as usize);
        assert_eq!(failures.count(Some("192.0.2.2"), start), Some(97), "another client has its own");
        let clients: Vec<_> = (0..1_000).map(|number| format!("198.51.100.{number}")).collect();
        let of_many = clients.iter().filter(|client| failures.count(Some(client), start).is_some()).count();
        assert_eq!(of_many, (MOST_OF_ALL - MOST_OF_CLIENT - 1) as usize);
        assert!(failures.by_client.len() <= MOST_OF_ALL as usize);
        let later = start + TimeDelta::minutes(1);
        assert_eq!(failures.count(None, later), Some(1_000 - u64::from(MOST_OF_ALL - MOST_OF_CLIENT - 1)));
        assert_eq!(failures.count(None, later), Some(0));
    }
}
