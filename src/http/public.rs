//! `/r/{token}`: the page that a link in a message leads to.
//!
//! Tokens are opened by the key that sealed them, and the page is worked out from what the ledger and the routes say
//! now. Looking changes nothing, however often a mail scanner looks: only the forms do, which take the answer to the
//! page's question (`second_factor`) or lead on to a way to repay (`go`). What opens to nothing gets one 404 page,
//! whatever the reason. The token is in no log line.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use chrono::TimeDelta;
use minijinja::context;

use super::hosts::{PageHosts, RequestHost, under_known_hosts};
use super::landing::{Access, Check, LinkStatus, PageFacts, Targets};
use super::limit::{Limits, limited};
use super::page::{Strictness, page, set_headers, strict_policy};
use super::refusals::count_of_page;
use super::{HttpError, go, refusals, second_factor, unsubscribe, verify, within_patience};
use crate::app::App;
use crate::clock::Clock;
use crate::config::LinkLifetime;
use crate::domain::{Installment, KeyRing, MerchantId, ReminderId, ReminderKey, RouteHosts};
use crate::pipeline::Registry;
use crate::plan::Policy;
use crate::render::{LinkKeys, Purpose, SigningKeys};
use crate::store::{InstallmentFilter, ReminderFilter, Store, StoreError};

/// Opens the tokens of one purpose; `None` for anything that was not sealed for that purpose with one of our keys.
pub type LinkOpener = Arc<dyn Fn(&str) -> Option<ReminderId> + Send + Sync>;

/// Opens check codes to the reminders that they may be of; none for what is no code.
pub type CodeOpener = Arc<dyn Fn(&str) -> Vec<ReminderId> + Send + Sync>;

/// The dependencies of the pages for borrowers.
#[derive(Clone)]
pub struct Public {
    /// The ledger and the outbox.
    pub store: Arc<dyn Store>,
    /// Opens the tokens of landing pages.
    pub open: LinkOpener,
    /// Opens those of `/u/`.
    pub open_unsubscribe: LinkOpener,
    /// Opens check codes.
    pub open_check_code: CodeOpener,
    /// The merchants.
    pub policy: Arc<Policy>,
    /// The ways to repay, as they are now.
    pub routes: Arc<Registry>,
    /// Where they may lead, by merchant.
    pub route_hosts: Arc<BTreeMap<MerchantId, RouteHosts>>,
    /// The keys that sign their addresses, of merchants that have one.
    pub route_keys: Arc<BTreeMap<MerchantId, SigningKeys>>,
    /// Seals that somebody answered the question of a page, and names clients by pseudonyms.
    pub proofs: Arc<LinkKeys>,
    /// Hashes answers as the ledger's verifiers are hashed.
    pub ring: Option<Arc<KeyRing>>,
    /// Under which hosts pages are served.
    pub hosts: Arc<PageHosts>,
    /// How long links are good for.
    pub lifetime: LinkLifetime,
    /// The limits for visitors.
    pub limits: Arc<Limits>,
    /// Tells today, and bounds the wait for the store.
    pub clock: Arc<dyn Clock>,
}

/// A number that no reminder has. A token that does not open asks the store for it, so that it takes as long.
pub(super) const NO_REMINDER: ReminderId = ReminderId(-1);

/// The largest body of a POST, in bytes: a few form fields.
const MAX_FORM: usize = 4 * 1024;

/// Serves `/r/{token}`, `/u/{token}` and `/verify`; every other path is the same 404 page. All are limited for each
/// client.
pub fn router(public: Public) -> Router {
    refusals::show_all();
    Router::new()
        .route("/r/{token}", get(landing_page).post(second_factor::take_answer))
        .route("/r/{token}/go", post(go::go))
        // The same for links without the /r, of merchants with a host for them.
        .route("/{token}", get(landing_page).post(second_factor::take_answer))
        .route("/{token}/go", post(go::go))
        .fallback(async || not_found())
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .layer(from_fn_with_state(Arc::clone(&public.hosts), under_known_hosts))
        .layer(from_fn_with_state(Arc::clone(&public.limits.pages), limited))
        .layer(map_response(with_headers))
        .with_state(public.clone())
        .merge(unsubscribe::router(public.clone()))
        .merge(verify::router(public))
        .layer(map_response(count_of_page))
}

impl Public {
    /// The pages of this process.
    #[must_use]
    pub fn of(app: &App) -> Self {
        let opener = |purpose| -> LinkOpener {
            let links = Arc::clone(&app.composer.links);
            Arc::new(move |token| links.open(purpose, token))
        };
        Self {
            store: Arc::clone(&app.public_store),
            open: opener(Purpose::Landing),
            open_unsubscribe: opener(Purpose::Unsubscribe),
            open_check_code: {
                let links = Arc::clone(&app.composer.links);
                Arc::new(move |code| links.open_check_code(code))
            },
            policy: Arc::clone(&app.policy),
            routes: Arc::clone(&app.composer.routes),
            route_hosts: Arc::new(
                app.policy.merchants.keys().map(|id| (id.clone(), app.config.route_hosts(id))).collect(),
            ),
            route_keys: Arc::new(app.config.route_keys.clone()),
            proofs: Arc::clone(&app.composer.links),
            ring: app.ring.clone(),
            hosts: Arc::new(PageHosts::of(&app.config)),
            lifetime: app.config.links.lifetime,
            limits: Arc::new(Limits::new(&app.config.http, &app.clock)),
            clock: Arc::clone(&app.clock),
        }
    }

    /// The state that the landing page of a token shows; `None` where it would be the 404 page.
    ///
    /// # Errors
    /// When the store fails or does not answer in time.
    pub async fn standing(&self, token: &str) -> Result<Option<LinkStatus>, HttpError> {
        let facts = self.facts(token, &RequestHost::default()).await?;
        Ok(facts.map(|facts| facts.standing()))
    }

    /// The facts behind the page of a token; `None` where it is the 404 page, as under a host that is not the
    /// merchant's.
    pub(super) async fn facts(&self, token: &str, host: &RequestHost) -> Result<Option<PageFacts>, HttpError> {
        within_patience(&*self.clock, self.look_up(token, host)).await
    }

    /// The landing page of a reminder as its borrower sees it at first, without its token; `None` where it is the 404
    /// page.
    pub(super) async fn page_of(&self, reminder: ReminderId) -> Result<Option<Response>, HttpError> {
        let token = self.proofs.seal(Purpose::Landing, reminder);
        let facts = self.facts(&token, &RequestHost::default()).await?;
        Ok(facts.map(|facts| self.show(StatusCode::OK, &facts, "", Access::Link(Check::Asked))))
    }

    /// The page for a visitor with that access.
    pub(super) fn show(&self, status: StatusCode, facts: &PageFacts, token: &str, access: Access) -> Response {
        let targets = self.targets(facts);
        let landing = facts.landing(token, access, targets);
        let mut response = page(status, "landing.html", &landing);
        if let Some(sources) = landing.form_sources(targets.hosts) {
            response.extensions_mut().insert(FormTargets(strict_policy(&sources)));
        }
        response
    }

    /// The hosts and the key for the route targets of the page's merchant.
    pub(super) fn targets(&self, facts: &PageFacts) -> Targets<'_> {
        static NOWHERE: LazyLock<RouteHosts> = LazyLock::new(RouteHosts::default);
        let merchant = &facts.merchant.id;
        Targets {
            hosts: self.route_hosts.get(merchant).unwrap_or(&NOWHERE),
            key: self.route_keys.get(merchant).and_then(|keys| keys.in_use(facts.now)),
        }
    }

    async fn look_up(&self, token: &str, host: &RequestHost) -> Result<Option<PageFacts>, StoreError> {
        // Before the token is opened, so that it takes as long for every token.
        let mut routes = self.routes.now(&*self.store, &*self.clock).await?;
        // A token that does not open still costs one query, so that the time taken does not reveal which tokens are
        // valid; a token whose merchant is gone costs no second one.
        let id = (self.open)(token).unwrap_or(NO_REMINDER);
        let filter = ReminderFilter { id: Some(id), limit: 1, ..ReminderFilter::default() };
        let Some(found) = self.store.reminders(&filter).await?.pop() else { return Ok(None) };
        let key = found.reminder.plan.key;
        let Some(merchant) = self.policy.merchants.get(&key.borrower.merchant) else { return Ok(None) };
        if !self.hosts.serves(&merchant.id, host) {
            return Ok(None);
        }
        let mut account = self.store.account(&key.borrower, key.due_date, key.channel).await?;
        // An erased borrower gets the same answer as one who never existed.
        if account.borrower.is_none() {
            return Ok(None);
        }
        let mut due_date = key.due_date;
        let rule = self.policy.rule_of(&key.step);
        routes = routes.with_second(rule.and_then(|rule| rule.second_route.clone()));
        if let Some(days) = rule.and_then(|rule| rule.digest) {
            account.installments = self.of_digest(&key, days).await?;
            // When the first is paid, the page goes on to the next that its message spoke of.
            due_date = account.installments.iter().find(|one| one.is_due()).map_or(due_date, |one| one.due_date);
        }
        let (reminder, merchant, now) = (found.reminder.id, merchant.clone(), self.clock.now());
        let (channel, ring, lifetime) = (key.channel, self.ring.clone(), self.lifetime);
        Ok(Some(PageFacts { reminder, merchant, due_date, channel, account, routes, ring, now, lifetime }))
    }

    /// The instalments that a digest may have named, ordered by due date.
    async fn of_digest(&self, key: &ReminderKey, days: u16) -> Result<Vec<Installment>, StoreError> {
        let (merchant, borrower) = (Some(key.borrower.merchant.clone()), Some(key.borrower.id.clone()));
        let filter = InstallmentFilter { merchant, borrower, limit: 1_000, ..InstallmentFilter::default() };
        let span = key.due_date..=key.due_date + TimeDelta::days(i64::from(days));
        let mut owed = self.store.installments(&filter).await?;
        owed.retain(|one| span.contains(&one.due_date));
        Ok(owed)
    }
}

/// The hosts that a page's forms may lead to, for the policy in its header.
#[derive(Clone)]
struct FormTargets(HeaderValue);

async fn landing_page(
    State(public): State<Public>,
    host: RequestHost,
    token: Result<Path<String>, PathRejection>,
) -> Response {
    let token = token_of(token);
    match public.facts(&token, &host).await {
        Ok(Some(facts)) => public.show(StatusCode::OK, &facts, &token, Access::Link(Check::Asked)),
        Ok(None) => not_found(),
        Err(error) => failed(&error),
    }
}

/// The token of a path, without the punctuation that phones include when they make a link of a text. A path that is no
/// text at all (broken percent signs) gives an empty token, which opens nothing.
pub(super) fn token_of(token: Result<Path<String>, PathRejection>) -> String {
    let token = token.map(|Path(token)| token).unwrap_or_default();
    token.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '。', '，', '；', '！', '？', '）']).to_owned()
}

pub(super) fn failed(error: &HttpError) -> Response {
    tracing::error!(%error, "a landing page could not be shown");
    unavailable()
}

/// One page for every link that is not ours, is broken, or is no longer kept: it tells nobody which.
pub(super) fn not_found() -> Response {
    page(StatusCode::NOT_FOUND, "not-found.html", context! {})
}

pub(super) fn unavailable() -> Response {
    let mut response = page(StatusCode::SERVICE_UNAVAILABLE, "unavailable.html", context! {});
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
    response
}

pub(super) async fn with_headers(mut response: Response) -> Response {
    let forms = response.extensions_mut().remove::<FormTargets>();
    set_headers(response.headers_mut(), Strictness::Strict);
    if let Some(FormTargets(policy)) = forms {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}
