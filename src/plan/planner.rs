//! Plans which reminders of a due date are due for sending, and when.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::grace::Anchor;
use super::preferences::{preferred_first, time_of_day};
use super::reachable_address;
use super::rule::day;
use super::{
    Calendar, ChannelMode, ContactHours, Due, Mismatch, OnHoliday, Policy, Rule, RulesMatch, local_date, to_utc,
};
use crate::domain::{
    Borrower, Channel, Installment, LONGEST_GRACE, Merchant, MerchantId, NewReminder, Origin, ReminderKey, RuleName,
    Step,
};

/// Which reminders a scan plans: those whose time lies before `until` and which are still of use at `now`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// The instant of the scan.
    pub now: DateTime<Utc>,
    /// The end of what is planned ahead.
    pub until: DateTime<Utc>,
}

/// Why a rule, or a step of one, plans nothing about a due date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotPlannedReason {
    /// The borrower's merchant is not in the config.
    UnknownMerchant,
    /// The rule is for other merchants.
    Merchant,
    /// This filter of the rule does not match what is open on the day.
    Filter(Mismatch),
    /// This rule matched before, and only the first one reminds.
    EarlierRule(RuleName),
    /// The step is not so many days after the due date as the rule asks for.
    OverdueDays,
    /// The step lies behind the end of the ladder, so many days after the due date.
    StoppedAfter(i32),
    /// Its day is yet to come into view.
    NotYet {
        /// The local date.
        day: NaiveDate,
    },
    /// It is too late for it.
    Expired {
        /// The local date on which it was to go out.
        day: NaiveDate,
    },
    /// It lies before the day from which on scans plan.
    BeforeStart {
        /// The local date on which it was to go out.
        day: NaiveDate,
    },
    /// Another step of the rule goes out on the same day, and comes later in the rule.
    Superseded {
        /// The later step, by its distance from the due date.
        by: i32,
    },
    /// There is no hour that is allowed in every zone in which the borrower may live.
    NoCommonHour,
}

/// The result of a rule for a due date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleEvaluation<'p> {
    /// The rule.
    pub rule: &'p Rule,
    /// Its step; `None` where the rule as a whole does not apply.
    pub offset: Option<i32>,
    /// The reminders, one for each channel; or why there is none.
    pub verdict: Result<Vec<NewReminder>, NotPlannedReason>,
}

/// The due dates that any rule could plan for within the horizon, whatever the time zone; `None` without rules.
#[must_use]
pub fn due_dates(policy: &Policy, horizon: Horizon) -> Option<RangeInclusive<NaiveDate>> {
    let bounds = policy.rules.iter().filter_map(|rule| {
        let dates = due_dates_of(policy, rule, rule.days.span(), horizon)?;
        Some(dates.into_inner())
    });
    bounds.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).map(|(first, last)| first..=last)
}

/// The due dates that the steps of a rule could be planned for within the horizon; `None` if the rule is for no known
/// merchant.
pub(super) fn due_dates_of(
    policy: &Policy,
    rule: &Rule,
    offsets: RangeInclusive<i32>,
    horizon: Horizon,
) -> Option<RangeInclusive<NaiveDate>> {
    let merchants = policy.merchants.values().filter(|merchant| rule.is_for(&merchant.id));
    let calendar = merchants.map(|merchant| policy.calendar_of(rule, merchant)).max_by_key(|days| days.longest_break());
    let days = days_in_view(rule, calendar?, horizon);
    // Instalments may have days of grace, of which the ledger knows: steps after the due date lie so many days later.
    let grace = if *offsets.end() > 0 { i32::from(LONGEST_GRACE) } else { 0 };
    Some(day(*days.start(), -*offsets.end() - grace)?..=day(*days.end(), -*offsets.start())?)
}

/// The reminders for one borrower and one due date.
#[must_use]
pub fn plan(policy: &Policy, due: &Due, horizon: Horizon) -> Vec<NewReminder> {
    let Ok(merchant) = merchant(policy, due) else { return Vec::new() };
    let rules = matching(policy, &due.borrower.key.merchant, &due.installments)
        .filter(|(_, why_not)| why_not.is_none())
        .map(|(rule, _)| rule);
    rules.flat_map(|rule| in_view(policy, rule, merchant, due, horizon).into_values().flatten().flatten()).collect()
}

/// The result of every rule and every step for one due date, in the order of the config: the reminders that [`plan`]
/// plans, and the reasons why it plans no others.
#[must_use]
pub fn consider<'p>(policy: &'p Policy, due: &Due, horizon: Horizon) -> Vec<RuleEvaluation<'p>> {
    let whole = |rule, why_not| vec![RuleEvaluation { rule, offset: None, verdict: Err(why_not) }];
    let merchant = match merchant(policy, due) {
        Ok(merchant) => merchant,
        Err(why_not) => return policy.rules.iter().flat_map(|rule| whole(rule, why_not.clone())).collect(),
    };
    let steps = |(rule, why_not): (&'p Rule, Option<NotPlannedReason>)| match why_not {
        Some(why_not) => whole(rule, why_not),
        None => every_step(policy, rule, merchant, due, horizon),
    };
    matching(policy, &due.borrower.key.merchant, &due.installments).flat_map(steps).collect()
}

impl Policy {
    /// From when the steps about a due date count.
    pub(super) fn anchor_of(&self, due: &Due) -> Anchor {
        self.anchor(due.due_date, &due.installments).unwrap_or(Anchor { due_date: due.due_date, grace: 0 })
    }
}

fn merchant<'p>(policy: &'p Policy, due: &Due) -> Result<&'p Merchant, NotPlannedReason> {
    policy.merchants.get(&due.borrower.key.merchant).ok_or(NotPlannedReason::UnknownMerchant)
}

/// Every rule, with what keeps it as a whole from the due date.
fn matching<'p>(
    policy: &'p Policy,
    merchant: &MerchantId,
    open: &[Installment],
) -> impl Iterator<Item = (&'p Rule, Option<NotPlannedReason>)> {
    let mut first: Option<&RuleName> = None;
    policy.rules.iter().map(move |rule| {
        if !rule.is_for(merchant) {
            return (rule, Some(NotPlannedReason::Merchant));
        }
        if let Some(mismatch) = rule.filters.mismatch(open) {
            return (rule, Some(NotPlannedReason::Filter(mismatch)));
        }
        match (policy.rules_match, first) {
            (RulesMatch::First, Some(first)) => (rule, Some(NotPlannedReason::EarlierRule(first.clone()))),
            _ => {
                first = Some(&rule.name);
                (rule, None)
            }
        }
    })
}

/// Whether a rule reminds of what is `open` on a day: its filters match, and no earlier rule takes its place.
pub(super) fn is_reminded_by(policy: &Policy, rule: &Rule, merchant: &MerchantId, open: &[Installment]) -> bool {
    match policy.rules_match {
        RulesMatch::All => rule.is_for(merchant) && rule.filters.mismatch(open).is_none(),
        RulesMatch::First => matching(policy, merchant, open)
            .any(|(candidate, why_not)| candidate.name == rule.name && why_not.is_none()),
    }
}

/// Every step of a rule; one far from the horizon is judged by its day alone.
fn every_step<'p>(
    policy: &'p Policy,
    rule: &'p Rule,
    merchant: &Merchant,
    due: &Due,
    horizon: Horizon,
) -> Vec<RuleEvaluation<'p>> {
    let mut near = in_view(policy, rule, merchant, due, horizon);
    let calendar = policy.calendar_of(rule, merchant);
    let view = days_in_view(rule, calendar, horizon);
    let anchor = policy.anchor_of(due);
    let step = |offset| {
        let far = || {
            let day = rule.shifted(anchor.day(offset)?, calendar);
            let kept = withheld(rule, offset);
            Some(kept.unwrap_or(if day < *view.start() {
                NotPlannedReason::Expired { day }
            } else {
                NotPlannedReason::NotYet { day }
            }))
        };
        let verdict = near.remove(&offset).or_else(|| far().map(Err))?;
        Some(RuleEvaluation { rule, offset: Some(offset), verdict })
    };
    rule.days.steps(anchor, rule.days.span()).filter_map(step).collect()
}

/// The steps of a rule whose day is near the horizon, by offset.
fn in_view(
    policy: &Policy,
    rule: &Rule,
    merchant: &Merchant,
    due: &Due,
    horizon: Horizon,
) -> BTreeMap<i32, Result<Vec<NewReminder>, NotPlannedReason>> {
    let calendar = policy.calendar_of(rule, merchant);
    let (first, last) = days_in_view(rule, calendar, horizon).into_inner();
    let distance = |day: NaiveDate| i32::try_from((day - due.due_date).num_days()).unwrap_or_default();
    let anchor = policy.anchor_of(due);
    let view = anchor.first_step(distance(first))..=anchor.last_step(distance(last));
    let mut offsets = rule.days.steps(anchor, view).peekable();
    if offsets.peek().is_none() {
        return BTreeMap::new();
    }
    let hours = policy.contact_hours(merchant, &due.borrower, Some(rule));
    let home = hours.zones.home();
    // By offset when it may go out, and on which day which step is the last.
    let (mut times, mut last_of_day) = (BTreeMap::new(), BTreeMap::new());
    for offset in offsets {
        let time = time_of_step(rule, calendar, &hours, &due.borrower, anchor, offset);
        if let Ok(time) = time {
            last_of_day.insert(local_date(home, time), offset);
        }
        times.insert(offset, time);
    }
    let verdict = |offset: i32, time: Result<DateTime<Utc>, NotPlannedReason>| {
        let not_before = time?;
        let (day, expires_at) = (local_date(home, not_before), not_before + rule.max_lateness);
        match last_of_day.get(&day) {
            Some(by) if *by != offset => Err(NotPlannedReason::Superseded { by: *by }),
            _ if horizon.until <= not_before => Err(NotPlannedReason::NotYet { day }),
            _ if expires_at <= horizon.now => Err(NotPlannedReason::Expired { day }),
            _ => Ok(reminders(merchant, rule, due, offset, not_before, expires_at)),
        }
    };
    times.into_iter().map(|(offset, time)| (offset, verdict(offset, time))).collect()
}

/// When a step may go out.
pub(super) fn time_of_step(
    rule: &Rule,
    calendar: &Calendar,
    hours: &ContactHours<'_>,
    borrower: &Borrower,
    anchor: Anchor,
    offset: i32,
) -> Result<DateTime<Utc>, NotPlannedReason> {
    withheld(rule, offset).map_or(Ok(()), Err)?;
    // Nothing in view is beyond the calendar.
    let day = rule.shifted(anchor.day(offset).unwrap_or(anchor.due_date), calendar);
    let at = time_of_day(rule.at.of(&borrower.key), hours.hours.on(day), borrower.preferred_hours);
    hours.next_allowed(to_utc(hours.zones.home(), day.and_time(at))).ok_or(NotPlannedReason::NoCommonHour)
}

/// Whether a step of the rule after the one at `offset` goes out before the borrower's day of `now` ends, or has gone.
pub(super) fn a_later_step_is_due(
    policy: &Policy,
    rule: &Rule,
    merchant: &Merchant,
    (borrower, hours): (&Borrower, &ContactHours<'_>),
    (anchor, offset): (Anchor, i32),
    now: DateTime<Utc>,
) -> bool {
    let calendar = policy.calendar_of(rule, merchant);
    let home = hours.zones.home();
    let today = local_date(home, now);
    // Only a day off moves a step to an earlier day.
    let ahead = if rule.on_holiday == OnHoliday::PreviousWorkingDay { calendar.longest_break() } else { 0 };
    let last = i32::try_from((today - anchor.due_date).num_days() + i64::from(ahead)).unwrap_or(i32::MAX);
    let Some(tomorrow) = today.succ_opt() else { return false };
    let tomorrow = to_utc(home, tomorrow.and_time(NaiveTime::MIN));
    rule.days
        .steps(anchor, offset.saturating_add(1)..=anchor.last_step(last))
        .filter_map(|later| time_of_step(rule, calendar, hours, borrower, anchor, later).ok())
        .any(|time| time < tomorrow)
}

/// The reason why a step is withheld whatever its day.
pub(super) fn withheld(rule: &Rule, offset: i32) -> Option<NotPlannedReason> {
    if let Some(last) = rule.stop_after.filter(|last| offset > *last) {
        return Some(NotPlannedReason::StoppedAfter(last));
    }
    rule.overdue_days.as_ref().filter(|days| !days.contains(&offset)).map(|_| NotPlannedReason::OverdueDays)
}

/// The days of steps that may lie within the horizon, whatever the time zone and the holidays.
fn days_in_view(rule: &Rule, calendar: &Calendar, horizon: Horizon) -> RangeInclusive<NaiveDate> {
    // Local dates differ from the UTC date by one day at most; contact hours may move a reminder to the next day.
    let mut slack = TimeDelta::days(2);
    if rule.on_holiday != OnHoliday::Send {
        // Once for its day, and once more where contact hours move it on.
        slack += TimeDelta::days(2 * i64::from(calendar.longest_break()));
    }
    // A local day begins 14 hours before the UTC day at most; only a day off moves a reminder to an earlier day.
    let ahead = match rule.on_holiday {
        OnHoliday::PreviousWorkingDay => slack,
        OnHoliday::Send | OnHoliday::NextWorkingDay => TimeDelta::hours(14),
    };
    (horizon.now - rule.max_lateness - slack).date_naive()..=(horizon.until + ahead).date_naive()
}

fn reminders(
    merchant: &Merchant,
    rule: &Rule,
    due: &Due,
    offset: i32,
    not_before: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Vec<NewReminder> {
    let step = Step::Rule { rule: rule.name.clone(), offset };
    let key = |channel| ReminderKey {
        borrower: due.borrower.key.clone(),
        due_date: due.due_date,
        step: step.clone(),
        channel,
    };
    channels(merchant, rule, &due.borrower, &due.suppressed)
        .into_iter()
        .map(|channel| NewReminder { key: key(channel), origin: Origin::Schedule, not_before, expires_at })
        .collect()
}

/// The channels to plan for. Where none is available the first is planned all the same: the skip is then on record, and
/// an address that comes in before the send instant is used.
fn channels(merchant: &Merchant, rule: &Rule, borrower: &Borrower, suppressed: &[Channel]) -> Vec<Channel> {
    let order = preferred_first(&rule.channels.order, borrower.preferred_channel);
    match rule.channels.mode {
        ChannelMode::All => rule.channels.order.clone(),
        ChannelMode::FirstAvailable | ChannelMode::Fallback { .. } => {
            let reachable = |channel: &&Channel| {
                reachable_address(merchant, borrower, **channel).is_some() && !suppressed.contains(channel)
            };
            order.iter().find(reachable).or(order.first()).copied().into_iter().collect()
        }
    }
}
