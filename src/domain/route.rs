//! Routes: versioned ways to repay.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::placeholder::{Placeholder, places};
use super::{Installment, MerchantId, ReminderId, RouteKey, Support};

/// One way to repay, resolved when the borrower clicks and not when the message is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The key of `[routes.*]`.
    pub key: RouteKey,
    /// The merchant whose borrowers it serves.
    pub merchant: MerchantId,
    /// Only for instalments of this product; `None` serves all.
    pub product: Option<String>,
    /// Its kind, with its address or contact.
    pub kind: RouteKind,
    /// The time from which it works; `None` for no beginning.
    pub valid_from: Option<DateTime<Utc>>,
    /// The time from which it no longer works; `None` for no end.
    pub valid_until: Option<DateTime<Utc>>,
    /// A closed route is never offered and never linked to.
    pub closed: bool,
    /// The route that serves instead while it is not open.
    pub replaced_by: Option<RouteKey>,
}

/// Kinds of [`Route`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteKind {
    /// A page on which one can pay.
    Web {
        /// Its https address; may have [`Placeholder`]s.
        url: String,
    },
    /// An app that is opened by a link.
    App {
        /// A universal (https) or custom-scheme link that opens the app; may have [`Placeholder`]s.
        url: String,
        /// Instructions for a borrower who does not have the app yet, or does not know the way in it.
        guide: AppGuide,
    },
    /// A person.
    Support {
        /// The contact to ask, if not the merchant's own customer service.
        contact: Option<Support>,
    },
}

/// How to get an app, and the steps to take in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppGuide {
    /// Its pages in app stores, https.
    pub stores: Vec<String>,
    /// The steps to take in it.
    pub steps: AppSteps,
}

/// The steps to take in an app, in the languages of the pages; for a language without steps, the page uses its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, Vec<String>>")]
pub struct AppSteps(BTreeMap<String, Vec<String>>);

impl AppSteps {
    /// The steps in one language, by its tag.
    #[must_use]
    pub fn in_language(&self, tag: &str) -> &[String] {
        self.0.get(tag).map_or(&[], Vec::as_slice)
    }

    /// Adds a step in one language.
    pub fn push(&mut self, tag: &str, step: String) {
        self.0.entry(tag.to_owned()).or_default().push(step);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &String> {
        self.0.values().rev().flatten()
    }
}

impl From<BTreeMap<String, Vec<String>>> for AppSteps {
    fn from(mut steps: BTreeMap<String, Vec<String>>) -> Self {
        steps.retain(|_, steps| !steps.is_empty());
        Self(steps)
    }
}

/// A version of a route that a person made at run time. Versions are only ever added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteVersion {
    /// The route from then on.
    pub route: Route,
    /// The time of the change.
    pub at: DateTime<Utc>,
    /// The person who made it.
    pub actor: String,
    /// The reason.
    pub reason: String,
}

/// A borrower went a way to repay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Click {
    /// When.
    pub at: DateTime<Utc>,
    /// From the page of which reminder.
    pub reminder: ReminderId,
    /// Which way.
    pub route: RouteKey,
}

/// Every way to repay: those of the config in its order, then those that were made at run time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes(pub Vec<Route>);

impl Route {
    /// Whether it may be offered at `now`.
    #[must_use]
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        let begun = self.valid_from.is_none_or(|from| from <= now);
        let ended = self.valid_until.is_some_and(|until| until <= now);
        !self.closed && begun && !ended
    }
}

impl RouteKind {
    /// The word in the config and in the database.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Web { .. } => "web",
            Self::App { .. } => "app",
            Self::Support { .. } => "support",
        }
    }

    /// Where it leads, with its placeholders; a person has no address.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Web { url } | Self::App { url, .. } => Some(url),
            Self::Support { .. } => None,
        }
    }

    /// The page that is the same for every instalment: what a message with a fixed link names.
    #[must_use]
    pub fn fixed_page(&self) -> Option<&str> {
        match self {
            Self::Web { url } => Some(url).filter(|url| places(url).next().is_none()).map(String::as_str),
            Self::App { .. } | Self::Support { .. } => None,
        }
    }

    /// Whether its address is signed, which takes a key of the merchant's.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.url().is_some_and(|url| places(url).any(|place| place == Placeholder::Signature))
    }
}

impl Routes {
    /// These, with the newest version of each key in the place of what the config says of it.
    #[must_use]
    pub fn overlaid(&self, newest: impl IntoIterator<Item = Route>) -> Self {
        let mut routes = self.clone();
        for route in newest {
            match routes.0.iter_mut().find(|known| known.key == route.key) {
                Some(known) => *known = route,
                None => routes.0.push(route),
            }
        }
        routes
    }

    /// The route of that key.
    #[must_use]
    pub fn get(&self, key: &RouteKey) -> Option<&Route> {
        self.0.iter().find(|route| route.key == *key)
    }

    /// The routes that are open to an instalment at `now`, best first: the one it names itself, those for its product,
    /// then the general ones. One that is not open is stood in for by what replaces it.
    #[must_use]
    pub fn open_for(&self, installment: &Installment, now: DateTime<Utc>) -> Vec<&Route> {
        let mut found: Vec<&Route> = Vec::new();
        let Installment { merchant, route, product, .. } = installment;
        let serving = self.serving(merchant, route.as_ref(), product.as_deref()).into_iter();
        for open in serving.filter_map(|route| self.in_place_of(route, now)) {
            if open.merchant == installment.merchant && !found.contains(&open) {
                found.push(open);
            }
        }
        found
    }

    /// The routes that are meant for instalments of a merchant that name `named` and are of `product`, open or not, in
    /// the order of [`Self::open_for`].
    #[must_use]
    pub fn serving(&self, merchant: &MerchantId, named: Option<&RouteKey>, product: Option<&str>) -> Vec<&Route> {
        let is_named = |route: &Route| named == Some(&route.key);
        let serves = |route: &&Route| {
            let fits = route.product.is_none() || route.product.as_deref() == product;
            route.merchant == *merchant && (is_named(route) || fits)
        };
        let mut serving: Vec<_> = self.0.iter().filter(serves).collect();
        serving.sort_by_key(|route| (!is_named(route), route.product.is_none()));
        serving
    }

    /// The route itself while it is open, else the first open one of those that replaced it; `None` if there is none.
    #[must_use]
    pub fn in_place_of<'r>(&'r self, route: &'r Route, now: DateTime<Utc>) -> Option<&'r Route> {
        self.successors(route).find(|route| route.is_open(now))
    }

    /// The route, what replaces it, what replaces that, and so on; no more than there are, even where they go round in
    /// a circle.
    pub fn successors<'r>(&'r self, route: &'r Route) -> impl Iterator<Item = &'r Route> {
        let next = |route: &&'r Route| route.replaced_by.as_ref().and_then(|key| self.get(key));
        std::iter::successors(Some(route), next).take(self.0.len().max(1))
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use rstest::rstest;

    use super::{Route, RouteKind, Routes};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    fn route(key: &str, closed: bool, replaced_by: Option<&str>) -> Route {
        Route {
            key: key.parse().expect("a key"),
            merchant: "mall".parse().expect("a name"),
            product: None,
            kind: RouteKind::Web { url: format!("https://{key}.mall.example/") },
            valid_from: None,
            valid_until: None,
            closed,
            replaced_by: replaced_by.map(|key| key.parse().expect("a key")),
        }
    }

    #[rstest]
    #[case::open_itself(&[("a", false, Some("b")), ("b", false, None)], Some("a"))]
    #[case::replaced(&[("a", true, Some("b")), ("b", false, None)], Some("b"))]
    #[case::twice(&[("a", true, Some("b")), ("b", true, Some("c")), ("c", false, None)], Some("c"))]
    #[case::closed(&[("a", true, None), ("b", false, None)], None)]
    #[case::by_nothing(&[("a", true, Some("z"))], None)]
    #[case::by_itself(&[("a", true, Some("a"))], None)]
    #[case::in_a_circle(&[("a", true, Some("b")), ("b", true, Some("a"))], None)]
    fn a_replaced_route_leads_to_what_is_open(#[case] all: &[(&str, bool, Option<&str>)], #[case] found: Option<&str>) {
        let routes = Routes(all.iter().map(|(key, closed, by)| route(key, *closed, *by)).collect());
        let open = routes.in_place_of(&routes.0[0], at("2026-11-22T00:00:00Z"));
        assert_eq!(open.map(|route| route.key.as_str()), found);
    }

    #[rstest]
    #[case::before("2026-11-21T23:59:59Z", false)]
    #[case::from_then_on("2026-11-22T00:00:00Z", true)]
    #[case::still("2026-11-22T23:59:59Z", true)]
    #[case::no_more("2026-11-23T00:00:00Z", false)]
    fn a_route_is_open_while_it_is_valid(#[case] now: &str, #[case] open: bool) {
        let mut one = route("a", false, None);
        one.valid_from = Some(at("2026-11-22T00:00:00Z"));
        one.valid_until = Some(at("2026-11-23T00:00:00Z"));
        assert_eq!(one.is_open(at(now)), open);
    }

    #[test]
    fn the_newest_version_stands_in_the_place_of_the_configs() {
        let config = Routes(vec![route("a", false, None), route("b", false, None)]);
        let laid = config.overlaid([route("a", true, Some("c")), route("c", false, None)]);
        let keys: Vec<_> = laid.0.iter().map(|route| (route.key.as_str(), route.closed)).collect();
        assert_eq!(keys, [("a", true), ("b", false), ("c", false)]);
    }
}
