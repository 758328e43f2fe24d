//! Tokens of the API, and requests that count once.

use std::collections::BTreeSet;
use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{DropOrder, LedgerPart, LedgerPartResult, StoreError};
use crate::domain::{
    Action, AddressKey, LiftResult, Lifter, ManualChange, MerchantId, NewReminder, NoticeChange, NoticeName,
    NoticeState, PaymentReport, PaymentResult, Receipt, ReminderId, Settlement, Suppression, TokenDigest,
};

/// How long the first answer to a request is kept, from its arrival.
pub const REQUEST_KEPT: TimeDelta = TimeDelta::days(2);

/// The last use of a token is recorded so coarsely, so that reading requests write nothing.
pub const TOKEN_USE_GRAIN: TimeDelta = TimeDelta::minutes(1);

/// How many old requests one new one clears away.
pub(super) const CLEARED_AT_ONCE: u32 = 50;

/// Tokens, and the requests made with an Idempotency-Key.
#[async_trait]
pub trait ApiStore: Debug + Send + Sync {
    /// Keeps a token. `None`, and nothing is kept, if another one that is not revoked has its name.
    async fn add_token(&self, token: &NewToken) -> Result<Option<i64>, StoreError>;

    /// All tokens, oldest first, those that are revoked or have expired included.
    async fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError>;

    /// Revokes the token of that name. `false` if there is none, or it is revoked already.
    async fn revoke_token(&self, name: &str, at: DateTime<Utc>) -> Result<bool, StoreError>;

    /// The token of a digest, if it is valid at `now`. Its use goes on record, once in [`TOKEN_USE_GRAIN`].
    async fn use_token(&self, digest: &TokenDigest, now: DateTime<Utc>) -> Result<Option<TokenRecord>, StoreError>;

    /// Begins a request under its key, with a lease on the store's clock. Of several at once one begins. Who comes
    /// after the lease ran out takes over. Answers that are older than [`REQUEST_KEPT`] are forgotten.
    async fn begin_request(&self, request: &KeyedRequest) -> Result<RequestStart, StoreError>;

    /// Writes a part of the ledger for a request that has not ended, and renews its lease, in one transaction. `None`,
    /// and nothing is written, if it has ended, or another try has taken over. Rows end what is kept of their
    /// instalments as by [`RejectStore::import_batch`](super::RejectStore::import_batch).
    async fn write_part(
        &self,
        claim: &RequestClaim,
        lease: TimeDelta,
        part: &LedgerPart,
    ) -> Result<Option<LedgerPartResult>, StoreError>;

    /// Ends a request: its effect, if it has one, and its answer are one transaction. `None`, and nothing is done, if
    /// another one has taken over.
    async fn end_request(&self, claim: &RequestClaim, end: &RequestEnd) -> Result<Option<KeptAnswer>, StoreError>;

    /// Lets the next one with the key begin at once: this one could not end.
    async fn release_request(&self, claim: &RequestClaim) -> Result<(), StoreError>;
}

/// A token to be kept. The token itself is shown once and kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The name of the system that uses it; on record for what it does.
    pub name: String,
    /// Its digest.
    pub digest: TokenDigest,
    /// The merchants that it is for.
    pub merchants: BTreeSet<MerchantId>,
    /// The actions that it allows.
    pub actions: BTreeSet<Action>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it expires by itself, if it does.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Its number.
    pub id: i64,
    /// The token.
    pub token: NewToken,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub used_at: Option<DateTime<Utc>>,
}

/// A request with an Idempotency-Key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedRequest {
    /// The token that it was made with: each has keys of its own.
    pub token: String,
    /// The key.
    pub key: String,
    /// Tells it from other requests.
    pub fingerprint: [u8; 32],
    /// How long it may take before another one takes over.
    pub lease: TimeDelta,
}

/// The answer to a request that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestStart {
    /// It is the first, or takes over from one whose process died.
    Begun(RequestClaim),
    /// It was answered before.
    Answered(KeptAnswer),
    /// The first one still runs.
    Running,
    /// The key belongs to another request.
    Different,
}

/// The right to end a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestClaim {
    /// The token that it was made with.
    pub token: String,
    /// The key.
    pub key: String,
    /// The number of the try: one that takes over has the next.
    pub attempt: i32,
}

/// The answer to a request, to be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The status of HTTP.
    pub status: u16,
    /// The body, without what differs from one answer to the next.
    pub body: String,
}

/// How a request ends.
#[derive(Debug, Clone)]
pub enum RequestEnd {
    /// Without an effect.
    Answer(KeptAnswer),
    /// By an effect, from whose result the answer is made.
    Effect {
        /// The effect.
        effect: ApiEffect,
        /// Makes the answer.
        answer: fn(&ApiEffect, EffectResult) -> KeptAnswer,
    },
}

/// A change that a request makes.
#[derive(Debug, Clone)]
pub enum ApiEffect {
    /// Puts a reminder into the outbox.
    Plan {
        /// The reminder.
        reminder: NewReminder,
        /// When it is put in.
        at: DateTime<Utc>,
    },
    /// Adds a suppression.
    Suppress {
        /// The suppression.
        suppression: Suppression,
        /// The person who adds it, and why.
        by: ManualChange,
    },
    /// Cancels a reminder that waits.
    Cancel {
        /// The reminder.
        reminder: ReminderId,
        /// The person who cancels it, and why.
        by: ManualChange,
    },
    /// Settles reminders whose outcome is unknown.
    Resolve {
        /// All that were asked for.
        asked: Vec<ReminderId>,
        /// Their outcomes.
        settlements: Vec<Settlement>,
        /// Their delivery, as far as it is known.
        receipts: Vec<Receipt>,
    },
    /// Drops rejected records of a merchant, on record.
    DropRejects {
        /// Their numbers.
        ids: Vec<i64>,
        /// Only those of this merchant.
        merchant: MerchantId,
        /// The order.
        order: DropOrder,
    },
    /// Reports payments.
    ReportPayments {
        /// The reports.
        reports: Vec<PaymentReport>,
        /// How long a pending one holds, and the ledger may lag behind a posted one.
        lasts: TimeDelta,
    },
    /// Brings a notice from one state to another.
    MoveNotice {
        /// The notice.
        name: NoticeName,
        /// Its state until now.
        from: NoticeState,
        /// The change.
        change: NoticeChange,
    },
    /// Takes a suppression out, or asks for it.
    LiftSuppression {
        /// Of this merchant.
        merchant: MerchantId,
        /// The address.
        address: AddressKey,
        /// The rights of the caller.
        lifter: Lifter,
        /// The person who takes it out, and why.
        by: ManualChange,
    },
}

/// The result of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectResult {
    /// These reminders were settled.
    Settled(Vec<ReminderId>),
    /// These records were dropped.
    Dropped(Vec<i64>),
    /// The payments were reported, each with this result.
    Reported(Vec<PaymentResult>),
    /// The reminder is in the outbox.
    Planned(ReminderId),
    /// The order to take a suppression out had this result.
    Lifted(LiftResult),
    /// The change was made.
    Done,
    /// There was nothing to change, or another one came first.
    Unchanged,
}
