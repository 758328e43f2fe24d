//! Tokens of the API, and requests that count once, in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{MemoryStore, Tables};
use crate::domain::{AuditOrigin, Settlement, TokenDigest};
use crate::store::audit_entries;
use crate::store::{
    ApiEffect, ApiStore, EffectResult, KeptAnswer, KeyedRequest, LedgerPart, LedgerPartResult, NewToken, REQUEST_KEPT,
    RequestClaim, RequestEnd, RequestStart, StoreError, TOKEN_USE_GRAIN, TokenRecord, WriteMode,
};

/// The tables of the API.
#[derive(Debug, Default, Clone)]
pub(super) struct ApiTables {
    tokens: Vec<TokenRecord>,
    requests: BTreeMap<(String, String), RequestEntry>,
}

#[derive(Debug, Clone)]
struct RequestEntry {
    fingerprint: [u8; 32],
    attempt: i32,
    at: DateTime<Utc>,
    lease_until: DateTime<Utc>,
    answer: Option<KeptAnswer>,
}

impl ApiTables {
    /// The request of a claim, if it has neither ended nor been taken over.
    fn claimed(&mut self, claim: &RequestClaim) -> Option<&mut RequestEntry> {
        let entry = self.requests.get_mut(&(claim.token.clone(), claim.key.clone()));
        entry.filter(|entry| entry.attempt == claim.attempt && entry.answer.is_none())
    }
}

#[async_trait]
impl ApiStore for MemoryStore {
    async fn add_token(&self, token: &NewToken) -> Result<Option<i64>, StoreError> {
        let mut tables = self.tables();
        let tokens = &mut tables.api.tokens;
        if tokens.iter().any(|known| known.revoked_at.is_none() && known.token.name == token.name) {
            return Ok(None);
        }
        let id = tokens.last().map_or(0, |last| last.id) + 1;
        tokens.push(TokenRecord { id, token: token.clone(), revoked_at: None, used_at: None });
        tables.note(self.origin.as_ref(), &[audit_entries::create_token(token)]);
        Ok(Some(id))
    }

    async fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError> {
        Ok(self.tables().api.tokens.clone())
    }

    async fn revoke_token(&self, name: &str, at: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let is_it = |known: &&mut TokenRecord| known.revoked_at.is_none() && known.token.name == name;
        let Some(known) = tables.api.tokens.iter_mut().find(is_it) else { return Ok(false) };
        known.revoked_at = Some(at);
        tables.note(self.origin.as_ref(), &[audit_entries::revoke_token(name, at)]);
        Ok(true)
    }

    async fn use_token(&self, digest: &TokenDigest, now: DateTime<Utc>) -> Result<Option<TokenRecord>, StoreError> {
        let mut tables = self.tables();
        let is_valid = |known: &&mut TokenRecord| {
            known.token.digest == *digest
                && known.revoked_at.is_none()
                && known.token.expires_at.is_none_or(|expires_at| expires_at > now)
        };
        let Some(known) = tables.api.tokens.iter_mut().find(is_valid) else { return Ok(None) };
        let before = known.clone();
        if known.used_at.is_none_or(|used_at| used_at <= now - TOKEN_USE_GRAIN) {
            known.used_at = Some(now);
        }
        Ok(Some(before))
    }

    async fn begin_request(&self, request: &KeyedRequest) -> Result<RequestStart, StoreError> {
        let now = self.clock.now();
        let KeyedRequest { token, key, fingerprint, lease } = request.clone();
        let requests = &mut self.tables().api.requests;
        requests.retain(|_, entry| entry.at > now - REQUEST_KEPT);
        let entry = requests.entry((token.clone(), key.clone())).or_insert(RequestEntry {
            fingerprint,
            attempt: 0,
            at: now,
            lease_until: now,
            answer: None,
        });
        if entry.fingerprint != fingerprint {
            return Ok(RequestStart::Different);
        }
        if let Some(answer) = &entry.answer {
            return Ok(RequestStart::Answered(answer.clone()));
        }
        if entry.lease_until > now {
            return Ok(RequestStart::Running);
        }
        entry.attempt += 1;
        entry.lease_until = now + lease;
        Ok(RequestStart::Begun(RequestClaim { token, key, attempt: entry.attempt }))
    }

    async fn end_request(&self, claim: &RequestClaim, end: &RequestEnd) -> Result<Option<KeptAnswer>, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        if tables.api.claimed(claim).is_none() {
            return Ok(None);
        }
        let answer = match end {
            RequestEnd::Answer(answer) => answer.clone(),
            RequestEnd::Effect { effect, answer } => {
                answer(effect, tables.carry_out(self.origin.as_ref(), effect, now))
            }
        };
        if let Some(entry) = tables.api.claimed(claim) {
            entry.answer = Some(answer.clone());
        }
        Ok(Some(answer))
    }

    async fn write_part(
        &self,
        claim: &RequestClaim,
        lease: TimeDelta,
        part: &LedgerPart,
    ) -> Result<Option<LedgerPartResult>, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let Some(entry) = tables.api.claimed(claim) else { return Ok(None) };
        entry.lease_until = now + lease;
        let ledger = &mut tables.ledger;
        let borrowers = part.borrowers.iter().map(|row| ledger.import_borrower(row, now)).collect();
        let rows = part.rows.iter().cloned().map(|row| ledger.import(row, now)).collect();
        part.rejected.iter().cloned().for_each(|record| ledger.rejects.keep(record, now));
        let amendments = ledger.amend(&part.amendments, None, WriteMode::Commit, now);
        tables.release_not_rejected(now);
        tables.note(self.origin.as_ref(), audit_entries::write_part(claim, part, now).as_slice());
        Ok(Some(LedgerPartResult { borrowers, rows, amendments }))
    }

    async fn release_request(&self, claim: &RequestClaim) -> Result<(), StoreError> {
        let now = self.clock.now();
        if let Some(entry) = self.tables().api.claimed(claim) {
            entry.lease_until = now;
        }
        Ok(())
    }
}

impl Tables {
    fn carry_out(&mut self, origin: Option<&AuditOrigin>, effect: &ApiEffect, now: DateTime<Utc>) -> EffectResult {
        let is_done = match effect {
            ApiEffect::Cancel { reminder, by } => {
                let is_done = self.outbox.cancel(*reminder, by);
                if is_done {
                    self.note(origin, &[audit_entries::cancel(*reminder, by)]);
                }
                is_done
            }
            ApiEffect::Resolve { settlements, receipts, .. } => {
                let counted: Vec<_> = settlements.iter().filter(|one| self.outbox.settle(one)).collect();
                let entries: Vec<_> = counted.iter().filter_map(|one| audit_entries::resolve(one)).collect();
                self.note(origin, &entries);
                let settled: Vec<_> = counted.into_iter().map(Settlement::reminder).collect();
                for receipt in receipts.iter().filter(|one| settled.contains(&one.reminder)) {
                    self.outbox.record(receipt, now);
                }
                return EffectResult::Settled(settled);
            }
            ApiEffect::ReportPayments { reports, lasts } => {
                let results = reports.iter().map(|one| self.ledger.report_payment(one, *lasts, now)).collect();
                self.note(origin, audit_entries::report_payments(reports, now).as_slice());
                return EffectResult::Reported(results);
            }
            ApiEffect::DropRejects { ids, merchant, order } => {
                return EffectResult::Dropped(self.drop_rejects(origin, ids, Some(merchant), order, now));
            }
            ApiEffect::MoveNotice { name, from, change } => self.move_notice(origin, name, *from, change, now),
            ApiEffect::Plan { reminder, at } => {
                let planned = self.plan(origin, reminder, *at, WriteMode::Commit);
                return planned.map_or(EffectResult::Unchanged, EffectResult::Planned);
            }
            ApiEffect::Suppress { suppression, by } => {
                self.suppress(origin, std::slice::from_ref(suppression), Some(by));
                true
            }
            ApiEffect::LiftSuppression { merchant, address, lifter, by } => {
                return EffectResult::Lifted(self.lift_suppression(origin, Some(merchant), address, *lifter, by));
            }
        };
        if is_done { EffectResult::Done } else { EffectResult::Unchanged }
    }
}
