use std::time::Duration;

use chrono::TimeDelta;

use super::reading::Section;
use super::value::{Value, duration, integer, text, time, word};
use crate::domain::{Channel, MANUAL, MerchantId, RuleName, TemplateName};
use crate::plan::{ChannelChoice, ChannelMode, Rule};

/// The furthest from its due date that an instalment is reminded of, in days.
const FURTHEST: i32 = 366;

/// What an entry of `[[rules]]` came to.
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
pub(super) fn read(root: &mut Section<'_, '_, '_>) -> Vec<ReadRule> {
    let mut names = Vec::new();
    root.elements("rules").into_iter().map(|section| rule(section, &mut names)).collect()
}

fn rule(mut section: Section<'_, '_, '_>, taken: &mut Vec<RuleName>) -> ReadRule {
    let path = section.path.clone();
    let name = section.required("name", r#""due-soon""#, |value| name(value, taken));
    taken.extend(name.clone());
    let merchants = section.list("merchants", |value| id(value, MerchantId::new));
    let offset = |value: &Value<'_>| integer(value, -FURTHEST..=FURTHEST);
    let offsets = section.required_list("offsets", "[-3, -1]", offset);
    let at = section.required("at", r#""10:00""#, time);
    let channels = channels(&mut section);
    let template = section.optional("template", |value| id(value, TemplateName::new));
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
            merchants: merchants?.unwrap_or_default(),
            offsets: offsets?,
            at: at?,
            channels: channels?,
            template: template?,
            priority: priority?,
            digest: digest?,
            max_lateness: TimeDelta::from_std(max_lateness?).ok()?,
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
    if taken.contains(&name) {
        return Err(format!("{:?} is the name of another rule already; choose another", name.as_str()));
    }
    Ok(name)
}

fn id<T>(value: &Value<'_>, make: impl Fn(String) -> Result<T, crate::domain::IdError>) -> Result<T, String> {
    make(text(value)?).map_err(|problem| format!("{problem}; choose another name"))
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
    word(value, &[("sms", Channel::Sms), ("email", Channel::Email)])
}
