//! Tries to answer the question of a page, in memory.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{MemoryStore, Tables};
use crate::plan::{AnswerTry, REMEMBERED, TryDecision, TrySubject, next_try, remembered_tries};
use crate::store::{AnswerStore, StoreError};

#[async_trait]
impl AnswerStore for MemoryStore {
    async fn try_digits(&self, attempt: &AnswerTry) -> Result<TryDecision, StoreError> {
        Ok(self.tables().count_tries(attempt.subjects(), self.clock.now()))
    }

    async fn forget_tries(&self, attempt: &AnswerTry) -> Result<(), StoreError> {
        self.tables().forget_subjects(attempt.subjects(), self.clock.now());
        Ok(())
    }
}

impl Tables {
    /// Counts a try for each of its subjects, unless one of them is in a pause.
    pub(super) fn count_tries(&mut self, subjects: Vec<(String, TrySubject)>, now: DateTime<Utc>) -> TryDecision {
        let known = |name: &String| self.tries.get(name).copied().unwrap_or((0, now));
        let answers = subjects.iter().map(|(name, subject)| {
            let (tries, last_at) = known(name);
            next_try(*subject, tries, last_at, now)
        });
        // There is one subject at least.
        let answer = answers.reduce(TryDecision::and).unwrap_or(TryDecision::Counted { left: 0 });
        if matches!(answer, TryDecision::Counted { .. }) {
            for (name, _) in subjects {
                let (tries, last_at) = self.tries.entry(name).or_insert((0, now));
                (*tries, *last_at) = (remembered_tries(*tries, *last_at, now) + 1, now);
            }
        }
        answer
    }

    /// The answer was right: the borrower or user starts anew, and the client has one wrong try less.
    pub(super) fn forget_subjects(&mut self, subjects: Vec<(String, TrySubject)>, now: DateTime<Utc>) {
        for (name, subject) in subjects {
            match self.tries.get_mut(&name) {
                Some((tries, _)) if subject.is_shared() => *tries = tries.saturating_sub(1),
                _ => drop(self.tries.remove(&name)),
            }
        }
        self.tries.retain(|_, (_, last_at)| now - *last_at < REMEMBERED);
    }
}
