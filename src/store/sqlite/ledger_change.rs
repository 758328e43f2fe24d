//! Statements on `changed` that take a batch: SQLite takes it as JSON.

/// Writes down what is within the view of a step. Rows: merchant, borrower, due date; then bind: now.
pub(super) const WRITE_DOWN: &str = r#"
    insert into ledger_change (merchant, borrower_id, due_date, at)
    select distinct value ->> 0, value ->> 1, value ->> 2, $2
    from json_each($1)
    where exists (select 1 from mark m where value ->> 2 between m.first and m.last)"#;

/// Writes down all that is open for borrowers within the view of a step. Rows: merchant, borrower; then bind: now.
pub(super) const WRITE_DOWN_BORROWERS: &str = r#"
    insert into ledger_change (merchant, borrower_id, due_date, at)
    select distinct i.merchant, i.borrower_id, i.due_date, $2
    from json_each($1) k
    cross join installment i on i.borrower_id = k.value ->> 1 and i.merchant = k.value ->> 0
    where i.status = 'open' and exists (select 1 from mark m where i.due_date between m.first and m.last)"#;

/// Takes out what is done with. Rows: number.
pub(super) const TAKE: &str = "delete from ledger_change where id in (select value ->> 0 from json_each($1))";
