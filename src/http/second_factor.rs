//! Name, order and amount, for who holds the link and can answer the question of its page.
//!
//! A try is counted in the store before the answer is compared, so that many at once, other machines and restarts give
//! nobody more of them. There is no cookie: a sealed proof, good for [`PROOF_LASTS`] and for that page, goes with the
//! page's forms.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::Response;
use chrono::TimeDelta;

use super::hosts::RequestHost;
use super::landing::{Access, Check, PageFacts};
use super::limit::Client;
use super::public::{Public, failed, not_found, token_of};
use super::within_patience;
use crate::plan::{AnswerTry, TryDecision};

/// How long a page with the bill is good for going on from it.
const PROOF_LASTS: TimeDelta = TimeDelta::minutes(15);

pub(super) async fn take_answer(
    State(public): State<Public>,
    host: RequestHost,
    client: Option<Extension<Client>>,
    token: Result<Path<String>, PathRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let token = token_of(token);
    let facts = match public.facts(&token, &host).await {
        Ok(Some(facts)) => facts,
        Ok(None) => return not_found(),
        Err(error) => return failed(&error),
    };
    let (Some(question), Some(borrower)) = (facts.question(), facts.account.borrower.as_ref()) else {
        return public.show(StatusCode::BAD_REQUEST, &facts, &token, Access::Link(Check::Asked));
    };
    let Some(answer) = written(&body.unwrap_or_default()).and_then(|written| question.read(&written)) else {
        return public.show(StatusCode::BAD_REQUEST, &facts, &token, Access::Link(Check::Unclear));
    };
    let client = client.map(|Extension(client)| public.proofs.pseudonym(client.to_string().as_bytes()));
    let attempt = AnswerTry { borrower: borrower.key.clone(), client };
    let left = match within_patience(&*public.clock, public.store.try_digits(&attempt)).await {
        Ok(TryDecision::Counted { left }) => left,
        Ok(TryDecision::Paused { until }) => return public.paused(&facts, &token, until - facts.now),
        Err(error) => return failed(&error),
    };
    if !question.is_right(&answer) {
        return public.show(StatusCode::FORBIDDEN, &facts, &token, Access::Link(Check::Wrong { left }));
    }
    if let Err(error) = within_patience(&*public.clock, public.store.forget_tries(&attempt)).await {
        tracing::warn!(%error, "tries that ended well still count");
    }
    let proof = public.proofs.seal_proof(facts.reminder, facts.now + PROOF_LASTS);
    public.show(StatusCode::OK, &facts, &token, Access::Number { proof })
}

impl Public {
    fn paused(&self, facts: &PageFacts, token: &str, left: TimeDelta) -> Response {
        let seconds = (left.num_milliseconds().max(0) + 999) / 1_000;
        let check = Check::Paused { minutes: (seconds + 59) / 60 };
        let mut response = self.show(StatusCode::TOO_MANY_REQUESTS, facts, token, Access::Link(check));
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
        response
    }
}

/// The value of the form's only field.
fn written(body: &[u8]) -> Option<String> {
    form_urlencoded::parse(body).find(|(key, _)| key == "digits").map(|(_, written)| written.into_owned())
}
