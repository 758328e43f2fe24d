//! Explains the rules for one due date, from plain data.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::outlook::{Answers, DecisionForecast, Waiting};
use super::timeline::{self, Timeline};
use super::{DueDate, DueDateFacts, Reason, RuleExplanation};
use crate::domain::{
    Channel, Event, Installment, InstallmentStatus, NewReminder, Next, Origin, ReminderKey, RuleName, SkipReason,
    State, Step,
};
use crate::plan::{
    Account, Due, Horizon, Mismatch, NotPlannedReason, Policy, Rule, RuleEvaluation, Span, TimeShift, consider,
    fall_back_at, local_date, open_installments, step_in_words,
};
use crate::store::ReminderView;

/// One step of a rule on one channel, or a resend by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StepExplanation {
    /// Days from the due date; `None` for a resend by hand and a notice.
    pub offset: Option<i32>,
    /// The step in words: `3 days before`.
    pub step: String,
    /// On which channel; `None` where nothing is planned.
    #[schema(value_type = Option<String>)]
    pub channel: Option<Channel>,
    /// On which local date.
    pub day: Option<NaiveDate>,
    /// At which instant.
    pub at: Option<DateTime<Utc>>,
    /// Its state in the outbox; `coming` if it is yet to be planned, `none` if it will not be.
    pub status: &'static str,
    /// Why it has that status.
    pub why: Option<Reason>,
    /// Why it is at another time than the rule says.
    pub moved: Option<Reason>,
    /// Its unique key; `None` where nothing is planned.
    #[serde(skip)]
    pub key: Option<ReminderKey>,
    /// The decision to expect about it, by the current facts.
    pub answer: Option<DecisionForecast>,
    /// Its reminder in the outbox.
    pub reminder: Option<Timeline>,
}

/// Tells about one due date as of `horizon.now`. Pure.
pub(super) fn about(policy: &Policy, facts: &DueDateFacts, scans: Span, answers: &Answers) -> DueDate {
    let telling = ExplanationBuilder::new(policy, facts, scans);
    let all = telling.installments();
    let open = all.iter().filter(|one| one.is_due()).count();
    let count = |status| all.iter().filter(|one| one.status == status).count();
    let cancelled = count(InstallmentStatus::Cancelled);
    let (written_off, disputed) = (count(InstallmentStatus::WrittenOff), count(InstallmentStatus::Disputed));
    let paid = all.len() - open - cancelled - written_off - disputed;
    let considered = telling.considered(all);
    let mut rules: Vec<_> = policy
        .rules
        .iter()
        .map(|rule| telling.rule(rule, considered.iter().filter(|one| one.rule.name == rule.name).collect()))
        .collect();
    rules.extend(telling.gone());
    rules.extend(telling.by_hand());
    let (rejected, payments) = (facts.rejected.clone(), facts.payments.clone());
    for step in rules.iter_mut().flat_map(|rule| &mut rule.steps) {
        step.answer = step.key.as_ref().and_then(|key| answers.get(key)).cloned();
    }
    DueDate { due_date: facts.due_date, open, paid, cancelled, written_off, disputed, rejected, payments, rules }
}

/// The waiting and the future reminders about one due date.
pub(super) fn waiting(policy: &Policy, facts: &DueDateFacts, scans: Span) -> Vec<Waiting> {
    let telling = ExplanationBuilder::new(policy, facts, scans);
    let there = facts.reminders.iter().filter_map(|(view, _)| {
        let plan = &view.reminder.plan;
        let waits = matches!(view.state, State::Planned | State::Held);
        // The state of a notice is not among the facts; the notice's own command shows it.
        let waits = waits && plan.origin != Origin::Notice;
        waits.then(|| Waiting { reminder: plan.clone(), at: view.next_try.unwrap_or(plan.not_before) })
    });
    let considered = telling.considered(telling.installments());
    let coming = considered
        .iter()
        .flat_map(|one| telling.missing(one))
        .map(|one| Waiting { reminder: one.clone(), at: one.not_before });
    there.chain(coming).collect()
}

struct ExplanationBuilder<'a> {
    policy: &'a Policy,
    facts: &'a DueDateFacts,
    horizon: Horizon,
    start: DateTime<Utc>,
}

impl<'a> ExplanationBuilder<'a> {
    fn new(policy: &'a Policy, facts: &'a DueDateFacts, Span { horizon, start }: Span) -> Self {
        Self { policy, facts, horizon, start }
    }

    fn installments(&self) -> &[Installment] {
        self.facts.accounts.values().next().map_or(&[], |account| &account.installments)
    }

    /// The evaluation of every rule, however far ahead.
    fn considered(&self, all: &[Installment]) -> Vec<RuleEvaluation<'a>> {
        const FURTHEST: TimeDelta = TimeDelta::days(800);
        let suppressed = |(channel, account): (&Channel, &Account)| account.suppressed.map(|_| *channel);
        let due = Due {
            borrower: self.facts.borrower.clone(),
            due_date: self.facts.due_date,
            // If no instalment is open, all of them are used, to show which rules applied.
            installments: open_installments(all).unwrap_or_else(|_| all.to_vec()),
            suppressed: self.facts.accounts.iter().filter_map(suppressed).collect(),
        };
        let now = self.horizon.now;
        let until = now.max(self.facts.due_date.and_time(chrono::NaiveTime::MIN).and_utc()) + FURTHEST;
        consider(self.policy, &due, Horizon { now, until })
    }

    fn rule(&self, rule: &Rule, considered: Vec<&RuleEvaluation<'_>>) -> RuleExplanation {
        let closed = open_installments(self.installments()).err();
        let why_not = considered.iter().find_map(|one| match (&one.verdict, one.offset) {
            // The amount is nothing because all is paid: that is the reason.
            (Err(NotPlannedReason::Filter(Mismatch::Amount)), None) if closed.is_some() => None,
            (Err(why_not), None) => Some(Reason::of(why_not, rule)),
            _ => None,
        });
        let why_not = why_not.or_else(|| closed.map(Reason::skipped));
        let planned = |offset| self.reminders_of(Step::Rule { rule: rule.name.clone(), offset });
        let mut offsets: BTreeSet<_> = self.offsets_of(&rule.name).collect();
        offsets.extend(considered.iter().filter(|_| closed.is_none()).filter_map(|one| one.offset));
        let steps = offsets.into_iter().flat_map(|offset| {
            let there: Vec<_> = planned(offset).map(|(view, events)| self.planned(view, events)).collect();
            let found = considered.iter().find(|one| one.offset == Some(offset)).filter(|_| closed.is_none());
            let to_come: Vec<_> = match found.map(|one| (&one.verdict, self.missing(one))) {
                Some((Ok(reminders), missing)) if missing.is_empty() && there.is_empty() => {
                    let day = self.local(reminders.first().map_or(self.start, |one| one.not_before));
                    vec![self.unplanned(rule, offset, &NotPlannedReason::BeforeStart { day })]
                }
                Some((Ok(_), missing)) => missing.into_iter().map(|one| self.coming(offset, one)).collect(),
                Some((Err(why_not), _)) if there.is_empty() => vec![self.unplanned(rule, offset, why_not)],
                _ => Vec::new(),
            };
            there.into_iter().chain(to_come)
        });
        let line = Some(rule.line).filter(|line| *line > 0);
        RuleExplanation { rule: Some(rule.name.clone()), line, digest: rule.digest, why_not, steps: steps.collect() }
    }

    /// The reminders of a step that scans are still to plan: not what lies before the start, unless its step was
    /// planned all the same.
    fn missing<'c>(&self, considered: &'c RuleEvaluation<'_>) -> Vec<&'c NewReminder> {
        let (Ok(reminders), Some(offset)) = (&considered.verdict, considered.offset) else { return Vec::new() };
        let step = Step::Rule { rule: considered.rule.name.clone(), offset };
        let there: Vec<_> = self.reminders_of(step).map(|(view, _)| view.reminder.plan.key.channel).collect();
        let is_early = there.is_empty() && reminders.iter().all(|one| one.not_before < self.start);
        if is_early || open_installments(self.installments()).is_err() {
            return Vec::new();
        }
        reminders.iter().filter(|one| !there.contains(&one.key.channel)).collect()
    }

    /// Rules that left reminders and are no longer in the config.
    fn gone(&self) -> Vec<RuleExplanation> {
        let names = self.facts.reminders.iter().filter_map(|(view, _)| match &view.reminder.plan.key.step {
            Step::Rule { rule, .. } => Some(rule),
            Step::Manual { .. } | Step::Notice { .. } | Step::Confirmation { .. } => None,
        });
        let names: BTreeSet<_> =
            names.filter(|name| self.policy.rules.iter().all(|rule| rule.name != **name)).collect();
        let told = |name: &RuleName| {
            let offsets: BTreeSet<_> = self.offsets_of(name).collect();
            let reminders =
                offsets.into_iter().flat_map(|offset| self.reminders_of(Step::Rule { rule: name.clone(), offset }));
            let text = "it is no longer in the config".to_owned();
            RuleExplanation {
                rule: Some(name.clone()),
                line: None,
                digest: None,
                why_not: Some(Reason { word: "gone".to_owned(), text }),
                steps: reminders.map(|(view, events)| self.planned(view, events)).collect(),
            }
        };
        names.into_iter().map(told).collect()
    }

    fn by_hand(&self) -> Option<RuleExplanation> {
        let manual =
            self.facts.reminders.iter().filter(|(view, _)| !matches!(view.reminder.plan.key.step, Step::Rule { .. }));
        let steps: Vec<_> = manual.map(|(view, events)| self.planned(view, events)).collect();
        (!steps.is_empty()).then_some(RuleExplanation { rule: None, line: None, digest: None, why_not: None, steps })
    }

    fn reminders_of(&self, step: Step) -> impl Iterator<Item = &(ReminderView, Vec<Event>)> {
        self.facts.reminders.iter().filter(move |(view, _)| view.reminder.plan.key.step == step)
    }

    fn offsets_of(&self, name: &RuleName) -> impl Iterator<Item = i32> {
        self.facts.reminders.iter().filter_map(move |(view, _)| match &view.reminder.plan.key.step {
            Step::Rule { rule, offset } if rule == name => Some(*offset),
            _ => None,
        })
    }

    /// A step that the outbox has.
    fn planned(&self, view: &ReminderView, events: &[Event]) -> StepExplanation {
        let plan = &view.reminder.plan;
        let last = view.last.as_ref().and_then(|event| event.detail.as_deref());
        let (offset, step) = match &plan.key.step {
            Step::Rule { offset, .. } => (Some(*offset), step_in_words(*offset)),
            Step::Manual { number } => (None, format!("resend {number}")),
            Step::Notice { name } => (None, format!("notice {name}")),
            Step::Confirmation { .. } => (None, "confirmation of an opt-out".to_owned()),
        };
        StepExplanation {
            offset,
            step,
            channel: Some(plan.key.channel),
            day: Some(self.local(plan.not_before)),
            at: Some(plan.not_before),
            status: view.state.as_str(),
            why: last.map(timeline::why),
            moved: offset.and_then(|offset| self.moved(offset, plan)),
            key: Some(plan.key.clone()),
            answer: None,
            reminder: Some(Timeline::of(view, events, self.falls_back_at(view))),
        }
    }

    /// A step that a scan is to plan.
    fn coming(&self, offset: i32, reminder: &NewReminder) -> StepExplanation {
        let next_scan = || Reason { word: "next_scan".to_owned(), text: "the next scan plans it".to_owned() };
        StepExplanation {
            offset: Some(offset),
            step: step_in_words(offset),
            channel: Some(reminder.key.channel),
            day: Some(self.local(reminder.not_before)),
            at: Some(reminder.not_before),
            status: "coming",
            why: (reminder.not_before < self.horizon.until).then(next_scan),
            moved: self.moved(offset, reminder),
            key: Some(reminder.key.clone()),
            answer: None,
            reminder: None,
        }
    }

    /// A step that nothing is planned for.
    fn unplanned(&self, rule: &Rule, offset: i32, why_not: &NotPlannedReason) -> StepExplanation {
        let day = why_not.day().or_else(|| self.day(offset));
        StepExplanation {
            offset: Some(offset),
            step: step_in_words(offset),
            channel: None,
            day,
            at: None,
            status: "none",
            why: Some(Reason::of(why_not, rule)),
            moved: None,
            key: None,
            answer: None,
            reminder: None,
        }
    }

    fn moved(&self, offset: i32, reminder: &NewReminder) -> Option<Reason> {
        let rule = self.policy.rule_of(&reminder.key.step)?;
        let merchant = self.policy.merchants.get(&reminder.key.borrower.merchant)?;
        let day = self.day(offset)?;
        let moved = TimeShift::why(self.policy, rule, merchant, &self.facts.borrower, day, reminder.not_before)?;
        Some(Reason { word: moved.as_str().to_owned(), text: moved.explained(day) })
    }

    /// When another channel is tried in the place of one that was taken over, as long as it was not.
    fn falls_back_at(&self, view: &ReminderView) -> Option<DateTime<Utc>> {
        let plan = &view.reminder.plan;
        let accepted = view.last.as_ref().filter(|_| view.state == State::Accepted)?;
        let others = self.reminders_of(plan.key.step.clone()).count() > 1;
        let preferred = self.facts.borrower.preferred_channel;
        fall_back_at(self.policy, plan, preferred, &Next::Accepted, accepted.at)
            // At its end nothing follows: only a bounce would have brought the other channel.
            .filter(|at| !others && *at < plan.expires_at)
    }

    fn day(&self, offset: i32) -> Option<NaiveDate> {
        self.facts.due_date.checked_add_signed(TimeDelta::days(i64::from(offset)))
    }

    fn local(&self, instant: DateTime<Utc>) -> NaiveDate {
        let borrower = &self.facts.borrower;
        let merchant = self.policy.merchants.get(&borrower.key.merchant);
        let zone = merchant.map(|merchant| self.policy.contact_hours(merchant, borrower, None).zones.home());
        local_date(zone.unwrap_or(chrono_tz::UTC), instant)
    }
}

impl Reason {
    fn of(why_not: &NotPlannedReason, rule: &Rule) -> Self {
        Self { word: why_not.as_str().to_owned(), text: why_not.explained(rule) }
    }

    pub(super) fn skipped(reason: SkipReason) -> Self {
        Self { word: reason.to_string(), text: reason.explained().to_owned() }
    }
}
