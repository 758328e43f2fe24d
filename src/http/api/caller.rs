//! Authentication: the token of a request, what it allows, and how often.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, HeaderMap};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;

use super::fields::Fields;
use super::problem::{Problem, ProblemKind};
use super::request_id::RequestId;
use super::{Api, OPEN_PATHS};
use crate::config::ApiToken;
use crate::domain::{
    Action, AuditAction, AuditOrigin, AuditSubject, AuditValues, BorrowerId, BorrowerKey, Merchant, MerchantId,
    NewAuditEntry, Token,
};
use crate::http::{Fingerprint, fingerprint};
use crate::pipeline::AuditNote;
use crate::store::{Store, TokenRecord};

/// The most characters of the name of a person: with that of a token it fits into the record.
const MAX_PERSON: usize = 140;

/// The name of the token of a request, for the log.
#[derive(Debug, Clone)]
pub(super) struct CallerName(pub(super) Arc<str>);

/// The token that authenticated a request.
#[derive(Debug, Clone)]
pub(super) struct Caller(Arc<CallerGrant>, Option<RequestId>);

/// The name of a token, and what it allows.
#[derive(Debug)]
struct CallerGrant {
    /// The name on record for what it does.
    name: Arc<str>,
    /// Tells it from every other token, whatever their names.
    id: String,
    merchants: BTreeSet<MerchantId>,
    actions: BTreeSet<Action>,
    /// Known to nobody who does not know the token.
    seal: Fingerprint,
}

impl Caller {
    /// The name on record for what it does.
    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    /// Tells it from every other token.
    pub(super) fn id(&self) -> &str {
        &self.0.id
    }

    /// The store for the changes of its request: each has an entry in the audit log.
    pub(super) fn store(&self, api: &Api) -> Arc<dyn Store> {
        api.store().signed(self.origin())
    }

    /// Records what the caller sees whole, before it does. Nothing to see leaves no entry.
    pub(super) async fn record(&self, api: &Api, action: AuditAction, about: &[AuditSubject]) -> Result<(), Problem> {
        if about.is_empty() {
            return Ok(());
        }
        let at = api.app.clock.now();
        let entry = |subject: &AuditSubject| NewAuditEntry {
            at,
            actor: None,
            action,
            subject: subject.clone(),
            values: AuditValues::default(),
        };
        let entries: Vec<_> = about.iter().map(entry).collect();
        api.patiently(api.store().append(&self.origin(), &entries)).await?;
        Ok(())
    }

    fn origin(&self) -> AuditOrigin {
        AuditOrigin::api(self.name(), self.1.as_ref().map_or("", RequestId::as_str))
    }

    /// A key that only the token gives: not even its digest in the database does.
    pub(super) fn seal(&self) -> &[u8] {
        &self.0.seal
    }

    /// Whether it allows the action, for its merchants.
    pub(super) fn allows(&self, action: Action) -> bool {
        self.0.actions.contains(&action)
    }

    /// Its merchants.
    pub(super) fn merchants(&self) -> &BTreeSet<MerchantId> {
        &self.0.merchants
    }

    /// The actor for the record: the token, and the person that the body names in `by`.
    pub(super) fn actor(&self, fields: &mut Fields) -> String {
        let name = self.name();
        let signed = |person: &str| AuditNote::new(&format!("{person} by {name}"), "-").map(|note| note.actor);
        let by = fields.read("by", |person| {
            let person = person.trim();
            let is_sound = (1..=MAX_PERSON).contains(&person.chars().count());
            signed(person).ok().filter(|_| is_sound).ok_or("by is no name of at most 140 characters in one line")
        });
        by.unwrap_or_else(|| name.to_owned())
    }

    /// The actor and the `reason` of a body, for the record.
    pub(super) fn note(&self, fields: &mut Fields) -> Option<AuditNote> {
        let actor = self.actor(fields);
        let reason = fields.text("reason");
        let reason = fields.require("reason", reason)?;
        AuditNote::new(&actor, &reason).map_err(|error| fields.fault("reason", error.to_string())).ok()
    }

    /// A merchant of the path or the body, if it is one of the token's and of the config's.
    pub(super) fn merchant<'a>(&self, api: &'a Api, id: &str) -> Result<&'a Merchant, Problem> {
        let id = MerchantId::new(id).ok().filter(|id| self.0.merchants.contains(id));
        let merchant = id.and_then(|id| api.app.policy.merchants.get(&id));
        merchant.ok_or_else(|| Problem::not_found("merchant"))
    }

    /// The merchant that a query names, or else the only one of the token. What is wrong with the query goes first.
    pub(super) fn merchant_of_query(&self, api: &Api, fields: &mut Fields) -> Result<MerchantId, Problem> {
        let named = fields.text("merchant");
        match (named, self.0.merchants.first(), self.0.merchants.len()) {
            (Some(named), _, _) => Ok(self.merchant(api, &named)?.id.clone()),
            (None, Some(only), 1) => Ok(only.clone()),
            (None, _, _) => {
                fields.fault("merchant", "merchant is missing: this token is for several, name one");
                Err(Problem::not_found("merchant"))
            }
        }
    }

    /// The merchant that a query names, or else every merchant of the token.
    pub(super) fn merchants_of_query(&self, api: &Api, fields: &mut Fields) -> Result<BTreeSet<MerchantId>, Problem> {
        match fields.text("merchant") {
            Some(named) => Ok([self.merchant(api, &named)?.id.clone()].into()),
            None => Ok(self.0.merchants.clone()),
        }
    }

    /// A borrower of one of its merchants, which the ledger may not know.
    pub(super) fn borrower(&self, api: &Api, merchant: &str, borrower: &str) -> Result<BorrowerKey, Problem> {
        let unknown = || Problem::not_found("borrower");
        let merchant = self.merchant(api, merchant).map_err(|_| unknown())?.id.clone();
        Ok(BorrowerKey { merchant, id: BorrowerId::new(borrower).map_err(|_| unknown())? })
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(unauthorized)
    }
}

fn unauthorized() -> Problem {
    Problem::new(ProblemKind::Unauthorized, "send a valid token as `Authorization: Bearer TOKEN`")
}

/// The tokens of the config, each with the digest of a secret that shows it.
#[derive(Clone)]
pub(super) struct ConfigTokens(Arc<[(Caller, Fingerprint)]>);

impl ConfigTokens {
    pub(super) fn new(tokens: &[ApiToken]) -> Self {
        let callers = tokens.iter().flat_map(|token| {
            let grant = Arc::new(CallerGrant {
                name: token.name.as_str().into(),
                id: format!("config:{}", token.name),
                merchants: token.merchants.clone(),
                actions: token.actions.clone(),
                // The same while a system changes from one of them to another.
                seal: seal(token.tokens.first().map_or("", |first| first.expose_secret())),
            });
            let caller = Caller(grant, None);
            token.tokens.iter().map(move |shown| (caller.clone(), fingerprint(shown.expose_secret())))
        });
        Self(callers.collect())
    }

    /// The caller of a digest. Every known one is compared, so that the time taken reveals nothing.
    fn find(&self, shown: &Fingerprint) -> Option<Caller> {
        let found = self.0.iter().fold(
            None,
            |found, (caller, known)| {
                if bool::from(shown.ct_eq(known)) { Some(caller) } else { found }
            },
        );
        found.cloned()
    }
}

fn seal(token: &str) -> Fingerprint {
    fingerprint(&format!("request {token}"))
}

/// The secret that the headers show.
fn shown(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    Some(token.trim()).filter(|_| scheme.eq_ignore_ascii_case("bearer"))
}

/// The caller whose token the headers show: a token of the config, or else one of the database.
async fn caller(api: &Api, headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
    let Some(shown) = shown(headers) else { return Ok(None) };
    if let Some(caller) = api.tokens.find(&fingerprint(shown)) {
        return Ok(Some(caller));
    }
    // A text without the form of a token costs no query.
    let Some(token) = Token::read(shown) else { return Ok(None) };
    let record = api.patiently(api.store().use_token(&token.digest(), api.app.clock.now())).await?;
    let grant = record.map(|TokenRecord { id, token, .. }| CallerGrant {
        name: token.name.into(),
        id: format!("token:{id}"),
        merchants: token.merchants,
        actions: token.actions,
        seal: seal(shown),
    });
    Ok(grant.map(|grant| Caller(Arc::new(grant), None)))
}

/// Lets requests with a valid token through, as often as the token may ask; and those for what is no secret.
pub(super) async fn authenticated(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let caller = match caller(&api, request.headers()).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let Some(Caller(grant, _)) = caller else {
        if OPEN_PATHS.contains(&request.uri().path()) {
            return next.run(request).await;
        }
        return unauthorized().into_response();
    };
    let caller = Caller(grant, request.extensions().get().cloned());
    let name = CallerName(Arc::clone(&caller.0.name));
    let mut response = match api.quota.count(caller.id().to_owned()) {
        Ok(()) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(wait) => {
            let text = format!(
                "this token may ask {} times in a minute; wait, or raise [api] requests_per_minute",
                api.app.config.api.requests_per_minute
            );
            Problem::new(ProblemKind::TooManyRequests, text).after(wait).into_response()
        }
    };
    response.extensions_mut().insert(name);
    response
}

/// Refuses a token that does not allow an endpoint's action.
pub(super) async fn allowed(State(action): State<Action>, request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>();
    if caller.is_some_and(|caller| caller.allows(action)) {
        return next.run(request).await;
    }
    let text = format!("this token does not allow the action {action}");
    Problem::new(ProblemKind::Forbidden, text).into_response()
}
