//! `[[rules]]`: when to remind, on which channels, with which filters.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::{TimeDelta, Weekday};

use super::calendars::Calendars;
use super::mistake::Location;
use super::reading::Section;
use super::value::{Value, day_hours, days, decimal, duration, flag, integer, text, time, weekday, word};
use crate::domain::{CONFIRMATION, Channel, Currency, MANUAL, MerchantId, NOTICE, RouteKey, RuleName, TemplateName};
use crate::plan::{AmountRange, ChannelChoice, ChannelMode, Days, Filters, OnHoliday, Rule, TimeOfDay};

/// The furthest from its due date that an instalment is reminded of, in days.
const FURTHEST: i32 = 366;

/// A parsed entry of `[[rules]]`.
pub(super) struct ReadRule {
    /// Its key from the root.
    pub(super) path: String,
    /// The merchants it names.
    pub(super) merchants: Vec<MerchantId>,
    /// The channels it names.
    pub(super) channels: Vec<Channel>,
    /// The whole of it, if it is without mistakes.
    pub(super) rule: Option<Rule>,
}

/// Reads `[[rules]]`.
pub(super) fn read(root: &mut Section<'_, '_, '_>, calendars: &Calendars) -> Vec<ReadRule> {
    let mut names = Vec::new();
    root.elements("rules").into_iter().map(|section| rule(section, &mut names, calendars)).collect()
}

fn rule(mut section: Section<'_, '_, '_>, taken: &mut Vec<RuleName>, calendars: &Calendars) -> ReadRule {
    let path = section.path.clone();
    let line = match section.reading.origin.place(&section.span) {
        Location::Line { line, .. } => u32::try_from(line).unwrap_or_default(),
        _ => 0,
    };
    let name = section.required("name", r#""due-soon""#, |value| name(value, taken));
    taken.extend(name.clone());
    let merchants = section.list("merchants", |value| id(value, MerchantId::new));
    let filters = filters(&mut section);
    let days_of_rule = days_of(&mut section);
    let at = time_of_day(&mut section);
    let overdue_days = range(&mut section, "overdue_days", 1, FURTHEST);
    let stop_after = section.optional("stop_after", days);
    let words = [
        ("send", OnHoliday::Send),
        ("next_working_day", OnHoliday::NextWorkingDay),
        ("previous_working_day", OnHoliday::PreviousWorkingDay),
    ];
    let on_holiday = section.or("on_holiday", OnHoliday::Send, |value| word(value, &words));
    let calendar = section.optional("calendar", |value| calendars.named(value));
    let channels = channels(&mut section);
    let template = section.optional("template", |value| id(value, TemplateName::new));
    let discreet = section.optional("discreet", flag);
    let second_route = section.optional("second_route", |value| id(value, RouteKey::new));
    let priority = section.or("priority", 0, |value| integer(value, -1000..=1000));
    let digest = section.optional("digest", digest);
    let max_lateness = section.or("max_lateness", Duration::from_secs(12 * 60 * 60), duration);
    section.finish();
    let named = ReadRule {
        path,
        merchants: merchants.clone().flatten().unwrap_or_default(),
        channels: channels.as_ref().map(|choice| choice.order.clone()).unwrap_or_default(),
        rule: None,
    };
    let whole = || {
        Some(Rule {
            name: name?,
            line,
            merchants: merchants?.unwrap_or_default(),
            filters: filters?,
            days: days_of_rule?,
            at: at?,
            overdue_days: overdue_days?,
            stop_after: stop_after?,
            on_holiday: on_holiday?,
            calendar: calendar?.flatten(),
            channels: channels?,
            template: template?,
            discreet: discreet?,
            second_route: second_route?,
            digest: digest?,
            max_lateness: TimeDelta::from_std(max_lateness?).ok()?,
            priority: priority?,
        })
    };
    ReadRule { rule: whole(), ..named }
}

/// The longest span of due dates in one message, in days.
const LONGEST_DIGEST: u64 = 31;

/// Whole days.
fn digest(value: &Value<'_>) -> Result<u16, String> {
    const DAY: u64 = 24 * 60 * 60;
    let span = duration(value)?;
    let days = span.as_secs() / DAY;
    let whole = span == Duration::from_secs(days * DAY) && days <= LONGEST_DIGEST;
    u16::try_from(days)
        .ok()
        .filter(|_| whole)
        .ok_or_else(|| format!("is not in whole days, or more than {LONGEST_DIGEST}; write for example \"3d\""))
}

fn name(value: &Value<'_>, taken: &[RuleName]) -> Result<RuleName, String> {
    let name = id(value, RuleName::new)?;
    if name.as_str() == MANUAL {
        return Err(format!("{MANUAL:?} is what resends by hand are called; choose another name"));
    }
    if name.as_str() == CONFIRMATION {
        return Err(format!("{CONFIRMATION:?} is what confirmed opt-outs are called; choose another name"));
    }
    if name.as_str().split('/').next() == Some(NOTICE) {
        return Err(format!("{NOTICE:?} is what steps of notices begin with; choose another name"));
    }
    if taken.contains(&name) {
        return Err(format!("{:?} is the name of another rule already; choose another", name.as_str()));
    }
    Ok(name)
}

fn id<T>(value: &Value<'_>, make: impl Fn(String) -> Result<T, crate::domain::IdError>) -> Result<T, String> {
    make(text(value)?).map_err(|problem| format!("{problem}; choose another name"))
}

/// `offsets = [-3, -1]`, or `weekdays = ["monday"]` with `within = { from = 1, to = 60 }`, which is by default while
/// overdue.
fn days_of(section: &mut Section<'_, '_, '_>) -> Option<Days> {
    let offset = |value: &Value<'_>| integer(value, -FURTHEST..=FURTHEST);
    if !section.entries.contains_key("weekdays") {
        let offsets = section.required_list("offsets", "[-3, -1]", offset);
        return Some(Days::Offsets(offsets?.into_iter().collect::<BTreeSet<i32>>()));
    }
    let weekdays: Option<Vec<Weekday>> = section.required_list("weekdays", r#"["monday", "thursday"]"#, weekday);
    let within = range(section, "within", -FURTHEST, FURTHEST);
    if section.list("offsets", offset) != Some(None) {
        section.reading.note_at(&section.key("offsets"), "does not go with weekdays; leave one of the two out");
        return None;
    }
    Some(Days::Weekdays { days: weekdays?.into_iter().collect(), span: within?.unwrap_or(1..=FURTHEST) })
}

/// `at = "10:00"`, or `spread = "09:00-11:30"`.
fn time_of_day(section: &mut Section<'_, '_, '_>) -> Option<TimeOfDay> {
    if !section.entries.contains_key("spread") {
        return section.required("at", r#""10:00""#, time).map(TimeOfDay::At);
    }
    let spread = section.optional("spread", day_hours);
    if section.optional("at", time) != Some(None) {
        section.reading.note_at(&section.key("at"), "does not go with spread; leave one of the two out");
        return None;
    }
    spread?.map(|span| TimeOfDay::Spread { from: span.from(), to: span.to() })
}

/// `{ from = 1, to = 3 }`; what is left out is `least` or `most`.
fn range<T>(
    section: &mut Section<'_, '_, '_>,
    key: &'static str,
    least: T,
    most: T,
) -> Option<Option<RangeInclusive<T>>>
where
    T: TryFrom<i64> + PartialOrd + std::fmt::Display + Copy,
{
    let Some(mut ends) = section.optional_section(key)? else { return Some(None) };
    let from = ends.or("from", least, |value| integer(value, least..=most));
    let to = ends.or("to", most, |value| integer(value, least..=most));
    let (path, reading) = (ends.path.clone(), ends.reading);
    ends.finish();
    let range = from?..=to?;
    if range.is_empty() {
        reading.note_at(&path, "ends before it begins, so nothing matches; write for example { from = 1, to = 3 }");
        return None;
    }
    Some(Some(range))
}

fn filters(section: &mut Section<'_, '_, '_>) -> Option<Filters> {
    let products = section.list("products", text);
    let tags = section.list("tags", tag);
    let not_tags = section.list("not_tags", tag);
    let sequence = range(section, "sequence", 1, 9999);
    let amount = amount(section);
    Some(Filters {
        products: products?.unwrap_or_default(),
        sequence: sequence?,
        tags: tags?.unwrap_or_default(),
        not_tags: not_tags?.unwrap_or_default(),
        amount: amount?,
    })
}

fn tag(value: &Value<'_>) -> Result<String, String> {
    let tag = text(value)?;
    if tag.contains(';') { Err(r#"has a semicolon in it; write one tag, for example "vip""#.into()) } else { Ok(tag) }
}

/// `{ currency = "CNY", at_least = "100", at_most = "5000" }`.
fn amount(section: &mut Section<'_, '_, '_>) -> Option<Option<AmountRange>> {
    let Some(mut ends) = section.optional_section("amount")? else { return Some(None) };
    let currency = ends.required("currency", r#""CNY""#, |value| {
        Currency::new(&text(value)?).map_err(|problem| format!(r#"{problem}; write for example "CNY""#))
    });
    let at_least = ends.optional("at_least", decimal);
    let at_most = ends.optional("at_most", decimal);
    let (path, reading) = (ends.path.clone(), ends.reading);
    ends.finish();
    let range = AmountRange { currency: currency?, at_least: at_least?, at_most: at_most? };
    if !range.meets(&range) {
        reading.note_at(&path, "ends before it begins, so nothing matches; write the smaller one as at_least");
        return None;
    }
    Some(Some(range))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    All,
    FirstAvailable,
    Fallback,
}

/// `channels = { mode = "first_available", order = ["sms", "email"] }`, or with mode `"fallback"` and `after = "30m"`.
fn channels(section: &mut Section<'_, '_, '_>) -> Option<ChannelChoice> {
    const EXAMPLE: &str = r#"{ mode = "first_available", order = ["sms", "email"] }"#;
    const MODES: [(&str, Mode); 3] =
        [("all", Mode::All), ("first_available", Mode::FirstAvailable), ("fallback", Mode::Fallback)];
    let mut choice = section.required_section("channels", EXAMPLE)?;
    let mode = choice.required("mode", r#""first_available""#, |value| word(value, &MODES));
    let order = choice.required_list("order", r#"["sms", "email"]"#, channel);
    let after = match mode {
        Some(Mode::Fallback) => choice.required("after", r#""30m""#, duration).map(Some),
        _ => choice.optional("after", duration),
    };
    let note = |key, text: &str| choice.reading.note_at(&choice.key(key), text);
    if mode == Some(Mode::Fallback) && order.as_ref().is_some_and(|order| order.len() < 2) {
        note("order", r#"names one channel, and a fallback needs another; write for example ["sms", "email"]"#);
    }
    if mode.is_some_and(|mode| mode != Mode::Fallback) && matches!(after, Some(Some(_))) {
        note("after", r#"is for mode "fallback" only; leave it out, or write mode = "fallback""#);
    }
    choice.finish();
    let mode = match (mode?, after?) {
        (Mode::All, _) => ChannelMode::All,
        (Mode::FirstAvailable, _) => ChannelMode::FirstAvailable,
        (Mode::Fallback, after) => ChannelMode::Fallback { after: TimeDelta::from_std(after?).ok()? },
    };
    Some(ChannelChoice { mode, order: order? })
}

pub(super) fn channel(value: &Value<'_>) -> Result<Channel, String> {
    let words: Vec<_> = Channel::ALL.iter().map(|channel| (channel.as_str(), *channel)).collect();
    word(value, &words)
}
