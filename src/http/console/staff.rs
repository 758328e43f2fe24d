//! The person of a request, and what a page demands of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use chrono_tz::Tz;
use minijinja::context;

use super::page::{Frame, FramePerson, page};
use super::texts::ConsoleLanguage;
use super::words::DeskWords;
use super::{Console, login};
use crate::app::App;
use crate::domain::{Action, AuditOrigin, Locale, Merchant, MerchantId, SessionDigest, StaffRole, UserName};
use crate::store::{StaffSession, Store};

/// A person who is logged in.
#[derive(Debug, Clone)]
pub(super) struct Staff {
    /// The name.
    pub(super) user: UserName,
    /// The role.
    pub(super) role: StaffRole,
    /// The merchants that the person works for.
    pub(super) merchants: BTreeSet<MerchantId>,
    /// The session.
    pub(super) session: SessionDigest,
    /// The address that the request came from, if it is known.
    client: Option<String>,
    csrf: String,
    locale: Locale,
    time_zone: Option<Tz>,
}

impl Staff {
    /// The person of a session. A person without a language gets that of the browser.
    pub(super) fn of(
        session: StaffSession,
        digest: SessionDigest,
        client: Option<String>,
        headers: &HeaderMap,
    ) -> Self {
        let user = session.user.user;
        let locale = user.locale.or_else(|| Locale::new(language(headers).tag()).ok());
        Self {
            user: user.name,
            role: user.grant.role,
            merchants: user.grant.merchants,
            session: digest,
            client,
            csrf: session.csrf.token(),
            locale: locale.expect("the tags of the console's languages are locales"),
            time_zone: user.time_zone,
        }
    }

    /// Whether the person works for a merchant. What belongs to another one is a 404, as if it did not exist.
    pub(super) fn may_see(&self, merchant: &MerchantId) -> bool {
        self.merchants.contains(merchant)
    }

    /// Whether the person may see what is of that merchant; or of nobody known, which is for those who work for every
    /// merchant of the config.
    pub(super) fn may_see_of(&self, merchant: Option<&MerchantId>, app: &App) -> bool {
        match merchant {
            Some(merchant) => self.may_see(merchant),
            None => app.policy.merchants.keys().all(|id| self.may_see(id)),
        }
    }

    /// The merchants of the config that the person works for.
    pub(super) fn merchants_of(&self, app: &App) -> BTreeMap<MerchantId, Merchant> {
        let known = app.policy.merchants.iter().filter(|(id, _)| self.may_see(id));
        known.map(|(id, merchant)| (id.clone(), merchant.clone())).collect()
    }

    /// The store for what the person changes: each change leaves its entry in the audit log.
    pub(super) fn store(&self, console: &Console) -> Arc<dyn Store> {
        console.store().signed(self.origin())
    }

    /// The origin of what the person does, for the audit log.
    pub(super) fn origin(&self) -> AuditOrigin {
        AuditOrigin::desk(self.user.as_str(), &self.session.tag(), self.client.as_deref())
    }

    /// The hidden field `csrf` of every form.
    pub(super) fn csrf_token(&self) -> &str {
        &self.csrf
    }

    /// The locale of the person.
    pub(super) fn locale(&self) -> &Locale {
        &self.locale
    }

    /// The language of the texts.
    pub(super) fn language(&self) -> ConsoleLanguage {
        ConsoleLanguage::of(&self.locale)
    }

    /// The zone in which times of a merchant are shown: the person's own, or else the merchant's.
    pub(super) fn time_zone(&self, merchant: &Merchant) -> Tz {
        self.time_zone.unwrap_or(merchant.time_zone)
    }

    /// The words of pages that are about several merchants. Times are in the person's own zone, or else in that of the
    /// first merchant.
    pub(super) fn words(&self, console: &Console) -> DeskWords {
        let first = console.app.policy.merchants.iter().find(|(id, _)| self.may_see(id));
        let zone = self.time_zone.or_else(|| first.map(|(_, merchant)| merchant.time_zone));
        DeskWords::new(self.language(), zone.unwrap_or(Tz::UTC))
    }

    /// The frame of the person's pages.
    pub(super) fn frame(&self) -> Frame {
        let (name, role, csrf) = (self.user.to_string(), self.role.as_str(), self.csrf.clone());
        Frame { lang: self.language().tag(), person: Some(FramePerson { name, role, csrf }) }
    }
}

impl FromRequestParts<Console> for Staff {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &Console) -> Result<Self, Response> {
        let staff = parts.extensions.get().cloned();
        staff.ok_or_else(|| login::redirect(None))
    }
}

/// The language that the browser asks for.
pub(super) fn language(headers: &HeaderMap) -> ConsoleLanguage {
    ConsoleLanguage::accepted(headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default())
}

/// The frame for whoever asks: that of the person, or that of pages before the login.
pub(super) fn frame_of(request: &Request) -> Frame {
    let staff = request.extensions().get::<Staff>();
    staff.map_or_else(|| Frame::open(language(request.headers())), Staff::frame)
}

/// The demand of a page on the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageAccess {
    /// Nothing: it is open to everybody who reaches the console.
    Open,
    /// To be logged in.
    LoggedIn,
    /// A role that allows the action.
    Needs(Action),
}

impl PageAccess {
    /// Whether a role is let in.
    #[must_use]
    pub fn allows(self, role: StaffRole) -> bool {
        match self {
            Self::Open | Self::LoggedIn => true,
            Self::Needs(action) => role.allows(action),
        }
    }
}

/// Lets a person in whose role allows what the page needs. Others are asked to log in, or read why not.
pub(super) async fn admitted(State(access): State<PageAccess>, request: Request, next: Next) -> Response {
    let Some(staff) = request.extensions().get::<Staff>() else {
        let is_page = *request.method() == Method::GET;
        return login::redirect(request.uri().path_and_query().map(|path| path.as_str()).filter(|_| is_page));
    };
    if access.allows(staff.role) {
        return next.run(request).await;
    }
    page(StatusCode::FORBIDDEN, "forbidden.html", &staff.frame(), context! {})
}

/// Leads on with a GET, whatever the method was.
pub(super) fn see_other(path: &str) -> Response {
    Redirect::to(path).into_response()
}
