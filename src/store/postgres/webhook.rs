//! Statements about webhooks that take a batch, and the ends of the tables whose records endpoints are told of.

use crate::store::sql::webhook::{records, records_of_merchants};

/// The records of merchants, in the order of the tables. Binds: merchants; first and last number.
pub(super) const OF_MERCHANTS: [&str; 4] =
    records_of_merchants!("r.merchant = any ($1::text[])", "o.merchant = any ($1::text[])");

/// The numbers that were given out. Those of rows that are visible suffice but for events, whose numbers no index
/// sorts: whoever has a smaller number and is not visible yet is among the [`WRITERS`].
pub(super) const ENDS: &str = "\
    select (select case when is_called then last_value else 0 end from event_id_seq) as event_id, \
    (select coalesce(max(id), 0) from click) as click_id, (select coalesce(max(id), 0) from reply) as reply_id, \
    (select coalesce(max(id), 0) from occurrence) as occurrence_id";

/// The transactions that write to one of the tables. A statement takes this lock before it draws a number, and its
/// transaction keeps the lock until it is over. Read after the ends.
pub(super) const WRITERS: &str = "\
    select distinct virtualtransaction from pg_locks \
    where locktype = 'relation' and mode = 'RowExclusiveLock' and granted \
      and database = (select oid from pg_database where datname = current_database()) \
      and relation in ('event'::regclass, 'click'::regclass, 'reply'::regclass, 'occurrence'::regclass)";

/// The instalments of borrowers by due date. Binds: merchants, borrowers, due dates.
pub(super) const INSTALLMENTS: &str = r#"
    select i.merchant, i.borrower_id, i.due_date, i.installment_id
    from unnest($1::text[], $2::text[], $3::date[]) as k (merchant, borrower_id, due_date)
    join installment i on i.borrower_id = k.borrower_id and i.merchant = k.merchant and i.due_date = k.due_date
    order by i.merchant, i.borrower_id, i.due_date, i.installment_id"#;

/// Instalments that were paid after their borrower followed a link about them, each once. Binds: merchants,
/// instalments.
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
        from unnest($1::text[], $2::text[]) as k (merchant, installment_id)
        join installment i on i.installment_id = k.installment_id and i.merchant = k.merchant
        where i.status = 'paid' and i.settled_at is not null
    ) p
    where p.reminder_id is not null
    on conflict (installment_id, merchant) where installment_id is not null do nothing"#;
