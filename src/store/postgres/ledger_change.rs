//! Statements on `changed` that take a batch: PostgreSQL takes it as one array for each column.

/// Writes down what is within the view of a step. Binds: merchants, borrowers, due dates; now, if it is given.
pub(super) const WRITE_DOWN: &str = r#"
    insert into ledger_change (merchant, borrower_id, due_date, at)
    select distinct k.merchant, k.borrower_id, k.due_date, coalesce($4, now())
    from unnest($1::text[], $2::text[], $3::date[]) as k (merchant, borrower_id, due_date)
    where exists (select 1 from mark m where k.due_date between m.first and m.last)"#;

/// Writes down all that is open for borrowers within the view of a step. Binds: merchants, borrowers; now, if it is
/// given.
pub(super) const WRITE_DOWN_BORROWERS: &str = r#"
    insert into ledger_change (merchant, borrower_id, due_date, at)
    select distinct i.merchant, i.borrower_id, i.due_date, coalesce($3, now())
    from unnest($1::text[], $2::text[]) as k (merchant, borrower_id)
    join installment i on i.borrower_id = k.borrower_id and i.merchant = k.merchant
    where i.status = 'open' and exists (select 1 from mark m where i.due_date between m.first and m.last)"#;

/// Takes out what is done with. Binds: numbers.
pub(super) const TAKE: &str = "delete from ledger_change where id = any ($1::bigint[])";
