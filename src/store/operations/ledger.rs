//! The ledger operations.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use async_trait::async_trait;
use chrono::NaiveDate;

use super::schema::end;
use super::{
    Batch, Db, SqlStore, Tx, audit, borrower, contacts, installment, payments, rejects, scan, sources, suppression,
    webhooks,
};
use crate::domain::{
    Amendment, AmendmentResult, Borrower, BorrowerKey, BorrowerUpdate, Channel, Installment, InstallmentId, KeyRing,
    MerchantId, SourceName, Suppression,
};
use crate::plan::{Account, Due, RecentContacts};
use crate::store::audit_entries;
use crate::store::sql::account::{ACCOUNT, AccountNowRow, settled_at};
use crate::store::sql::borrower::KnownBorrowerRow;
use crate::store::sql::clauses::narrowed;
use crate::store::sql::import_batch::ImportBatch;
use crate::store::sql::installment::{DUE_PAGE, DueRow, KnownInstallmentRow, MATCHING, SETTLED, SettledRow, narrow};
use crate::store::sql::sealing::{PersonalColumns, compared, sealed_address};
use crate::store::sql::suppression::last_words;
use crate::store::sql::value::{Amount, Moment};
use crate::store::{
    Change, DueCursor, InstallmentFilter, LedgerRow, LedgerStore, RejectStore, SettledInstallment, StoreError,
    WriteMode,
};

#[async_trait]
impl LedgerStore for SqlStore {
    async fn import(&self, rows: &[LedgerRow], mode: WriteMode) -> Result<Vec<Change>, StoreError> {
        self.import_batch(rows, &[], mode).await
    }

    async fn amend(
        &self,
        amendments: &[Amendment],
        source: Option<&SourceName>,
        mode: WriteMode,
    ) -> Result<Vec<AmendmentResult>, StoreError> {
        let mut tx = self.write_ledger().await?;
        let (amended, ended) = sources::amend(&mut tx, amendments, source, self.given_now()).await?;
        rejects::release(self, &mut tx, ended).await?;
        if tx.origin().is_some() {
            let now = self.now(&mut tx).await?;
            audit::note(&mut tx, audit_entries::amend(amendments, &amended, now.0).as_slice()).await?;
        }
        end(tx, mode).await?;
        Ok(amended)
    }

    async fn due_page(
        &self,
        dates: RangeInclusive<NaiveDate>,
        after: Option<&DueCursor>,
        limit: u32,
    ) -> Result<Vec<Due>, StoreError> {
        let mut tx = self.read().await?;
        let now = self.now(&mut tx).await?;
        let read = due_page(&mut tx, now, &dates, after, limit).await?;
        Ok(tx.finish(read).await)
    }

    async fn installments(&self, filter: &InstallmentFilter) -> Result<Vec<Installment>, StoreError> {
        let mut tx = self.read().await?;
        let read = installments(&mut tx, filter).await?;
        Ok(tx.finish(read).await)
    }

    async fn settled_installments(&self, borrower: &BorrowerKey) -> Result<Vec<SettledInstallment>, StoreError> {
        let mut tx = self.read().await?;
        let read = settled_installments(&mut tx, borrower).await?;
        Ok(tx.finish(read).await)
    }

    async fn account(
        &self,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
        channel: Channel,
    ) -> Result<Account, StoreError> {
        let mut tx = self.read().await?;
        let now = self.now(&mut tx).await?;
        let read = account(&mut tx, now, borrower, due_date, channel).await?;
        Ok(tx.finish(read).await)
    }

    async fn account_beside(
        &self,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
        channel: Channel,
        recent_contacts: RecentContacts,
    ) -> Result<Account, StoreError> {
        let mut tx = self.read().await?;
        let now = self.now(&mut tx).await?;
        let mut account = account(&mut tx, now, borrower, due_date, channel).await?;
        let mut asked = [contacts::ContactQuery { borrower, due_date, account: &mut account }];
        let people = contacts::people(&mut tx, recent_contacts, &asked).await?;
        contacts::read(&mut tx, now, recent_contacts, (channel, &people), &mut asked, &BTreeMap::new()).await?;
        Ok(tx.finish(account).await)
    }
}

/// Writes rows. Gives what each was, and the instalments of which a rejected record ended.
pub(super) async fn import(
    tx: &mut Tx,
    rows: &[LedgerRow],
    now: Option<Moment>,
) -> Result<(Vec<Change>, Vec<rejects::RejectSubject>), StoreError> {
    let keys = rows.iter().map(|row| (&row.borrower.merchant, &row.installment));
    let open = payments::open_of(tx, keys, now).await?;
    let mut import_batch = read_known(tx, rows).await?.with_payments(open);
    let changes = rows.iter().map(|row| import_batch.apply(row)).collect();
    let ended = rejects::answer(tx, rows, &mut import_batch, now).await?;
    // Whoever writes the ledger has taken its turn, so that nobody else adds what was not known.
    let (added, changed) = import_batch.dirty_borrowers();
    write_borrowers(tx, &added, borrower::ADD).await?;
    write_borrowers(tx, &changed, borrower::UPSERT).await?;
    let changed: Vec<_> = changed.iter().map(|borrower| &borrower.key).collect();
    let (added, amended) = import_batch.dirty_installments();
    write_installments(tx, &added, installment::ADD, now).await?;
    write_installments(tx, &amended, installment::UPSERT, now).await?;
    scan::write_down_installments(tx, &[added, amended].concat(), now).await?;
    payments::keep(tx, &import_batch.settled_payments()).await?;
    scan::write_down_borrowers(tx, &changed, now).await?;
    Ok((changes, ended))
}

/// Writes rows about borrowers alone. Gives what each was.
pub(super) async fn import_borrowers(
    tx: &mut Tx,
    rows: &[BorrowerUpdate],
    now: Option<Moment>,
) -> Result<Vec<Change>, StoreError> {
    let borrowers = known_borrowers(tx, rows.iter().map(|row| &row.borrower)).await?;
    let mut import_batch = ImportBatch::known(borrowers, Vec::new(), tx.ring());
    let changes = rows.iter().map(|row| import_batch.apply_borrower(row)).collect();
    let (added, changed) = import_batch.dirty_borrowers();
    write_borrowers(tx, &added, borrower::ADD).await?;
    write_borrowers(tx, &changed, borrower::UPSERT).await?;
    let changed: Vec<_> = changed.iter().map(|borrower| &borrower.key).collect();
    scan::write_down_borrowers(tx, &changed, now).await?;
    Ok(changes)
}

async fn known_borrowers<'k>(
    tx: &mut Tx,
    keys: impl Iterator<Item = &'k BorrowerKey>,
) -> Result<Vec<Borrower>, StoreError> {
    let keys = Vec::from_iter(keys.collect::<BTreeSet<_>>());
    let rows: Vec<KnownBorrowerRow> = Batch::of(&keys)
        .column(|key| key.merchant.as_str())?
        .column(|key| key.id.as_str())?
        .query_as(borrower::OF_BATCH)?
        .fetch_all(&mut **tx)
        .await?;
    let ring = tx.ring();
    rows.into_iter().map(|row| row.borrower(ring.as_deref())).collect()
}

async fn read_known(tx: &mut Tx, rows: &[LedgerRow]) -> Result<ImportBatch, StoreError> {
    let borrowers = known_borrowers(tx, rows.iter().map(|row| &row.borrower)).await?;
    let keys = rows.iter().map(|row| (&row.borrower.merchant, &row.installment)).collect();
    let installments = known_installments(tx, &keys).await?;
    Ok(ImportBatch::known(borrowers, installments, tx.ring()))
}

pub(super) async fn known_installments(
    tx: &mut Tx,
    keys: &BTreeSet<(&MerchantId, &InstallmentId)>,
) -> Result<Vec<Installment>, StoreError> {
    let keys: Vec<_> = keys.iter().collect();
    let rows: Vec<KnownInstallmentRow> = Batch::of(&keys)
        .column(|(merchant, _)| merchant.as_str())?
        .column(|(_, id)| id.as_str())?
        .query_as(installment::OF_BATCH)?
        .fetch_all(&mut **tx)
        .await?;
    read_installments(rows)
}

/// Writes borrowers by [`borrower::ADD`] or [`borrower::UPSERT`].
pub(super) async fn write_borrowers<'b>(
    tx: &mut Tx,
    borrowers: &[&'b Borrower],
    statement: &'static str,
) -> Result<(), StoreError> {
    if borrowers.is_empty() {
        return Ok(());
    }
    let ring = tx.ring();
    let of = |borrower: &&'b Borrower| (*borrower, PersonalColumns::of(borrower, ring.as_deref()));
    let rows: Vec<_> = borrowers.iter().map(of).collect();
    Batch::of(&rows)
        .column(|(borrower, _)| borrower.key.merchant.as_str())?
        .column(|(borrower, _)| borrower.key.id.as_str())?
        .column(|(_, personal)| personal.name.as_deref())?
        .column(|(_, personal)| personal.phone.as_deref())?
        .column(|(_, personal)| personal.email.as_deref())?
        .column(|(_, personal)| personal.email_key.as_deref())?
        .column(|(borrower, _)| borrower.locale.as_ref().map(|locale| locale.as_str()))?
        .column(|(borrower, _)| borrower.time_zone.map(|zone| zone.name()))?
        .column(|(_, personal)| personal.account_phone.as_deref())?
        .column(|(_, personal)| personal.sealed.as_deref())?
        .column(|(borrower, _)| borrower.verifier.as_ref().map(|verifier| verifier.as_text()))?
        .column(|(borrower, _)| borrower.hold.as_ref().map(|hold| hold.reason.as_str()))?
        .column(|(borrower, _)| borrower.hold.as_ref().and_then(|hold| hold.until).map(Moment))?
        .column(|(borrower, _)| borrower.preferred_channel.map(Channel::as_str))?
        .column(|(borrower, _)| borrower.preferred_hours.map(|hours| hours.to_string()))?
        .column(|(_, personal)| personal.name_key.as_deref())?
        .column(|(_, personal)| personal.phone_tail.as_deref())?
        .query(statement)?
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Writes instalments by [`installment::ADD`] or [`installment::UPSERT`].
pub(super) async fn write_installments(
    tx: &mut Tx,
    installments: &[&Installment],
    statement: &'static str,
    now: Option<Moment>,
) -> Result<(), StoreError> {
    if installments.is_empty() {
        return Ok(());
    }
    Batch::of(installments)
        .column(|installment| installment.merchant.as_str())?
        .column(|installment| installment.id.as_str())?
        .column(|installment| installment.borrower.as_str())?
        .column(|installment| installment.order_ref.as_deref())?
        .column(|installment| installment.product.as_deref())?
        .column(|installment| installment.sequence.map(i64::from))?
        .column(|installment| installment.of.map(i64::from))?
        .column(|installment| installment.amount.currency().code())?
        .column(|installment| Amount(installment.amount.amount()))?
        .column(|installment| Amount(installment.paid_amount.amount()))?
        .column(|installment| installment.due_date)?
        .column(|installment| installment.status.as_str())?
        .column(|installment| installment.route.as_ref().map(|route| route.as_str()))?
        .column(|installment| (!installment.tags.is_empty()).then(|| installment.tags.to_string()))?
        .column(|installment| installment.source.as_ref().map(|source| source.as_str()))?
        .column(|installment| installment.is_vanished)?
        .column(|installment| installment.grace_days.map(i64::from))?
        .column(|installment| !installment.is_due())?
        .query(statement)?
        .bind(now)
        .execute(&mut **tx)
        .await?;
    webhooks::note_paid(tx, installments).await
}

pub(super) async fn due_page(
    tx: &mut Tx,
    now: Moment,
    dates: &RangeInclusive<NaiveDate>,
    after: Option<&DueCursor>,
    limit: u32,
) -> Result<Vec<Due>, StoreError> {
    // No key is empty, so the empty key sorts before all others of a date.
    let start = (*dates.start(), "", "");
    let end_of_last_page =
        after.map(|after| (after.due_date, after.borrower.merchant.as_str(), after.borrower.id.as_str()));
    let (date, merchant, borrower) = end_of_last_page.filter(|after| *after > start).unwrap_or(start);
    let rows: Vec<DueRow> = sqlx::query_as::<Db, _>(DUE_PAGE)
        .bind(date)
        .bind(merchant)
        .bind(borrower)
        .bind(*dates.end())
        .bind(i64::from(limit.max(1)))
        .bind(now)
        .fetch_all(&mut **tx)
        .await?;
    let ring = tx.ring();
    let mut page: Vec<Due> = Vec::new();
    for row in rows {
        let next = group(row, page.last_mut(), ring.as_deref())?;
        page.extend(next);
    }
    Ok(page)
}

/// Adds what a row says to the group before, if it belongs to it; else gives its own.
pub(super) fn group(row: DueRow, before: Option<&mut Due>, ring: Option<&KeyRing>) -> Result<Option<Due>, StoreError> {
    let (due_date, suppressed) = (row.due_date, row.suppressed()?);
    match before.filter(|due| due.due_date == due_date && row.key.is(&due.borrower.key)) {
        Some(due) => {
            due.installments.extend(row.installment.installment(&due.borrower.key, due_date)?);
            Ok(None)
        }
        None => {
            let borrower = row.borrower.borrower(row.key.key()?, ring)?;
            let installment = row.installment.installment(&borrower.key, due_date)?;
            Ok(Some(Due { borrower, due_date, installments: Vec::from_iter(installment), suppressed }))
        }
    }
}

async fn settled_installments(tx: &mut Tx, borrower: &BorrowerKey) -> Result<Vec<SettledInstallment>, StoreError> {
    let rows: Vec<SettledRow> = sqlx::query_as::<Db, _>(SETTLED)
        .bind(borrower.id.as_str())
        .bind(borrower.merchant.as_str())
        .fetch_all(&mut **tx)
        .await?;
    rows.into_iter().map(SettledRow::read).collect()
}

pub(super) async fn installments(tx: &mut Tx, filter: &InstallmentFilter) -> Result<Vec<Installment>, StoreError> {
    let rows: Vec<KnownInstallmentRow> = sqlx::query_as::<Db, _>(narrowed(MATCHING, &narrow(filter)))
        .bind(filter.merchant.as_ref().map(|merchant| merchant.as_str()))
        .bind(filter.borrower.as_ref().map(|borrower| borrower.as_str()))
        .bind(filter.installment.as_ref().map(|installment| installment.as_str()))
        .bind(filter.order_ref.as_deref())
        .bind(i64::from(filter.limit))
        .bind(filter.after.as_ref().map(|(due_date, _)| *due_date))
        .bind(filter.after.as_ref().map(|(_, id)| id.as_str()))
        .fetch_all(&mut **tx)
        .await?;
    read_installments(rows)
}

fn read_installments(rows: Vec<KnownInstallmentRow>) -> Result<Vec<Installment>, StoreError> {
    rows.into_iter().filter_map(|row| row.installment().transpose()).collect()
}

pub(super) async fn account(
    tx: &mut Tx,
    now: Moment,
    borrower: &BorrowerKey,
    due_date: NaiveDate,
    channel: Channel,
) -> Result<Account, StoreError> {
    let rows: Vec<AccountNowRow> = sqlx::query_as::<Db, _>(ACCOUNT)
        .bind(now)
        .bind(borrower.merchant.as_str())
        .bind(borrower.id.as_str())
        .bind(due_date)
        .bind(channel.as_str())
        .fetch_all(&mut **tx)
        .await?;
    let settled_at = settled_at(&rows);
    let ring = tx.ring();
    let mut rows = rows.into_iter().map(|row| row.account);
    let first = rows.next().map(|row| row.open(borrower, due_date, ring.as_deref()));
    let mut account = first.transpose()?.unwrap_or_default();
    for row in rows {
        row.add_to(&mut account, borrower, due_date)?;
    }
    Ok(Account { settled_at, ..account })
}

/// Writes suppressions down by [`suppression::UPSERT`] or [`suppression::ADD`], and who is opted out by them.
pub(super) async fn suppress(
    tx: &mut Tx,
    suppressions: &[Suppression],
    statement: &'static str,
) -> Result<(), StoreError> {
    webhooks::note_opt_outs(tx, suppressions).await?;
    cancel_lifts(tx, suppressions).await?;
    put_suppressions(tx, suppressions, statement).await
}

/// Whoever opts out again has not agreed to the end of the opt-out before.
async fn cancel_lifts(tx: &mut Tx, suppressions: &[Suppression]) -> Result<(), StoreError> {
    let opt_outs: Vec<_> = suppressions.iter().filter(|one| one.reason.is_opt_out()).collect();
    if opt_outs.is_empty() {
        return Ok(());
    }
    let ring = tx.ring();
    Batch::of(&opt_outs)
        .column(|one| one.merchant.as_ref().map(MerchantId::as_str))?
        .column(|one| one.address.channel().as_str())?
        .column(|one| compared(ring.as_deref(), one.address.reveal()))?
        .query(suppression::CANCEL_LIFTS)?
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Writes suppressions down that are not new.
pub(super) async fn put_suppressions(
    tx: &mut Tx,
    suppressions: &[Suppression],
    statement: &'static str,
) -> Result<(), StoreError> {
    if suppressions.is_empty() {
        return Ok(());
    }
    let ring = tx.ring();
    let ring = ring.as_deref();
    Batch::of(&last_words(suppressions))
        .column(|suppression| suppression.merchant.as_ref().map(|merchant| merchant.as_str()))?
        .column(|suppression| suppression.address.channel().as_str())?
        .column(|suppression| compared(ring, suppression.address.reveal()))?
        .column(|suppression| sealed_address(ring, suppression.address.reveal()))?
        .column(|suppression| suppression.reason.as_str())?
        .column(|suppression| suppression.source.as_str())?
        .column(|suppression| Moment(suppression.since))?
        .column(|suppression| suppression.until.map(Moment))?
        .query(statement)?
        .execute(&mut **tx)
        .await?;
    Ok(())
}
