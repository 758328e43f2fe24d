//! The ledger.

use std::fmt::Debug;
use std::ops::RangeInclusive;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::{LedgerRow, StoreError};
use crate::domain::{
    Amendment, AmendmentResult, BorrowerId, BorrowerKey, Channel, Installment, InstallmentId, ManualPreferences,
    MerchantId, SourceName,
};
use crate::plan::{Account, Due, RecentContacts};

/// Who owes what.
#[async_trait]
pub trait LedgerStore: Debug + Send + Sync {
    /// Writes what the lender's books say: new and changed borrowers and instalments; what is the same is not written.
    /// Gives, for each row in its order, what it was. With [`WriteMode::DryRun`] nothing is kept.
    async fn import(&self, rows: &[LedgerRow], mode: WriteMode) -> Result<Vec<Change>, StoreError>;

    /// Writes what a source says of instalments that the ledger knows, and keeps what it says of others until they
    /// come. Gives, for each in its order, what became of it. With [`WriteMode::DryRun`] nothing is kept.
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

    /// What is known now about one borrower, one due date and one channel: the facts that decide about a reminder.
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

/// What an import row was, compared with the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// The instalment was not known.
    New,
    /// The instalment or its borrower was known otherwise.
    Changed,
    /// Nothing to write.
    Same,
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

/// What a person put in by hand about a borrower, as it is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreferencesRecord {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// What, in words: the text of [`ContactPreferences`](crate::domain::ContactPreferences).
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
    /// At most so many.
    pub limit: u32,
}
