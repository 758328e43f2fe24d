//! The preferences on the page of `/u/{token}`: language, channel and hours, each from a short list. Pure.

use serde::Serialize;

use crate::domain::{Borrower, Channel, ContactPreferences, FieldUpdate, Locale, PreferredHours};
use crate::render::{language_name, page_languages};

/// The hours that are offered, local. The contact hours stand above them.
const HOURS: [&str; 3] = ["09:00-12:00", "12:00-18:00", "18:00-21:00"];

/// The values on offer, with the borrower's current choice.
#[derive(Debug, Serialize)]
pub(super) struct Preferences {
    language: Vec<Choice>,
    channel: Vec<Choice>,
    hours: Vec<Choice>,
}

/// One value of a list; the empty one leaves it to the merchant.
#[derive(Debug, Serialize)]
struct Choice {
    value: String,
    /// The value's own name, if it is a language.
    name: Option<&'static str>,
    chosen: bool,
}

impl Preferences {
    pub(super) fn of(borrower: &Borrower) -> Self {
        let channels = Channel::ALL.iter().map(|channel| channel.as_str());
        Self {
            language: choices(page_languages(), borrower.locale.as_ref().map(|locale| locale.as_str().to_owned())),
            channel: choices(channels, borrower.preferred_channel.map(|channel| channel.as_str().to_owned())),
            hours: choices(HOURS, borrower.preferred_hours.map(|hours| hours.to_string())),
        }
    }

    /// Whether those are the wishes that hold now.
    pub(super) fn are(&self, preferences: &ContactPreferences) -> bool {
        let holds = |choices: &[Choice], said: Option<String>| {
            choices.iter().any(|choice| choice.chosen && Some(&choice.value) == said.as_ref())
        };
        holds(&self.language, value(&preferences.locale, |locale| locale.as_str().to_owned()))
            && holds(&self.channel, value(&preferences.preferred_channel, |channel| channel.as_str().to_owned()))
            && holds(&self.hours, value(&preferences.preferred_hours, ToString::to_string))
    }

    /// Reads the page's form; `None` for another body, or for one that names a value not on offer.
    pub(super) fn read(&self, body: &[u8]) -> Option<ContactPreferences> {
        let field = |name: &str, offered: &[Choice]| {
            let (_, value) = form_urlencoded::parse(body).find(|(key, _)| key == name)?;
            offered.iter().any(|choice| choice.value == value).then(|| value.into_owned())
        };
        Some(ContactPreferences {
            hold: FieldUpdate::Keep,
            locale: said(field("language", &self.language)?, |text| Locale::new(text).ok())?,
            preferred_channel: said(field("channel", &self.channel)?, |text| text.parse::<Channel>().ok())?,
            preferred_hours: said(field("hours", &self.hours)?, |text| text.parse::<PreferredHours>().ok())?,
        })
    }
}

/// None of them, each that is offered, and what is wished for now if it is another.
fn choices<'a>(offered: impl IntoIterator<Item = &'a str>, wished: Option<String>) -> Vec<Choice> {
    let wished = wished.unwrap_or_default();
    let mut values: Vec<String> = [""].into_iter().chain(offered).map(str::to_owned).collect();
    if !values.contains(&wished) {
        values.push(wished.clone());
    }
    values.into_iter().map(|value| Choice { chosen: value == wished, name: language_name(&value), value }).collect()
}

/// The value of a list that says this; `None` where nothing is said.
fn value<T>(said: &FieldUpdate<T>, text: impl Fn(&T) -> String) -> Option<String> {
    match said {
        FieldUpdate::Keep => None,
        FieldUpdate::Set(value) => Some(value.as_ref().map(text).unwrap_or_default()),
    }
}

fn said<T>(text: String, read: impl Fn(&str) -> Option<T>) -> Option<FieldUpdate<T>> {
    if text.is_empty() { Some(FieldUpdate::Set(None)) } else { read(&text).map(|value| FieldUpdate::Set(Some(value))) }
}
