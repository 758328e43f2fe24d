//! Resend by hand: a reminder of its own, with who asked and why, decided by the same rules as any other.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{AuditNote, LinkGate};
use crate::domain::{
    BorrowerId, BorrowerKey, Channel, HoldReason, Installment, InstallmentId, MerchantId, NewReminder, Origin,
    ReminderId, ReminderKey, SkipReason, State, Step, duration,
};
use crate::plan::{Decision, DeferReason, Policy, decide};
use crate::store::{
    InstallmentFilter, LedgerStore, OutboxStore, ReminderFilter, ReminderStore, ReminderView, StoreError, WriteMode,
};

/// How long a resend stays of use: staff expects it to leave at once, so one that could not is not sent hours later.
const USEFUL_FOR: TimeDelta = TimeDelta::hours(1);

/// How long after a resend was sent another one is an oversight unless it is asked for: a message may take minutes to
/// arrive.
const TOO_SOON: TimeDelta = TimeDelta::minutes(10);

/// The most instalments or reminders that are read for one borrower.
const LOOK_AT: u32 = 1_000;

/// The recipient of a resend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResendTarget {
    /// A borrower, about what is open.
    Borrower(BorrowerId),
    /// The borrower who owes this instalment, about its due date.
    Installment(InstallmentId),
}

/// A wish to send once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResendRequest {
    /// To whom.
    pub whom: ResendTarget,
    /// Of which merchant; needed only where the number is not unique.
    pub merchant: Option<MerchantId>,
    /// About which due date; needed only where several are open.
    pub due_date: Option<NaiveDate>,
    /// On which channel.
    pub channel: Channel,
    /// The person who asks, and the reason.
    pub audit_note: AuditNote,
    /// Whether it is sent even while an earlier resend is on its way or has just gone.
    pub again: bool,
}

/// An earlier resend of the same that is on its way, or was just sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlierResend {
    /// Its number.
    pub id: ReminderId,
    /// Its state.
    pub state: State,
    /// How long it has been in this state; `None` if nothing has happened to it yet.
    pub since: Option<TimeDelta>,
}

impl EarlierResend {
    /// `view` as one that a further resend has to wait for; `None` if it is not by hand, will not be sent, or was sent
    /// long ago.
    fn of(view: &ReminderView, now: DateTime<Utc>) -> Option<Self> {
        let reminder = &view.reminder;
        let since = view.last.as_ref().map(|last| now - last.at);
        let is_on_its_way = match view.state {
            State::Planned | State::Held => reminder.plan.expires_at > now,
            State::Sending | State::Unknown => true,
            State::Accepted | State::Delivered => since.is_none_or(|since| since < TOO_SOON),
            State::Undelivered | State::Failed | State::Skipped => false,
        };
        let is_by_hand = matches!(reminder.plan.key.step, Step::Manual { .. });
        (is_by_hand && is_on_its_way).then_some(Self { id: reminder.id, state: view.state, since })
    }
}

impl std::fmt::Display for EarlierResend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let since = self.since.and_then(|since| TimeDelta::seconds(since.num_seconds()).to_std().ok());
        let ago = since.map_or_else(String::new, |since| format!(" {} ago", duration::format(since)));
        let id = self.id;
        match self.state {
            State::Planned => write!(f, "reminder {id} is an earlier resend of the same and waits to be sent"),
            State::Held => write!(f, "reminder {id} is an earlier resend of the same and is held"),
            State::Sending => write!(f, "reminder {id} is an earlier resend of the same and is being sent"),
            State::Unknown => write!(f, "reminder {id} is an earlier resend of the same and may have been sent"),
            _ => write!(f, "reminder {id} is an earlier resend of the same and was sent{ago}"),
        }
    }
}

/// Why nothing is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResendRefusal {
    /// It would be held.
    Held(HoldReason),
    /// It would be skipped.
    Skip(SkipReason),
    /// It would be put off: the borrower may not be contacted before then.
    ContactHours {
        /// The next allowed moment.
        until: DateTime<Utc>,
    },
}

impl std::fmt::Display for ResendRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ContactHours { until } => {
                write!(f, "it is outside the borrower's contact hours; try again after {}", until.format("%F %R UTC"))
            }
            Self::Held(reason) => write!(f, "{}; try again when that is over", reason.explained()),
            Self::Skip(reason) => f.write_str(reason.explained()),
        }
    }
}

/// Why a resend was not put into the outbox.
#[derive(Debug, thiserror::Error)]
pub enum ResendError {
    /// No such borrower or instalment.
    #[error("the ledger knows no such borrower or instalment; check the number, or import first")]
    NotFound,
    /// The number exists at several merchants.
    #[error("the number exists at several merchants ({0}); name one with --merchant")]
    SeveralMerchants(String),
    /// Several due dates are open.
    #[error("several due dates are open ({0}); name one with --due-date")]
    SeveralDueDates(String),
    /// It would not be sent.
    #[error("not sent: {0}")]
    Refused(ResendRefusal),
    /// The same is on its way already, or has just gone.
    #[error("{0}; see `dueherald reminders show {id}`, or send one more with --again", id = .0.id)]
    Earlier(EarlierResend),
    /// No gateway carries the merchant's messages on that channel.
    #[error("no gateway carries {0} for {1}; write [channels.{0}] in the config, or gateways of the merchant's own")]
    NoGateway(Channel, MerchantId),
    /// Somebody else asked for the same at the same moment.
    #[error("somebody has just resent the same; look at it with `dueherald reminders list`")]
    JustResent,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Puts a resend into the outbox, due now; the next dispatch hands it over, and decides once more. Gives its number.
/// What `gate`, the merchant's, or anything else holds is refused, not kept: whoever asks is at the telephone, and an
/// hour later it would come out of the blue.
///
/// Of several people who ask at the same moment one gets a message sent. Each counts the earlier resends and looks at
/// their states in one query, and the count is part of the key. So whoever has not seen another one's resend has the
/// same key, which the outbox takes once.
///
/// # Errors
/// When it is unclear what is meant, when an earlier one is on its way, or when it would not be sent:
/// [`ResendError::Refused`] says why.
pub async fn resend<'g>(
    store: &(impl LedgerStore + OutboxStore + ReminderStore + ?Sized),
    policy: &Policy,
    gate: &(dyn Fn(&MerchantId) -> Option<&'g LinkGate> + Sync),
    request: ResendRequest,
    now: DateTime<Utc>,
) -> Result<ReminderId, ResendError> {
    let reminder = prepare_resend(store, policy, gate, request, now).await?;
    let planned = store.plan(&[reminder], now, WriteMode::Commit).await?;
    planned.first().copied().ok_or(ResendError::JustResent)
}

/// The reminder by which [`resend`] sends, for whoever puts it into the outbox together with something else.
///
/// # Errors
/// As [`resend`].
pub async fn prepare_resend<'g>(
    store: &(impl LedgerStore + ReminderStore + ?Sized),
    policy: &Policy,
    gate: &(dyn Fn(&MerchantId) -> Option<&'g LinkGate> + Sync),
    request: ResendRequest,
    now: DateTime<Utc>,
) -> Result<NewReminder, ResendError> {
    let AuditNote { actor, reason } = request.audit_note.clone();
    let (borrower, due_date) = find(store, &request).await?;
    let gate = gate(&borrower.merchant).ok_or(ResendError::NoGateway(request.channel, borrower.merchant.clone()))?;
    let earlier = earlier(store, &borrower, due_date, request.channel).await?;
    let (number, of) = (next_number(&earlier), earlier.first().map(|view| view.reminder.id));
    let key = ReminderKey { borrower, due_date, step: Step::Manual { number }, channel: request.channel };
    let origin = Origin::Manual { actor, reason, of };
    // Judged without its end, so that at night the answer is when to try again, and not that it would be too late by
    // then.
    let endless = NewReminder { key, origin, not_before: now, expires_at: DateTime::<Utc>::MAX_UTC };
    let account = store.account(&endless.key.borrower, due_date, request.channel).await?;
    match gate.pass(decide(policy, &endless, &account, now), &endless) {
        Decision::Send(_) | Decision::PassOn { .. } => {}
        Decision::Defer { reason: DeferReason::OnHold, .. } => {
            return Err(ResendError::Refused(ResendRefusal::Skip(SkipReason::OnHold)));
        }
        Decision::Defer { until, .. } => return Err(ResendError::Refused(ResendRefusal::ContactHours { until })),
        Decision::Hold(cause) => return Err(ResendError::Refused(ResendRefusal::Held(cause.reason))),
        Decision::Skip(reason) | Decision::Switch { reason, .. } => {
            return Err(ResendError::Refused(ResendRefusal::Skip(reason)));
        }
    }
    if let Some(earlier) = earlier.iter().find_map(|view| EarlierResend::of(view, now)).filter(|_| !request.again) {
        return Err(ResendError::Earlier(earlier));
    }
    Ok(NewReminder { expires_at: now + USEFUL_FOR, ..endless })
}

/// The borrower and the due date that a request means.
async fn find(
    store: &(impl LedgerStore + ?Sized),
    request: &ResendRequest,
) -> Result<(BorrowerKey, NaiveDate), ResendError> {
    let mut filter = InstallmentFilter { merchant: request.merchant.clone(), limit: LOOK_AT, ..Default::default() };
    match &request.whom {
        ResendTarget::Borrower(id) => filter.borrower = Some(id.clone()),
        ResendTarget::Installment(id) => filter.installment = Some(id.clone()),
    }
    let found = store.installments(&filter).await?;
    let merchants: BTreeSet<_> = found.iter().map(|one| one.merchant.as_str()).collect();
    if merchants.len() > 1 {
        return Err(ResendError::SeveralMerchants(merchants.into_iter().collect::<Vec<_>>().join(", ")));
    }
    let first = found.first().ok_or(ResendError::NotFound)?;
    let borrower = BorrowerKey { merchant: first.merchant.clone(), id: first.borrower.clone() };
    Ok((borrower, due_date(&found, request.due_date)?))
}

fn due_date(found: &[Installment], wished: Option<NaiveDate>) -> Result<NaiveDate, ResendError> {
    if let Some(date) = wished {
        return Ok(date);
    }
    let open: BTreeSet<_> = found.iter().filter(|one| one.is_due()).map(|one| one.due_date).collect();
    match (open.first(), open.len()) {
        (Some(date), 1) => Ok(*date),
        // Nothing is open: the decision about the last one says whether it was paid or cancelled.
        (None, _) => found.last().map(|one| one.due_date).ok_or(ResendError::NotFound),
        _ => {
            let dates = open.iter().take(5).map(NaiveDate::to_string).collect::<Vec<_>>();
            Err(ResendError::SeveralDueDates(dates.join(", ")))
        }
    }
}

/// The reminders about one due date on one channel, newest first.
async fn earlier(
    store: &(impl ReminderStore + ?Sized),
    borrower: &BorrowerKey,
    due_date: NaiveDate,
    channel: Channel,
) -> Result<Vec<ReminderView>, StoreError> {
    let filter = ReminderFilter {
        merchant: Some(borrower.merchant.clone()),
        borrower: Some(borrower.id.clone()),
        due_date: Some(due_date),
        channel: Some(channel),
        limit: LOOK_AT,
        ..Default::default()
    };
    store.reminders(&filter).await
}

/// The number of the next resend.
fn next_number(earlier: &[ReminderView]) -> u32 {
    let last = earlier.iter().filter_map(|view| match view.reminder.plan.key.step {
        Step::Manual { number } => Some(number),
        Step::Rule { .. } | Step::Notice { .. } | Step::Confirmation { .. } => None,
    });
    last.max().unwrap_or(0) + 1
}
