//! Contacts and instalments that a claim reads beside the facts: the messages that the same people got or are to get,
//! from the tables `reminder`, `queue`, `event` and `borrower`, and the instalments due on the days after.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sqlx::FromRow;

use super::borrower::{read, read_key};
use super::installment::KnownInstallmentRow;
use super::value::Moment;
use crate::domain::{ReminderId, ReminderKey};
use crate::plan::{Contact, Progress};
use crate::store::StoreError;

/// Contacts of a batch of people at `$now`. `$batch` is a table `k` of a place in the batch, merchant, borrower and,
/// where people are counted over all merchants, phone and the key of the e-mail address. (`cross join` keeps the batch
/// the outer loop on SQLite.) What expired before `$since` left before it. `left_at` is when it left at the latest, or
/// was in doubt: then it may have gone. Of what waits the facts are read that [`Progress::waiting`] asks for: whether
/// it is `held_back` (stopped, or nothing is open, or nobody knows), and whether its address is `suppressed`. They are
/// queries of one row, not `exists`, as in the facts about an account.
macro_rules! contacts {
    ($batch:literal, $since:literal, $now:literal) => {
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
                ) as left_at,
                case when q.state = 'planned' and r.origin <> 'reply' then
                    (
                        select true from installment i
                        where i.borrower_id = r.borrower_id and i.merchant = r.merchant and i.due_date = r.due_date
                          and i.status = 'open'
                          and cast(i.amount as double precision) > cast(i.paid_amount as double precision)
                        limit 1
                    ) is null
                    or exists (select 1 from stop) and (
                        select true from stop t
                        where coalesce(t.merchant, r.merchant) = r.merchant
                          and coalesce(t.channel, r.channel) = r.channel
                        limit 1
                    ) is not null
                    or exists (select 1 from reply_to_read) and (
                        select true from borrower b join reply_to_read u
                          on u.channel = r.channel
                          and u.address = "#,
            $crate::store::sql::channel::address_key!(),
            r#"
                        where b.borrower_id = r.borrower_id and b.merchant = r.merchant limit 1
                    ) is not null
                    or exists (select 1 from reject) and (
                        select true from installment i join reject x
                          on x.installment_id = i.installment_id and x.merchant = i.merchant
                        where i.borrower_id = r.borrower_id and i.merchant = r.merchant and i.due_date = r.due_date
                          and i.status = 'open'
                        limit 1
                    ) is not null
                    or exists (select 1 from payment where stage = 'holding') and (
                        select true from installment i join payment y
                          on y.installment_id = i.installment_id and y.merchant = i.merchant and y.stage = 'holding'
                        where i.borrower_id = r.borrower_id and i.merchant = r.merchant and i.due_date = r.due_date
                          and i.status = 'open'
                        limit 1
                    ) is not null
                else false end as held_back,
                case when q.state = 'planned' and r.origin <> 'reply' then (
                    select true from borrower b join suppression s
                      on s.channel = r.channel
                      and s.address = "#,
            $crate::store::sql::channel::address_key!(),
            r#"
                      and coalesce(s.merchant, b.merchant) = b.merchant and coalesce(s.until > "#,
            $now,
            r#", true)
                    where b.borrower_id = r.borrower_id and b.merchant = r.merchant limit 1
                ) is not null else false end as suppressed
            from person p
            cross join reminder r
            left join queue q on q.reminder_id = r.id
            where r.borrower_id = p.borrower_id and r.merchant = p.merchant and r.expires_at > "#,
            $since
        )
    };
}
pub(in crate::store) use contacts;

/// Which addresses of a batch more borrowers have than one person would; it is counted no further. `$batch` is a table
/// `k` of an address, `$column` what it is compared with. Binds after the batch: how many one person would have.
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

/// Instalments due on the days after the due dates of a batch. `$batch` is a table `k` of a place in the batch,
/// merchant, borrower, due date and the last day.
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
                ), false) as rejected,
                exists (select 1 from payment where stage = 'holding') and coalesce((
                    select true from payment y
                    where y.installment_id = i.installment_id and y.merchant = i.merchant and y.stage = 'holding'
                    limit 1
                ), false) as pending
            from k cross join installment i
            where i.borrower_id = k.borrower_id and i.merchant = k.merchant
              and i.due_date > k.due_date and i.due_date <= k.last
            order by k.place, i.due_date, i.installment_id"#
        )
    };
}
pub(in crate::store) use following;

/// The leased reminders that are not decided yet, each with the progress that its facts give.
pub(in crate::store) type UndecidedProgress = BTreeMap<ReminderId, Option<Progress>>;

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
    held_back: bool,
    suppressed: bool,
}

impl ContactRow {
    /// `None` for what failed or was skipped without ever being in doubt, and for what will be. What is `undecided` is
    /// under a lease already and still waits, as its facts say.
    pub(in crate::store) fn contact(self, undecided: &UndecidedProgress) -> Result<Option<Contact>, StoreError> {
        let waiting = undecided.get(&ReminderId(self.reminder_id));
        let progress = match (waiting, self.state.as_deref(), self.left_at, self.not_before) {
            (None, Some("sending"), ..) => Progress::Sending,
            (_, _, Some(at), _) => Progress::Sent(at.0),
            (Some(Some(progress)), ..) => *progress,
            (Some(None), ..) => return Ok(None),
            (None, Some("planned"), None, Some(_)) if self.held_back => return Ok(None),
            (None, Some("planned"), None, Some(at)) if self.suppressed => Progress::Suppressed(at.0),
            (None, Some("planned"), None, Some(at)) => Progress::Planned(at.0),
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
    /// A payment of it is reported and not booked.
    pub(in crate::store) pending: bool,
    #[sqlx(flatten)]
    pub(in crate::store) installment: KnownInstallmentRow,
}
