//! The ledger.

use std::fmt::Debug;
use std::ops::RangeInclusive;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::{LedgerRow, StoreError};
use crate::domain::{
    Amendment, AmendmentResult, BorrowerId, BorrowerKey, BorrowerUpdate, Channel, Installment, InstallmentId,
    ManualPreferences, MerchantId, RejectedRecord, SourceName,
};
use crate::plan::{Account, Due, RecentContacts};

/// The ledger: borrowers and their instalments.
#[async_trait]
pub trait LedgerStore: Debug + Send + Sync {
    /// Writes the lender's rows: new and changed borrowers and instalments; skips unchanged ones. Returns one
    /// [`Change`] per row, in order. With [`WriteMode::DryRun`] nothing is kept.
    async fn import(&self, rows: &[LedgerRow], mode: WriteMode) -> Result<Vec<Change>, StoreError>;

    /// Applies a source's amendments to the instalments in the ledger, and keeps those for unknown instalments until
    /// these arrive. Returns one result per amendment, in order. With [`WriteMode::DryRun`] nothing is kept.
    async fn amend(
        &self,
        amendments: &[Amendment],
        source: Option<&SourceName>,
        mode: WriteMode,
    ) -> Result<Vec<AmendmentResult>, StoreError>;

    /// Borrowers with open instalments due within `dates`, each with all its open instalments of one due date, in the
    /// order (due date, merchant, borrower), after `after`, at most `limit` of them (at least 1). An empty page is the
    /// end.
    async fn due_page(
        &self,
        dates: RangeInclusive<NaiveDate>,
        after: Option<&DueCursor>,
        limit: u32,
    ) -> Result<Vec<Due>, StoreError>;

    /// Instalments of any status that match, ordered by due date and number; at most `filter.limit`.
    async fn installments(&self, filter: &InstallmentFilter) -> Result<Vec<Installment>, StoreError>;

    /// When it became known that nothing is owed of a borrower's instalments any more: the time at which a payment or a
    /// cancellation reached this store, oldest first. Instalments that are owed are left out, and so are those that
    /// earlier versions settled without a time.
    async fn settled_installments(&self, borrower: &BorrowerKey) -> Result<Vec<SettledInstallment>, StoreError>;

    /// The facts for deciding about a reminder: the current state of one borrower, one due date and one channel.
    async fn account(
        &self,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
        channel: Channel,
    ) -> Result<Account, StoreError>;

    /// The same as [`LedgerStore::account`], with what a claim is to read beside it. Only looks, and waits for no
    /// claim.
    async fn account_beside(
        &self,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
        channel: Channel,
        recent_contacts: RecentContacts,
    ) -> Result<Account, StoreError>;
}

/// The difference between an import row and the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// The instalment was not known.
    New,
    /// The instalment or its borrower was known otherwise.
    Changed,
    /// Nothing to write.
    Same,
}

/// Rows that are written in one transaction, as a part of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerPart {
    /// Borrowers alone.
    pub borrowers: Vec<BorrowerUpdate>,
    /// Instalments.
    pub rows: Vec<LedgerRow>,
    /// Refused records, none older than the rows.
    pub rejected: Vec<RejectedRecord>,
    /// Payments, none older than rows and records of its instalment.
    pub amendments: Vec<Amendment>,
}

impl LedgerPart {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.borrowers.is_empty() && self.rows.is_empty() && self.rejected.is_empty() && self.amendments.is_empty()
    }
}

/// The result of a part: one for each row, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerPartResult {
    /// Of the borrowers.
    pub borrowers: Vec<Change>,
    /// Of the instalments.
    pub rows: Vec<Change>,
    /// Of the payments.
    pub amendments: Vec<AmendmentResult>,
}

/// Whether what is written is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Written.
    Commit,
    /// Only compared, to tell what would be written.
    DryRun,
}

/// The place of a [`Due`] in the order of pages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueCursor {
    /// The due date.
    pub due_date: NaiveDate,
    /// The borrower.
    pub borrower: BorrowerKey,
}

impl DueCursor {
    /// Where the next page begins when this is the last of a page.
    #[must_use]
    pub fn after(last: &Due) -> Self {
        Self { due_date: last.due_date, borrower: last.borrower.key.clone() }
    }
}

/// A record of the preferences that a person entered for a borrower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreferencesRecord {
    /// When they were entered.
    pub at: DateTime<Utc>,
    /// The person who entered them.
    pub actor: String,
    /// The preferences in words: the text of [`ContactPreferences`](crate::domain::ContactPreferences).
    pub said: String,
}

impl From<&ManualPreferences> for PreferencesRecord {
    fn from(one: &ManualPreferences) -> Self {
        Self { at: one.at, actor: one.actor.clone(), said: one.preferences.to_string() }
    }
}

/// Which instalments to list. What is `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct InstallmentFilter {
    /// Of this merchant.
    pub merchant: Option<MerchantId>,
    /// Owed by this borrower.
    pub borrower: Option<BorrowerId>,
    /// With this number.
    pub installment: Option<InstallmentId>,
    /// Of this order, as the lender writes its number.
    pub order_ref: Option<String>,
    /// Behind this one of the merchant, the last of the page before: its due date and number.
    pub after: Option<(NaiveDate, InstallmentId)>,
    /// At most so many.
    pub limit: u32,
}

/// The time at which it became known that nothing is owed of an instalment any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledInstallment {
    /// The instalment.
    pub installment: InstallmentId,
    /// The time; not the day on which the borrower paid.
    pub at: DateTime<Utc>,
}
