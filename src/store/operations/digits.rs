//! Tries to answer the question of a page.

use async_trait::async_trait;

use super::{Db, SqlStore, Tx};
use crate::plan::{AnswerTry, REMEMBERED, TryDecision, TrySubject, next_try, remembered_tries};
use crate::store::sql::digits::{COUNT, FORGET, FORGET_OLD, HOLD, TAKE_BACK, TriedRow};
use crate::store::sql::value::Moment;
use crate::store::{AnswerStore, StoreError};

#[async_trait]
impl AnswerStore for SqlStore {
    async fn try_digits(&self, attempt: &AnswerTry) -> Result<TryDecision, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let told = count(&mut tx, attempt.subjects(), now).await?;
        tx.commit().await?;
        Ok(told)
    }

    async fn forget_tries(&self, attempt: &AnswerTry) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        forget(&mut tx, attempt.subjects(), now).await?;
        Ok(tx.commit().await?)
    }
}

/// Counts a try for each of its subjects, unless one of them is in a pause.
pub(super) async fn count(
    tx: &mut Tx,
    subjects: Vec<(String, TrySubject)>,
    now: Moment,
) -> Result<TryDecision, StoreError> {
    let mut answer: Option<TryDecision> = None;
    let mut counts = Vec::new();
    for (name, subject) in subjects {
        let held: TriedRow = sqlx::query_as::<Db, _>(HOLD).bind(&name).bind(now).fetch_one(&mut **tx).await?;
        let tries = u32::try_from(held.tries).map_err(|_| StoreError::Corrupt { column: "answer_try.tries" })?;
        let one = next_try(subject, tries, held.last_at.0, now.0);
        answer = Some(answer.map_or(one, |before| before.and(one)));
        counts.push((name, remembered_tries(tries, held.last_at.0, now.0)));
    }
    // There is one subject at least.
    let answer = answer.unwrap_or(TryDecision::Counted { left: 0 });
    if matches!(answer, TryDecision::Counted { .. }) {
        for (name, tries) in counts {
            let tries = i32::try_from(tries.saturating_add(1)).unwrap_or(i32::MAX);
            sqlx::query::<Db>(COUNT).bind(name).bind(tries).bind(now).execute(&mut **tx).await?;
        }
    }
    Ok(answer)
}

/// The answer was right: the borrower or user starts anew, and the client has one wrong try less.
pub(super) async fn forget(tx: &mut Tx, subjects: Vec<(String, TrySubject)>, now: Moment) -> Result<(), StoreError> {
    for (name, subject) in subjects {
        let statement = if subject.is_shared() { TAKE_BACK } else { FORGET };
        sqlx::query::<Db>(statement).bind(name).execute(&mut **tx).await?;
    }
    sqlx::query::<Db>(FORGET_OLD).bind(Moment(now.0 - REMEMBERED)).execute(&mut **tx).await?;
    Ok(())
}
