//! `/console/…`: the desk of the staff, at an address of its own.
//!
//! | file | content |
//! |---|---|
//! | `page` | templates, style sheet, script and headers of its pages |
//! | `texts` | the texts of its pages, in the languages of the staff |
//! | `search` | the search box, and the borrowers that a text names |
//! | `borrowers` | the page of a borrower, and what its forms ask for |
//! | `borrower`, `acts`, `timeline` | the content of that page, made from the facts; pure |
//! | `messages` | the messages as they were sent, and the landing page as the borrower sees it |
//! | `suppressions` | suppressed addresses, and the button that ends a suppression |
//! | `evidence` | all contact with the borrower as one file |
//! | `resends` | the message that would go out now, and the button that sends it |
//! | `queues`, `queue_acts` | the queues of work for a person, and their forms |
//! | `notices` | a notice with its texts, and the button that approves it |
//! | `routes`, `gateways` | merchants with their ways to repay; the accounts at providers |
//! | `figures`, `chart` | what was sent and what came of it, as charts; the funnel |
//! | `audit` | who did what |
//! | `words`, `done` | facts in the words of the reader; the sentence that says what was done |
//! | `form`, `refusal` | the fields of a form; the pages that say why not |
//! | `staff` | the person of a request, and what a page demands of them |
//! | `login`, `oidc` | log in by a local account or by a provider, and log out |
//! | `session`, `cookie` | sessions, and devices that are known from earlier logins |
//! | `csrf` | POSTs come from the console's own forms |
//! | `hashing`, `failures` | how many passwords are compared at once; failed logins on record |
//!
//! Pages are made on the server and work without the script, which only saves clicks. Every form is a POST.
//!
//! To add a page: write its handler, which takes `Staff`, and its line into [`pages`]. The line names the
//! action that the role must allow; there is no page without a line.

mod acts;
mod audit;
mod borrower;
mod borrowers;
mod chart;
mod cookie;
mod csrf;
mod done;
mod evidence;
mod failures;
mod figures;
mod form;
mod gateways;
mod hashing;
mod login;
mod messages;
mod notices;
mod oidc;
mod page;
mod queue_acts;
mod queues;
mod refusal;
mod resends;
mod routes;
mod search;
mod session;
mod staff;
mod suppressions;
mod texts;
mod timeline;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use minijinja::context;

use self::failures::LoginFailures;
use self::hashing::Hashing;
use self::oidc::OidcLogin;
use self::page::{Frame, page};
pub use self::staff::PageAccess;
use self::staff::{Staff, frame_of, language};
use super::limit::Limit;
use super::public::Public;
use super::{HttpError, within_patience};
use crate::app::App;
use crate::clock::entropy;
use crate::config;
use crate::domain::{Action, AuditAction, AuditSubject, AuditValues, NewAuditEntry};
use crate::pipeline::ActivityCache;
use crate::store::{Store, StoreError};

/// The dependencies of the console.
#[derive(Clone)]
pub struct Console {
    /// Its store is the one for visitors.
    app: Arc<App>,
    settings: Arc<config::ConsoleSettings>,
    hashing: Arc<Hashing>,
    failures: Arc<LoginFailures>,
    oidc: Option<OidcLogin>,
    limit: Arc<Limit>,
    activity: Arc<ActivityCache>,
    /// The pages for borrowers, to be shown to staff.
    public: Public,
}

impl Console {
    /// The console of this process.
    ///
    /// # Errors
    /// When people are to log in by a provider that cannot be connected to from here.
    pub fn of(app: &App) -> Result<Self, reqwest::Error> {
        let settings = app.config.console.clone();
        let oidc = settings.oidc.as_ref().map(|oidc| OidcLogin::new(oidc, &app.clock)).transpose()?;
        let limit = Limit::new(settings.requests_per_minute, settings.client_header.clone(), &app.clock);
        Ok(Self {
            hashing: Arc::new(Hashing::new(Arc::clone(&app.clock))),
            failures: Arc::default(),
            oidc,
            limit: Arc::new(limit),
            activity: Arc::default(),
            settings: Arc::new(settings),
            public: Public::of(app),
            app: Arc::new(app.for_visitors()),
        })
    }

    fn store(&self) -> &dyn Store {
        &*self.app.store
    }

    fn url(&self) -> &config::ConsoleUrl {
        &self.settings.url
    }

    /// Waits for an answer of the store as long as a page does.
    async fn patiently<T>(&self, answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, HttpError> {
        within_patience(&*self.app.clock, answer).await
    }

    /// Records what a person does that changes nothing else.
    async fn note(&self, staff: &Staff, action: AuditAction, subject: AuditSubject) -> Result<(), HttpError> {
        let (at, values) = (self.app.clock.now(), AuditValues::default());
        let entry = NewAuditEntry { at, actor: None, action, subject, values };
        self.patiently(self.store().append(&staff.origin(), &[entry])).await.map(drop)
    }

    /// The page that says that the store does not answer.
    fn unavailable(&self, error: &HttpError, headers: &HeaderMap) -> Response {
        tracing::error!(%error, "a page of the console could not be made");
        page(StatusCode::SERVICE_UNAVAILABLE, "unavailable.html", &Frame::open(language(headers)), context! {})
    }
}

/// A method of a path.
pub struct Page {
    /// The method.
    pub method: Method,
    /// The path, with places for ids.
    pub path: &'static str,
    /// The demand on the person.
    pub access: PageAccess,
    handler: MethodRouter<Console>,
}

impl Page {
    fn new<H, T>(method: Method, path: &'static str, access: impl Into<PageAccess>, handler: H) -> Self
    where
        H: Handler<T, Console>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("every method of the table is an ordinary one");
        let (access, handler) = (access.into(), on(filter, handler));
        let handler = match access {
            PageAccess::Open => handler,
            access => handler.route_layer(from_fn_with_state(access, staff::admitted)),
        };
        Self { method, path, access, handler }
    }
}

impl From<Action> for PageAccess {
    fn from(action: Action) -> Self {
        Self::Needs(action)
    }
}

/// Every page, but for the files that pages load.
#[must_use]
pub fn pages() -> Vec<Page> {
    use Action::{
        ApproveNotices, ChangePreferences, ChangeRejects, ChangeReplies, ChangeSuppressions, ReadAudit, ReadFigures,
        ReadLedger, ReadMessages, ReadNotices, ReadReminders, ReadRoutes, Resend, Resolve, RevealAddresses,
    };
    use PageAccess::{LoggedIn, Open};
    const BORROWER: &str = "/console/borrowers/{merchant}/{borrower}";
    let (get, post) = (Method::GET, Method::POST);
    vec![
        Page::new(get.clone(), "/console/login", Open, login::form),
        Page::new(post.clone(), "/console/login", Open, login::log_in),
        Page::new(get.clone(), "/console/oidc/start", Open, oidc::start),
        Page::new(get.clone(), "/console/oidc/callback", Open, oidc::callback),
        Page::new(post.clone(), "/console/logout", LoggedIn, login::log_out),
        Page::new(get.clone(), "/console", ReadLedger, search::show),
        Page::new(post.clone(), "/console/find", ReadLedger, search::search),
        Page::new(get.clone(), BORROWER, ReadLedger, borrowers::show),
        Page::new(post.clone(), "/console/borrowers/{merchant}/{borrower}/reveal", RevealAddresses, borrowers::reveal),
        Page::new(post.clone(), "/console/borrowers/{merchant}/{borrower}/hold", ChangePreferences, borrowers::hold),
        Page::new(
            post.clone(),
            "/console/borrowers/{merchant}/{borrower}/release",
            ChangePreferences,
            borrowers::release,
        ),
        Page::new(
            post.clone(),
            "/console/borrowers/{merchant}/{borrower}/preferences",
            ChangePreferences,
            borrowers::prefer,
        ),
        Page::new(get.clone(), "/console/borrowers/{merchant}/{borrower}/messages/{id}", ReadMessages, messages::show),
        Page::new(
            get.clone(),
            "/console/borrowers/{merchant}/{borrower}/messages/{id}/{attempt}",
            ReadMessages,
            messages::html,
        ),
        Page::new(get.clone(), "/console/borrowers/{merchant}/{borrower}/page/{id}", ReadLedger, messages::landing),
        Page::new(
            get.clone(),
            "/console/borrowers/{merchant}/{borrower}/page/{id}/frame",
            ReadLedger,
            messages::landing_frame,
        ),
        Page::new(get.clone(), "/console/borrowers/{merchant}/{borrower}/preview", Resend, resends::preview),
        Page::new(post.clone(), "/console/borrowers/{merchant}/{borrower}/resend", Resend, resends::send),
        Page::new(post.clone(), "/console/borrowers/{merchant}/{borrower}/evidence", ReadMessages, evidence::download),
        Page::new(
            post.clone(),
            "/console/borrowers/{merchant}/{borrower}/suppress",
            ChangeSuppressions,
            suppressions::suppress,
        ),
        Page::new(
            post.clone(),
            "/console/borrowers/{merchant}/{borrower}/lift",
            ChangeSuppressions,
            suppressions::lift,
        ),
        Page::new(get.clone(), "/console/queues", ReadReminders, queues::show),
        Page::new(post.clone(), "/console/queues/take", ChangeReplies, queue_acts::take),
        Page::new(post.clone(), "/console/queues/unknown", Resolve, queue_acts::settle),
        Page::new(post.clone(), "/console/queues/reply", ChangeReplies, queue_acts::read_reply),
        Page::new(post.clone(), "/console/queues/rejects", ChangeRejects, queue_acts::sort_out),
        Page::new(get.clone(), "/console/notices/{name}", ReadNotices, notices::show),
        Page::new(post.clone(), "/console/notices/{name}", ApproveNotices, notices::let_out),
        Page::new(get.clone(), "/console/routes", ReadRoutes, routes::show),
        Page::new(get.clone(), "/console/gateways", ReadFigures, gateways::show),
        Page::new(get.clone(), "/console/figures", ReadFigures, figures::show),
        Page::new(get.clone(), "/console/funnel", ReadFigures, figures::funnel_page),
        Page::new(get, "/console/audit", ReadAudit, audit::show),
        Page::new(post, "/console/audit", ReadAudit, audit::reveal),
    ]
}

/// Serves [`pages`]; every other path is a 404.
pub fn router(console: Console) -> Router {
    let routes = pages().into_iter().fold(Router::new(), |router, one| router.route(one.path, one.handler));
    routes
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(from_fn(refusal::with_refusals))
        .layer(from_fn_with_state(console.clone(), csrf::from_own_form))
        .layer(from_fn_with_state(console.clone(), session::identified))
        .with_state(console.clone())
        .merge(files())
        .layer(from_fn_with_state(console, within_limit))
        .layer(map_response(unstored))
}

/// The files that pages load: they hold nothing of anybody.
fn files() -> Router {
    Router::new().route("/console/style.css", get(page::style)).route("/console/script.js", get(page::script))
}

async fn not_found(request: Request) -> Response {
    page(StatusCode::NOT_FOUND, "not-found.html", &frame_of(&request), context! {})
}

/// Answers as long as the client does not ask too often.
async fn within_limit(State(console): State<Console>, mut request: Request, next: Next) -> Response {
    match console.limit.admit(&mut request) {
        Ok(()) => next.run(request).await,
        Err(wait) => {
            let frame = Frame::open(language(request.headers()));
            let mut response = page(StatusCode::TOO_MANY_REQUESTS, "too-many.html", &frame, context! {});
            response.headers_mut().insert(RETRY_AFTER, (wait.as_secs() + 1).into());
            response
        }
    }
}

/// Only files are kept by a cache; redirects and their cookies are not.
async fn unstored(mut response: Response) -> Response {
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Random bytes. Without a source of them nobody logs in.
fn random<const N: usize>() -> Result<[u8; N], ()> {
    entropy().map_err(|_| tracing::error!("the operating system gave no randomness"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
