//! `/r/{token}/go`: the way from the page to the target of a route, which is counted.
//!
//! Only a POST of the page's form is answered, by a redirect to the route as it is at that moment. What is not offered
//! to who has that link (a route that closed, another merchant's, one for who knows the phone number) leads back to the
//! page, which says what is.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::hosts::RequestHost;
use super::landing::{Access, Check, PageFacts};
use super::public::{Public, failed, not_found, token_of};
use super::within_patience;
use crate::domain::{Click, RouteKey};

/// The fields of the form.
struct VisitForm {
    route: RouteKey,
    bill: Option<usize>,
    proof: String,
}

pub(super) async fn go(
    State(public): State<Public>,
    host: RequestHost,
    token: Result<Path<String>, PathRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let token = token_of(token);
    let facts = match public.facts(&token, &host).await {
        Ok(Some(facts)) => facts,
        Ok(None) => return not_found(),
        Err(error) => return failed(&error),
    };
    // Relative to the page's own address, whatever path a front server adds before it.
    let back = || see(&format!("../{token}"));
    let Some(wanted) = VisitForm::read(&body.unwrap_or_default()) else { return back() };
    let Some(target) = public.target(&facts, &wanted) else { return back() };
    public.count(&facts, wanted.route).await;
    see(&target)
}

impl VisitForm {
    fn read(body: &[u8]) -> Option<Self> {
        let field = |name: &str| form_urlencoded::parse(body).find(|(key, _)| key == name).map(|(_, value)| value);
        let bill = field("bill").map(|bill| bill.parse()).transpose().ok()?;
        let proof = field("proof").unwrap_or_default().into_owned();
        Some(Self { route: RouteKey::new(field("route")?).ok()?, bill, proof })
    }
}

impl Public {
    fn target(&self, facts: &PageFacts, wanted: &VisitForm) -> Option<String> {
        let access = if self.proofs.proves(&wanted.proof, facts.reminder, facts.now) {
            Access::Number { proof: String::new() }
        } else {
            Access::Link(Check::Asked)
        };
        let landing = facts.landing("", access, self.targets(facts));
        landing.target(wanted.route.as_str(), wanted.bill).map(ToString::to_string)
    }

    /// A borrower on the way to repay is not held up by a click that cannot be kept, or by many before.
    async fn count(&self, facts: &PageFacts, route: RouteKey) {
        if self.limits.clicks.count(facts.reminder).is_err() {
            return;
        }
        let click = Click { at: facts.now, reminder: facts.reminder, route };
        if let Err(error) = within_patience(&*self.clock, self.store.add_click(&click)).await {
            tracing::error!(%error, route = %click.route, "a click could not be kept");
        }
    }
}

fn see(place: &str) -> Response {
    match HeaderValue::from_str(place) {
        Ok(place) => (StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response(),
        // Addresses are written in ASCII before they come here.
        Err(_) => not_found(),
    }
}
