//! What a landing page says, worked out from the facts. Pure.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::domain::{Installment, Locale, Merchant, Route, RouteKind, SkipReason};
use crate::pipeline::Seen;
use crate::plan::{Account, local_date, open_installments};

/// What became of what a reminder was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Something is to be paid.
    Open,
    /// All is paid.
    Paid,
    /// It is no longer owed.
    Cancelled,
    /// Nothing is due on that day any more.
    Rescheduled,
}

/// Everything that a landing page shows. No name, amount or address of the borrower.
#[derive(Debug, Serialize)]
pub(super) struct Landing {
    lang: Language,
    standing: Standing,
    merchant: String,
    app_name: String,
    due_date: String,
    /// Days from the borrower's today to the due date; negative once it has passed.
    days_left: i64,
    /// Ways by an app's link, each once.
    apps: Vec<Way>,
    /// Ways by a web page, each once.
    webs: Vec<Way>,
    support: SupportContact,
}

/// The languages that pages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Language {
    #[serde(rename = "zh-CN")]
    Chinese,
    #[serde(rename = "en")]
    English,
}

/// An open route, as it is offered.
#[derive(Debug, Serialize)]
struct Way {
    url: String,
    /// Where a web address leads, so that a borrower can see it before the click.
    host: Option<String>,
    /// What it repays; shown only where the borrower must choose between two.
    products: Vec<String>,
}

/// Who can be asked.
#[derive(Debug, Serialize)]
pub(super) struct SupportContact {
    phone: Option<String>,
    /// What a phone dials.
    dial: Option<String>,
    email: Option<String>,
    hours: Option<String>,
}

impl Landing {
    /// What is to be shown at `now` about the instalments of one borrower that were due on `due_date`.
    pub(super) fn new(
        merchant: &Merchant,
        due_date: NaiveDate,
        account: &Account,
        routes: &Seen,
        now: DateTime<Utc>,
    ) -> Self {
        let borrower = account.borrower.as_ref();
        let locale = borrower.and_then(|borrower| borrower.locale.as_ref()).unwrap_or(&merchant.locale);
        let zone = borrower.and_then(|borrower| borrower.time_zone).unwrap_or(merchant.time_zone);
        let lang = Language::of(locale);
        let (standing, open) = match open_installments(&account.installments) {
            Ok(open) => (Standing::Open, open),
            Err(SkipReason::Paid) => (Standing::Paid, Vec::new()),
            Err(SkipReason::Cancelled) => (Standing::Cancelled, Vec::new()),
            Err(_) => (Standing::Rescheduled, Vec::new()),
        };
        let offered = |wanted| ways(&open, routes, wanted);
        Self {
            lang,
            standing,
            merchant: merchant.name.clone(),
            app_name: merchant.app_name.clone(),
            due_date: lang.date(due_date),
            days_left: (due_date - local_date(zone, now)).num_days(),
            apps: offered(app_url),
            webs: offered(web_url),
            support: SupportContact::of(merchant),
        }
    }

    /// What became of the bill.
    pub(super) fn standing(&self) -> Standing {
        self.standing
    }

    /// The template in the page's language.
    pub(super) fn template(&self) -> &'static str {
        match self.lang {
            Language::Chinese => "landing.zh-CN.html",
            Language::English => "landing.en.html",
        }
    }
}

impl SupportContact {
    pub(super) fn of(merchant: &Merchant) -> Self {
        let support = &merchant.support;
        Self {
            phone: support.phone.clone(),
            dial: support.phone.as_deref().and_then(dial),
            email: support.email.as_ref().map(|email| email.as_str().to_owned()),
            hours: support.hours.clone(),
        }
    }
}

impl Language {
    pub(super) fn of(locale: &Locale) -> Self {
        if locale.is_chinese() { Self::Chinese } else { Self::English }
    }

    fn date(self, date: NaiveDate) -> String {
        let form = match self {
            Self::Chinese => "%Y年%-m月%-d日",
            Self::English => "%-d %B %Y",
        };
        date.format(form).to_string()
    }
}

fn web_url(route: &Route) -> Option<&str> {
    match &route.kind {
        RouteKind::Web { url } => Some(url),
        RouteKind::App { .. } | RouteKind::Support { .. } => None,
    }
}

fn app_url(route: &Route) -> Option<&str> {
    match &route.kind {
        RouteKind::App { url, .. } => Some(url),
        RouteKind::Web { .. } | RouteKind::Support { .. } => None,
    }
}

/// The best open route of one kind for each instalment, each address once, in the order of the instalments.
fn ways(open: &[Installment], routes: &Seen, wanted: fn(&Route) -> Option<&str>) -> Vec<Way> {
    let mut found: Vec<(&str, BTreeSet<&str>)> = Vec::new();
    for installment in open {
        let Some(url) = routes.open_for(installment).into_iter().find_map(wanted) else { continue };
        let place = found.iter().position(|(known, _)| *known == url).unwrap_or_else(|| {
            found.push((url, BTreeSet::new()));
            found.len() - 1
        });
        found[place].1.extend(installment.product.as_deref());
    }
    let way = |(url, products): (&str, BTreeSet<&str>)| Way {
        url: url.to_owned(),
        host: host(url),
        products: products.into_iter().map(str::to_owned).collect(),
    };
    found.into_iter().map(way).collect()
}

/// The host of a web address, as a borrower would compare it.
fn host(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#']).next().filter(|authority| !authority.is_empty())?;
    Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_owned())
}

/// The digits that a phone dials for a number as it is printed; what follows them (an extension, a remark) is left out.
fn dial(printed: &str) -> Option<String> {
    let number = |c: &char| c.is_ascii_digit() || matches!(c, '+' | '-' | ' ' | '(' | ')' | '.' | '\u{a0}' | '–');
    let digits: String = printed.chars().take_while(number).filter(|c| c.is_ascii_digit() || *c == '+').collect();
    digits.chars().any(|c| c.is_ascii_digit()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::{dial, host};
    use rstest::rstest;

    #[rstest]
    #[case::short("95188", Some("95188"))]
    #[case::national("400-820-8820", Some("4008208820"))]
    #[case::international("+44 (20) 7946 0000", Some("+442079460000"))]
    #[case::extension("021-5555 0100 转 8", Some("02155550100"))]
    #[case::words("see the app", None)]
    fn a_printed_number_is_dialled_by_its_digits(#[case] printed: &str, #[case] dialled: Option<&str>) {
        assert_eq!(dial(printed).as_deref(), dialled);
    }

    #[rstest]
    #[case("https://pay.mall.example/r?x=1", Some("pay.mall.example"))]
    #[case("https://mall.example@evil.example/", Some("evil.example"))]
    #[case("mallpay://repay", None)]
    fn the_host_that_is_shown_is_the_one_that_is_opened(#[case] url: &str, #[case] shown: Option<&str>) {
        assert_eq!(host(url).as_deref(), shown);
    }
}
