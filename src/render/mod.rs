//! Level 1: from facts to a message. Pure: templates are handed in as text, nothing is read from a folder here.
//!
//! # The message folder
//!
//! The built-in templates stand in `templates/messages/` and are compiled in; a folder named in the config is laid over
//! them, file by file. Paths are relative to it, with `/` between the parts:
//!
//! | path | what it is |
//! |---|---|
//! | `{template}/sms.{locale}.txt` | an SMS |
//! | `{template}/email.{locale}.subject.txt`, `.txt`, `.html` | an e-mail; its three parts stand together |
//! | `merchants/{merchant}/{template}/…` | the same, for one merchant |
//! | any path with a part that begins with `_` | no message: a layout or a piece that others extend or include by its path |
//!
//! A template is called `before-due`, `on-due` or `overdue`, or is named by a rule. Files that end in `.html` are
//! escaped, others are not. [`is_template_path`] says which files of a folder are meant.
//!
//! # Which template a message is made of
//!
//! For each language in turn (the one asked for, its parents, the `fallback` of its file in `locales/`, then the same
//! for the merchant's, then `en`): the rule's own template of this merchant, then of all; then that of the phase
//! (before, on, after the due date) of this merchant, then from the folder, then built in. So a text in the right
//! language comes before the rule's own text in a wrong one, and an e-mail's parts are never mixed. Money, dates and
//! spelling follow the reader's variant of the template's language: an `en` template reads British to `en-GB`.
//!
//! # What a template can name
//!
//! `merchant` (`name`, `signature`, `app_name`, `support.phone`, `support.email`, `support.hours`), `borrower` (`name`,
//! `account_phone_tail`), `installments` (each with `order_ref`, `product`, `sequence`, `of`, `amount`, `paid`,
//! `outstanding`, `due_date`), `count`, `total`, `due_date`, `due_date_full`, `last_due_date`, `days`, `phase`, `link`,
//! `unsubscribe`, `check_code`, `locale`, `discreet`, `brevity`, `required` (`opt_out`, `debt_advice`). Money and dates
//! are text. `support.*`, `borrower.*`, `link`, `unsubscribe`, `required.*`, `check_code`, `order_ref`, `product`,
//! `sequence`, `of` and `paid` may be missing: they are `none`, which is false in `{% if %}` and an error if printed.
//! `words` holds the words of the reader's locale file that differ between variants of a language, such as
//! `words.installment`.
//!
//! A `<style>` in an HTML file is put into `style` attributes when templates are loaded, in that file and in those that
//! extend it; what a file includes keeps its own.
//!
//! Every template is checked when it is loaded: each name in each branch, and samples with and without what may be
//! missing. The filters, tests and functions that it may use are those of `builtins.rs`, and no message is longer than
//! [`MessageLimits`] allow.

mod builtin;
mod builtins;
mod catalog;
mod check;
mod check_code;
mod checkpoint;
mod context;
mod engine;
mod evidence;
mod format;
mod inline_css;
mod limits;
mod link;
mod locale_file;
mod opening_hours;
mod registered;
mod renderer;
mod required;
mod sample;
mod scan;
mod segments;
mod short_token;
mod target;
mod typed_text;

use std::fmt;

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use crate::domain::{Borrower, Channel, Installment, Locale, Merchant, RequiredTexts, TemplateName};

pub use builtin::builtin_templates;
pub use catalog::is_template_path;
pub use checkpoint::CheckpointTrust;
pub use evidence::{EvidenceLanguage, evidence_html, read_evidence_html};
pub use format::{date_text, money_text, total_text};
pub use limits::MessageLimits;
pub use link::{LinkKeys, LinkKeysError, MIN_SECRET_BYTES, Purpose};
pub use locale_file::{LocaleFile, language_name, main_page_languages, page_languages, page_text};
pub use opening_hours::hours_text;
pub use registered::{
    Phrase, Placeholder, RegisteredTemplate, RegisteredTemplates, Wording, chinese_parts, registered_parts,
};
pub use renderer::Renderer;
pub use sample::{Sample, sample_merchant};
pub use segments::{Encoding, Segments, segments, split};
pub use target::{SigningKey, SigningKeys, address_for};
pub use typed_text::{LONGEST_VARIABLE, TypedText};

/// A word of the file of a locale.
fn word(locale: &Locale, key: &str) -> Option<&'static str> {
    LocaleFile::of(locale).words.get(key).map(String::as_str)
}

/// A short text that is another for other templates.
fn fingerprint(templates: &impl fmt::Debug) -> String {
    let digest = Sha256::digest(format!("{templates:?}"));
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// Why a message could not be rendered, or a template not be taken. Names the template and the line, never a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RenderError {
    /// Which template, as its path below the message folder.
    pub template: String,
    /// The line, from 1, where there is one.
    pub line: Option<usize>,
    /// The problem, and what to do about it.
    pub problem: String,
    /// Whether the template or the data is at fault.
    pub cause: RenderCause,
}

/// The cause of a failed rendering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RenderCause {
    /// The template: it fails for others too.
    Template,
    /// The message is longer than [`MessageLimits`] allow: with the data of another borrower it may fit.
    Size,
    /// A value does not fit the variable that the registered text has for it: another borrower's may.
    Value,
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "template {}:{line}: {}", self.template, self.problem),
            None => write!(f, "template {}: {}", self.template, self.problem),
        }
    }
}

impl std::error::Error for RenderError {}

/// One file of a message folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateSource {
    /// Its path relative to the folder, with `/` between the parts.
    pub path: String,
    /// The content of the file.
    pub text: String,
}

/// Where a template comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TemplateOrigin {
    /// Compiled in.
    BuiltIn,
    /// From the folder named in the config.
    Folder,
}

/// One template of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateInfo {
    /// The merchant that owns it; `None` for a template of all merchants.
    pub merchant: Option<String>,
    /// Its name.
    pub template: String,
    /// Its language.
    pub locale: Locale,
    /// The channel that it is written for.
    pub channel: Channel,
    /// Where it comes from.
    pub origin: TemplateOrigin,
    /// Its files: of an SMS one; of an e-mail subject, text and HTML.
    pub files: Vec<String>,
}

/// How a day lies to a due date; names the template that is used if the rule names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Before the due date.
    Before,
    /// On it.
    On,
    /// After it, within the days of grace: it is not overdue yet.
    Grace,
    /// After it, and after the days of grace.
    After,
}

impl Phase {
    /// Every phase, in the order of time.
    pub const ALL: [Self; 4] = [Self::Before, Self::On, Self::Grace, Self::After];

    /// How `today` lies to the first due date of these instalments, which are sorted by it. It is within the grace as
    /// long as that of any instalment of that date lasts. `None` without instalments.
    #[must_use]
    pub fn of(today: NaiveDate, installments: &[Installment]) -> Option<Self> {
        let due_date = installments.first()?.due_date;
        Some(match today.cmp(&due_date) {
            std::cmp::Ordering::Less => Self::Before,
            std::cmp::Ordering::Equal => Self::On,
            std::cmp::Ordering::Greater if grace_until(today, installments).is_some() => Self::Grace,
            std::cmp::Ordering::Greater => Self::After,
        })
    }

    /// The name of its template.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before-due",
            Self::On => "on-due",
            Self::Grace => "in-grace",
            Self::After => "overdue",
        }
    }
}

/// The last day on which the instalments of the first due date are not overdue: of several graces the one that ends
/// first, from `today` on.
fn grace_until(today: NaiveDate, installments: &[Installment]) -> Option<NaiveDate> {
    let due_date = installments.first()?.due_date;
    let graces = installments.iter().filter(|one| one.due_date == due_date).map(Installment::grace_end);
    graces.filter(|end| due_date < today && *end >= today).min()
}

/// The data to render one message from.
#[derive(Debug, Clone, Copy)]
pub struct RenderRequest<'a> {
    /// In whose name.
    pub merchant: &'a Merchant,
    /// To whom; a name and the bound number are used if known.
    pub borrower: &'a Borrower,
    /// The open instalments that the message is about, at least one, sorted by due date. The first decides the phase.
    pub installments: &'a [Installment],
    /// The rule's own template, if it names one.
    pub template: Option<&'a TemplateName>,
    /// Nothing is made from another template, in whatever language that one would be.
    pub no_other_template: bool,
    /// For which channel.
    pub channel: Channel,
    /// In which language.
    pub locale: &'a Locale,
    /// Whether an SMS, and the subject of an e-mail, keep debt and amount off the lock screen.
    pub discreet: bool,
    /// The texts that the law demands of the message.
    pub required: RequiredTexts,
    /// The borrower's local date: decides between before, on and after the due date.
    pub today: NaiveDate,
    /// The link, in the form that the gateway lets through; `None` where it lets none through.
    pub link: Option<&'a str>,
    /// Where the recipient can unsubscribe, if anywhere.
    pub unsubscribe: Option<&'a str>,
    /// By which the recipient can have the message verified.
    pub check_code: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use rstest::rstest;

    use super::Phase;
    use crate::domain::{BorrowerKey, Currency, Installment, Money};

    fn due(date: &str, grace_days: u16) -> Installment {
        let borrower = BorrowerKey { merchant: "mall".parse().unwrap(), id: "b1".parse().unwrap() };
        let amount = Money::parse("1", Currency::new("CNY").unwrap()).unwrap();
        let installment = Installment::new(borrower, "i1".parse().unwrap(), amount, date.parse().unwrap());
        Installment { grace_days: Some(grace_days), ..installment }
    }

    #[rstest]
    #[case::before("2026-11-24", &[("2026-11-25", 3)], Phase::Before)]
    #[case::on("2026-11-25", &[("2026-11-25", 3)], Phase::On)]
    #[case::the_first_day_of_grace("2026-11-26", &[("2026-11-25", 3)], Phase::Grace)]
    #[case::the_last_day_of_grace("2026-11-28", &[("2026-11-25", 3)], Phase::Grace)]
    #[case::after_the_grace("2026-11-29", &[("2026-11-25", 3)], Phase::After)]
    #[case::without_grace("2026-11-26", &[("2026-11-25", 0)], Phase::After)]
    #[case::one_of_two_has_grace("2026-11-28", &[("2026-11-25", 0), ("2026-11-25", 3)], Phase::Grace)]
    #[case::only_a_later_date_has_grace("2026-11-28", &[("2026-11-25", 0), ("2026-11-26", 3)], Phase::After)]
    fn nothing_is_overdue_within_the_grace(
        #[case] today: NaiveDate,
        #[case] all: &[(&str, u16)],
        #[case] expected: Phase,
    ) {
        let all: Vec<_> = all.iter().map(|(date, grace)| due(date, *grace)).collect();
        assert_eq!(Phase::of(today, &all), Some(expected));
    }
}
