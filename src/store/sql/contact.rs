//! What is read beside the facts about a claim's reminders: what the same people got and are to get, over the tables `reminder`,
//! `queue`, `event` and `borrower`, and what falls due on the days after.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use sqlx::FromRow;

use super::borrower::{read, read_key};
use super::installment::KnownInstallmentRow;
use super::value::Moment;
use crate::domain::{ReminderId, ReminderKey};
use crate::plan::{Contact, Progress};
use crate::store::StoreError;

/// Contacts of a batch of people. `$batch` is a table `k` of a place in the batch, merchant, borrower and, where people are counted
/// over all merchants, phone and the key of the e-mail address. (`cross join` keeps the batch the outer loop on SQLite.) What expired before
/// `$since` left before it. `left_at` is when it left at the latest, or was in doubt: then it may have gone.
macro_rules! contacts {
    ($batch:literal, $since:literal) => {
        concat!(
            "with k (place, merchant, borrower_id, phone, email_key) as (",
            $batch,
            r#"), person (place, merchant, borrower_id) as (
                select place, merchant, borrower_id from k
                union
                select k.place, b.merchant, b.borrower_id from k cross join borrower b where b.phone = k.phone
                union
                select k.place, b.merchant, b.borrower_id from k cross join borrower b where b.email_key = k.email_key
            )
            select p.place, r.id as reminder_id, r.merchant, r.borrower_id, r.due_date, r.step, r.channel,
                q.state, q.not_before, (
                    select max(e.at) from event e
                    where e.reminder_id = r.id and e.kind in ('accepted', 'delivered', 'undelivered', 'unknown')
                ) as left_at
            from person p
            cross join reminder r
            left join queue q on q.reminder_id = r.id
            where r.borrower_id = p.borrower_id and r.merchant = p.merchant and r.expires_at > "#,
            $since
        )
    };
}
pub(in crate::store) use contacts;

/// Which addresses of a batch more borrowers have than one person would; it is counted no further. `$batch` is a table `k` of an address,
/// `$column` what it is compared with. Binds after the batch: how many one person would have.
macro_rules! shared {
    ($batch:literal, $column:literal, $most:literal) => {
        concat!(
            "with k (address) as (",
            $batch,
            ") select k.address from k where (select count(*) from (select 1 from borrower b where b.",
            $column,
            " = k.address limit ",
            $most,
            " + 1) s) > ",
            $most
        )
    };
}
pub(in crate::store) use shared;

/// Instalments due on the days after the due dates of a batch. `$batch` is a table `k` of a place in the batch, merchant,
/// borrower, due date and the last day.
macro_rules! following {
    ($batch:literal) => {
        concat!(
            "with k (place, merchant, borrower_id, due_date, last) as (",
            $batch,
            ") select k.place, i.merchant, i.borrower_id, i.due_date, ",
            $crate::store::sql::installment::installment_columns!(),
            r#",
                exists (select 1 from reject) and coalesce((
                    select true from reject x
                    where x.installment_id = i.installment_id and x.merchant = i.merchant limit 1
                ), false) as rejected
            from k cross join installment i
            where i.borrower_id = k.borrower_id and i.merchant = k.merchant
              and i.due_date > k.due_date and i.due_date <= k.last
            order by k.place, i.due_date, i.installment_id"#
        )
    };
}
pub(in crate::store) use following;

/// A row of [`contacts`].
#[derive(FromRow)]
pub(in crate::store) struct ContactRow {
    pub(in crate::store) place: i64,
    reminder_id: i64,
    merchant: String,
    borrower_id: String,
    due_date: NaiveDate,
    step: String,
    channel: String,
    state: Option<String>,
    not_before: Option<Moment>,
    left_at: Option<Moment>,
}

impl ContactRow {
    /// `None` for what failed or was skipped without ever being in doubt.
    pub(in crate::store) fn contact(self, undecided: &BTreeSet<ReminderId>) -> Result<Option<Contact>, StoreError> {
        let waits = undecided.contains(&ReminderId(self.reminder_id));
        let state = if waits { Some("planned") } else { self.state.as_deref() };
        let progress = match (state, self.left_at, self.not_before) {
            (Some("sending"), ..) => Progress::Sending,
            (_, Some(at), _) => Progress::Sent(at.0),
            (Some("planned"), None, Some(at)) => Progress::Planned(at.0),
            _ => return Ok(None),
        };
        Ok(Some(Contact {
            id: ReminderId(self.reminder_id),
            key: ReminderKey {
                borrower: read_key(&self.merchant, &self.borrower_id)?,
                due_date: self.due_date,
                step: read(&self.step, "reminder.step", str::parse)?,
                channel: read(&self.channel, "reminder.channel", str::parse)?,
            },
            progress,
        }))
    }
}

/// A row of [`following`].
#[derive(FromRow)]
pub(in crate::store) struct FollowingRow {
    pub(in crate::store) place: i64,
    /// A record of it could not be applied.
    pub(in crate::store) rejected: bool,
    #[sqlx(flatten)]
    pub(in crate::store) installment: KnownInstallmentRow,
}
