use serde::{Deserialize, Serialize};

use super::{Installment, MerchantId, RouteKey};

/// One way to repay, resolved when the borrower clicks and not when the message is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The key of `[routes.*]`.
    pub key: RouteKey,
    /// Whose borrowers it serves.
    pub merchant: MerchantId,
    /// Only for instalments of this product; `None` serves all.
    pub product: Option<String>,
    /// What kind of way it is.
    pub kind: RouteKind,
    /// A closed route is never offered and never linked to.
    pub closed: bool,
}

/// Every way to repay that the config names, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes(pub Vec<Route>);

impl Routes {
    /// The open routes for an instalment, best first: the one it names itself, those for its product, then the general ones.
    #[must_use]
    pub fn open_for(&self, installment: &Installment) -> Vec<&Route> {
        let serves = |route: &&Route| {
            let named = installment.route.as_ref() == Some(&route.key);
            let fits = route.product.is_none() || route.product == installment.product;
            !route.closed && route.merchant == installment.merchant && (named || fits)
        };
        let mut found: Vec<_> = self.0.iter().filter(serves).collect();
        found.sort_by_key(|route| (installment.route.as_ref() != Some(&route.key), route.product.is_none()));
        found
    }
}

/// Kinds of [`Route`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum RouteKind {
    /// A page on which one can pay.
    Web {
        /// Its https address.
        url: String,
    },
    /// An app that is opened by a link; the steps in it stand in the message.
    App {
        /// A universal (https) or custom-scheme link that opens the app.
        url: String,
    },
}
