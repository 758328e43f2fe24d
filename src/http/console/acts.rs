//! The actions that the page of a borrower offers, by the role of the reader and the facts. Pure.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::borrower::Sight;
use super::words::DeskWords;
use crate::domain::{Action, AddressKey, Channel, EventKind, HoldKind};
use crate::pipeline::{BorrowerRecord, masked_address};
use crate::render::{language_name, page_languages};

/// How many due dates can be resent from the page.
const NEAREST: usize = 3;

/// The offered actions.
#[derive(Debug, Serialize)]
pub(super) struct ActsView {
    may_read: bool,
    may_reveal: bool,
    may_resend: bool,
    may_change: bool,
    may_release: bool,
    previews: Vec<PreviewLink>,
    /// The reminder whose landing page can be shown.
    landing: Option<i64>,
    holds: Vec<Choice>,
    languages: Vec<LanguageChoice>,
    suppressible: Vec<Choice>,
}

#[derive(Debug, Serialize)]
struct PreviewLink {
    channel: String,
    channel_word: &'static str,
    due_date: String,
    due_date_word: String,
}

#[derive(Debug, Serialize)]
struct Choice {
    word: &'static str,
    text: String,
}

#[derive(Debug, Serialize)]
struct LanguageChoice {
    tag: &'static str,
    name: &'static str,
}

impl ActsView {
    pub(super) fn of(record: &BorrowerRecord, sight: Sight<'_>, words: &DeskWords, now: DateTime<Utc>) -> Self {
        let may = |action| sight.role.allows(action);
        let hold = record.borrower.hold.as_ref().filter(|hold| hold.stands_at(now));
        let ended_by = hold.and_then(HoldKind::of).map_or(Action::ChangePreferences, HoldKind::ended_by);
        let kinds = HoldKind::ALL.iter().copied();
        let languages = page_languages().filter_map(|tag| Some(LanguageChoice { tag, name: language_name(tag)? }));
        Self {
            may_read: may(Action::ReadMessages),
            may_reveal: may(Action::RevealAddresses),
            may_resend: may(Action::Resend),
            may_change: may(Action::ChangePreferences),
            may_release: hold.is_some() && may(ended_by),
            previews: previews(record, words),
            landing: landing(record),
            holds: kinds
                .map(|kind| Choice { word: kind.as_str(), text: words.say(&format!("hold_{kind}"), &[]) })
                .collect(),
            languages: languages.collect(),
            suppressible: if may(Action::ChangeSuppressions) { suppressible(record, sight, words) } else { Vec::new() },
        }
    }
}

/// A link for each channel with an address and each of the nearest open due dates.
fn previews(record: &BorrowerRecord, words: &DeskWords) -> Vec<PreviewLink> {
    let open: BTreeSet<_> = record.installments.iter().filter(|one| one.is_due()).map(|one| one.due_date).collect();
    let nearest = open.into_iter().take(NEAREST);
    let channels = || Channel::ALL.iter().copied().filter(|channel| record.borrower.address(*channel).is_some());
    let links = nearest.flat_map(|due_date| channels().map(move |channel| (due_date, channel)));
    let link = |(due_date, channel): (chrono::NaiveDate, Channel)| PreviewLink {
        channel: words.channel(channel),
        channel_word: channel.as_str(),
        due_date: words.date(due_date),
        due_date_word: due_date.to_string(),
    };
    links.map(link).collect()
}

/// The last reminder that left: its link opens the page.
fn landing(record: &BorrowerRecord) -> Option<i64> {
    let steps = record.explanation.due_dates.iter().flat_map(|due| due.rules.iter().flat_map(|rule| &rule.steps));
    let sent = steps.filter_map(|step| step.reminder.as_ref()).filter_map(|timeline| {
        let left = timeline.events.iter().rfind(|event| event.event == EventKind::Accepted.as_str())?;
        Some((left.at, timeline.id.0))
    });
    sent.max().map(|(_, id)| id)
}

/// The channels whose address is not suppressed already.
fn suppressible(record: &BorrowerRecord, sight: Sight<'_>, words: &DeskWords) -> Vec<Choice> {
    let choice = |channel: Channel| {
        let address = record.borrower.address(channel)?;
        let key = AddressKey::from(&address);
        if record.suppressions.iter().any(|one| one.suppression.address == key && one.suppression.until.is_none()) {
            return None;
        }
        let shown = if sight.is_revealed { address.reveal().to_owned() } else { masked_address(&address) };
        Some(Choice { word: channel.as_str(), text: format!("{} {shown}", words.channel(channel)) })
    };
    Channel::ALL.iter().copied().filter_map(choice).collect()
}
