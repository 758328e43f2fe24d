//! Statements about webhooks that take a batch, and the ends of the tables whose records are posted.

use crate::store::sql::webhook::{paid_after_click, records, records_of_merchants};

/// The records of merchants, in the order of the tables. Rows: merchant; then bind: first and last number.
pub(super) const OF_MERCHANTS: [&str; 4] = records_of_merchants!(
    "r.merchant in (select value ->> 0 from json_each($1))",
    "o.merchant in (select value ->> 0 from json_each($1))"
);

/// The numbers that were given out.
pub(super) const ENDS: &str = "\
    select (select coalesce(max(id), 0) from event) as event_id, \
    (select coalesce(max(id), 0) from click) as click_id, (select coalesce(max(id), 0) from reply) as reply_id, \
    (select coalesce(max(id), 0) from occurrence) as occurrence_id";

/// The transactions that write: one at a time, and its numbers are not given out before it commits.
pub(super) const WRITERS: &str = "select '' as virtualtransaction where false";

/// The instalments of borrowers by due date. Rows: merchant, borrower, due date.
pub(super) const INSTALLMENTS: &str = r#"
    select i.merchant, i.borrower_id, i.due_date, i.installment_id
    from json_each($1) k
    cross join installment i
      on i.borrower_id = k.value ->> 1 and i.merchant = k.value ->> 0 and i.due_date = k.value ->> 2
    order by i.merchant, i.borrower_id, i.due_date, i.installment_id"#;

/// Instalments that were paid after their borrower followed a link about them, each once. Rows: merchant, instalment.
pub(super) const PAID_AFTER_CLICK: &str = paid_after_click!(
    "json_each($1) k cross join installment i on i.installment_id = k.value ->> 1 and i.merchant = k.value ->> 0"
);
