//! Verifies the chain of the audit log, entry by entry, against its head and signed checkpoints.

use super::{AuditCheckpoint, AuditEntry, AuditHash, AuditHead, AuditPersonal, CHAIN_START};

/// The first wrong place of an audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// A number is left out.
    #[error("entry {0} is missing")]
    Missing(i64),
    /// The public fields, the salted hash or the place of an entry are not those that its hash was made of.
    #[error("entry {0} was changed or moved: its hash does not fit the entry before it and its own fields")]
    Changed(i64),
    /// The personal values are not those that were written.
    #[error("the personal values of entry {0} were changed: they do not fit their salted hash")]
    PersonalChanged(i64),
    /// The last entries are missing.
    #[error("the log was cut off: entry {first} to {last} are missing")]
    CutOff {
        /// The first that is missing.
        first: i64,
        /// The last that is known to have been there.
        last: i64,
    },
    /// The chain fits by itself, and is not the one that was signed.
    #[error("the log was written anew: entry {last} is not the one that was signed; look from entry {first} on")]
    Rewritten {
        /// The first that may be wrong: the one behind the last checkpoint that fits.
        first: i64,
        /// The entry of the checkpoint.
        last: i64,
    },
    /// A checkpoint has a signature that its link key did not make.
    #[error("the checkpoint of entry {0} was changed: its signature is not that of its link key")]
    Forged(i64),
    /// The head of the database is not its last entry.
    #[error("the head of the log was changed: it is not the hash of entry {0}")]
    HeadChanged(i64),
}

impl AuditFault {
    /// The number of the first wrong entry.
    #[must_use]
    pub fn number(self) -> i64 {
        match self {
            Self::Missing(number) | Self::Changed(number) | Self::PersonalChanged(number) => number,
            Self::CutOff { first, .. } | Self::Rewritten { first, .. } => first,
            Self::Forged(number) | Self::HeadChanged(number) => number,
        }
    }
}

/// The state of a verification. It takes entries in the order of their numbers, and checkpoints likewise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainCheck {
    last: AuditHead,
    /// The last entry that a checkpoint agrees with.
    signed: i64,
    /// How many entries have no personal values any more.
    pub erased: u64,
    /// How many have personal values that do not open.
    pub sealed: u64,
}

impl Default for ChainCheck {
    fn default() -> Self {
        Self { last: AuditHead { number: 0, hash: CHAIN_START }, signed: 0, erased: 0, sealed: 0 }
    }
}

impl ChainCheck {
    /// The last entry that was read.
    #[must_use]
    pub fn last(&self) -> AuditHead {
        self.last
    }

    /// The last entry that a checkpoint agrees with; 0 if there is none.
    #[must_use]
    pub fn signed(&self) -> i64 {
        self.signed
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// When it is not the one that followed.
    pub fn read(&mut self, entry: &AuditEntry) -> Result<(), AuditFault> {
        let number = self.last.number + 1;
        if entry.record.number > number {
            return Err(AuditFault::Missing(number));
        }
        if entry.record.number < number || self.last.hash.next(&entry.record, entry.personal_hash) != entry.hash {
            return Err(AuditFault::Changed(entry.record.number));
        }
        match &entry.personal {
            AuditPersonal::Text { salt, text } if AuditHash::of_personal(salt, text) != entry.personal_hash => {
                return Err(AuditFault::PersonalChanged(number));
            }
            AuditPersonal::Text { .. } => {}
            AuditPersonal::Erased => self.erased += 1,
            AuditPersonal::Sealed => self.sealed += 1,
        }
        self.last = AuditHead { number, hash: entry.hash };
        Ok(())
    }

    /// Compares a checkpoint, whose signature is right, once its entry was the last that was read.
    ///
    /// # Errors
    /// When the entry is another one.
    pub fn compare(&mut self, checkpoint: &AuditCheckpoint) -> Result<(), AuditFault> {
        let AuditHead { number, hash } = checkpoint.head;
        if number == self.last.number && hash != self.last.hash {
            return Err(AuditFault::Rewritten { first: self.signed + 1, last: number });
        }
        if number == self.last.number {
            self.signed = number;
        }
        Ok(())
    }

    /// Compares the end of the log with its head, which was read before the entries, and with the last checkpoint.
    ///
    /// # Errors
    /// When entries are missing at the end, or the head is another.
    pub fn end(&self, head: AuditHead, last_signed: i64) -> Result<(), AuditFault> {
        let last = head.number.max(last_signed);
        if last > self.last.number {
            return Err(AuditFault::CutOff { first: self.last.number + 1, last });
        }
        if head != self.last {
            return Err(AuditFault::HeadChanged(self.last.number));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use proptest::prelude::*;

    use super::{AuditFault, ChainCheck};
    use crate::domain::{
        AuditAction, AuditCheckpoint, AuditEntry, AuditHash, AuditHead, AuditOrigin, AuditPersonal, AuditSubject,
        AuditValues, CHAIN_START, NewAuditEntry, audit_salt,
    };

    fn chain(length: i64) -> Vec<AuditEntry> {
        let origin = AuditOrigin::command("li", "desk-1");
        let mut hash = CHAIN_START;
        let entry = |number| {
            let new = NewAuditEntry {
                at: DateTime::<Utc>::UNIX_EPOCH + TimeDelta::minutes(number),
                actor: Some(format!("person {}", number % 3)),
                action: AuditAction::Resend,
                subject: AuditSubject::object("route", number),
                values: AuditValues::because("a test").of_address("+8613800138000"),
            };
            let (record, salt) = (new.numbered(number, &origin), audit_salt(b"seed", number));
            let text = new.personal_text(&origin);
            let personal_hash = AuditHash::of_personal(&salt, &text);
            hash = hash.next(&record, personal_hash);
            AuditEntry { record, personal_hash, hash, personal: AuditPersonal::Text { salt, text } }
        };
        (1..=length).map(entry).collect()
    }

    fn head(entries: &[AuditEntry]) -> AuditHead {
        entries.last().map_or(AuditHead { number: 0, hash: CHAIN_START }, |last| AuditHead {
            number: last.record.number,
            hash: last.hash,
        })
    }

    fn signed(head: AuditHead) -> AuditCheckpoint {
        AuditCheckpoint { head, at: DateTime::<Utc>::UNIX_EPOCH, key: 1, signature: CHAIN_START }
    }

    fn verify(
        entries: &[AuditEntry],
        head: AuditHead,
        checkpoints: &[AuditCheckpoint],
    ) -> Result<ChainCheck, AuditFault> {
        let mut check = ChainCheck::default();
        for entry in entries {
            check.read(entry)?;
            for checkpoint in checkpoints {
                check.compare(checkpoint)?;
            }
        }
        check.end(head, checkpoints.iter().map(|checkpoint| checkpoint.head.number).max().unwrap_or(0))?;
        Ok(check)
    }

    /// Hashes the chain anew from an entry on, as somebody with the database could.
    fn forge(entries: &mut [AuditEntry], from: usize) {
        let mut hash = from.checked_sub(1).map_or(CHAIN_START, |before| entries[before].hash);
        for entry in &mut entries[from..] {
            hash = hash.next(&entry.record, entry.personal_hash);
            entry.hash = hash;
        }
    }

    #[test]
    fn an_untouched_chain_is_right_with_and_without_its_personal_values() {
        let mut entries = chain(9);
        let whole = head(&entries);
        assert_eq!(verify(&entries, whole, &[signed(whole)]).map(|check| (check.signed(), check.erased)), Ok((9, 0)));
        entries[4].personal = AuditPersonal::Erased;
        assert_eq!(verify(&entries, whole, &[]).map(|check| (check.signed(), check.erased)), Ok((0, 1)));
        assert_eq!(verify(&[], head(&[]), &[]).map(drop), Ok(()));
    }

    #[test]
    fn who_writes_the_chain_anew_is_found_by_the_checkpoint() {
        let mut entries = chain(9);
        let (early, late) = (signed(head(&entries[..3])), signed(head(&entries[..8])));
        entries[4].record.actor = "somebody else".to_owned();
        forge(&mut entries, 4);
        let forged = head(&entries);
        assert_eq!(verify(&entries, forged, &[]).map(drop), Ok(()), "without a checkpoint nobody can tell");
        let fault = verify(&entries, forged, &[early, late]).expect_err("it is found");
        assert_eq!(fault, AuditFault::Rewritten { first: 4, last: 8 });
    }

    proptest! {
        #[test]
        fn any_change_is_found_with_its_number(length in 1_i64..12, at in 0_usize..12, kind in 0..9) {
            let mut entries = chain(length);
            let whole = head(&entries);
            let at = at % entries.len();
            let number = entries[at].record.number;
            let mut expected = number;
            match kind {
                0 => entries[at].record.actor.push('x'),
                1 => entries[at].record.action = AuditAction::Cancel.as_str().to_owned(),
                2 => entries[at].record.at += TimeDelta::microseconds(1),
                3 => entries[at].record.object = None,
                4 => entries[at].hash.0[7] ^= 1,
                5 => entries[at].personal_hash.0[7] ^= 1,
                6 => {
                    if let AuditPersonal::Text { text, .. } = &mut entries[at].personal {
                        text.push(' ');
                    }
                }
                7 => drop(entries.remove(at)),
                _ => {
                    // Two entries change places, and take each other's number.
                    let other = (at + 1) % entries.len();
                    prop_assume!(other != at);
                    let numbers = (entries[at].record.number, entries[other].record.number);
                    entries.swap(at, other);
                    (entries[at].record.number, entries[other].record.number) = numbers;
                    expected = numbers.0.min(numbers.1);
                }
            }
            let fault = verify(&entries, whole, &[]).map(drop).expect_err("it is found");
            prop_assert_eq!(fault.number(), expected);
        }
    }
}
