//! The suppressed addresses of a borrower: the list on the borrower's page, and the forms that begin and end one.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Console;
use super::borrower::Sight;
use super::borrowers::Target;
use super::form::FormFields;
use super::refusal::Refusal;
use super::staff::Staff;
use super::words::DeskWords;
use crate::domain::{
    Action, AddressKey, Channel, LiftRequest, LiftResult, Lifter, StaffRole, Suppression, SuppressionReason,
    SuppressionRecord, is_same_person,
};
use crate::pipeline::masked_address;

/// A suppressed address.
#[derive(Debug, Serialize)]
pub(super) struct SuppressionView {
    channel: String,
    channel_word: &'static str,
    address: String,
    reason: String,
    since: String,
    until: Option<String>,
    /// Whether no merchant at all may write to it.
    is_for_all: bool,
    /// The request to end it that waits for a second person, in words.
    asked: Option<String>,
    /// The text before the button that ends it.
    hint: Option<String>,
    /// The button; `None` where the reader cannot do it.
    button: Option<String>,
    /// The state that the reader sees: where it is another one by the click, nothing is changed.
    seen: String,
}

/// The next step of the reader towards the end of a suppression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LiftStep {
    Nothing,
    End,
    Ask,
    Confirm,
    /// Another person has to confirm it.
    Wait,
}

impl LiftStep {
    fn of(one: &SuppressionRecord, sight: Sight<'_>, now: DateTime<Utc>) -> Self {
        let is_over = one.suppression.until.is_some_and(|until| until <= now);
        if !sight.role.allows(Action::ChangeSuppressions) || one.suppression.merchant.is_none() || is_over {
            return Self::Nothing;
        }
        match one.open_request(now) {
            _ if !one.is_opt_out => Self::End,
            None => Self::Ask,
            Some(asked)
                if lifter(sight.role) == Lifter::Confirms && !is_same_person(&asked.actor, sight.user.as_str()) =>
            {
                Self::Confirm
            }
            Some(_) => Self::Wait,
        }
    }
}

/// The rights of a role.
fn lifter(role: StaffRole) -> Lifter {
    if role.allows(Action::EndOptOuts) { Lifter::Confirms } else { Lifter::Asks }
}

impl SuppressionView {
    pub(super) fn of(record: &SuppressionRecord, words: &DeskWords, sight: Sight<'_>, now: DateTime<Utc>) -> Self {
        let one = &record.suppression;
        let address = one.address.reveal();
        let say = |key: &str| Some(words.say(key, &[]));
        let (hint, button) = match LiftStep::of(record, sight, now) {
            LiftStep::Nothing => (None, None),
            LiftStep::End => (None, say("lift_button")),
            LiftStep::Ask => (say("lift_two_persons"), say("lift_ask_button")),
            LiftStep::Confirm => (say("lift_confirm_hint"), say("lift_confirm_button")),
            LiftStep::Wait => (say("lift_wait"), None),
        };
        let asked = record
            .open_request(now)
            .map(|asked| words.say("lift_asked", &[("actor", &asked.actor), ("time", &words.time(asked.at))]));
        Self {
            channel: words.channel(one.address.channel()),
            channel_word: one.address.channel().as_str(),
            address: if sight.is_revealed { address.to_owned() } else { masked_address(one.address.as_address()) },
            reason: words.say(&format!("suppression_{}", one.reason), &[]),
            since: words.time(one.since),
            until: one.until.map(|until| words.time(until)),
            is_for_all: one.merchant.is_none(),
            asked,
            hint,
            button,
            seen: seen(record, now),
        }
    }
}

/// The state of a suppression as a form carries it.
fn seen(record: &SuppressionRecord, now: DateTime<Utc>) -> String {
    let asked_at = record.open_request(now).map_or(0, |asked: &LiftRequest| asked.at.timestamp_micros());
    format!("{}-{}-{asked_at}", record.suppression.reason, record.suppression.since.timestamp_micros())
}

/// The borrower's address on the channel of a form.
async fn address(
    console: &Console,
    staff: &Staff,
    target: &Target,
    channel: Channel,
    now: DateTime<Utc>,
) -> Result<AddressKey, Refusal> {
    let account = console.patiently(console.store().account(&target.key, now.date_naive(), channel)).await?;
    let address = account.borrower.and_then(|borrower| borrower.address(channel));
    let gone = || target.refuse(vec![target.words(staff).say("not_done_gone", &[])]);
    address.as_ref().map(AddressKey::from).ok_or_else(gone)
}

/// Suppresses one of the borrower's addresses, for the merchant.
pub(super) async fn suppress(
    State(console): State<Console>,
    staff: Staff,
    target: Target,
    form: FormFields,
) -> Result<Response, Refusal> {
    let (now, channel) = (console.app.clock.now(), form.read::<Channel>("channel")?);
    let by = target.note(&staff, &form)?.at(now);
    let suppression = Suppression {
        merchant: Some(target.key.merchant.clone()),
        address: address(&console, &staff, &target, channel, now).await?,
        reason: SuppressionReason::Manual,
        source: staff.user.to_string(),
        since: now,
        until: None,
    };
    console.patiently(staff.store(&console).suppress(&[suppression], Some(&by))).await?;
    Ok(target.done("suppressed"))
}

/// Ends a suppression of one of the borrower's addresses, for the merchant; of an opt-out, asks for its end or confirms
/// what another person asked for.
pub(super) async fn lift(
    State(console): State<Console>,
    staff: Staff,
    target: Target,
    form: FormFields,
) -> Result<Response, Refusal> {
    let (now, channel) = (console.app.clock.now(), form.read::<Channel>("channel")?);
    let by = target.note(&staff, &form)?.at(now);
    let address = address(&console, &staff, &target, channel, now).await?;
    let changed = || target.refuse(vec![target.words(&staff).say("lift_changed", &[])]);
    let merchant = Some(&target.key.merchant);
    let all = console.patiently(console.store().suppressions_of(&address)).await?;
    let found = all.iter().find(|one| one.suppression.merchant.as_ref() == merchant);
    if found.is_none_or(|one| form.text("seen") != Some(&seen(one, now))) {
        return Err(changed());
    }
    let store = staff.store(&console);
    let lifted = store.lift_suppression(merchant, &address, lifter(staff.role), &by);
    match console.patiently(lifted).await? {
        LiftResult::Lifted => Ok(target.done("lifted")),
        LiftResult::OnePersonMore => Ok(target.done("lift_asked")),
        LiftResult::NotSuppressed => Err(changed()),
    }
}
