//! Tokens of the API, and requests that count once.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Db, SqlStore, Tx, audit, ledger, notices, outbox, payments, receipts, rejects, sources, suppression,
    suppression_changes,
};
use crate::domain::{Action, MerchantId, SuppressionAction, TokenDigest};
use crate::store::api::CLEARED_AT_ONCE;
use crate::store::audit_entries;
use crate::store::sql::api::{
    ADD_TOKEN, BEGIN, CLEAR, END, LEASE, NOTE_USE, REQUEST, REVOKE_TOKEN, RequestRow, TOKEN, TOKENS, TokenRow,
};
use crate::store::sql::value::Moment;
use crate::store::{
    ApiEffect, ApiStore, EffectResult, KeptAnswer, KeyedRequest, LedgerPart, LedgerPartResult, NewToken, REQUEST_KEPT,
    RequestClaim, RequestEnd, RequestStart, StoreError, TOKEN_USE_GRAIN, TokenRecord,
};

#[async_trait]
impl ApiStore for SqlStore {
    async fn add_token(&self, token: &NewToken) -> Result<Option<i64>, StoreError> {
        let merchants: Vec<_> = token.merchants.iter().map(MerchantId::as_str).collect();
        let actions: Vec<_> = token.actions.iter().copied().map(Action::as_str).collect();
        let mut tx = self.write().await?;
        let row: Option<(i64,)> = sqlx::query_as::<Db, _>(ADD_TOKEN)
            .bind(&token.name)
            .bind(&token.digest.0[..])
            .bind(serde_json::json!(merchants).to_string())
            .bind(serde_json::json!(actions).to_string())
            .bind(Moment(token.created_at))
            .bind(token.expires_at.map(Moment))
            .fetch_optional(&mut *tx)
            .await?;
        if row.is_some() {
            audit::note(&mut tx, &[audit_entries::create_token(token)]).await?;
        }
        tx.commit().await?;
        Ok(row.map(|(id,)| id))
    }

    async fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<TokenRow> = sqlx::query_as::<Db, _>(TOKENS).fetch_all(&mut *tx).await?;
        tx.finish(rows).await.into_iter().map(TokenRow::record).collect()
    }

    async fn revoke_token(&self, name: &str, at: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let revoked = sqlx::query::<Db>(REVOKE_TOKEN).bind(name).bind(Moment(at)).execute(&mut *tx).await?;
        let revoked = revoked.rows_affected() > 0;
        if revoked {
            audit::note(&mut tx, &[audit_entries::revoke_token(name, at)]).await?;
        }
        tx.commit().await?;
        Ok(revoked)
    }

    async fn use_token(&self, digest: &TokenDigest, now: DateTime<Utc>) -> Result<Option<TokenRecord>, StoreError> {
        let mut tx = self.read().await?;
        let row: Option<TokenRow> =
            sqlx::query_as::<Db, _>(TOKEN).bind(&digest.0[..]).bind(Moment(now)).fetch_optional(&mut *tx).await?;
        let Some(record) = tx.finish(row).await.map(TokenRow::record).transpose()? else { return Ok(None) };
        let long_ago = now - TOKEN_USE_GRAIN;
        if record.used_at.is_none_or(|used_at| used_at <= long_ago) {
            let mut tx = self.write().await?;
            sqlx::query::<Db>(NOTE_USE)
                .bind(record.id)
                .bind(Moment(now))
                .bind(Moment(long_ago))
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
        }
        Ok(Some(record))
    }

    async fn begin_request(&self, request: &KeyedRequest) -> Result<RequestStart, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        sqlx::query::<Db>(CLEAR)
            .bind(Moment(now.0 - REQUEST_KEPT))
            .bind(i64::from(CLEARED_AT_ONCE))
            .execute(&mut *tx)
            .await?;
        let begun: Option<(i32,)> = sqlx::query_as::<Db, _>(BEGIN)
            .bind(&request.token)
            .bind(&request.key)
            .bind(&request.fingerprint[..])
            .bind(now)
            .bind(Moment(now.0 + request.lease))
            .fetch_optional(&mut *tx)
            .await?;
        let start = match begun {
            Some((attempt,)) => {
                let (token, key) = (request.token.clone(), request.key.clone());
                RequestStart::Begun(RequestClaim { token, key, attempt })
            }
            None => known(&mut tx, request).await?,
        };
        tx.commit().await?;
        Ok(start)
    }

    async fn end_request(&self, claim: &RequestClaim, end: &RequestEnd) -> Result<Option<KeptAnswer>, StoreError> {
        let mut tx = match end {
            RequestEnd::Effect { effect: ApiEffect::DropRejects { .. } | ApiEffect::ReportPayments { .. }, .. } => {
                self.write_ledger().await?
            }
            _ => self.write().await?,
        };
        let answer = match end {
            RequestEnd::Answer(answer) => answer.clone(),
            RequestEnd::Effect { effect, answer } => answer(effect, carry_out(self, &mut tx, effect).await?),
        };
        let ended = sqlx::query::<Db>(END)
            .bind(&claim.token)
            .bind(&claim.key)
            .bind(claim.attempt)
            .bind(i32::from(answer.status))
            .bind(&answer.body)
            .execute(&mut *tx)
            .await?;
        // A try that was taken over undoes its effect: the other one has it.
        if ended.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(None);
        }
        tx.commit().await?;
        Ok(Some(answer))
    }

    async fn write_part(
        &self,
        claim: &RequestClaim,
        lease: TimeDelta,
        part: &LedgerPart,
    ) -> Result<Option<LedgerPartResult>, StoreError> {
        let mut tx = self.write_ledger().await?;
        let until = self.now(&mut tx).await?.0 + lease;
        if !move_lease(&mut tx, claim, Moment(until)).await? {
            return Ok(tx.finish(None).await);
        }
        let now = self.given_now();
        let mut result = LedgerPartResult::default();
        if !part.borrowers.is_empty() {
            result.borrowers = ledger::import_borrowers(&mut tx, &part.borrowers, now).await?;
        }
        let mut ended = Vec::new();
        if !part.rows.is_empty() {
            (result.rows, ended) = ledger::import(&mut tx, &part.rows, now).await?;
        }
        rejects::keep(&mut tx, part.rejected.iter().cloned(), now).await?;
        if !part.amendments.is_empty() {
            let (amended, ended_by_payment) = sources::amend(&mut tx, &part.amendments, None, now).await?;
            result.amendments = amended;
            ended.extend(ended_by_payment);
        }
        rejects::release(self, &mut tx, ended).await?;
        audit::note(&mut tx, audit_entries::write_part(claim, part, until - lease).as_slice()).await?;
        tx.commit().await?;
        Ok(Some(result))
    }

    async fn release_request(&self, claim: &RequestClaim) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        move_lease(&mut tx, claim, now).await?;
        Ok(tx.commit().await?)
    }
}

/// Moves the end of a lease. `false` if the request has ended or was taken over.
async fn move_lease(tx: &mut Tx, claim: &RequestClaim, until: Moment) -> Result<bool, StoreError> {
    let moved = sqlx::query::<Db>(LEASE)
        .bind(&claim.token)
        .bind(&claim.key)
        .bind(claim.attempt)
        .bind(until)
        .execute(&mut **tx)
        .await?;
    Ok(moved.rows_affected() > 0)
}

/// A request that is there already.
async fn known(tx: &mut Tx, request: &KeyedRequest) -> Result<RequestStart, StoreError> {
    let row: Option<RequestRow> =
        sqlx::query_as::<Db, _>(REQUEST).bind(&request.token).bind(&request.key).fetch_optional(&mut **tx).await?;
    // It was forgotten in between: the next try begins.
    let Some(row) = row else { return Ok(RequestStart::Running) };
    if row.fingerprint != request.fingerprint {
        return Ok(RequestStart::Different);
    }
    Ok(row.answer().map_or(RequestStart::Running, RequestStart::Answered))
}

async fn carry_out(store: &SqlStore, tx: &mut Tx, effect: &ApiEffect) -> Result<EffectResult, StoreError> {
    let done = |is_done| if is_done { EffectResult::Done } else { EffectResult::Unchanged };
    match effect {
        ApiEffect::Cancel { reminder, by } => {
            let is_done = outbox::cancel(tx, *reminder, by).await?;
            if is_done {
                audit::note(tx, &[audit_entries::cancel(*reminder, by)]).await?;
            }
            Ok(done(is_done))
        }
        ApiEffect::Resolve { settlements, receipts, .. } => {
            let settled = outbox::record(tx, &store.moves(settlements)).await?;
            let receipts: Vec<_> = receipts.iter().filter(|one| settled.contains(&one.reminder)).cloned().collect();
            let now = store.now(tx).await?;
            receipts::record(tx, now, &receipts).await?;
            let counted = settlements.iter().filter(|one| settled.contains(&one.reminder()));
            audit::note(tx, &Vec::from_iter(counted.filter_map(audit_entries::resolve))).await?;
            Ok(EffectResult::Settled(settled))
        }
        ApiEffect::DropRejects { ids, merchant, order } => {
            let dropped = rejects::drop_records(store, tx, ids, Some(merchant), order).await?;
            Ok(EffectResult::Dropped(dropped))
        }
        ApiEffect::ReportPayments { reports, lasts } => {
            Ok(EffectResult::Reported(payments::report(store, tx, reports, *lasts).await?))
        }
        ApiEffect::MoveNotice { name, from, change } => Ok(done(notices::bring(store, tx, name, *from, change).await?)),
        ApiEffect::Plan { reminder, at } => {
            let planned = outbox::plan(tx, std::slice::from_ref(reminder), *at).await?;
            Ok(planned.first().map_or(EffectResult::Unchanged, |id| EffectResult::Planned(*id)))
        }
        ApiEffect::Suppress { suppression: one, by } => {
            ledger::suppress(tx, std::slice::from_ref(one), suppression::UPSERT).await?;
            let address = [(one.merchant.as_ref(), &one.address)];
            suppression_changes::record_addresses(tx, SuppressionAction::Add, &address, by).await?;
            audit::note(tx, &audit_entries::suppress(std::slice::from_ref(one), by)).await?;
            Ok(EffectResult::Done)
        }
        ApiEffect::LiftSuppression { merchant, address, lifter, by } => {
            let lifted = suppression_changes::lift(tx, Some(merchant), address, *lifter, by).await?;
            Ok(EffectResult::Lifted(lifted))
        }
    }
}
