//! `/api/v1/…`: requests of the lender's own systems, as JSON, at an address of its own.
//!
//! | file | content |
//! |---|---|
//! | `caller` | the token of a request, what it allows, and how often |
//! | `request_id` | the id of a request, in the answer and in the log |
//! | `problem` | refusals, as RFC 9457 problems |
//! | `path`, `body`, `fields` | ids in paths; bounded bodies, and their fields by name |
//! | `cursor` | cursors that hold an address |
//! | `batch` | bodies with up to 10,000 items |
//! | `idempotency` | requests that count once |
//! | `ledger`, `ledger_schema` | borrowers and instalments in batches, and the fields of their items |
//! | `borrowers`, `installments`, `payments`, `preferences`, `reminders`, `explain`, `suppressions`, `routes`, `holds`, `rejects`, `notices`, `figures`, `forecast` | one resource each |
//! | `openapi` | the OpenAPI document, and the same as a page |
//!
//! To add an endpoint: write its handler into the module of its resource, and its line into [`endpoints`]. The line
//! names the action that a token must allow; there is no endpoint without a line. What belongs to a merchant that the
//! token is not for is answered as if it did not exist.

mod attempts;
mod batch;
mod body;
mod borrowers;
mod caller;
mod cursor;
mod explain;
mod fields;
mod figures;
mod forecast;
mod forms;
mod holds;
mod idempotency;
mod installments;
mod ledger;
mod ledger_schema;
mod notices;
mod openapi;
mod path;
mod payments;
mod preferences;
mod problem;
mod rejects;
mod reminder_actions;
mod reminders;
mod request_id;
mod routes;
mod suppressions;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::{MethodFilter, MethodRouter, on};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::batch::BATCHES_AT_ONCE;
pub use self::batch::{MAX_BATCH_BODY, MAX_BATCH_ITEMS};
pub use self::body::MAX_API_BODY;
use self::caller::ConfigTokens;
use self::problem::Problem;
pub use self::problem::ProblemKind;
use super::limit::Quota;
use super::public::with_headers;
use super::refusals::count_of_program;
use super::{HttpError, within_patience};
use crate::app::App;
use crate::clock::Clock;
use crate::domain::Action;
use crate::pipeline::ActivityCache;
use crate::store::{Store, StoreError};

/// The beginning of every path.
const PREFIX: &str = "/api/v1";

/// Paths that need no token: they hold nothing of a merchant.
const OPEN_PATHS: [&str; 2] = ["/api/v1/openapi.json", "/api/v1/docs"];

const MINUTE: Duration = Duration::from_secs(60);

/// The dependencies of the API.
#[derive(Clone)]
pub struct Api {
    /// Its store is the one for visitors.
    app: Arc<App>,
    tokens: ConfigTokens,
    /// By the id of the token.
    quota: Arc<Quota<String>>,
    /// The places for batches.
    batches: Arc<Semaphore>,
    /// The one place for a request that reads a large part of the database.
    surveys: Arc<Semaphore>,
    activity: Arc<ActivityCache>,
}

impl Api {
    /// The API of this process.
    #[must_use]
    pub fn of(app: &App) -> Self {
        let api = &app.config.api;
        Self {
            tokens: ConfigTokens::new(&api.tokens),
            quota: Arc::new(Quota::new(api.requests_per_minute, MINUTE, Arc::clone(&app.clock))),
            batches: Arc::new(Semaphore::new(BATCHES_AT_ONCE)),
            surveys: Arc::new(Semaphore::new(1)),
            activity: Arc::default(),
            app: Arc::new(app.for_visitors()),
        }
    }

    fn store(&self) -> &dyn Store {
        &*self.app.store
    }

    /// Waits until no other request reads a large part of the database.
    async fn survey_turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.surveys.clone().acquire_owned().await.map_err(|_| batch::ending())
    }

    /// Waits for an answer of the store as long as a page does.
    async fn patiently<T>(&self, answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, HttpError> {
        within_patience(&*self.app.clock, answer).await
    }
}

/// A method of a path.
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path, with places for ids.
    pub path: &'static str,
    /// The action that the token must allow; `None` where no token is needed.
    pub action: Option<Action>,
    handler: MethodRouter<Api>,
}

impl Endpoint {
    fn new<H, T>(method: Method, path: &'static str, action: impl Into<Option<Action>>, handler: H) -> Self
    where
        H: Handler<T, Api>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("every method of the table is an ordinary one");
        let (action, handler) = (action.into(), on(filter, handler));
        let handler = match action {
            Some(action) => handler.route_layer(from_fn_with_state(action, caller::allowed)),
            None => handler,
        };
        Self { method, path, action, handler }
    }
}

/// Every endpoint.
#[must_use]
pub fn endpoints() -> Vec<Endpoint> {
    use Action::{
        ApproveNotices, Cancel, ChangeLedger, ChangePreferences, ChangeRejects, ChangeSuppressions, Explain,
        ReadFigures, ReadForecast, ReadLedger, ReadNotices, ReadPreferences, ReadRejects, ReadReminders, ReadRoutes,
        ReadSuppressions, Resend, Resolve,
    };
    let (get, post, patch) = (Method::GET, Method::POST, Method::PATCH);
    const PREFERENCES: &str = "/api/v1/borrowers/{merchant}/{borrower}/preferences";
    const HOLD: &str = "/api/v1/borrowers/{merchant}/{borrower}/hold";
    const BORROWERS: &str = "/api/v1/borrowers";
    const INSTALLMENTS: &str = "/api/v1/installments";
    vec![
        Endpoint::new(post.clone(), BORROWERS, ChangeLedger, ledger::add_borrowers),
        Endpoint::new(post.clone(), "/api/v1/borrowers/search", ReadLedger, borrowers::search),
        Endpoint::new(get.clone(), "/api/v1/borrowers/{merchant}/{borrower}", ReadLedger, borrowers::show),
        Endpoint::new(post.clone(), INSTALLMENTS, ChangeLedger, ledger::add_installments),
        Endpoint::new(get.clone(), INSTALLMENTS, ReadLedger, installments::list),
        Endpoint::new(post.clone(), "/api/v1/payments", ChangeLedger, payments::report),
        Endpoint::new(get.clone(), PREFERENCES, ReadPreferences, preferences::show),
        Endpoint::new(patch, PREFERENCES, ChangePreferences, preferences::change),
        Endpoint::new(get.clone(), "/api/v1/reminders", ReadReminders, reminders::list),
        Endpoint::new(get.clone(), "/api/v1/reminders/{id}", ReadReminders, reminders::show),
        Endpoint::new(post.clone(), "/api/v1/reminders/resend", Resend, reminders::resend),
        Endpoint::new(post.clone(), "/api/v1/reminders/{id}/cancel", Cancel, reminder_actions::cancel),
        Endpoint::new(post.clone(), "/api/v1/reminders/resolve", Resolve, reminder_actions::resolve),
        Endpoint::new(get.clone(), HOLD, ReadPreferences, holds::show),
        Endpoint::new(Method::PUT, HOLD, ChangePreferences, holds::put),
        Endpoint::new(Method::DELETE, HOLD, ChangePreferences, holds::delete),
        Endpoint::new(get.clone(), "/api/v1/rejects", ReadRejects, rejects::list),
        Endpoint::new(post.clone(), "/api/v1/rejects/retry", ChangeRejects, rejects::retry),
        Endpoint::new(post.clone(), "/api/v1/rejects/drop", ChangeRejects, rejects::drop_records),
        Endpoint::new(get.clone(), "/api/v1/notices", ReadNotices, notices::list),
        Endpoint::new(get.clone(), "/api/v1/notices/{name}", ReadNotices, notices::show),
        Endpoint::new(post.clone(), "/api/v1/notices/{name}/approve", ApproveNotices, notices::approve),
        Endpoint::new(get.clone(), "/api/v1/explain", Explain, explain::show),
        Endpoint::new(get.clone(), "/api/v1/suppressions", ReadSuppressions, suppressions::list),
        Endpoint::new(post.clone(), "/api/v1/suppressions", ChangeSuppressions, suppressions::add),
        Endpoint::new(post, "/api/v1/suppressions/lift", ChangeSuppressions, suppressions::lift),
        Endpoint::new(get.clone(), "/api/v1/forecast", ReadForecast, forecast::show),
        Endpoint::new(get.clone(), "/api/v1/figures", ReadFigures, figures::show),
        Endpoint::new(get.clone(), "/api/v1/figures/funnel", ReadFigures, figures::show_funnel),
        Endpoint::new(get.clone(), "/api/v1/routes", ReadRoutes, routes::list),
        Endpoint::new(get.clone(), OPEN_PATHS[0], None, openapi::document),
        Endpoint::new(get, OPEN_PATHS[1], None, openapi::docs),
    ]
}

/// Serves [`endpoints`]; every other path is a 404.
pub fn router(api: Api) -> Router {
    let clock: Arc<dyn Clock> = Arc::clone(&api.app.clock);
    let routes = endpoints().into_iter().fold(Router::new(), |router, one| router.route(one.path, one.handler));
    routes
        .fallback(async || Problem::new(ProblemKind::NotFound, "there is nothing at this path"))
        .method_not_allowed_fallback(async || {
            Problem::new(ProblemKind::MethodNotAllowed, "see the header Allow for the methods of this path")
        })
        .layer(from_fn_with_state(api.clone(), caller::authenticated))
        .layer(from_fn_with_state(clock, request_id::with_request_id))
        .layer(map_response(with_headers))
        .layer(map_response(count_of_program))
        .with_state(api)
}
