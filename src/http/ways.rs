//! The ways to repay that a landing page offers, and where each leads. Pure.

use std::borrow::Cow;
use std::collections::BTreeSet;

use secrecy::SecretString;
use serde::Serialize;
use url::Url;

use crate::domain::{AppGuide, Installment, Placeholder, Route, RouteHosts, RouteKind, places};
use crate::pipeline::RouteSnapshot;
use crate::render::address_for;

/// One way, as it is offered.
#[derive(Debug, Serialize)]
pub(super) struct RepaymentOption {
    route: String,
    /// Which instalment it repays, counted from 1 among those of the page; `None` where the address is the same for
    /// all.
    bill: Option<usize>,
    /// Where a web address leads, so that a borrower can see it before the click.
    host: Option<String>,
    /// The link of an app, for a borrower whose button does nothing: some phones open apps by links alone.
    direct: Option<String>,
    /// The products that it repays; shown only where the borrower must choose between two ways.
    products: Vec<String>,
    /// Whether its address contains data that only a visitor who has answered the page's question may see.
    locked: bool,
    #[serde(skip)]
    target: Url,
}

/// The context in which ways to repay are chosen: the routes, and the visitor's access.
pub(super) struct Viewer<'v> {
    pub(super) routes: &'v RouteSnapshot,
    /// The hosts that routes may lead to: checked again here, because the config may no longer allow a host of an old
    /// route.
    pub(super) hosts: &'v RouteHosts,
    /// The key that signs the addresses of the merchant's targets.
    pub(super) key: Option<&'v SecretString>,
    /// Whether the page's question was answered.
    pub(super) confirmed: bool,
    /// Whether there is a question.
    pub(super) can_confirm: bool,
}

impl Viewer<'_> {
    /// The best open route of one kind for each instalment, each address once, in the order of the instalments.
    pub(super) fn ways(&self, open: &[(usize, &Installment)], wanted: fn(&RouteKind) -> bool) -> Vec<RepaymentOption> {
        let mut found: Vec<RepaymentOption> = Vec::new();
        for (bill, installment) in open {
            let routes = self.routes.open_for(installment).into_iter().filter(|route| wanted(&route.kind));
            let Some(way) = routes.filter_map(|route| self.way(route, *bill, installment)).next() else { continue };
            match found.iter_mut().find(|known| known.target == way.target && known.bill == way.bill) {
                Some(known) => known.products.extend(way.products),
                None => found.push(way),
            }
        }
        for way in &mut found {
            way.products = way.products.drain(..).collect::<BTreeSet<_>>().into_iter().collect();
        }
        found
    }

    fn way(&self, route: &Route, bill: usize, installment: &Installment) -> Option<RepaymentOption> {
        let address = route.kind.url()?;
        let locked = !self.confirmed && places(address).any(Placeholder::is_personal);
        if (locked && !self.can_confirm) || self.hosts.check(&route.kind).is_err() {
            return None;
        }
        let target = Url::parse(&address_for(address, installment, self.key)?).ok()?;
        Some(RepaymentOption {
            route: route.key.to_string(),
            bill: places(address).any(Placeholder::tells_installments_apart).then_some(bill),
            host: host(&target),
            direct: (is_app(&route.kind) && !locked).then(|| target.to_string()),
            products: installment.readable_product().map(Cow::into_owned).into_iter().collect(),
            locked,
            target,
        })
    }

    /// The guide of the app's route: stores and steps.
    pub(super) fn guide(&self, open: &[(usize, &Installment)]) -> Option<&AppGuide> {
        let mut kinds = open.iter().flat_map(|(_, one)| self.routes.open_for(one)).map(|route| &route.kind);
        kinds.find_map(|kind| match kind {
            RouteKind::App { guide, .. } => Some(guide),
            RouteKind::Web { .. } | RouteKind::Support { .. } => None,
        })
    }
}

impl RepaymentOption {
    /// Where it leads, if it is the one of that route and instalment and may be gone.
    pub(super) fn target(&self, route: &str, bill: Option<usize>) -> Option<&Url> {
        (self.route == route && self.bill == bill && !self.locked).then_some(&self.target)
    }
}

/// Where the page's forms may lead, as CSP has it. Browsers ask it of every step of a redirect, so the merchant's own
/// hosts, on which a target may send on, are among them.
pub(super) fn form_sources<'w>(ways: impl Iterator<Item = &'w RepaymentOption>, hosts: &RouteHosts) -> String {
    let mut sources = BTreeSet::new();
    for way in ways.filter(|way| !way.locked) {
        match way.target.host_str().filter(|_| way.target.scheme() == "https") {
            Some(host) => {
                sources.insert(format!("https://{host}:*"));
                sources.extend(hosts.entries().map(source));
            }
            None => drop(sources.insert(format!("{}:", way.target.scheme()))),
        }
    }
    sources.into_iter().fold("'self'".to_owned(), |all, source| all + " " + &source)
}

fn source(host: &str) -> String {
    match host.strip_prefix('.') {
        Some(above) => format!("https://*.{above}:*"),
        None => format!("https://{host}:*"),
    }
}

/// The host of a web address, as a borrower would compare it.
fn host(target: &Url) -> Option<String> {
    let host = target.host_str().filter(|_| target.scheme() == "https")?;
    Some(target.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

pub(super) fn is_web(kind: &RouteKind) -> bool {
    matches!(kind, RouteKind::Web { .. })
}

pub(super) fn is_app(kind: &RouteKind) -> bool {
    matches!(kind, RouteKind::App { .. })
}
