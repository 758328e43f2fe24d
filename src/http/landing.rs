//! The content of a landing page, derived from the facts. Pure.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use secrecy::SecretString;
use serde::Serialize;
use url::Url;

use super::question::{Question, QuestionKind};
use super::ways::{RepaymentOption, Viewer, form_sources, is_app, is_web};
use crate::config::LinkLifetime;
use crate::domain::{
    Borrower, Channel, Installment, KeyRing, Locale, Merchant, ReminderId, RouteHosts, RouteKind, SkipReason, Support,
};
use crate::pipeline::RouteSnapshot;
use crate::plan::{Account, local_date, open_installments};
use crate::render::{LocaleFile, date_text, hours_text, money_text, total_text};

/// The state of the bill that a reminder was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkStatus {
    /// Something is to be paid.
    Open,
    /// All is paid.
    Paid,
    /// It is no longer owed.
    Cancelled,
    /// The lender has written it off: the page neither asks for it nor says that it is not owed.
    WrittenOff,
    /// The borrower disputes it.
    Disputed,
    /// Nothing is due on that day any more.
    Rescheduled,
    /// The link has expired: the page shows the contact, and nothing else.
    Expired,
}

/// The facts behind a page.
pub(super) struct PageFacts {
    pub(super) reminder: ReminderId,
    pub(super) merchant: Merchant,
    pub(super) due_date: NaiveDate,
    /// The channel by which the message came.
    pub(super) channel: Channel,
    pub(super) account: Account,
    pub(super) routes: RouteSnapshot,
    pub(super) ring: Option<Arc<KeyRing>>,
    pub(super) now: DateTime<Utc>,
    pub(super) lifetime: LinkLifetime,
}

/// The hosts and the key for a merchant's route targets.
#[derive(Clone, Copy)]
pub(super) struct Targets<'t> {
    /// Where routes may lead.
    pub(super) hosts: &'t RouteHosts,
    /// The key that signs their addresses.
    pub(super) key: Option<&'t SecretString>,
}

/// The proof that a visitor has given.
pub(super) enum Access {
    /// The link.
    Link(Check),
    /// The answer to its question as well; the proof of it goes with the page's forms.
    Number {
        /// See [`LinkKeys::seal_proof`](crate::render::LinkKeys::seal_proof).
        proof: String,
    },
}

/// The state of the page's question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub(super) enum Check {
    /// It is asked.
    Asked,
    /// The input does not have the form of an answer.
    Unclear,
    /// The answer was wrong.
    Wrong {
        /// How often it may still be tried.
        left: u32,
    },
    /// Answers are not compared for a while.
    Paused {
        /// How long, rounded up.
        minutes: i64,
    },
}

/// Everything that a landing page shows. Name, order and amount only in `bill`.
#[derive(Debug, Serialize)]
pub(super) struct Landing {
    lang: Language,
    /// Between the products of one way.
    separator: &'static str,
    standing: LinkStatus,
    /// The end of the page's address, for its forms.
    token: String,
    merchant: String,
    app_name: String,
    due_date: String,
    /// Days from the borrower's today to the due date; negative once it has passed.
    days_left: i64,
    /// Ways by an app's link, each once.
    apps: Vec<RepaymentOption>,
    /// The steps of the app's guide; if there are none, the page shows a general text.
    steps: Vec<String>,
    /// The app stores that have the app.
    stores: Vec<PageStore>,
    /// Ways by a web page, each once.
    webs: Vec<RepaymentOption>,
    /// The state of the question; `None` where there is none, or where it is answered.
    check: Option<Check>,
    /// The kind of the question.
    asks: Option<QuestionKind>,
    /// For visitors who have answered the question.
    bill: Option<Bill>,
    proof: Option<String>,
    support: SupportContact,
}

#[derive(Debug, Serialize)]
struct PageStore {
    name: String,
    url: String,
}

/// The part of the page for visitors who have answered the question.
#[derive(Serialize)]
struct Bill {
    name: Option<String>,
    items: Vec<BillItem>,
    /// Of all items, by currency.
    total: String,
}

#[derive(Serialize)]
struct BillItem {
    /// Counted as in [`RepaymentOption`].
    bill: usize,
    product: Option<String>,
    order: Option<String>,
    sequence: Option<u32>,
    of: Option<u32>,
    amount: String,
}

impl fmt::Debug for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bill").field("items", &self.items.len()).finish_non_exhaustive()
    }
}

/// The tag of a language that pages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Language(&'static str);

/// The customer service contact.
#[derive(Debug, Serialize)]
pub(super) struct SupportContact {
    phone: Option<String>,
    /// The number that a phone dials.
    dial: Option<String>,
    email: Option<String>,
    hours: Option<String>,
}

impl PageFacts {
    /// The question of the page; `None` if nothing is known that the message does not contain.
    pub(super) fn question(&self) -> Option<Question> {
        if self.standing() == LinkStatus::Expired {
            return None;
        }
        Question::of(self.account.borrower.as_ref()?, self.channel, self.ring.as_ref())
    }

    /// The state of the bill.
    pub(super) fn standing(&self) -> LinkStatus {
        if self.is_expired() {
            return LinkStatus::Expired;
        }
        match open_installments(&self.account.installments) {
            Ok(_) => LinkStatus::Open,
            Err(SkipReason::Paid) => LinkStatus::Paid,
            Err(SkipReason::Cancelled) => LinkStatus::Cancelled,
            Err(SkipReason::WrittenOff) => LinkStatus::WrittenOff,
            Err(SkipReason::Disputed) => LinkStatus::Disputed,
            Err(_) => LinkStatus::Rescheduled,
        }
    }

    /// Whether the link was good for long enough.
    fn is_expired(&self) -> bool {
        let is_settled = !self.account.installments.iter().any(Installment::is_due);
        let settled_at = self.account.settled_at.filter(|_| is_settled);
        let today = local_date(self.merchant.time_zone, self.now);
        self.lifetime.is_over(self.due_date, settled_at, today, self.now)
    }

    /// The page for a visitor with that access.
    pub(super) fn landing(&self, token: &str, access: Access, targets: Targets<'_>) -> Landing {
        let Self { merchant, account, .. } = self;
        let borrower = account.borrower.as_ref();
        let locale = borrower.and_then(|borrower| borrower.locale.as_ref()).unwrap_or(&merchant.locale);
        let zone = borrower.and_then(|borrower| borrower.time_zone).unwrap_or(merchant.time_zone);
        let lang = Language::of(locale.narrowed_by(&merchant.locale));
        let standing = self.standing();
        let is_shown = |one: &Installment| one.is_due() && standing != LinkStatus::Expired;
        let open: Vec<_> = (1..).zip(&account.installments).filter(|(_, one)| is_shown(one)).collect();
        let question = self.question();
        let can_confirm = question.is_some();
        let confirmed = matches!(access, Access::Number { .. });
        let Targets { hosts, key } = targets;
        let viewer = Viewer { routes: &self.routes, hosts, key, confirmed, can_confirm };
        let guide = viewer.guide(&open).cloned().unwrap_or_default();
        let (check, proof) = match access {
            Access::Link(check) => (Some(check).filter(|_| can_confirm && standing == LinkStatus::Open), None),
            Access::Number { proof } => (None, Some(proof).filter(|_| standing != LinkStatus::Expired)),
        };
        let today = local_date(zone, self.now);
        Landing {
            lang,
            separator: lang.file().comma(),
            standing,
            token: token.to_owned(),
            merchant: merchant.name.clone(),
            app_name: merchant.app_name.clone(),
            due_date: date_text(&lang.locale(), self.due_date),
            days_left: (self.due_date - today).num_days(),
            apps: viewer.ways(&open, is_app),
            steps: lang
                .file()
                .with_parents()
                .map(|tag| guide.steps.in_language(tag))
                .find(|steps| !steps.is_empty())
                .unwrap_or_default()
                .to_vec(),
            stores: guide.stores.into_iter().map(|url| PageStore { name: store_name(&url, lang), url }).collect(),
            webs: viewer.ways(&open, is_web),
            check,
            asks: question.map(|question| question.asks()),
            bill: proof.is_some().then(|| Bill::of(borrower, &open, lang)),
            proof,
            support: SupportContact::of(self.own_contact(&open).unwrap_or(&merchant.support), lang, zone, today),
        }
    }

    /// The contact in the route of these instalments, if it names one other than the merchant's customer service.
    fn own_contact(&self, open: &[(usize, &Installment)]) -> Option<&Support> {
        let mut kinds = open.iter().flat_map(|(_, one)| self.routes.open_for(one)).map(|route| &route.kind);
        kinds.find_map(|kind| match kind {
            RouteKind::Support { contact } => contact.as_ref(),
            RouteKind::Web { .. } | RouteKind::App { .. } => None,
        })
    }
}

impl Bill {
    fn of(borrower: Option<&Borrower>, open: &[(usize, &Installment)], lang: Language) -> Self {
        let item = |(bill, one): &(usize, &Installment)| BillItem {
            bill: *bill,
            product: one.readable_product().map(Cow::into_owned),
            order: one.readable_order().map(Cow::into_owned),
            sequence: one.sequence,
            of: one.of,
            amount: money_text(&lang.locale(), &one.outstanding()),
        };
        let name = borrower.and_then(|borrower| borrower.name.as_ref()).map(|name| name.as_str().to_owned());
        let total = total_text(&lang.locale(), open.iter().map(|(_, one)| one.outstanding()));
        Self { name, items: open.iter().map(item).collect(), total }
    }
}

impl Landing {
    /// Where a way leads, if it is offered and may be gone.
    pub(super) fn target(&self, route: &str, bill: Option<usize>) -> Option<&Url> {
        self.ways().find_map(|way| way.target(route, bill))
    }

    /// Where the forms may lead; `None` where there is none.
    pub(super) fn form_sources(&self, hosts: &RouteHosts) -> Option<String> {
        let has_forms = self.check.is_some() || self.ways().next().is_some();
        has_forms.then(|| form_sources(self.ways(), hosts))
    }

    fn ways(&self) -> impl Iterator<Item = &RepaymentOption> {
        self.apps.iter().chain(&self.webs)
    }
}

impl SupportContact {
    /// As a reader in a time zone reads it on a day.
    pub(super) fn of(support: &Support, lang: Language, zone: Tz, today: NaiveDate) -> Self {
        Self {
            phone: support.phone.clone(),
            dial: support.dial(),
            email: support.email.as_ref().map(|email| email.as_str().to_owned()),
            hours: support.hours.as_ref().map(|hours| hours_text(&lang.locale(), hours, zone, today)),
        }
    }
}

impl Language {
    pub(super) fn of(locale: &Locale) -> Self {
        Self(LocaleFile::of(locale).pages())
    }

    fn file(self) -> &'static LocaleFile {
        LocaleFile::of(&self.locale())
    }

    fn locale(self) -> Locale {
        Locale::new(self.0).expect("files of locales are called after tags")
    }
}

/// The usual name of the app store at an address, or else its host.
fn store_name(url: &str, lang: Language) -> String {
    let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    lang.file().app_store(&host).map(str::to_owned).unwrap_or(host)
}
