//! The rules in words, and warnings about rules that may not be intended.

use std::collections::BTreeSet;
use std::io::{self, Write};

use chrono::{DateTime, TimeDelta, Utc, Weekday};

use crate::config::Config;
use crate::domain::{Merchant, duration};
use crate::plan::{
    ChannelMode, Days, OnHoliday, Rule, RuleWarning, RulesMatch, TimeOfDay, local_date, rule_warnings, span_in_words,
    step_in_words,
};

pub(super) fn show(config: &Config, out: &mut dyn Write) -> io::Result<()> {
    let first = match config.policy.rules_match {
        RulesMatch::All => "",
        RulesMatch::First => " (of those that match, the first reminds)",
    };
    writeln!(out, "\nRules{first}")?;
    for rule in &config.policy.rules {
        writeln!(out, "  {}: {} {} by {}{}", rule.name, days(rule), time(&rule.at), channels(rule), conditions(rule))?;
    }
    Ok(())
}

fn days(rule: &Rule) -> String {
    let days = match &rule.days {
        Days::Offsets(offsets) => offsets.iter().map(|offset| step_in_words(*offset)).collect::<Vec<_>>().join(", "),
        Days::Weekdays { days, span } => {
            let days: Vec<_> = days.iter(Weekday::Mon).map(|day| day.to_string()).collect();
            format!("{} from {} to {}", days.join(", "), step_in_words(*span.start()), step_in_words(*span.end()))
        }
    };
    let off = match rule.on_holiday {
        OnHoliday::Send => "",
        OnHoliday::NextWorkingDay => " (on a day off: the next working day)",
        OnHoliday::PreviousWorkingDay => " (on a day off: the working day before)",
    };
    days + off
}

fn time(at: &TimeOfDay) -> String {
    match at {
        TimeOfDay::At(time) => format!("at {}", time.format("%H:%M")),
        TimeOfDay::Spread { from, to } => format!("between {} and {}", from.format("%H:%M"), to.format("%H:%M")),
    }
}

fn channels(rule: &Rule) -> String {
    let channels: Vec<_> = rule.channels.order.iter().map(|channel| channel.as_str()).collect();
    match rule.channels.mode {
        ChannelMode::All => channels.join(" and "),
        ChannelMode::FirstAvailable => channels.join(", or else "),
        ChannelMode::Fallback { after } => {
            let after = duration::format(after.to_std().unwrap_or_default());
            format!("{}, the next one if it has not arrived after {after}", channels.join(", then "))
        }
    }
}

/// For whom, of what and until when.
fn conditions(rule: &Rule) -> String {
    let merchants: Vec<_> = rule.merchants.iter().map(|merchant| merchant.as_str()).collect();
    let mut all = Vec::new();
    let mut say = |is: bool, text: String| all.extend(is.then_some(text));
    say(!merchants.is_empty(), format!(", for {}", merchants.join(", ")));
    rule.filters.in_words().into_iter().for_each(|filter| say(true, format!(", {filter}")));
    let overdue = rule.overdue_days.as_ref().map(span_in_words).unwrap_or_default();
    say(rule.overdue_days.is_some(), format!(", {overdue} days overdue"));
    say(rule.stop_after.is_some(), format!(", until {}", step_in_words(rule.stop_after.unwrap_or_default())));
    say(rule.priority != 0, format!(", priority {}", rule.priority));
    all.concat()
}

/// Rules that are valid, but perhaps not intended, each with its line.
pub(super) fn remarks(config: &Config, now: DateTime<Utc>) -> Vec<String> {
    let policy = &config.policy;
    let mut remarks: Vec<_> = rule_warnings(policy).iter().map(|doubt| doubted(config, doubt)).collect();
    let mut old_calendars = BTreeSet::new();
    for rule in &policy.rules {
        for merchant in policy.merchants.values().filter(|merchant| rule.is_for(&merchant.id)) {
            remarks.extend(outside_contact_hours(config, merchant, rule, now));
            old_calendars.extend(calendar_ends(config, merchant, rule, now));
        }
    }
    remarks.extend(old_calendars);
    remarks
}

fn doubted(config: &Config, doubt: &RuleWarning) -> String {
    let text = match doubt {
        RuleWarning::Overlap { earlier, merchant, offset, channel, .. } => format!(
            "reminds as rule {earlier} does: borrowers of {merchant} may get two {channel} {}; narrow one of them, or \
             write rules_match = \"first\"",
            step_in_words(*offset)
        ),
        RuleWarning::NoDay { .. } => "never reminds: overdue_days and stop_after leave it no day".to_owned(),
        RuleWarning::Behind { earlier, .. } => {
            format!("never reminds: rule {earlier}, which comes before it, matches all that it matches")
        }
    };
    config.mistake(&format!("rules[{}]", doubt.rule()), text).to_string()
}

fn outside_contact_hours(config: &Config, merchant: &Merchant, rule: &Rule, now: DateTime<Utc>) -> Option<String> {
    let hours = config.policy.hours_of(merchant).on(local_date(merchant.time_zone, now));
    let early = |from| {
        format!(
            "rule {} {} lies outside the contact hours of {}: it goes out when they next begin, at {}",
            rule.name,
            time(&rule.at),
            merchant.id,
            from
        )
    };
    let is_inside = match rule.at {
        TimeOfDay::At(time) => hours.contain(time),
        TimeOfDay::Spread { from, to } => hours.from() <= from && to <= hours.to(),
    };
    (!is_inside).then(|| early(hours.from().format("%H:%M")))
}

/// A calendar that is not kept up lets messages out on next year's holidays.
fn calendar_ends(config: &Config, merchant: &Merchant, rule: &Rule, now: DateTime<Utc>) -> Option<String> {
    const AHEAD: TimeDelta = TimeDelta::days(60);
    if rule.on_holiday == OnHoliday::Send {
        return None;
    }
    let last = config.policy.calendar_of(rule, merchant).last_named()?;
    (last < local_date(merchant.time_zone, now) + AHEAD).then(|| {
        format!(
            "the calendar of rule {} for {} names no day after {last}: add the holidays that follow",
            rule.name, merchant.id
        )
    })
}
