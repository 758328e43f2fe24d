//! Reports of gateways, and the values of the operations about replies and suppressions.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::StoreError;
use crate::domain::{
    AddressKey, Channel, GatewayName, Intent, MerchantId, NewReminder, Origin, Receipt, ReminderId, ReminderKey,
    ReportedState, SuppressionReason,
};

/// Receipts and other reports of gateways.
#[async_trait]
pub trait ReportStore: fmt::Debug + Send + Sync {
    /// Records what gateways report. A receipt never moves a state backwards, and the same one twice counts once. Gives
    /// how many counted.
    async fn record(&self, receipts: &[Receipt]) -> Result<usize, StoreError>;

    /// Takes in what a gateway told, as a whole. A fate is recorded as by [`ReportStore::record`]; one whose message is
    /// not known yet, and a hint, is kept. `gone` and `complained` suppress the address of the borrower as it is now,
    /// for the reminder's merchant, unless the report names another; an answer suppresses, or lifts what an answer
    /// suppressed, unless it came before or a later one is known. What is suppressed already stays so, for the reason
    /// that is known; only an opt-out takes the place of a bounce or a complaint. An opt-out by SMS from an address
    /// that nothing suppressed is confirmed by a message of its own, if `confirm` says so and the answered one is
    /// known.
    async fn take_in(&self, told: &ReportBatch) -> Result<ReportCounts, StoreError>;

    /// Kept reports that are due for a review, at most `limit`.
    async fn kept_reports(&self, limit: u32) -> Result<Vec<KeptReport>, StoreError>;

    /// Records, puts off or drops kept reports. Gives how many changed the state of a reminder.
    async fn review_kept(&self, reviewed: &[(KeptReport, ReportAction)]) -> Result<usize, StoreError>;
}

/// Which message a report is about, as far as it is known without the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The message of this reminder.
    Reminder(ReminderId),
    /// The message that the gateway took over under this number of its own.
    ProviderId(String),
}

/// The reported state of a message, and whether it may count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusReport {
    /// The message.
    pub about: Subject,
    /// The state that the gateway reports.
    pub fate: ReportedState,
    /// The address in the report, if it names one: the report then suppresses no other address.
    pub recipient: Option<AddressKey>,
    /// The time of the event.
    pub at: DateTime<Utc>,
    /// The report is unproven: it is kept until the gateway confirms it.
    pub is_hint: bool,
}

/// The sender of a reply. `Debug` is masked.
#[derive(Clone, PartialEq, Eq)]
pub enum Sender {
    /// Somebody with this address.
    Known(AddressKey),
    /// A number as the gateway wrote it that is valid in no country, or in several.
    Unreadable(String),
}

impl Sender {
    /// The address, if there is one.
    #[must_use]
    pub fn address(&self) -> Option<&AddressKey> {
        match self {
            Self::Known(address) => Some(address),
            Self::Unreadable(_) => None,
        }
    }

    /// The channel of the answer.
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.address().map_or(Channel::Sms, AddressKey::channel)
    }

    /// The text that the store keeps for this sender, unmasked.
    #[must_use]
    pub fn reveal(&self) -> &str {
        match self {
            Self::Known(address) => address.reveal(),
            Self::Unreadable(text) => text,
        }
    }
}

impl From<AddressKey> for Sender {
    fn from(address: AddressKey) -> Self {
        Self::Known(address)
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(address) => address.fmt(f),
            Self::Unreadable(text) => write!(f, "Unreadable({} bytes)", text.len()),
        }
    }
}

/// A reply of a person. `Debug` is masked.
#[derive(Clone, PartialEq, Eq)]
pub struct IncomingReply {
    /// The sender.
    pub from: Sender,
    /// The message that it answers, if the gateway names it.
    pub about: Option<Subject>,
    /// The unchanged text of the reply.
    pub said: String,
    /// The intent that its text expresses.
    pub intent: Intent,
    /// The time of the reply.
    pub at: DateTime<Utc>,
    /// The provider's id, by which a repeated reply is recognised; without one, none is.
    pub provider_id: Option<String>,
}

impl fmt::Debug for IncomingReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IncomingReply({:?}, {}, {} bytes)", self.from, self.intent, self.said.len())
    }
}

/// The reports of one gateway that arrived together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportBatch {
    /// The gateway.
    pub gateway: GatewayName,
    /// Status reports of messages.
    pub fates: Vec<StatusReport>,
    /// Replies of people.
    pub replies: Vec<IncomingReply>,
    /// The merchants whose opt-outs by SMS are confirmed once, each with the maximum delay after the reply.
    pub confirm: BTreeMap<MerchantId, TimeDelta>,
}

impl StatusReport {
    /// The reminder that a gateway names as one that it carried. What a bounce names came by mail, to a mailbox that
    /// several gateways may share.
    pub(super) fn carried(&self) -> Option<ReminderId> {
        match &self.about {
            Subject::Reminder(id) if self.recipient.is_none() => Some(*id),
            Subject::Reminder(_) | Subject::ProviderId(_) => None,
        }
    }

    /// Whether it is about this address.
    pub(super) fn is_about(&self, address: &AddressKey) -> bool {
        self.recipient.as_ref().is_none_or(|named| named == address)
    }
}

impl IncomingReply {
    /// Whether a person has to read it before it counts for what it is.
    pub(super) fn is_to_be_read(&self) -> bool {
        self.intent == Intent::Unclear || self.from.address().is_none()
    }
}

impl ReportBatch {
    /// The message that confirms an opt-out of `at`, where one is wanted: only by SMS, and to an address that nothing
    /// else suppresses.
    pub(super) fn confirmation(
        &self,
        key: ReminderKey,
        at: DateTime<Utc>,
        suppressed: Option<SuppressionReason>,
    ) -> Option<NewReminder> {
        let within = *self.confirm.get(&key.borrower.merchant)?;
        let wanted = key.channel == Channel::Sms && suppressed.is_none();
        wanted.then(|| NewReminder { key, origin: Origin::Reply, not_before: at, expires_at: at + within })
    }

    /// Every message that is spoken of.
    pub(super) fn subjects(&self) -> impl Iterator<Item = &Subject> {
        let answered = self.replies.iter().filter_map(|reply| reply.about.as_ref());
        self.fates.iter().map(|told| &told.about).chain(answered)
    }
}

/// The time of the first review of a report kept at `now`: for a hint, the next round; for an unknown message, five
/// seconds later, when its outcome has probably been recorded.
pub(super) fn first_look(now: DateTime<Utc>, is_hint: bool) -> DateTime<Utc> {
    if is_hint { now } else { now + TimeDelta::seconds(5) }
}

/// The number of reports by result. None of the counts includes reports that were already known or came too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportCounts {
    /// Changed the state of a reminder.
    pub counted: usize,
    /// Kept until their message is known or the gateway was asked.
    pub kept: usize,
    /// Answers that had not come before.
    pub replies: usize,
    /// Addresses that the fates call to suppress; suppressed now, or already.
    pub suppressed: usize,
    /// Dropped: about a message that another gateway carried.
    pub foreign: usize,
}

/// A report that does not count yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptReport {
    /// Its number here.
    pub id: i64,
    /// The gateway that reported it.
    pub gateway: GatewayName,
    /// The reminder whose message it is about, if it is known by now.
    pub reminder: Option<ReminderId>,
    /// The reported state of the message.
    pub fate: ReportedState,
    /// The time of the event.
    pub at: DateTime<Utc>,
    /// The gateway is to be asked before it counts.
    pub is_hint: bool,
    /// When it came in.
    pub received_at: DateTime<Utc>,
}

/// The decision about a kept report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportAction {
    /// It counts, for its reminder.
    Counts,
    /// It is reviewed again at that time.
    Later(DateTime<Utc>),
    /// It never counts.
    Dropped,
}

/// Which suppressions to list. What is `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct SuppressionFilter {
    /// Of this merchant; those for every merchant are not among them.
    pub merchant: Option<MerchantId>,
    /// On this channel.
    pub channel: Option<Channel>,
    /// Of this address.
    pub address: Option<AddressKey>,
    /// Behind this one, the last of the page before.
    pub after: Option<(Option<MerchantId>, AddressKey)>,
    /// At most so many.
    pub limit: u32,
}

/// Which changes of stops and suppressions to list. What is `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct SuppressionChangeFilter {
    /// To this address.
    pub address: Option<AddressKey>,
    /// Older than this one: the last of the page before.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// Which answers to list. What is `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct ReplyFilter {
    /// Said to this merchant.
    pub merchant: Option<MerchantId>,
    /// Meant so.
    pub intent: Option<Intent>,
    /// Whether they wait for a person to read them.
    pub unread: Option<bool>,
    /// From this address.
    pub from: Option<AddressKey>,
    /// Older than this one: the last of the page before.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// An answer as it was kept. `Debug` is masked.
#[derive(Clone, PartialEq, Eq)]
pub struct ReplyRecord {
    /// Its number here.
    pub id: i64,
    /// Through which gateway it came.
    pub gateway: GatewayName,
    /// To whom it was said; `None` if that is not known.
    pub merchant: Option<MerchantId>,
    /// The reminder whose message was answered, if that is known.
    pub reminder: Option<ReminderId>,
    /// The sender.
    pub from: Sender,
    /// The intent that its text expresses.
    pub intent: Intent,
    /// The text of the reply.
    pub said: String,
    /// The time of the reply.
    pub at: DateTime<Utc>,
    /// It waits for a person to read it, and holds the messages to its address until then.
    pub unread: bool,
}

/// A person's decision about a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyReading {
    /// The number of the reply.
    pub reply: i64,
    /// The person who read it.
    pub actor: String,
    /// Whether it is an opt-out, which suppresses its address; otherwise it has no effect.
    pub is_stop: bool,
    /// The time of the decision.
    pub at: DateTime<Utc>,
}

impl fmt::Debug for ReplyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplyRecord({}, {:?}, {}, {} bytes)", self.id, self.from, self.intent, self.said.len())
    }
}
