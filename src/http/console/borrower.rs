//! The page of a borrower: what is owed, what comes next and why, and what happened. Made from the facts; pure.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::acts::ActsView;
use super::suppressions::SuppressionView;
use super::timeline::{EntryView, timeline};
use super::words::DeskWords;
use crate::domain::{
    Address, Channel, Hold, HoldKind, Installment, InstallmentStatus, Merchant, StaffRole, State, UserName,
};
use crate::pipeline::{BorrowerRecord, Explanation, PaymentView, RuleExplanation, StepExplanation, masked_address};
use crate::plan::local_date;

/// The rights of the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sight<'a> {
    /// The reader.
    pub(super) user: &'a UserName,
    /// The role of the reader.
    pub(super) role: StaffRole,
    /// Whether the reader has revealed the addresses, on record.
    pub(super) is_revealed: bool,
}

/// Everything on the page.
#[derive(Debug, Serialize)]
pub(super) struct BorrowerPage {
    /// The sentence that says what was just done.
    pub(super) done: Option<String>,
    acts: ActsView,
    merchant: String,
    merchant_name: String,
    borrower: String,
    name: Option<String>,
    phone: Option<String>,
    email: Option<String>,
    is_revealed: bool,
    language: Option<String>,
    contact_hours: Option<String>,
    preferred: Option<String>,
    zone: String,
    now: String,
    hold: Option<HoldFlag>,
    suppressions: Vec<SuppressionView>,
    owed: Vec<OwedView>,
    settled: Vec<OwedView>,
    total: String,
    rejected: Vec<String>,
    /// Payments that the lender reported, in sentences.
    payments: Vec<String>,
    coming: Vec<ComingView>,
    silent: Vec<SilentView>,
    timeline: Vec<EntryView>,
    sentences: Vec<String>,
    left_out: usize,
}

#[derive(Debug, Serialize)]
struct HoldFlag {
    text: String,
    kind: Option<String>,
    note: Option<String>,
    is_strict: bool,
}

#[derive(Debug, Serialize)]
struct OwedView {
    installment: String,
    order: Option<String>,
    product: Option<String>,
    place: Option<String>,
    due_date: String,
    due: Option<String>,
    is_overdue: bool,
    amount: String,
    paid: String,
    left: String,
    status: String,
}

#[derive(Debug, Serialize)]
struct ComingView {
    when: String,
    step: String,
    channel: Option<String>,
    due_date: String,
    rule: Option<String>,
    status: String,
    why: Option<String>,
    reminder: Option<i64>,
}

#[derive(Debug, Serialize)]
struct SilentView {
    due_date: String,
    rule: String,
    why: String,
}

/// The page for a reader, as of `now`.
pub(super) fn borrower_page(
    record: &BorrowerRecord,
    merchant: &Merchant,
    words: &DeskWords,
    sight: Sight<'_>,
    now: DateTime<Utc>,
) -> BorrowerPage {
    let BorrowerRecord { borrower, explanation, .. } = record;
    let shown =
        |address: Address| if sight.is_revealed { address.reveal().to_owned() } else { masked_address(&address) };
    let today = local_date(explanation.time_zone, now);
    let owed_view = |one: &Installment| OwedView::of(one, today, words);
    let (open, settled): (Vec<_>, Vec<_>) = record.installments.iter().partition(|one| one.is_due());
    let payments = explanation.due_dates.iter().flat_map(|due| &due.payments);
    let rejected = explanation.due_dates.iter().flat_map(|due| &due.rejected);
    BorrowerPage {
        done: None,
        acts: ActsView::of(record, sight, words, now),
        merchant: merchant.id.to_string(),
        merchant_name: merchant.name.clone(),
        borrower: borrower.key.id.to_string(),
        name: borrower.name.as_ref().map(|name| name.as_str().to_owned()),
        phone: borrower.address(Channel::Sms).map(shown),
        email: borrower.address(Channel::Email).map(shown),
        is_revealed: sight.is_revealed,
        language: borrower.locale.as_ref().map(|locale| locale.as_str().to_owned()),
        contact_hours: explanation.contact_hours.clone(),
        preferred: preferred(explanation, words),
        zone: words.zone.to_string(),
        now: words.time(now),
        hold: borrower.hold.as_ref().filter(|hold| hold.stands_at(now)).map(|hold| HoldFlag::of(hold, words)),
        suppressions: record.suppressions.iter().map(|one| SuppressionView::of(one, words, sight, now)).collect(),
        total: words.total(open.iter().map(|one| one.outstanding())),
        owed: open.into_iter().map(owed_view).collect(),
        settled: settled.into_iter().map(owed_view).collect(),
        rejected: rejected.map(|one| one.reason.clone()).collect(),
        payments: payments.map(|one| payment_text(one, words)).collect(),
        coming: coming(explanation, words, now),
        silent: silent(explanation, words),
        timeline: timeline(record, words, sight),
        sentences: sentences(record, merchant, words, now),
        left_out: explanation.left_out,
    }
}

fn payment_text(one: &PaymentView, words: &DeskWords) -> String {
    let values = [
        ("payment", one.payment.as_str()),
        ("installment", one.installment.as_str()),
        ("until", &words.time(one.until)),
    ];
    words.say(&format!("payment_{}", one.stage), &values)
}

fn preferred(explanation: &Explanation, words: &DeskWords) -> Option<String> {
    let channel = explanation.preferred_channel.map(|channel| words.channel(channel));
    let parts: Vec<_> = channel.into_iter().chain(explanation.preferred_hours.clone()).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

impl HoldFlag {
    fn of(hold: &Hold, words: &DeskWords) -> Self {
        let kind = HoldKind::of(hold);
        let note = match kind {
            Some(_) => hold.reason.split_once(':').map(|(_, note)| note.trim().to_owned()),
            None => Some(hold.reason.clone()),
        };
        let text = match hold.until {
            Some(until) => words.say("hold_until", &[("until", &words.time(until))]),
            None => words.say("hold_open", &[]),
        };
        Self {
            text,
            kind: kind.map(|kind| words.say(&format!("hold_{kind}"), &[])),
            note: note.filter(|note| !note.is_empty()),
            is_strict: kind.is_some_and(HoldKind::is_strict),
        }
    }
}

impl OwedView {
    fn of(one: &Installment, today: NaiveDate, words: &DeskWords) -> Self {
        let days = (one.due_date - today).num_days();
        let count = days.unsigned_abs().to_string();
        let is_overdue = one.grace_end() < today;
        let due = match days {
            0 => words.say("due_today", &[]),
            1 => words.say("due_tomorrow", &[]),
            _ if is_overdue => words.say("due_over", &[("days", &count)]),
            days if days < 0 => words.say("due_in_grace", &[("date", &words.date(one.grace_end()))]),
            _ => words.say("due_in", &[("days", &count)]),
        };
        Self {
            installment: one.id.to_string(),
            order: one.readable_order().map(|order| order.into_owned()),
            product: one.readable_product().map(|product| product.into_owned()),
            place: one.sequence.zip(one.of).map(|(sequence, of)| format!("{sequence}/{of}")),
            due_date: words.date(one.due_date),
            due: one.is_due().then_some(due),
            is_overdue: one.is_due() && is_overdue,
            amount: words.money(&one.amount),
            paid: words.money(&one.paid_amount),
            left: words.money(&one.outstanding()),
            status: words.say(&format!("installment_{}", one.status), &[]),
        }
    }
}

/// Whether a step is still to be done.
fn is_ahead(step: &StepExplanation) -> bool {
    let ahead = [State::Planned, State::Held, State::Sending, State::Unknown].map(State::as_str);
    step.status == "coming" || ahead.contains(&step.status)
}

fn steps(explanation: &Explanation) -> impl Iterator<Item = (NaiveDate, &RuleExplanation, &StepExplanation)> {
    let rules = explanation.due_dates.iter().flat_map(|due| due.rules.iter().map(move |rule| (due.due_date, rule)));
    rules.flat_map(|(due_date, rule)| rule.steps.iter().map(move |step| (due_date, rule, step)))
}

fn step_words(step: &StepExplanation, words: &DeskWords) -> String {
    match (&step.key, step.offset) {
        (Some(key), _) => words.step(&key.step),
        (None, Some(days)) => words.offset(days),
        (None, None) => step.step.clone(),
    }
}

fn coming(explanation: &Explanation, words: &DeskWords, now: DateTime<Utc>) -> Vec<ComingView> {
    let mut ahead: Vec<_> = steps(explanation).filter(|(_, _, step)| is_ahead(step)).collect();
    ahead.sort_by_key(|(_, _, step)| step.at);
    let view = |(due_date, rule, step): (NaiveDate, &RuleExplanation, &StepExplanation)| {
        let next = step.reminder.as_ref().and_then(|timeline| timeline.next_try).or(step.at);
        let decision = step.answer.as_ref().map(|forecast| words.decision(forecast, now));
        ComingView {
            when: next.map(|at| words.time(at)).unwrap_or_default(),
            step: step_words(step, words),
            channel: step.channel.map(|channel| words.channel(channel)),
            due_date: words.date(due_date),
            rule: rule.rule.as_ref().map(|name| name.as_str().to_owned()),
            status: words.say(&format!("status_{}", step.status), &[]),
            why: decision.or_else(|| step.why.as_ref().map(|why| words.reason(why))),
            reminder: step.reminder.as_ref().map(|timeline| timeline.id.0),
        }
    };
    ahead.into_iter().map(view).collect()
}

/// The rules that do not remind of an open due date, and why.
fn silent(explanation: &Explanation, words: &DeskWords) -> Vec<SilentView> {
    let open = explanation.due_dates.iter().filter(|due| due.open > 0);
    let rules = open.flat_map(|due| due.rules.iter().map(move |rule| (due.due_date, rule)));
    let view = |(due_date, rule): (NaiveDate, &RuleExplanation)| {
        let why = rule.why_not.as_ref()?;
        let name = rule.rule.as_ref()?.as_str().to_owned();
        Some(SilentView { due_date: words.date(due_date), rule: name, why: words.reason(why) })
    };
    rules.filter_map(view).collect()
}

/// Three sentences for the telephone: what went last, what comes next, and what to do.
fn sentences(record: &BorrowerRecord, merchant: &Merchant, words: &DeskWords, now: DateTime<Utc>) -> Vec<String> {
    let explanation = &record.explanation;
    vec![last_sentence(explanation, words), next_sentence(record, words, now), owed_sentence(record, merchant, words)]
}

fn last_sentence(explanation: &Explanation, words: &DeskWords) -> String {
    let ends = steps(explanation).filter(|(_, _, step)| !is_ahead(step));
    let ended = ends.filter_map(|(_, _, step)| {
        let last = step.reminder.as_ref()?.events.last()?;
        Some((last.at, step))
    });
    let Some((at, step)) = ended.max_by_key(|(at, _)| *at) else { return words.say("say_sent_nothing", &[]) };
    let time = words.time(at);
    if step.status == State::Skipped.as_str() {
        let why = step.why.as_ref().map(|why| words.reason(why)).unwrap_or_default();
        return words.say("say_skipped", &[("time", &time), ("why", &why)]);
    }
    let channel = step.channel.map(|channel| words.channel(channel)).unwrap_or_default();
    let status = words.say(&format!("status_{}", step.status), &[]);
    words.say("say_sent", &[("channel", &channel), ("time", &time), ("status", &status)])
}

fn next_sentence(record: &BorrowerRecord, words: &DeskWords, now: DateTime<Utc>) -> String {
    if record.borrower.hold.as_ref().is_some_and(|hold| hold.stands_at(now)) {
        return words.say("say_hold", &[]);
    }
    let will_be_sent = |step: &StepExplanation| step.answer.as_ref().is_none_or(|forecast| forecast.decision != "skip");
    let ahead = steps(&record.explanation).filter(|(_, _, step)| is_ahead(step) && will_be_sent(step));
    let next = ahead.filter_map(|(_, _, step)| Some((step.at?, step.channel?))).min();
    match next {
        Some((at, channel)) => {
            words.say("say_next", &[("time", &words.time(at.max(now))), ("channel", &words.channel(channel))])
        }
        None => words.say("say_next_none", &[]),
    }
}

fn owed_sentence(record: &BorrowerRecord, merchant: &Merchant, words: &DeskWords) -> String {
    let first = record
        .installments
        .iter()
        .filter(|one| one.status == InstallmentStatus::Open && one.is_due())
        .min_by_key(|one| one.due_date);
    let Some(first) = first else {
        let is_disputed = record.installments.iter().any(|one| one.status == InstallmentStatus::Disputed);
        return words.say(if is_disputed { "say_disputed" } else { "say_paid" }, &[]);
    };
    let due = record.installments.iter().filter(|one| one.is_due() && one.due_date == first.due_date);
    let amount = words.total(due.map(Installment::outstanding));
    let due_date = words.date(first.due_date);
    words.say("say_owed", &[("amount", &amount), ("due_date", &due_date), ("app", &merchant.app_name)])
}
