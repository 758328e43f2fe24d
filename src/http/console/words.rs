//! Facts in the words of a reader of the console: times, amounts, reasons, events.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use super::texts::{ConsoleLanguage, text};
use crate::domain::{Channel, Locale, Money, Step};
use crate::pipeline::{DecisionForecast, Reason, TimelineEvent};
use crate::plan::{ResendChange, ResendRefusal};
use crate::render::{date_text, money_text, total_text};

/// The reader of a page: the language, and the zone of every time on it.
#[derive(Debug, Clone)]
pub(super) struct DeskWords {
    pub(super) language: ConsoleLanguage,
    pub(super) zone: Tz,
    locale: Locale,
}

impl DeskWords {
    pub(super) fn new(language: ConsoleLanguage, zone: Tz) -> Self {
        let locale = Locale::new(language.tag()).expect("the tags of the console are locales");
        Self { language, zone, locale }
    }

    /// A text, with values in its places. It is plain: whoever puts it into a page escapes it.
    pub(super) fn say(&self, key: &str, values: &[(&str, &str)]) -> String {
        let mut said = text(self.language, key).unwrap_or(key).to_owned();
        for (place, value) in values {
            said = said.replace(&format!("{{{place}}}"), value);
        }
        said
    }

    /// The text of a key, or else the word itself: for words that a later version may add.
    pub(super) fn say_or(&self, key: &str, word: &str) -> String {
        text(self.language, key).unwrap_or(word).to_owned()
    }

    /// How long something has waited, roughly.
    pub(super) fn age(&self, waited: TimeDelta) -> String {
        let (key, count) = match waited.num_minutes() {
            minutes if minutes < 60 => ("age_minutes", minutes),
            minutes if minutes < 48 * 60 => ("age_hours", minutes / 60),
            minutes => ("age_days", minutes / (24 * 60)),
        };
        self.say(key, &[("count", &count.max(0).to_string())])
    }

    /// A time to the minute, with the zone.
    pub(super) fn time(&self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.zone).format("%F %R %Z").to_string()
    }

    /// A time to the second, without the zone: the page names it once.
    pub(super) fn second(&self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.zone).format("%F %T").to_string()
    }

    pub(super) fn date(&self, date: NaiveDate) -> String {
        date_text(&self.locale, date)
    }

    pub(super) fn money(&self, money: &Money) -> String {
        money_text(&self.locale, money)
    }

    pub(super) fn total(&self, amounts: impl Iterator<Item = Money>) -> String {
        total_text(&self.locale, amounts)
    }

    pub(super) fn channel(&self, channel: Channel) -> String {
        self.say(&format!("channel_{channel}"), &[])
    }

    /// A reason: the desk's own words for it, or else those of the gateway or the rule.
    pub(super) fn reason(&self, reason: &Reason) -> String {
        text(self.language, &format!("reason_{}", reason.word)).map_or_else(|| reason.text.clone(), str::to_owned)
    }

    /// The word of a reason in the desk's own words.
    pub(super) fn reason_word(&self, word: &str) -> String {
        self.say_or(&format!("reason_{word}"), word)
    }

    fn why(&self, why: Option<&Reason>) -> String {
        why.map_or_else(|| self.say("event_no_reason", &[]), |why| self.reason(why))
    }

    /// The step of a rule by its days from the due date.
    pub(super) fn offset(&self, days: i32) -> String {
        let count = days.unsigned_abs().to_string();
        let key = match days {
            0 => "step_on",
            -1 => "step_before_one",
            1 => "step_after_one",
            days if days < 0 => "step_before",
            _ => "step_after",
        };
        self.say(key, &[("days", &count)])
    }

    /// A step.
    pub(super) fn step(&self, step: &Step) -> String {
        match step {
            Step::Rule { offset, .. } => self.offset(*offset),
            Step::Manual { number } => self.say("step_resend", &[("number", &number.to_string())]),
            Step::Notice { name } => self.say("step_notice", &[("name", name.as_str())]),
            Step::Confirmation { .. } => self.say("step_confirmation", &[]),
        }
    }

    /// An event of a reminder.
    pub(super) fn event(&self, event: &TimelineEvent) -> String {
        let some_gateway = self.say("event_some_gateway", &[]);
        let gateway = event.gateway.as_ref().map_or(some_gateway.as_str(), |gateway| gateway.as_str());
        let values = [("gateway", gateway), ("why", &self.why(event.why.as_ref()))];
        self.say(&format!("event_{}", event.event), &values)
    }

    /// A reason against a resend.
    pub(super) fn refusal(&self, refusal: &ResendRefusal) -> String {
        match refusal {
            ResendRefusal::Held(reason) => self.say(&format!("reason_{reason}"), &[]),
            ResendRefusal::Skip(reason) => self.say(&format!("reason_{reason}"), &[]),
            ResendRefusal::ContactHours { until } => {
                self.say("refusal_contact_hours", &[("until", &self.time(*until))])
            }
            ResendRefusal::UnknownBefore(id) => self.say("refusal_unknown_before", &[("reminder", &id.to_string())]),
            ResendRefusal::OnItsWay { id, .. } => self.say("refusal_on_its_way", &[("reminder", &id.to_string())]),
            ResendRefusal::CoolDown { id, wait, .. } => {
                // Rounded up: after that it is surely over.
                let minutes = (wait.num_seconds() + 59) / 60;
                let values = [("reminder", &*id.to_string()), ("minutes", &*minutes.to_string())];
                self.say("refusal_cool_down", &values)
            }
            ResendRefusal::Capped => self.say("reason_capped", &[]),
            ResendRefusal::NoticeOnly => self.say("refusal_notice_only", &[]),
        }
    }

    /// A fact that is another one than staff saw.
    pub(super) fn change(&self, change: ResendChange) -> String {
        match change {
            ResendChange::Settled(reason) => self.say(&format!("reason_{reason}"), &[]),
            other => self.say(&format!("change_{}", other.word()), &[]),
        }
    }

    /// The forecast decision about a reminder.
    pub(super) fn decision(&self, forecast: &DecisionForecast, now: DateTime<Utc>) -> String {
        let until = forecast.until.map(|until| self.time(until)).unwrap_or_default();
        let key = match forecast.decision {
            "send" if forecast.at <= now => "decision_send_now",
            "send" => "decision_send",
            "defer" => "decision_defer",
            "hold" => "decision_hold",
            _ => "decision_skip",
        };
        self.say(key, &[("until", &until), ("why", &self.why(forecast.why.as_ref()))])
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::texts::{ConsoleLanguage, text};
    use super::DeskWords;
    use crate::domain::{EventKind, HoldKind, HoldReason, PaymentStage, SkipReason, State, SuppressionReason};
    use crate::plan::DeferReason;

    #[rstest]
    #[case(-3, "3 days before the due date", "到期前3天")]
    #[case(-1, "1 day before the due date", "到期前1天")]
    #[case(0, "on the due date", "到期当天")]
    #[case(1, "1 day after the due date", "逾期1天")]
    #[case(30, "30 days after the due date", "逾期30天")]
    fn a_step_in_words(#[case] days: i32, #[case] english: &str, #[case] chinese: &str) {
        for (language, expected) in [(ConsoleLanguage::English, english), (ConsoleLanguage::Chinese, chinese)] {
            assert_eq!(DeskWords::new(language, chrono_tz::UTC).offset(days), expected);
        }
    }

    /// A word without a text would be shown as the program has it.
    #[test]
    fn every_word_of_a_reason_an_event_and_a_state_has_a_text() {
        let reasons = SkipReason::ALL.iter().map(|one| one.as_str());
        let reasons = reasons.chain(DeferReason::ALL.iter().map(|one| one.as_str()));
        let reasons =
            reasons.chain(HoldReason::ALL.iter().map(|one| one.as_str())).map(|word| format!("reason_{word}"));
        let events = EventKind::ALL.iter().map(|one| format!("event_{one}"));
        let states = State::ALL.iter().map(|one| format!("status_{one}"));
        let holds = HoldKind::ALL.iter().map(|one| format!("hold_{one}"));
        let suppressions = SuppressionReason::ALL.iter().map(|one| format!("suppression_{one}"));
        let payments = PaymentStage::ALL.iter().map(|one| format!("payment_{one}"));
        for key in payments.chain(reasons).chain(events).chain(states).chain(holds).chain(suppressions) {
            for language in ConsoleLanguage::ALL {
                assert!(text(language, &key).is_some(), "{key} in {}", language.tag());
            }
        }
    }
}
