//! Decides at the moment of sending whether and what to send.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::digest::joined;
use super::frequency_cap::is_capped;
use super::planner::{a_later_step_is_due, is_reminded_by};
use super::preferences::narrowed;
use super::recheck::{other_channel, rule_of, window};
use super::sms_numbers::usable_address;
use super::{Caps, Contact, GatewayLists, RecipientAllowlist, Rule, RulesMatch, Terms, local_date, pack, to_utc};
use crate::domain::{
    Address, Borrower, Channel, HoldCause, HoldReason, Installment, InstallmentId, InstallmentStatus, Locale, Merchant,
    MerchantId, NewReminder, NoticeFacts, NoticeState, OPTED_OUT, Origin, ReminderKey, RequiredTexts, RouteKey,
    SkipReason, Step, SuppressionReason, TemplateName,
};

/// The settings that decide whom to remind and when.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The merchants, by key.
    pub merchants: BTreeMap<MerchantId, Merchant>,
    /// The rules, in the order of the config.
    pub rules: Vec<Rule>,
    /// Which of the rules that match remind.
    pub rules_match: RulesMatch,
    /// Merchants' terms beyond their jurisdictions' rules of contact.
    pub terms: BTreeMap<MerchantId, Terms>,
    /// How many messages a person may get.
    pub caps: Option<Caps>,
    /// The only allowed recipients; everybody, if there is no list.
    pub only_to: Option<RecipientAllowlist>,
    /// By which gateways each merchant's messages leave.
    pub gateways: GatewayLists,
}

impl Policy {
    /// Whether messages of a merchant are to keep the debt off the lock screen, by its own setting or that of a rule.
    #[must_use]
    pub fn is_ever_discreet(&self, merchant: &Merchant) -> bool {
        let by_rule = |rule: &Rule| rule.discreet == Some(true) && rule.is_for(&merchant.id);
        merchant.discreet || self.rules.iter().any(by_rule)
    }

    /// The rule behind a step; `None` for a resend by hand, a notice, a confirmation, and a rule that is gone.
    #[must_use]
    pub fn rule_of(&self, step: &Step) -> Option<&Rule> {
        match step {
            Step::Rule { rule, .. } => self.rules.iter().find(|candidate| candidate.name == *rule),
            Step::Manual { .. } | Step::Notice { .. } | Step::Confirmation { .. } => None,
        }
    }

    /// Of which merchants an opt-out by SMS is confirmed at `now`, and how soon after the answer at the latest. What
    /// the law asks of a merchant begins and ends with the date at the merchant.
    #[must_use]
    pub fn confirmations(&self, now: DateTime<Utc>) -> BTreeMap<MerchantId, TimeDelta> {
        let within = |merchant: &Merchant| {
            let today = local_date(merchant.time_zone, now);
            let minutes = pack(merchant.jurisdiction).confirm_opt_out_within_minutes(today)?;
            Some((merchant.id.clone(), TimeDelta::minutes(i64::from(minutes))))
        };
        self.merchants.values().filter_map(within).collect()
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
    /// The first answer from that address that a person has still to read: it may be a refusal.
    pub unread_reply: Option<i64>,
    /// Somebody has stopped the sending for this merchant, on this channel or altogether.
    pub stopped: bool,
    /// The instalments among these, and among those of [`Account::following`], with a record that could not be applied:
    /// their status is unknown.
    pub rejected: Vec<InstallmentId>,
    /// Those of them that their source has no longer.
    pub vanished: Vec<InstallmentId>,
    /// The instalments among them with a payment that is reported and not booked yet.
    pub pending: Vec<InstallmentId>,
    /// The contacts of the same person, past and planned, as far as the claim was to read them
    /// ([`Policy::recent_contacts`]), in no order.
    pub contacts: Vec<Contact>,
    /// Instalments of that borrower due on the days after, of any status, ordered by date and number; as far as asked
    /// for.
    pub following: Vec<Installment>,
    /// The notice that the reminder is of; `None` if it is of none.
    pub notice: Option<NoticeFacts>,
    /// Since when nothing of these instalments is owed. `None` while something is, where it is not on record, and for a
    /// claim, which has no use for it.
    pub settled_at: Option<DateTime<Utc>>,
}

/// Why a reminder is deferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeferReason {
    /// It is outside the borrower's contact hours.
    ContactHours,
    /// It is a day off, and its rule sends on working days only.
    Holiday,
    /// The borrower is on hold, and will not be any more while it is still of use.
    OnHold,
    /// A frequency cap is reached, and a notice is of use on another day as well.
    Capped,
    /// By the rule and the borrower as they are now, its time is yet to come.
    NotYet,
    /// Its merchant's messages leave by another gateway, for which it waits now.
    OtherGateway,
}

impl DeferReason {
    /// The word in events and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ContactHours => "contact_hours",
            Self::Holiday => "holiday",
            Self::OnHold => "on_hold",
            Self::Capped => "capped",
            Self::NotYet => "not_yet",
            Self::OtherGateway => "other_gateway",
        }
    }
}

/// The input of a message's rendering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendPlan {
    /// The recipient's address.
    pub to: Address,
    /// The open instalments; one at least. For a confirmation, those of the answered message, whatever their status.
    pub installments: Vec<Installment>,
    /// The language.
    pub locale: Locale,
    /// The borrower's local date.
    pub today: NaiveDate,
    /// The rule's own template, if it names one, or the notice's.
    pub template: Option<TemplateName>,
    /// Nothing is made from another template: a notice that turned into a reminder would say something else.
    pub no_other_template: bool,
    /// Whether it keeps debt and amount off the lock screen.
    pub discreet: bool,
    /// The texts that the law demands of it.
    pub required: RequiredTexts,
    /// The way to repay that the rule names for when no other works.
    pub second_route: Option<RouteKey>,
    /// No byte may leave then or later: the contact hours close, or it is too late to be of use.
    pub until: DateTime<Utc>,
}

/// The decision about a reminder at this instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Send it now.
    Send(SendPlan),
    /// Not yet.
    Defer {
        /// The next moment to ask again.
        until: DateTime<Utc>,
        /// Why.
        reason: DeferReason,
    },
    /// Not while the cause is there; whatever ends that has it decided again.
    Hold(HoldCause),
    /// Never.
    Skip(SkipReason),
    /// Never on its channel, which cannot be used any more; its step goes out on another one.
    Switch {
        /// Why its channel cannot be used.
        reason: SkipReason,
        /// The other channel.
        to: Channel,
    },
    /// At once, by another gateway: it waited for one that does not carry its merchant's messages.
    PassOn {
        /// The gateway index for which it is to wait.
        gateway_index: u16,
    },
}

impl Decision {
    /// The reminder that takes the place of `reminder` on the other channel. It is decided when it is claimed, like any
    /// other.
    #[must_use]
    pub fn switched(&self, reminder: &NewReminder, now: DateTime<Utc>) -> Option<NewReminder> {
        let Self::Switch { to, .. } = self else { return None };
        let key = ReminderKey { channel: *to, ..reminder.key.clone() };
        Some(NewReminder { key, origin: Origin::Schedule, not_before: now, expires_at: reminder.expires_at.max(now) })
    }
}

/// Decides about one reminder from what is known at `now`. Pure; called inside the claim, and by `resend` and `explain`
/// to tell beforehand what would happen.
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
    let merchant = policy.merchants.get(&key.borrower.merchant).ok_or(SkipReason::UnknownMerchant)?;
    if merchant.stopped {
        return Err(SkipReason::MerchantStopped);
    }
    let anchor = policy.anchor(key.due_date, &account.installments);
    let step = rule_of(policy, key, anchor)?;
    let rule = step.map(|(rule, _)| rule);
    let notice = standing(&key.step, account)?;
    // The state of the debt takes precedence over that of the message: "paid" is a better reason than "expired".
    let confirms = matches!(key.step, Step::Confirmation { .. });
    let mut installments = spoken_of(confirms, &account.installments)?;
    // A confirmation of an opt-out mentions no debt.
    let holding = |one: &&Installment| !confirms && account.rejected.contains(&one.id);
    let is_rejected = installments.iter().any(|one| holding(&one));
    // The effect of a rejected record on an instalment is not known yet, so the filters prove nothing.
    if !is_rejected && rule.is_some_and(|rule| !is_reminded_by(policy, rule, &merchant.id, &installments)) {
        return Err(SkipReason::Superseded);
    }
    installments.extend(joined(rule, key, account, now)?);
    let Some(borrower) = account.borrower.as_ref() else {
        return Err(if now >= reminder.expires_at { SkipReason::Expired } else { SkipReason::NoContact });
    };
    let mut hours = policy.contact_hours(merchant, borrower, rule);
    let window = window(policy, step, merchant, (borrower, &hours), reminder, anchor)?;
    if now >= window.end {
        return Err(SkipReason::Expired);
    }
    if let Some(((rule, offset), anchor)) = step.zip(anchor)
        && a_later_step_is_due(policy, rule, merchant, (borrower, &hours), (anchor, offset), now)
    {
        return Err(SkipReason::Superseded);
    }
    if now < window.start {
        return Ok(Decision::Defer { until: window.start, reason: DeferReason::NotYet });
    }
    if let Some(hold) = borrower.hold.as_ref().filter(|hold| hold.stands_at(now)) {
        // Of use after the hold as well: a dispute that ends in the morning does not lose the evening's reminder.
        let end = hold.until.filter(|until| *until < window.end).ok_or(SkipReason::OnHold)?;
        return Ok(Decision::Defer { until: end, reason: DeferReason::OnHold });
    }
    let to = match address_to_use(merchant, rule, borrower, account, key) {
        Ok(to) => to,
        Err(reason) => {
            let other = rule.and_then(|rule| other_channel(merchant, rule, borrower, key));
            return other.map(|to| Decision::Switch { reason, to }).ok_or(reason);
        }
    };
    let doubtful = installments.iter().find(holding).map(|one| rejected_cause(account, one));
    if let Some(cause) = cause_to_hold(policy, key, account, &to, doubtful.or_else(|| pending(account, &installments)))
    {
        return Ok(Decision::Hold(cause));
    }
    let decent = hours.hours.clone();
    hours.hours = decent.clone().map(|hours| narrowed(hours, borrower.preferred_hours));
    if hours.next_allowed(now).is_none_or(|allowed| allowed >= window.end) {
        // Better at another hour than never.
        hours.hours = decent;
    }
    if !hours.allow(now) {
        let reason = if hours.is_day_off(now) { DeferReason::Holiday } else { DeferReason::ContactHours };
        let allowed = hours.next_allowed(now).filter(|allowed| *allowed < window.end);
        return allowed.map(|until| Decision::Defer { until, reason }).ok_or(SkipReason::Expired);
    }
    if is_capped(policy, reminder, account, hours.zones.home(), now) {
        // A one-off message must not be lost because of other messages of today.
        let tomorrow = notice.and_then(|_| start_of_tomorrow(hours.zones.home(), now));
        let until = tomorrow.filter(|until| *until < window.end).ok_or(SkipReason::Capped)?;
        return Ok(Decision::Defer { until, reason: DeferReason::Capped });
    }
    let today = local_date(hours.zones.home(), now);
    Ok(Decision::Send(SendPlan {
        to,
        installments: policy.with_grace(installments),
        locale: borrower.locale.clone().unwrap_or_else(|| merchant.locale.clone()),
        today,
        template: match notice {
            Some(notice) => Some(notice.template.clone()),
            None if confirms => TemplateName::new(OPTED_OUT).ok(),
            None => rule.and_then(|rule| rule.template.clone()),
        },
        no_other_template: notice.is_some() || confirms,
        discreet: rule.and_then(|rule| rule.discreet).unwrap_or(merchant.discreet),
        required: pack(merchant.jurisdiction).required_texts(today),
        second_route: rule.and_then(|rule| rule.second_route.clone()),
        until: hours.closing(now).min(window.end),
    }))
}

/// The instalments of which a message speaks: those that are open; for a confirmation, those of the answered message,
/// whatever their status.
fn spoken_of(confirms: bool, all: &[Installment]) -> Result<Vec<Installment>, SkipReason> {
    if confirms && !all.is_empty() { Ok(all.to_vec()) } else { open_installments(all) }
}

/// The cause that a kept record of an instalment is.
fn rejected_cause(account: &Account, one: &Installment) -> HoldCause {
    let cause = if account.vanished.contains(&one.id) { HoldCause::vanished } else { HoldCause::rejected };
    cause(&one.merchant, &one.id)
}

/// The reason to hold a reminder that would be sent otherwise. `doubtful` is the cause of an instalment of it that may
/// be paid.
fn cause_to_hold(
    policy: &Policy,
    key: &ReminderKey,
    account: &Account,
    to: &Address,
    doubtful: Option<HoldCause>,
) -> Option<HoldCause> {
    let merchant = &key.borrower.merchant;
    if let Some(only_to) = policy.only_to.as_ref().filter(|only_to| !only_to.names(to)) {
        return Some(only_to.cause());
    }
    if account.stopped {
        return Some(HoldCause::new(HoldReason::Stopped, merchant));
    }
    if doubtful.is_some() && !matches!(key.step, Step::Confirmation { .. }) {
        return doubtful;
    }
    if let Some(reply) = account.unread_reply.filter(|_| !matches!(key.step, Step::Confirmation { .. })) {
        return Some(HoldCause::new(HoldReason::UnreadReply, reply));
    }
    match (&key.step, account.notice.as_ref().map(|notice| notice.state)) {
        (Step::Notice { name }, Some(NoticeState::Paused)) => Some(HoldCause::new(HoldReason::Paused, name)),
        _ => None,
    }
}

/// The cause of the first instalment with a pending payment.
fn pending(account: &Account, installments: &[Installment]) -> Option<HoldCause> {
    let pending = installments.iter().find(|one| account.pending.contains(&one.id));
    pending.map(|one| HoldCause::payment(&one.merchant, &one.id))
}

/// The notice of a step, if it is of one that still goes out.
fn standing<'a>(step: &Step, account: &'a Account) -> Result<Option<&'a NoticeFacts>, SkipReason> {
    let Step::Notice { .. } = step else { return Ok(None) };
    let goes_out = |notice: &&NoticeFacts| matches!(notice.state, NoticeState::Sending | NoticeState::Paused);
    account.notice.as_ref().filter(goes_out).ok_or(SkipReason::NoticeCancelled).map(Some)
}

/// Where a message on the key's channel goes.
fn address_to_use(
    merchant: &Merchant,
    rule: Option<&Rule>,
    borrower: &Borrower,
    account: &Account,
    key: &ReminderKey,
) -> Result<Address, SkipReason> {
    if rule.is_some_and(|rule| !rule.channels.order.contains(&key.channel)) {
        return Err(SkipReason::Superseded);
    }
    let to = usable_address(merchant, borrower, key.channel)?;
    let confirms = matches!(key.step, Step::Confirmation { .. });
    match account.suppressed {
        // The opt-out that it confirms, and no other suppression: the one message that an opt-out does not stop.
        Some(SuppressionReason::OptedOut) if confirms => Ok(to),
        None if confirms => Err(SkipReason::Superseded),
        Some(reason) => Err(reason.skip_reason()),
        None => Ok(to),
    }
}

fn start_of_tomorrow(zone: Tz, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    Some(to_utc(zone, local_date(zone, now).succ_opt()?.and_time(NaiveTime::MIN)))
}

/// The open instalments among those of one due date, or the reason why there are none
/// ([`SkipReason::is_by_ledger`]). The landing page asks the same question.
///
/// # Errors
/// The reason why nothing is open.
pub fn open_installments(all: &[Installment]) -> Result<Vec<Installment>, SkipReason> {
    let open: Vec<_> = all.iter().filter(|installment| installment.is_due()).cloned().collect();
    if !open.is_empty() {
        return Ok(open);
    }
    let (has, all_are) =
        (|status| all.iter().any(|one| one.status == status), |status| all.iter().all(|one| one.status == status));
    // A dispute may end, so it is the reason that counts. Whatever else is settled beside a payment was paid for.
    Err(if all.is_empty() {
        SkipReason::Rescheduled
    } else if has(InstallmentStatus::Disputed) {
        SkipReason::Disputed
    } else if has(InstallmentStatus::Paid) || has(InstallmentStatus::Open) {
        SkipReason::Paid
    } else if all_are(InstallmentStatus::Cancelled) {
        SkipReason::Cancelled
    } else {
        SkipReason::WrittenOff
    })
}
