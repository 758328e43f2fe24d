//! Name, order and amount, for who holds the link and knows the last four digits of the phone number that is bound to the account.
//!
//! A try is counted in the store before it is looked at, so that many at once, other machines and restarts give nobody more of them.
//! There is no cookie: a sealed proof, good for [`PROOF_LASTS`] and for that page, goes with the page's forms.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::Response;
use chrono::TimeDelta;
use subtle::ConstantTimeEq;

use super::hosts::RequestHost;
use super::landing::{Access, Check, Facts};
use super::public::{Public, failed, not_found, token_of};
use super::within_patience;
use crate::plan::TryOf;

/// How long a page with the bill is good for going on from it.
const PROOF_LASTS: TimeDelta = TimeDelta::minutes(15);

/// How many digits are asked for.
const DIGITS: usize = 4;

pub(super) async fn take_digits(
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
    let Some(digits) = facts.digits() else {
        return public.show(StatusCode::BAD_REQUEST, &facts, &token, Access::Link(Check::Asked));
    };
    let Some(said) = read(&body.unwrap_or_default()) else {
        return public.show(StatusCode::BAD_REQUEST, &facts, &token, Access::Link(Check::Unclear));
    };
    let left = match within_patience(&*public.clock, public.store.try_digits(facts.reminder)).await {
        Ok(TryOf::Counted { left }) => left,
        Ok(TryOf::Paused { until }) => return public.paused(&facts, &token, until - facts.now),
        Err(error) => return failed(&error),
    };
    if !bool::from(said.as_bytes().ct_eq(digits.as_bytes())) {
        return public.show(StatusCode::FORBIDDEN, &facts, &token, Access::Link(Check::Wrong { left }));
    }
    if let Err(error) = within_patience(&*public.clock, public.store.forget_tries(facts.reminder)).await {
        tracing::warn!(%error, "tries that ended well still count");
    }
    let proof = public.proofs.seal_proof(facts.reminder, facts.now + PROOF_LASTS);
    public.show(StatusCode::OK, &facts, &token, Access::Number { proof })
}

impl Public {
    fn paused(&self, facts: &Facts, token: &str, left: TimeDelta) -> Response {
        let seconds = (left.num_milliseconds().max(0) + 999) / 1_000;
        let check = Check::Paused { minutes: (seconds + 59) / 60 };
        let mut response = self.show(StatusCode::TOO_MANY_REQUESTS, facts, token, Access::Link(check));
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
        response
    }
}

/// The digits of the form; those of Chinese keyboards are as good.
fn read(body: &[u8]) -> Option<String> {
    let (_, said) = form_urlencoded::parse(body).find(|(key, _)| key == "digits")?;
    let plain = |c: char| match c {
        '０'..='９' => char::from_digit(u32::from(c) - u32::from('０'), 10),
        c => Some(c),
    };
    let digits: String = said.trim().chars().filter_map(plain).collect();
    let sound = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    sound.then_some(digits)
}
