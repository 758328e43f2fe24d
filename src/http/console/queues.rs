//! `/console/queues`: what waits for a person: reminders that may have been sent, replies to read, records that could
//! not be applied, notices to approve. Each with its age and the person who has taken it.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Console;
use super::borrowers::borrower_path;
use super::done::done;
use super::page::page;
use super::refusal::Refusal;
use super::staff::Staff;
use super::words::DeskWords;
use crate::domain::{Action, NoticeName, NoticeState, ReminderId, State as ReminderState, UserName, WorkItem};
use crate::pipeline::{NoticeError, NoticeView, look, masked_address};
use crate::store::{KeptRecord, RejectFilter, ReminderFilter, ReminderView, ReplyFilter, ReplyRecord, StoreError};

/// How many items a queue shows of each merchant.
const MOST: u32 = 50;

/// How many unread replies are read, of all merchants.
const MOST_REPLIES: u32 = 200;

#[derive(Default, Serialize)]
struct QueuesPage {
    done: Option<String>,
    unknowns: Vec<UnknownItem>,
    replies: Vec<ReplyItem>,
    rejects: Vec<RejectItem>,
    notices: Vec<NoticeItem>,
    /// Whether some queue has more than is shown.
    is_cut: bool,
    may_take: bool,
    may_resolve: bool,
    may_read: bool,
    may_change_replies: bool,
    may_change_rejects: bool,
}

/// How long something has waited, and who has taken it.
#[derive(Serialize)]
struct Wait {
    #[serde(skip)]
    at: DateTime<Utc>,
    item: String,
    since: String,
    age: String,
    owner: Option<String>,
    /// Whether the reader has taken it.
    is_mine: bool,
}

#[derive(Serialize)]
struct UnknownItem {
    waits: Wait,
    id: i64,
    borrower: String,
    path: String,
    merchant: String,
    channel: String,
    step: String,
    due_date: String,
    gateway: String,
}

#[derive(Serialize)]
struct ReplyItem {
    waits: Wait,
    id: i64,
    from: String,
    text: Option<String>,
    merchant: String,
    /// The borrower, if the answered message is known.
    borrower: Option<String>,
    path: Option<String>,
}

#[derive(Serialize)]
struct RejectItem {
    waits: Wait,
    id: i64,
    merchant: String,
    installment: Option<String>,
    source: Option<String>,
    reason: String,
}

#[derive(Serialize)]
struct NoticeItem {
    waits: Wait,
    name: String,
    template: String,
    selection: String,
    recipients: u64,
    actor: String,
    reason: String,
}

/// Shows the page.
pub(super) async fn show(
    State(console): State<Console>,
    staff: Staff,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let words = staff.words(&console);
    let now = console.app.clock.now();
    let owners = console.patiently(console.store().work_owners()).await?;
    let reader = Reader { console: &console, staff: &staff, words: &words, owners: &owners, now };
    let allows = |action| staff.role.allows(action);
    let mut view = QueuesPage {
        done: done(query.as_deref(), &words),
        may_take: allows(Action::ChangeReplies),
        may_resolve: allows(Action::Resolve),
        may_read: allows(Action::ReadMessages),
        may_change_replies: allows(Action::ChangeReplies),
        may_change_rejects: allows(Action::ChangeRejects),
        ..QueuesPage::default()
    };
    for merchant in staff.merchants_of(&console.app).keys() {
        let filter = ReminderFilter {
            state: Some(ReminderState::Unknown),
            merchant: Some(merchant.clone()),
            limit: MOST + 1,
            ..ReminderFilter::default()
        };
        let found = console.patiently(console.store().reminders(&filter)).await?;
        view.is_cut |= found.len() > MOST as usize;
        view.unknowns.extend(found.into_iter().take(MOST as usize).map(|one| UnknownItem::of(one, &reader)));

        let filter = RejectFilter {
            merchant: Some(merchant.clone()),
            waits: Some(false),
            limit: MOST + 1,
            ..RejectFilter::default()
        };
        let found = console.patiently(console.store().rejects(&filter)).await?;
        view.is_cut |= found.len() > MOST as usize;
        view.rejects.extend(found.into_iter().take(MOST as usize).map(|one| RejectItem::of(one, &reader)));
    }
    let filter = ReplyFilter { unread: Some(true), limit: MOST_REPLIES, ..ReplyFilter::default() };
    let found = console.patiently(console.store().replies(&filter)).await?;
    view.is_cut |= found.len() >= MOST_REPLIES as usize;
    for reply in found.into_iter().filter(|reply| staff.may_see_of(reply.merchant.as_ref(), &console.app)) {
        view.replies.push(reader.reply(reply).await?);
    }
    view.notices = reader.notices().await?;
    // The oldest come first.
    view.unknowns.sort_by_key(|one| one.waits.at);
    view.replies.sort_by_key(|one| one.waits.at);
    view.rejects.sort_by_key(|one| one.waits.at);
    view.notices.sort_by_key(|one| one.waits.at);
    Ok(page(StatusCode::OK, "queues.html", &staff.frame(), view))
}

/// The reader of the page, and the time.
struct Reader<'a> {
    console: &'a Console,
    staff: &'a Staff,
    words: &'a DeskWords,
    owners: &'a BTreeMap<WorkItem, UserName>,
    now: DateTime<Utc>,
}

impl Reader<'_> {
    fn wait(&self, item: &WorkItem, since: DateTime<Utc>) -> Wait {
        let owner = self.owners.get(item);
        Wait {
            at: since,
            item: item.to_string(),
            since: self.words.time(since),
            age: self.words.age(self.now - since),
            owner: owner.map(ToString::to_string),
            is_mine: owner == Some(&self.staff.user),
        }
    }

    async fn reply(&self, reply: ReplyRecord) -> Result<ReplyItem, Refusal> {
        let borrower = match reply.reminder {
            Some(id) => self.reminder(id).await?.map(|view| view.reminder.plan.key.borrower),
            None => None,
        };
        let waits = self.wait(&WorkItem::Reply(reply.id), reply.at);
        let from = reply.from.address().map(|address| masked_address(address.as_address()));
        Ok(ReplyItem {
            id: reply.id,
            from: from.unwrap_or_else(|| self.words.say("reply_unreadable", &[])),
            text: self.staff.role.allows(Action::ReadMessages).then_some(reply.said),
            merchant: reply.merchant.map(|merchant| merchant.to_string()).unwrap_or_default(),
            path: borrower.as_ref().map(borrower_path),
            borrower: borrower.map(|key| key.id.to_string()),
            waits,
        })
    }

    async fn reminder(&self, id: ReminderId) -> Result<Option<ReminderView>, Refusal> {
        let filter = ReminderFilter { id: Some(id), limit: 1, ..ReminderFilter::default() };
        Ok(self.console.patiently(self.console.store().reminders(&filter)).await?.pop())
    }

    /// The notices that wait for approval, all of whose recipients are of merchants that the reader works for.
    async fn notices(&self) -> Result<Vec<NoticeItem>, Refusal> {
        let store = self.console.store();
        let mut items = Vec::new();
        for notice in self.console.patiently(store.notices(None)).await? {
            if notice.state != NoticeState::AwaitingApproval || !self.may_see_notice(&notice.name).await? {
                continue;
            }
            let view = async {
                match look(store, &notice.name).await {
                    Ok(view) => Ok(Some(view)),
                    Err(NoticeError::Store(error)) => Err(error),
                    Err(_) => Ok::<_, StoreError>(None),
                }
            };
            items.extend(self.console.patiently(view).await?.map(|view| self.notice(&view)));
        }
        Ok(items)
    }

    async fn may_see_notice(&self, name: &NoticeName) -> Result<bool, Refusal> {
        let merchants = self.console.patiently(self.console.store().notice_merchants(name)).await?;
        Ok(!merchants.is_empty() && merchants.is_subset(&self.staff.merchants))
    }

    fn notice(&self, view: &NoticeView) -> NoticeItem {
        let notice = &view.notice;
        let waits = self.wait(&WorkItem::Notice(notice.name.clone()), notice.at);
        NoticeItem {
            name: notice.name.to_string(),
            template: notice.template.to_string(),
            selection: notice.selection.clone(),
            recipients: view.recipients(),
            actor: notice.actor.clone(),
            reason: notice.reason.clone(),
            waits,
        }
    }
}

impl UnknownItem {
    fn of(view: ReminderView, reader: &Reader<'_>) -> Self {
        let key = &view.reminder.plan.key;
        let last = view.last.as_ref();
        let since = last.map_or(view.reminder.plan.not_before, |event| event.at);
        let waits = reader.wait(&WorkItem::Unknown(view.reminder.id), since);
        Self {
            id: view.reminder.id.0,
            borrower: key.borrower.id.to_string(),
            path: borrower_path(&key.borrower),
            merchant: key.borrower.merchant.to_string(),
            channel: reader.words.channel(key.channel),
            step: reader.words.step(&key.step),
            due_date: reader.words.date(key.due_date),
            gateway: last.and_then(|event| event.gateway.as_ref()).map(ToString::to_string).unwrap_or_default(),
            waits,
        }
    }
}

impl RejectItem {
    fn of(kept: KeptRecord, reader: &Reader<'_>) -> Self {
        let waits = reader.wait(&WorkItem::Reject(kept.id), kept.at);
        let record = kept.record;
        Self {
            id: kept.id,
            merchant: record.merchant.map(|merchant| merchant.to_string()).unwrap_or_default(),
            installment: record.installment.map(|id| id.to_string()),
            source: record.source.map(|source| source.to_string()),
            reason: record.reason,
            waits,
        }
    }
}
