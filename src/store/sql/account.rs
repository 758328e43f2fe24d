//! The facts that decide about a reminder, over the tables `borrower`, `installment`, `suppression`, `stop`,
//! `reject` and `payment`.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::FromRow;

use super::borrower::BorrowerRow;
use super::installment::InstallmentRow;
use super::value::Moment;
use crate::domain::{BorrowerKey, KeyRing, RecordKind};
use crate::plan::Account;
use crate::store::StoreError;

/// The facts about the key `r` (merchant, borrower, due date, channel) at `$now`, but for the key itself. Of several
/// suppressions, one that is more than an opt-out goes before: a confirmation passes that, and nothing else. Whether
/// anything is stopped or rejected, or waits to be read, at all is asked once, not for each row. A record is looked for
/// by a query of one row, not by `exists`, for which PostgreSQL might read all records of the merchant at once.
macro_rules! account_columns {
    ($now:literal) => {
        concat!(
            "b.borrower_id is not null as known, ",
            $crate::store::sql::borrower::borrower_columns!(),
            ", ",
            $crate::store::sql::installment::installment_columns!(),
            r#",
            (
                select coalesce(max(nullif(s.reason, 'opted_out')), max(s.reason)) from suppression s
                where s.channel = r.channel and s.address = "#,
            $crate::store::sql::channel::address_key!(),
            r#"
                  and coalesce(s.merchant, r.merchant) = r.merchant and coalesce(s.until > "#,
            $now,
            r#", true)
            ) as suppressed,
            case when exists (select 1 from reply_to_read) then (
                select min(u.reply_id) from reply_to_read u
                where u.channel = r.channel and u.address = "#,
            $crate::store::sql::channel::address_key!(),
            r#"
            ) end as unread_reply,
            exists (select 1 from stop) and exists (
                select 1 from stop t
                where coalesce(t.merchant, r.merchant) = r.merchant and coalesce(t.channel, r.channel) = r.channel
            ) as stopped,
            case when exists (select 1 from reject) then (
                select case when x.is_vanished then 'vanished' else x.kind end from reject x
                where x.installment_id = i.installment_id and x.merchant = r.merchant limit 1
            ) end as rejected,
            exists (select 1 from payment where stage = 'holding') and coalesce((
                select true from payment y
                where y.installment_id = i.installment_id and y.merchant = r.merchant and y.stage = 'holding' limit 1
            ), false) as pending"#
        )
    };
}
pub(in crate::store) use account_columns;

/// Where [`account_columns`] come from: one row for each instalment, one at least.
macro_rules! account_joins {
    () => {
        r#"
        left join borrower b on b.borrower_id = r.borrower_id and b.merchant = r.merchant
        left join installment i
          on i.borrower_id = r.borrower_id and i.merchant = r.merchant and i.due_date = r.due_date"#
    };
}
pub(in crate::store) use account_joins;

/// The facts about one key. Binds: now, merchant, borrower, due date, channel.
pub(in crate::store) const ACCOUNT: &str = concat!(
    "select ",
    account_columns!("$1"),
    ", i.settled_at from (select $2 as merchant, $3 as borrower_id, $4 as due_date, $5 as channel) r",
    account_joins!(),
    " order by i.installment_id"
);

#[derive(FromRow)]
pub(in crate::store) struct AccountRow {
    known: bool,
    suppressed: Option<String>,
    unread_reply: Option<i64>,
    stopped: bool,
    /// The kind of a record of the instalment that could not be applied.
    rejected: Option<String>,
    pending: bool,
    #[sqlx(flatten)]
    borrower: BorrowerRow,
    #[sqlx(flatten)]
    installment: InstallmentRow,
}

/// A row of [`ACCOUNT`].
#[derive(FromRow)]
pub(in crate::store) struct AccountNowRow {
    settled_at: Option<Moment>,
    #[sqlx(flatten)]
    pub(in crate::store) account: AccountRow,
}

/// Since when nothing of the account is owed, if nothing is and that is on record.
pub(in crate::store) fn settled_at(rows: &[AccountNowRow]) -> Option<DateTime<Utc>> {
    let all: Option<Vec<_>> = rows.iter().map(|row| row.settled_at.as_ref().map(|settled| settled.0)).collect();
    all?.into_iter().max()
}

impl AccountRow {
    /// Which instalment of the key it is about, if of any.
    pub(in crate::store) fn installment(&self) -> Option<&str> {
        self.installment.number()
    }

    /// The facts as of the first row of a borrower and due date.
    pub(in crate::store) fn open(
        self,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
        ring: Option<&KeyRing>,
    ) -> Result<Account, StoreError> {
        const COLUMN: &str = "suppression.reason";
        let reason = self.suppressed.map(|word| word.parse().map_err(|_| StoreError::Corrupt { column: COLUMN }));
        let installments = Vec::from_iter(self.installment.installment(borrower, due_date)?);
        let of_kind = |is: fn(&str) -> bool| {
            let rejected = self.rejected.as_deref().is_some_and(is);
            installments.iter().filter(|_| rejected).map(|one| one.id.clone()).collect()
        };
        Ok(Account {
            rejected: of_kind(|_| true),
            vanished: of_kind(is_vanished),
            pending: installments.iter().filter(|_| self.pending).map(|one| one.id.clone()).collect(),
            borrower: if self.known { Some(self.borrower.borrower(borrower.clone(), ring)?) } else { None },
            installments,
            suppressed: reason.transpose()?,
            unread_reply: self.unread_reply,
            stopped: self.stopped,
            ..Account::default()
        })
    }

    /// Adds what a further row of that borrower and due date says.
    pub(in crate::store) fn add_to(
        self,
        account: &mut Account,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
    ) -> Result<(), StoreError> {
        let installment = self.installment.installment(borrower, due_date)?;
        for one in installment.iter().filter(|_| self.rejected.is_some()) {
            account.rejected.push(one.id.clone());
            account.vanished.extend(self.rejected.as_deref().filter(|kind| is_vanished(kind)).map(|_| one.id.clone()));
        }
        account.pending.extend(installment.iter().filter(|_| self.pending).map(|one| one.id.clone()));
        account.installments.extend(installment);
        Ok(())
    }
}

fn is_vanished(kind: &str) -> bool {
    kind == RecordKind::Vanished.as_str()
}
