//! Notices.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::{Batch, Db, SqlStore, Tx, audit, holds, notice, outbox};
use crate::domain::{
    BorrowerKey, HoldCause, HoldReason, MerchantId, NewReminder, Notice, NoticeChange, NoticeName, NoticeState, Origin,
    Recipient, ReminderKey, Step,
};
use crate::store::audit_entries;
use crate::store::sql::borrower::read;
use crate::store::sql::notice::{
    ADD, ALL, APPEND, AUDIENCE, AudienceRow, CHANGES, COUNTS, ChangeRow, HOLD, MERCHANTS, MOVE, NUMBER, NoticeCountRow,
    NoticeRow, ONE, RecipientRow, SignRow, UNFINISHED, WAITING, held,
};
use crate::store::sql::value::Moment;
use crate::store::{HeldMessage, NoticeAudience, NoticeCount, NoticeStore, StoreError};

/// Brings a notice from one state to another, on record. `false` if it was not in `from`.
pub(super) async fn bring(
    store: &SqlStore,
    tx: &mut Tx,
    name: &NoticeName,
    from: NoticeState,
    change: &NoticeChange,
) -> Result<bool, StoreError> {
    let moved = sqlx::query::<Db>(MOVE)
        .bind(name.as_str())
        .bind(from.as_str())
        .bind(change.state.as_str())
        .execute(&mut **tx)
        .await?;
    if moved.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query::<Db>(APPEND)
        .bind(name.as_str())
        .bind(change.state.as_str())
        .bind(Moment(change.at))
        .bind(change.actor.as_str())
        .bind(change.reason.as_str())
        .execute(&mut **tx)
        .await?;
    if from == NoticeState::Paused {
        let (pause, now) = (HoldCause::new(HoldReason::Paused, name), store.now(tx).await?);
        holds::release_gone(tx, now, |cause, _| *cause == pause).await?;
    }
    audit::note(tx, &[audit_entries::move_notice(name, from, change)]).await?;
    Ok(true)
}

#[async_trait]
impl NoticeStore for SqlStore {
    async fn add_notice(&self, notice: &Notice) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let added = sqlx::query::<Db>(ADD)
            .bind(notice.name.as_str())
            .bind(notice.template.as_str())
            .bind(notice.selection.as_str())
            .bind(notice.state.as_str())
            .bind(notice.actor.as_str())
            .bind(notice.reason.as_str())
            .bind(Moment(notice.at))
            .execute(&mut *tx)
            .await?;
        let added = added.rows_affected() == 1;
        if added {
            audit::note(&mut tx, &[audit_entries::create_notice(notice)]).await?;
        }
        tx.commit().await?;
        Ok(added)
    }

    async fn notices(&self, name: Option<&NoticeName>) -> Result<Vec<Notice>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<NoticeRow> = match name {
            Some(name) => sqlx::query_as::<Db, _>(ONE).bind(name.as_str()).fetch_all(&mut *tx).await?,
            None => sqlx::query_as::<Db, _>(ALL).fetch_all(&mut *tx).await?,
        };
        tx.finish(rows).await.into_iter().map(NoticeRow::notice).collect()
    }

    async fn move_notice(
        &self,
        name: &NoticeName,
        from: NoticeState,
        change: &NoticeChange,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        if !bring(self, &mut tx, name, from, change).await? {
            return Ok(tx.finish(false).await);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn notice_merchants(&self, name: &NoticeName) -> Result<BTreeSet<MerchantId>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<(String,)> = sqlx::query_as::<Db, _>(MERCHANTS).bind(name.as_str()).fetch_all(&mut *tx).await?;
        let merchant = |(id,): (String,)| read(&id, "notice_recipient.merchant", str::parse);
        tx.finish(rows).await.into_iter().map(merchant).collect()
    }

    async fn notice_audience(&self, name: &NoticeName) -> Result<Vec<NoticeAudience>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<AudienceRow> = sqlx::query_as::<Db, _>(AUDIENCE).bind(name.as_str()).fetch_all(&mut *tx).await?;
        tx.finish(rows).await.into_iter().map(AudienceRow::audience).collect()
    }

    async fn notice_changes(&self, name: &NoticeName) -> Result<Vec<NoticeChange>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<ChangeRow> = sqlx::query_as::<Db, _>(CHANGES).bind(name.as_str()).fetch_all(&mut *tx).await?;
        tx.finish(rows).await.into_iter().map(ChangeRow::change).collect()
    }

    async fn add_recipients(&self, name: &NoticeName, recipients: &[Recipient]) -> Result<usize, StoreError> {
        let mut tx = self.write().await?;
        if !hold(&mut tx, name, NoticeState::Draft).await? {
            return Ok(tx.finish(0).await);
        }
        let added = Batch::of(recipients)
            .column(|one| one.borrower.merchant.as_str())?
            .column(|one| one.borrower.id.as_str())?
            .column(|one| one.due_date)?
            .column(|one| one.channel.as_str())?
            .query(notice::ADD_RECIPIENTS)?
            .bind(name.as_str().to_owned())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(usize::try_from(added.rows_affected()).unwrap_or(usize::MAX))
    }

    async fn put_out(
        &self,
        name: &NoticeName,
        limit: u32,
        at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let mut tx = self.write().await?;
        if !hold(&mut tx, name, NoticeState::Sending).await? {
            return Ok(tx.finish(0).await);
        }
        let waiting: Vec<RecipientRow> =
            sqlx::query_as::<Db, _>(WAITING).bind(name.as_str()).bind(i64::from(limit)).fetch_all(&mut *tx).await?;
        let waiting = waiting.into_iter().map(RecipientRow::recipient).collect::<Result<Vec<_>, _>>()?;
        let Some(last) = waiting.last() else { return Ok(tx.finish(0).await) };
        let reminder = |one: &Recipient| NewReminder {
            key: ReminderKey {
                borrower: one.borrower.clone(),
                due_date: one.due_date,
                step: Step::Notice { name: name.clone() },
                channel: one.channel,
            },
            origin: Origin::Notice,
            not_before: at,
            expires_at,
        };
        outbox::plan(&mut tx, &waiting.iter().map(reminder).collect::<Vec<_>>(), at).await?;
        sqlx::query::<Db>(NUMBER)
            .bind(name.as_str())
            .bind(last.borrower.merchant.as_str())
            .bind(last.borrower.id.as_str())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(waiting.len())
    }

    async fn unfinished_notices(&self) -> Result<Vec<NoticeName>, StoreError> {
        let mut tx = self.read().await?;
        let names: Vec<(String,)> = sqlx::query_as::<Db, _>(UNFINISHED).fetch_all(&mut *tx).await?;
        tx.finish(names).await.into_iter().map(|(name,)| read(&name, "notice.name", str::parse)).collect()
    }

    async fn notice_counts(&self, name: &NoticeName) -> Result<Vec<NoticeCount>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<NoticeCountRow> = sqlx::query_as::<Db, _>(COUNTS).bind(name.as_str()).fetch_all(&mut *tx).await?;
        let mut counts = tx.finish(rows).await.into_iter().map(NoticeCountRow::count).collect::<Result<Vec<_>, _>>()?;
        counts.sort_unstable();
        Ok(counts)
    }

    async fn held(&self, about: &[(BorrowerKey, NaiveDate)]) -> Result<Vec<HeldMessage>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<SignRow> = Batch::of(about)
            .column(|(borrower, _)| borrower.merchant.as_str())?
            .column(|(borrower, _)| borrower.id.as_str())?
            .column(|(_, due_date)| *due_date)?
            .query_as(notice::SIGNS)?
            .fetch_all(&mut *tx)
            .await?;
        held(&tx.finish(rows).await)
    }
}

/// Whether the notice is in that state, and will be as long as the transaction lasts.
async fn hold(tx: &mut Tx, name: &NoticeName, state: NoticeState) -> Result<bool, StoreError> {
    let held = sqlx::query::<Db>(HOLD).bind(name.as_str()).bind(state.as_str()).execute(&mut **tx).await?;
    Ok(held.rows_affected() == 1)
}
