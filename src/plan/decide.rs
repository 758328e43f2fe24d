use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{Rule, contact_hours, is_overtaken, local_date};
use crate::domain::{
    Address, Borrower, Channel, Installment, InstallmentStatus, Locale, Merchant, MerchantId, NewReminder, SkipReason,
    Step, SuppressionReason, TemplateName,
};

/// What the config says about whom to remind and when.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The merchants, by key.
    pub merchants: BTreeMap<MerchantId, Merchant>,
    /// The rules, in the order of the config.
    pub rules: Vec<Rule>,
}

impl Policy {
    /// The rule behind a step; `None` for a resend by hand and for a rule that is gone.
    #[must_use]
    pub fn rule_of(&self, step: &Step) -> Option<&Rule> {
        match step {
            Step::Rule { rule, .. } => self.rules.iter().find(|candidate| candidate.name == *rule),
            Step::Manual { .. } => None,
        }
    }
}

/// The facts that decide about a reminder, as the ledger has them now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// Who; `None` if the ledger does not know the borrower.
    pub borrower: Option<Borrower>,
    /// Every instalment of that borrower due on that date, of any status, ordered by number.
    pub installments: Vec<Installment>,
    /// Why the borrower's address on that channel must not be contacted.
    pub suppressed: Option<SuppressionReason>,
    /// Somebody has stopped the sending for this merchant, on this channel or altogether.
    pub stopped: bool,
}

/// Why a reminder is put off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeferReason {
    /// It is outside the borrower's contact hours.
    ContactHours,
    /// Somebody has stopped the sending.
    Stopped,
}

/// How long a stopped reminder waits before it is looked at again. Short enough that a lifted stop is felt soon, long enough
/// that a stop over a night does not write a book of events.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(10);

impl DeferReason {
    /// The word in events and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ContactHours => "contact_hours",
            Self::Stopped => "stopped",
        }
    }
}

/// What a message will be made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToSend {
    /// Where it goes.
    pub to: Address,
    /// What is open now; one at least.
    pub installments: Vec<Installment>,
    /// The language.
    pub locale: Locale,
    /// The borrower's local date.
    pub today: NaiveDate,
    /// The rule's own template, if it names one.
    pub template: Option<TemplateName>,
    /// No byte may leave then or later: the contact hours close, or it is too late to be of use.
    pub until: DateTime<Utc>,
}

/// What is to be done with a reminder at this instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Send it now.
    Send(ToSend),
    /// Not yet.
    Defer {
        /// The next moment to ask again.
        until: DateTime<Utc>,
        /// Why.
        reason: DeferReason,
    },
    /// Never.
    Skip(SkipReason),
}

/// Decides about one reminder from what is known at `now`. Pure; called inside the claim, and by `resend` and `explain` to
/// tell beforehand what would happen.
#[must_use]
pub fn decide(policy: &Policy, reminder: &NewReminder, account: &Account, now: DateTime<Utc>) -> Decision {
    match weigh(policy, reminder, account, now) {
        Ok(decision) => decision,
        Err(reason) => Decision::Skip(reason),
    }
}

fn weigh(
    policy: &Policy,
    reminder: &NewReminder,
    account: &Account,
    now: DateTime<Utc>,
) -> Result<Decision, SkipReason> {
    let key = &reminder.key;
    let merchant = policy.merchants.get(&key.borrower.merchant).ok_or(SkipReason::MerchantStopped)?;
    if merchant.stopped {
        return Err(SkipReason::MerchantStopped);
    }
    let rule = policy.rule_of(&key.step);
    if rule.is_none() && matches!(key.step, Step::Rule { .. }) {
        return Err(SkipReason::Superseded);
    }
    // What became of the debt is told before what became of the message: "paid" is the better answer than "expired".
    let installments = open_installments(&account.installments)?;
    if now >= reminder.expires_at {
        return Err(SkipReason::Expired);
    }
    let borrower = account.borrower.as_ref().ok_or(SkipReason::NoContact)?;
    if is_overtaken(policy, key, borrower, now) {
        return Err(SkipReason::Superseded);
    }
    if borrower.hold.as_ref().is_some_and(|hold| hold.stands_at(now)) {
        return Err(SkipReason::OnHold);
    }
    let to = address(borrower, key.channel).ok_or(SkipReason::NoContact)?;
    if let Some(reason) = account.suppressed {
        return Err(reason.skip_reason());
    }
    if account.stopped {
        // Held, not lost: it goes out when the stop is lifted, unless it is too late by then.
        let until = (now + LOOK_AGAIN).min(reminder.expires_at);
        return Ok(Decision::Defer { until, reason: DeferReason::Stopped });
    }
    let zone = borrower.time_zone.unwrap_or(merchant.time_zone);
    let hours = contact_hours(merchant.jurisdiction);
    let allowed = hours.next_allowed(zone, now);
    if allowed > now {
        if allowed >= reminder.expires_at {
            return Err(SkipReason::Expired);
        }
        return Ok(Decision::Defer { until: allowed, reason: DeferReason::ContactHours });
    }
    Ok(Decision::Send(ToSend {
        to,
        installments,
        locale: borrower.locale.clone().unwrap_or_else(|| merchant.locale.clone()),
        today: local_date(zone, now),
        template: rule.and_then(|rule| rule.template.clone()),
        until: hours.closing(zone, now).min(reminder.expires_at),
    }))
}

/// What may be reminded of among the instalments of one due date, or why nothing: [`SkipReason::Rescheduled`],
/// [`SkipReason::Cancelled`] or [`SkipReason::Paid`]. The landing page asks the same question.
///
/// # Errors
/// The reason why nothing is open.
pub fn open_installments(all: &[Installment]) -> Result<Vec<Installment>, SkipReason> {
    let open: Vec<_> = all.iter().filter(|installment| installment.is_due()).cloned().collect();
    if !open.is_empty() {
        return Ok(open);
    }
    Err(match all {
        [] => SkipReason::Rescheduled,
        _ if all.iter().all(|installment| installment.status == InstallmentStatus::Cancelled) => SkipReason::Cancelled,
        _ => SkipReason::Paid,
    })
}

/// The borrower's address on a channel.
pub(super) fn address(borrower: &Borrower, channel: Channel) -> Option<Address> {
    match channel {
        Channel::Sms => borrower.phone.clone().map(Address::Phone),
        Channel::Email => borrower.email.clone().map(Address::Email),
    }
}
