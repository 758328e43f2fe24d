//! The tables `notice`, `notice_change` and `notice_recipient`, and what borrowers hold.

use chrono::NaiveDate;
use sqlx::FromRow;

use super::borrower::{read, read_if_known, read_key};
use super::value::Moment;
use crate::domain::{Locale, Notice, NoticeChange, Recipient, ReminderId, ReminderKey, Step};
use crate::store::notice::Sign;
use crate::store::{HeldMessage, NoticeAudience, NoticeCount, StoreError};

/// The notice that a reminder `r` is of, by the name behind `notice/` in its step; nothing is looked up for one that is
/// of none.
macro_rules! facts_of_notice {
    () => {
        r#"
        case r.origin when 'notice' then (select n.state from notice n where n.name = substr(r.step,
            8)) end as notice_state,
        case r.origin when 'notice' then (select n.template from notice n where n.name = substr(r.step, 8)) end
            as notice_template"#
    };
}
pub(in crate::store) use facts_of_notice;

/// Adds a notice. Binds: the columns.
pub(in crate::store) const ADD: &str = r#"
    insert into notice (name, template, selection, state, actor, reason, at) values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (name) do nothing"#;

/// Every notice, the newest first.
pub(in crate::store) const ALL: &str =
    "select name, template, selection, state, actor, reason, at from notice order by at desc, name";

/// The merchants of the recipients of a notice. Binds: name.
pub(in crate::store) const MERCHANTS: &str = "select distinct merchant from notice_recipient where notice = $1";

/// The recipients of a notice by merchant, channel and locale. Binds: name.
pub(in crate::store) const AUDIENCE: &str = r#"
    select r.merchant, r.channel, b.locale, count(*) as count
    from notice_recipient r
    left join borrower b on b.borrower_id = r.borrower_id and b.merchant = r.merchant
    where r.notice = $1
    group by r.merchant, r.channel, b.locale
    order by r.merchant, r.channel, coalesce(b.locale, '')"#;

/// A row of [`AUDIENCE`].
#[derive(FromRow)]
pub(in crate::store) struct AudienceRow {
    merchant: String,
    channel: String,
    locale: Option<String>,
    count: i64,
}

impl AudienceRow {
    pub(in crate::store) fn audience(self) -> Result<NoticeAudience, StoreError> {
        Ok(NoticeAudience {
            merchant: read(&self.merchant, "notice_recipient.merchant", str::parse)?,
            channel: read(&self.channel, "notice_recipient.channel", str::parse)?,
            locale: read_if_known(self.locale, "borrower.locale", Locale::new)?,
            count: u64::try_from(self.count).unwrap_or_default(),
        })
    }
}

/// One notice. Binds: name.
pub(in crate::store) const ONE: &str =
    "select name, template, selection, state, actor, reason, at from notice where name = $1";

/// Holds the notice against other writers as long as the transaction lasts, if it is in a state. Binds: name, state.
pub(in crate::store) const HOLD: &str = "update notice set state = state where name = $1 and state = $2";

/// Brings a notice from one state to another. Binds: name, the one, the other.
pub(in crate::store) const MOVE: &str = "update notice set state = $3 where name = $1 and state = $2";

/// Says who did it. Binds: notice and the columns.
pub(in crate::store) const APPEND: &str =
    "insert into notice_change (notice, state, at, actor, reason) values ($1, $2, $3, $4, $5)";

/// The state changes of a notice with their authors, oldest first. Binds: notice.
pub(in crate::store) const CHANGES: &str =
    "select state, at, actor, reason from notice_change where notice = $1 order by id";

/// Recipients whose messages are not in the outbox yet. Binds: notice, limit.
pub(in crate::store) const WAITING: &str = r#"
    select merchant, borrower_id, due_date, channel from notice_recipient
    where notice = $1 and reminder_id is null order by merchant, borrower_id limit $2"#;

/// Notices that are being sent and have recipients that wait.
pub(in crate::store) const UNFINISHED: &str = r#"
    select n.name from notice n
    where n.state = 'sending' and exists (
        select 1 from notice_recipient r where r.notice = n.name and r.reminder_id is null
    )
    order by n.name"#;

/// Gives recipients up to one of them the numbers of their messages. Binds: notice, merchant, borrower.
pub(in crate::store) const NUMBER: &str = r#"
    update notice_recipient set reminder_id = (
        select r.id from reminder r
        where r.borrower_id = notice_recipient.borrower_id and r.merchant = notice_recipient.merchant
          and r.due_date = notice_recipient.due_date and r.step = 'notice/' || notice_recipient.notice
          and r.channel = notice_recipient.channel
    )
    where notice = $1 and reminder_id is null and (merchant, borrower_id) <= ($2, $3)"#;

/// How far the recipients have come. Binds: notice.
pub(in crate::store) const COUNTS: &str = r#"
    select c.channel, c.state, c.reason, count(*) as count
    from (
        select n.channel, coalesce(nullif(q.state, 'falling_back'), e.kind) as state,
            case when q.state is null and e.kind = 'skipped' then e.detail end as reason
        from notice_recipient n
        left join queue q on q.reminder_id = n.reminder_id
        left join event e
          on e.reminder_id = n.reminder_id
         and e.id = (select max(l.id) from event l where l.reminder_id = n.reminder_id)
        where n.notice = $1
    ) c
    group by c.channel, c.state, c.reason"#;

/// The signs of messages that went out or may have, of the due dates `$wanted` (merchant, borrower, due date); oldest
/// first.
macro_rules! signs {
    ($wanted:literal) => {
        concat!(
            r#"
            select r.id as reminder_id, r.merchant, r.borrower_id, r.due_date, r.step, r.channel,
                e.kind = 'accepted' as accepted, coalesce(e.detail = 'lease_expired', false) as unheard,
                e.gateway, e.route
            from "#,
            $wanted,
            r#" w
            join reminder r on r.borrower_id = w.borrower_id and r.merchant = w.merchant and r.due_date = w.due_date
            join event e on e.reminder_id = r.id and e.kind in ('accepted', 'unknown', 'delivered')
            where (select l.kind from event l where l.reminder_id = r.id order by l.id desc limit 1)
                in ('accepted', 'unknown', 'delivered')
            order by r.id, e.id"#
        )
    };
}
pub(in crate::store) use signs;

#[derive(FromRow)]
pub(in crate::store) struct NoticeRow {
    name: String,
    template: String,
    selection: String,
    state: String,
    actor: String,
    reason: String,
    at: Moment,
}

impl NoticeRow {
    pub(in crate::store) fn notice(self) -> Result<Notice, StoreError> {
        Ok(Notice {
            name: read(&self.name, "notice.name", str::parse)?,
            template: read(&self.template, "notice.template", str::parse)?,
            selection: self.selection,
            state: read(&self.state, "notice.state", str::parse)?,
            actor: self.actor,
            reason: self.reason,
            at: self.at.0,
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct ChangeRow {
    state: String,
    at: Moment,
    actor: String,
    reason: String,
}

impl ChangeRow {
    pub(in crate::store) fn change(self) -> Result<NoticeChange, StoreError> {
        let state = read(&self.state, "notice_change.state", str::parse)?;
        Ok(NoticeChange { state, at: self.at.0, actor: self.actor, reason: self.reason })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct RecipientRow {
    merchant: String,
    borrower_id: String,
    due_date: NaiveDate,
    channel: String,
}

impl RecipientRow {
    pub(in crate::store) fn recipient(self) -> Result<Recipient, StoreError> {
        Ok(Recipient {
            borrower: read_key(&self.merchant, &self.borrower_id)?,
            due_date: self.due_date,
            channel: read(&self.channel, "notice_recipient.channel", str::parse)?,
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct NoticeCountRow {
    channel: String,
    state: Option<String>,
    reason: Option<String>,
    count: i64,
}

impl NoticeCountRow {
    pub(in crate::store) fn count(self) -> Result<NoticeCount, StoreError> {
        Ok(NoticeCount {
            channel: read(&self.channel, "notice_recipient.channel", str::parse)?,
            state: read_if_known(self.state, "event.kind", str::parse)?,
            reason: self.reason,
            count: u64::try_from(self.count).unwrap_or_default(),
        })
    }
}

/// A row of [`signs`].
#[derive(FromRow)]
pub(in crate::store) struct SignRow {
    reminder_id: i64,
    merchant: String,
    borrower_id: String,
    due_date: NaiveDate,
    step: String,
    channel: String,
    accepted: bool,
    unheard: bool,
    gateway: Option<String>,
    route: Option<String>,
}

impl SignRow {
    fn sign(&self) -> Result<Sign, StoreError> {
        Ok(Sign {
            accepted: self.accepted,
            unheard: self.unheard,
            gateway: read_if_known(self.gateway.clone(), "event.gateway", str::parse)?,
            route: read_if_known(self.route.clone(), "event.route", str::parse)?,
        })
    }

    fn key(&self) -> Result<ReminderKey, StoreError> {
        Ok(ReminderKey {
            borrower: read_key(&self.merchant, &self.borrower_id)?,
            due_date: self.due_date,
            step: read(&self.step, "reminder.step", str::parse::<Step>)?,
            channel: read(&self.channel, "reminder.channel", str::parse)?,
        })
    }
}

/// Puts the signs of each message together.
pub(in crate::store) fn held(rows: &[SignRow]) -> Result<Vec<HeldMessage>, StoreError> {
    let of_message = |rows: &[SignRow]| {
        let signs = rows.iter().map(SignRow::sign).collect::<Result<Vec<_>, _>>()?;
        Ok(HeldMessage::of(ReminderId(rows[0].reminder_id), &rows[0].key()?, &signs))
    };
    rows.chunk_by(|a, b| a.reminder_id == b.reminder_id).map(of_message).collect()
}
