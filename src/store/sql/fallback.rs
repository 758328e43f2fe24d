//! The outbox's rows for which another channel is to be tried.

/// Reminders for which it is time, the longest waiting first. Binds: now, limit.
pub(in crate::store) const DUE: &str = concat!(
    "select r.merchant, r.borrower_id, r.due_date, ",
    super::reminder::reminder_columns!(),
    r#"
    from queue q join reminder r on r.id = q.reminder_id
    where q.idle_state = 'falling_back' and q.state = 'falling_back' and q.not_before <= $1
    order by q.not_before, q.reminder_id limit $2"#
);
