//! Statements about webhooks that take a batch, and the ends of the tables whose records endpoints are told of.

use crate::store::sql::webhook::{records, records_of_merchants};

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
pub(super) const PAID_AFTER_CLICK: &str = r#"
    insert into occurrence (at, kind, merchant, borrower_id, reminder_id, installment_id)
    select p.settled_at, 'installment.paid_after_click', p.merchant, p.borrower_id, p.reminder_id, p.installment_id
    from (
        select i.merchant, i.borrower_id, i.installment_id, i.settled_at, (
            select c.reminder_id from reminder r join click c on c.reminder_id = r.id
            where r.borrower_id = i.borrower_id and r.merchant = i.merchant and r.due_date = i.due_date
              and c.at <= i.settled_at
            order by c.id desc limit 1
        ) as reminder_id
        from json_each($1) k
        cross join installment i on i.installment_id = k.value ->> 1 and i.merchant = k.value ->> 0
        where i.status = 'paid' and i.settled_at is not null
    ) p
    where p.reminder_id is not null
    on conflict (installment_id, merchant) where installment_id is not null do nothing"#;
