//! Recall: who holds a message that leads to a route which is no more.
//!
//! A personal link is resolved when it is followed, so it leads to the route that serves now. A link that is the same
//! for everybody leads for good where it led when the message left: only the holders of such a link need a
//! correction. A message without a link names the app and customer service, and stays right. The outbox records the
//! link that was sent, and that one counts. Only where it is missing, as for a message whose sender died, recall
//! derives it from the gateway's link mode and from where its links led before.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::unpaid::UnpaidWalk;
use crate::domain::{BorrowerKey, Channel, GatewayName, LinkMode, Route, RouteKey, Routes};
use crate::plan::Due;
use crate::store::{HeldMessage, LedgerStore, NoticeStore, StoreError};

/// A route whose messages are called back.
#[derive(Debug, Clone)]
pub struct Recall {
    route: Route,
    /// The routes as they were while it was open.
    before: Routes,
    modes: BTreeMap<GatewayName, LinkMode>,
}

/// How many unpaid borrowers hold a message that leads to a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// How it came.
    pub channel: Channel,
    /// By what kind of link it leads there; by none where it only names the app.
    pub link: LinkMode,
    /// How many borrowers; who holds messages of two kinds is counted with each.
    pub borrowers: u64,
}

impl Recall {
    /// Of the route of that key, if there is one; with the link modes of the gateways.
    #[must_use]
    pub fn of(key: &RouteKey, routes: &Routes, modes: BTreeMap<GatewayName, LinkMode>) -> Option<Self> {
        let route = routes.get(key)?.clone();
        let open = Route { closed: false, replaced_by: None, valid_until: None, ..route.clone() };
        Some(Self { route, before: routes.overlaid([open]), modes })
    }

    /// The route.
    #[must_use]
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// The messages that the borrowers of a page hold about their due dates, wherever they lead.
    pub(super) async fn held(
        &self,
        store: &(impl NoticeStore + ?Sized),
        page: &[&Due],
    ) -> Result<Vec<HeldMessage>, StoreError> {
        let about: Vec<_> = page.iter().map(|due| (due.borrower.key.clone(), due.due_date)).collect();
        if about.is_empty() { Ok(Vec::new()) } else { store.held(&about).await }
    }

    /// By what kind of link a message leads there; `None` if it does not.
    pub(super) fn link(&self, held: &HeldMessage, due: &Due, now: DateTime<Utc>) -> Option<LinkMode> {
        if held.routes.contains(&self.route.key) {
            return Some(LinkMode::Fixed);
        }
        let mode = held.gateway.as_ref().and_then(|name| self.modes.get(name)).copied().unwrap_or_default();
        let ways = || due.installments.iter().flat_map(|one| self.before.open_for(one, now));
        let led_there = || ways().any(|route| route.key == self.route.key);
        match mode {
            _ if !held.routes.is_empty() => None,
            LinkMode::Fixed if !held.is_recorded => {
                let page = ways().find(|route| route.kind.fixed_page().is_some());
                page.filter(|route| route.key == self.route.key).map(|_| LinkMode::Fixed)
            }
            LinkMode::None => led_there().then_some(LinkMode::None),
            // It is on record that it held no fixed link, whatever the gateway is set to by now.
            LinkMode::Fixed | LinkMode::Personal => led_there().then_some(LinkMode::Personal),
        }
    }
}

/// Counts the unpaid borrowers who hold a message that leads to a route, by channel and link.
///
/// # Errors
/// When the store fails.
pub async fn reach(
    store: &(impl LedgerStore + NoticeStore + ?Sized),
    recall: &Recall,
    now: DateTime<Utc>,
) -> Result<Vec<Reach>, StoreError> {
    let mut holders = BTreeMap::<(Channel, u8), (LinkMode, BTreeSet<BorrowerKey>)>::new();
    let mut unpaid = UnpaidWalk::of(store, None, None);
    loop {
        let page = unpaid.next().await?;
        if page.is_empty() {
            break;
        }
        let theirs = page.iter().filter(|due| due.borrower.key.merchant == recall.route.merchant);
        let theirs: BTreeMap<_, _> = theirs.map(|due| ((&due.borrower.key, due.due_date), due)).collect();
        for held in recall.held(store, &theirs.values().copied().collect::<Vec<_>>()).await? {
            let due = theirs.get(&(&held.borrower, held.due_date));
            let Some(link) = due.and_then(|due| recall.link(&held, due, now)) else { continue };
            let place = match link {
                LinkMode::Fixed => 0,
                LinkMode::Personal => 1,
                LinkMode::None => 2,
            };
            holders.entry((held.channel, place)).or_insert((link, BTreeSet::new())).1.insert(held.borrower);
        }
    }
    let reach =
        |((channel, _), (link, who)): (_, (_, BTreeSet<_>))| Reach { channel, link, borrowers: who.len() as u64 };
    Ok(holders.into_iter().map(reach).collect())
}
