//! The table `installment`.

use chrono::NaiveDate;
use sqlx::FromRow;

use super::borrower::{BorrowerRow, KeyRow, read, read_if_known};
use super::clauses::Clause;
use super::value::{Amount, Moment};
use crate::domain::{BorrowerKey, Channel, Currency, Installment, Money};
use crate::store::{InstallmentFilter, OpenInstallment, SettledInstallment, StoreError};

/// The columns of an instalment `i`, without borrower and due date.
macro_rules! installment_columns {
    () => {
        "i.installment_id, i.order_ref, i.product, i.sequence, i.of, i.currency, i.amount, i.paid_amount, i.status, \
         i.route, i.tags, i.source, i.is_vanished, i.grace_days"
    };
}
pub(in crate::store) use installment_columns;

/// The written columns of an instalment: a column, its number among the arrays of PostgreSQL, its index in a row of
/// SQLite, and its type. The order is that in which `operations` binds. First the key, at the end what
/// `settled_at` follows from.
macro_rules! with_written_columns {
    ($use:ident) => {
        $crate::store::sql::installment::$use! {
            "merchant" "$1" "0" "text", "installment_id" "$2" "1" "text";
            "borrower_id" "$3" "2" "text", "order_ref" "$4" "3" "text", "product" "$5" "4" "text",
            "sequence" "$6" "5" "bigint", "of" "$7" "6" "bigint", "currency" "$8" "7" "text",
            "amount" "$9" "8" "numeric", "paid_amount" "$10" "9" "numeric", "due_date" "$11" "10" "date",
            "status" "$12" "11" "text", "route" "$13" "12" "text", "tags" "$14" "13" "text",
            "source" "$15" "14" "text", "is_vanished" "$16" "15" "boolean", "grace_days" "$17" "16" "bigint";
            is_settled "$18" "17"; now "$19"
        }
    };
}
pub(in crate::store) use with_written_columns;

macro_rules! postgres_rows {
    (
        $($key:literal $key_array:literal $key_place:literal $key_type:literal),+;
        $($column:literal $array:literal $place:literal $type:literal),+;
        is_settled $settled:literal $settled_place:literal; now $now:literal
    ) => {
        concat!(
            "insert into installment (", $($key, ", ",)+ $($column, ", ",)+ "settled_at) select ",
            $($key, ", ",)+ $($column, ", ",)+ "case when is_settled then coalesce(", $now, ", now()) end from unnest(",
            $($key_array, "::", $key_type, "[], ",)+ $($array, "::", $type, "[], ",)+ $settled, "::boolean[]) as k (",
            $($key, ", ",)+ $($column, ", ",)+ "is_settled)"
        )
    };
}
pub(in crate::store) use postgres_rows;

macro_rules! sqlite_rows {
    (
        $($key:literal $key_array:literal $key_place:literal $key_type:literal),+;
        $($column:literal $array:literal $place:literal $type:literal),+;
        is_settled $settled:literal $settled_place:literal; now $now:literal
    ) => {
        concat!(
            "insert into installment (", $($key, ", ",)+ $($column, ", ",)+ "settled_at) select ",
            $("value ->> ", $key_place, ", ",)+ $("value ->> ", $place, ", ",)+
            "case when value ->> ", $settled_place, " then $2 end from json_each($1) where true"
        )
    };
}
pub(in crate::store) use sqlite_rows;

macro_rules! overwritten_columns {
    (
        $($key:literal $key_array:literal $key_place:literal $key_type:literal),+;
        $($column:literal $array:literal $place:literal $type:literal),+;
        is_settled $settled:literal $settled_place:literal; now $now:literal
    ) => {
        concat!($($column, " = excluded.", $column, ", "),+)
    };
}
pub(in crate::store) use overwritten_columns;

/// Behind [`postgres_rows`] or [`sqlite_rows`]: what is known is overwritten, but for when it was settled first.
macro_rules! overwrite {
    () => {
        concat!(
            " on conflict (installment_id, merchant) do update set ",
            $crate::store::sql::installment::with_written_columns!(overwritten_columns),
            "settled_at = case when excluded.settled_at is not null then \
             coalesce(installment.settled_at, excluded.settled_at) end"
        )
    };
}
pub(in crate::store) use overwrite;

/// The open instalments of each borrower and due date of `$page`, as of `$now`, with the columns `$more` of the page.
macro_rules! due_rows {
    ($page:literal, $now:literal, $more:literal) => {
        concat!(
            "select i.merchant, i.borrower_id, i.due_date, ",
            $crate::store::sql::borrower::borrower_columns!(),
            ", ",
            $crate::store::sql::installment::installment_columns!(),
            r#",
"#,
            $crate::store::sql::channel::suppressed_channels!($now),
            " as suppressed",
            $more,
            " from (",
            $page,
            r#") page
            join borrower b on b.borrower_id = page.borrower_id and b.merchant = page.merchant
            join installment i
              on i.borrower_id = page.borrower_id and i.merchant = page.merchant and i.due_date = page.due_date
             and i.status = 'open'
            order by i.due_date, i.merchant, i.borrower_id, i.installment_id"#
        )
    };
}
pub(in crate::store) use due_rows;

/// One page of borrowers with what is open on one due date. The groups are chosen first, along the index, so that a
/// page never splits one. Binds: end of the page before (due date, merchant, borrower), last due date, groups, now.
pub(in crate::store) const DUE_PAGE: &str = due_rows!(
    r#"
        select distinct due_date, merchant, borrower_id from installment
        where status = 'open' and (due_date, merchant, borrower_id) > ($1, $2, $3) and due_date <= $4
        order by due_date, merchant, borrower_id limit $5"#,
    "$6",
    ""
);

/// The instalments that match a filter, whose clauses come in between. Binds: merchant, borrower, number, order, limit,
/// due date and number to go on behind.
pub(in crate::store) const MATCHING: [&str; 2] = [
    concat!("select i.merchant, i.borrower_id, i.due_date, ", installment_columns!(), " from installment i where true"),
    " order by i.due_date, i.installment_id, i.merchant limit $5",
];

/// The clauses of a filter.
pub(in crate::store) fn narrow(filter: &InstallmentFilter) -> [Clause; 5] {
    [
        (filter.merchant.is_some(), "i.merchant = $1"),
        (filter.borrower.is_some(), "i.borrower_id = $2"),
        (filter.installment.is_some(), "i.installment_id = $3"),
        (filter.order_ref.is_some(), "i.order_ref = $4"),
        (filter.after.is_some(), "(i.due_date, i.installment_id) > ($6, $7)"),
    ]
}

/// An instalment, but for borrower and due date; or in an outer join the lack of one.
#[derive(FromRow)]
pub(in crate::store) struct InstallmentRow {
    installment_id: Option<String>,
    order_ref: Option<String>,
    product: Option<String>,
    sequence: Option<i64>,
    of: Option<i64>,
    currency: Option<String>,
    amount: Option<Amount>,
    paid_amount: Option<Amount>,
    status: Option<String>,
    route: Option<String>,
    tags: Option<String>,
    source: Option<String>,
    is_vanished: Option<bool>,
    grace_days: Option<i64>,
}

impl InstallmentRow {
    pub(in crate::store) fn number(&self) -> Option<&str> {
        self.installment_id.as_deref()
    }

    pub(in crate::store) fn installment(
        self,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
    ) -> Result<Option<Installment>, StoreError> {
        let Some(id) = self.installment_id else { return Ok(None) };
        let currency = read(&self.currency.unwrap_or_default(), "installment.currency", Currency::new)?;
        Ok(Some(Installment {
            merchant: borrower.merchant.clone(),
            id: read(&id, "installment.installment_id", str::parse)?,
            borrower: borrower.id.clone(),
            order_ref: self.order_ref,
            product: self.product,
            sequence: read_count(self.sequence, "installment.sequence")?,
            of: read_count(self.of, "installment.of")?,
            amount: read_money(self.amount, currency, "installment.amount")?,
            paid_amount: read_money(self.paid_amount, currency, "installment.paid_amount")?,
            due_date,
            status: read(&self.status.unwrap_or_default(), "installment.status", str::parse)?,
            route: read_if_known(self.route, "installment.route", str::parse)?,
            tags: read_if_known(self.tags, "installment.tags", str::parse)?.unwrap_or_default(),
            source: read_if_known(self.source, "installment.source", str::parse)?,
            is_vanished: self.is_vanished.unwrap_or_default(),
            grace_days: read_count(self.grace_days, "installment.grace_days")?,
        }))
    }
}

/// An instalment with borrower and due date.
#[derive(FromRow)]
pub(in crate::store) struct KnownInstallmentRow {
    #[sqlx(flatten)]
    key: KeyRow,
    due_date: NaiveDate,
    #[sqlx(flatten)]
    installment: InstallmentRow,
}

impl KnownInstallmentRow {
    pub(in crate::store) fn installment(self) -> Result<Option<Installment>, StoreError> {
        self.installment.installment(&self.key.key()?, self.due_date)
    }
}

fn read_money(amount: Option<Amount>, currency: Currency, column: &'static str) -> Result<Money, StoreError> {
    let amount = amount.ok_or(StoreError::Corrupt { column })?;
    Money::new(amount.0, currency).map_err(|_| StoreError::Corrupt { column })
}

fn read_count<N: TryFrom<i64>>(number: Option<i64>, column: &'static str) -> Result<Option<N>, StoreError> {
    number.map(N::try_from).transpose().map_err(|_| StoreError::Corrupt { column })
}

/// A row of [`due_rows`].
#[derive(FromRow)]
pub(in crate::store) struct DueRow {
    suppressed: String,
    #[sqlx(flatten)]
    pub(in crate::store) key: KeyRow,
    pub(in crate::store) due_date: NaiveDate,
    #[sqlx(flatten)]
    pub(in crate::store) borrower: BorrowerRow,
    #[sqlx(flatten)]
    pub(in crate::store) installment: InstallmentRow,
}

impl DueRow {
    pub(in crate::store) fn suppressed(&self) -> Result<Vec<Channel>, StoreError> {
        let words = self.suppressed.split_ascii_whitespace();
        words.map(|word| read(word, "suppression.channel", str::parse)).collect()
    }
}

/// A page of the open instalments that a source yielded last. Binds: source, number and merchant to go on behind,
/// limit.
pub(in crate::store) const OPEN_OF_SOURCE: &str = r#"
    select i.merchant, i.installment_id, i.order_ref from installment i
    where i.source = $1 and i.status = 'open' and (i.installment_id, i.merchant) > ($2, $3)
    order by i.installment_id, i.merchant limit $4"#;

/// An open instalment of a source.
#[derive(FromRow)]
pub(in crate::store) struct OpenRow {
    merchant: String,
    installment_id: String,
    order_ref: Option<String>,
}

impl OpenRow {
    pub(in crate::store) fn read(self) -> Result<OpenInstallment, StoreError> {
        Ok(OpenInstallment {
            merchant: read(&self.merchant, "installment.merchant", str::parse)?,
            installment: read(&self.installment_id, "installment.installment_id", str::parse)?,
            order_ref: self.order_ref,
        })
    }
}

/// The settled instalments of a borrower. Binds: borrower, merchant.
pub(in crate::store) const SETTLED: &str = r#"
    select installment_id, settled_at from installment
    where borrower_id = $1 and merchant = $2 and settled_at is not null
    order by settled_at, installment_id"#;

/// A row of [`SETTLED`].
#[derive(FromRow)]
pub(in crate::store) struct SettledRow {
    installment_id: String,
    settled_at: Moment,
}

impl SettledRow {
    pub(in crate::store) fn read(self) -> Result<SettledInstallment, StoreError> {
        let installment = read(&self.installment_id, "installment.installment_id", str::parse)?;
        Ok(SettledInstallment { installment, at: self.settled_at.0 })
    }
}
