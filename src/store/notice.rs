//! The store's operations for notices.

use std::collections::BTreeSet;
use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::StoreError;
use crate::domain::{
    BorrowerKey, Channel, GatewayName, Locale, MerchantId, Notice, NoticeChange, NoticeName, NoticeState, Recipient,
    ReminderId, ReminderKey, RouteKey, State,
};

/// Notices: whom they go to, and how far they have come.
#[async_trait]
pub trait NoticeStore: Debug + Send + Sync {
    /// Keeps a notice that is made. `false`, and nothing is kept, if there is one of that name.
    async fn add_notice(&self, notice: &Notice) -> Result<bool, StoreError>;

    /// Every notice, the newest first; or the one of that name.
    async fn notices(&self, name: Option<&NoticeName>) -> Result<Vec<Notice>, StoreError>;

    /// Brings a notice from one state to another, on record, and releases what its pause held. `false` if it was not in
    /// `from`, and nothing happened.
    async fn move_notice(
        &self,
        name: &NoticeName,
        from: NoticeState,
        change: &NoticeChange,
    ) -> Result<bool, StoreError>;

    /// The merchants of the recipients of a notice; none if it has no recipients, or is not there.
    async fn notice_merchants(&self, name: &NoticeName) -> Result<BTreeSet<MerchantId>, StoreError>;

    /// The recipients of a notice in groups that get the same text, ordered by merchant, channel and locale.
    async fn notice_audience(&self, name: &NoticeName) -> Result<Vec<NoticeAudience>, StoreError>;

    /// The state changes of a notice with their authors, oldest first.
    async fn notice_changes(&self, name: &NoticeName) -> Result<Vec<NoticeChange>, StoreError>;

    /// Adds recipients to a notice that is a draft; a borrower who is one already is passed over. Gives how many were
    /// added.
    async fn add_recipients(&self, name: &NoticeName, recipients: &[Recipient]) -> Result<usize, StoreError>;

    /// Puts the messages of up to `limit` recipients that wait into the outbox, due at `at`, if the notice is being
    /// sent. Gives how many recipients that took up; 0 is the end.
    async fn put_out(
        &self,
        name: &NoticeName,
        limit: u32,
        at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<usize, StoreError>;

    /// Notices that are being sent and have recipients whose messages are not in the outbox: somebody is at it, or
    /// broke off.
    async fn unfinished_notices(&self) -> Result<Vec<NoticeName>, StoreError>;

    /// How far the recipients of a notice have come.
    async fn notice_counts(&self, name: &NoticeName) -> Result<Vec<NoticeCount>, StoreError>;

    /// The messages that borrowers hold about due dates: they went out, or may have, and are not known not to have
    /// arrived.
    async fn held(&self, about: &[(BorrowerKey, NaiveDate)]) -> Result<Vec<HeldMessage>, StoreError>;
}

/// Recipients of a notice who get the same text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeAudience {
    /// Borrowers of this merchant.
    pub merchant: MerchantId,
    /// On this channel.
    pub channel: Channel,
    /// With this locale; `None` for that of the merchant.
    pub locale: Option<Locale>,
    /// How many.
    pub count: u64,
}

/// How many recipients of a notice have come how far.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NoticeCount {
    /// On which channel.
    pub channel: Channel,
    /// Where their messages stand; `None` while these are not in the outbox.
    pub state: Option<State>,
    /// Why they were skipped.
    pub reason: Option<String>,
    /// How many.
    pub count: u64,
}

/// A message that a borrower has, or may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldMessage {
    /// Which.
    pub reminder: ReminderId,
    /// Who.
    pub borrower: BorrowerKey,
    /// About what is due then.
    pub due_date: NaiveDate,
    /// How it came.
    pub channel: Channel,
    /// Through which gateway, the last one if it was tried through several.
    pub gateway: Option<GatewayName>,
    /// The routes that it led to by links that are the same for everybody.
    pub routes: Vec<RouteKey>,
    /// Whether that is all that it led to: it is not known of a message whose sender was not heard of again, nor of one
    /// whose receipt was quicker than the answer.
    pub is_recorded: bool,
}

/// An event of a message, reduced to the fields that show which message its recipient has.
pub(super) struct Sign {
    /// The gateway accepted the message; otherwise it may have, or a receipt reports delivery.
    pub(super) accepted: bool,
    /// The lease expired before the sender reported an outcome.
    pub(super) unheard: bool,
    pub(super) gateway: Option<GatewayName>,
    pub(super) route: Option<RouteKey>,
}

impl HeldMessage {
    /// A message by the signs of it, oldest first.
    pub(super) fn of(reminder: ReminderId, key: &ReminderKey, signs: &[Sign]) -> Self {
        let mut routes: Vec<_> = signs.iter().filter_map(|sign| sign.route.clone()).collect();
        routes.sort_unstable();
        routes.dedup();
        Self {
            reminder,
            borrower: key.borrower.clone(),
            due_date: key.due_date,
            channel: key.channel,
            gateway: signs.iter().rev().find_map(|sign| sign.gateway.clone()),
            routes,
            is_recorded: signs.iter().any(|sign| sign.accepted) && !signs.iter().any(|sign| sign.unheard),
        }
    }
}
