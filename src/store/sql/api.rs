//! The tables `api_token` and `api_request`.

use sqlx::FromRow;

use super::borrower::read;
use super::value::Moment;
use crate::domain::TokenDigest;
use crate::store::{KeptAnswer, NewToken, StoreError, TokenRecord};

/// Keeps a token, unless another that is not revoked has its name. Binds: name, digest, merchants, actions, created at,
/// expires at.
pub(in crate::store) const ADD_TOKEN: &str = "
    insert into api_token (name, digest, merchants, actions, created_at, expires_at) values ($1, $2, $3, $4, $5, $6)
    on conflict do nothing returning id";

/// All tokens.
pub(in crate::store) const TOKENS: &str = "
    select id, name, digest, merchants, actions, created_at, expires_at, revoked_at, used_at from api_token order by id";

/// The token of a digest, if it is valid. Binds: digest, now.
pub(in crate::store) const TOKEN: &str = "
    select id, name, digest, merchants, actions, created_at, expires_at, revoked_at, used_at from api_token
    where digest = $1 and revoked_at is null and (expires_at is null or expires_at > $2)";

/// Revokes a token. Binds: name, at.
pub(in crate::store) const REVOKE_TOKEN: &str =
    "update api_token set revoked_at = $2 where name = $1 and revoked_at is null";

/// Records a use, unless a later one is on record. Binds: id, now, the latest use that is long ago.
pub(in crate::store) const NOTE_USE: &str =
    "update api_token set used_at = $2 where id = $1 and (used_at is null or used_at <= $3)";

/// Forgets old requests. Binds: until, limit.
pub(in crate::store) const CLEAR: &str = "
    delete from api_request where (token, key) in (
        select o.token, o.key from api_request o where o.at <= $1 order by o.at limit $2)";

/// Begins a request, or takes it over; gives no row where neither is allowed. Binds: token, key, fingerprint, now, end
/// of the lease.
pub(in crate::store) const BEGIN: &str = "
    insert into api_request (token, key, fingerprint, attempt, at, lease_until) values ($1, $2, $3, 1, $4, $5)
    on conflict (token, key) do update set attempt = api_request.attempt + 1, lease_until = excluded.lease_until
    where api_request.status is null and api_request.lease_until <= $4
      and api_request.fingerprint = excluded.fingerprint
    returning attempt";

/// A request under its key. Binds: token, key.
pub(in crate::store) const REQUEST: &str =
    "select fingerprint, status, answer from api_request where token = $1 and key = $2";

/// Ends a request. Binds: token, key, attempt, status, answer.
pub(in crate::store) const END: &str = "
    update api_request set status = $4, answer = $5
    where token = $1 and key = $2 and attempt = $3 and status is null";

/// Moves the end of the lease of a request that has not ended. Binds: token, key, attempt, end.
pub(in crate::store) const LEASE: &str = "
    update api_request set lease_until = $4 where token = $1 and key = $2 and attempt = $3 and status is null";

#[derive(FromRow)]
pub(in crate::store) struct TokenRow {
    id: i64,
    name: String,
    digest: Vec<u8>,
    merchants: String,
    actions: String,
    created_at: Moment,
    expires_at: Option<Moment>,
    revoked_at: Option<Moment>,
    used_at: Option<Moment>,
}

impl TokenRow {
    pub(in crate::store) fn record(self) -> Result<TokenRecord, StoreError> {
        const ACTIONS: &str = "api_token.actions";
        let merchants: Vec<String> = read(&self.merchants, "api_token.merchants", |text| serde_json::from_str(text))?;
        let actions: Vec<String> = read(&self.actions, ACTIONS, |text| serde_json::from_str(text))?;
        let merchants = merchants.iter().map(|id| read(id, "api_token.merchants", str::parse));
        // An action of a later version is none that this one has.
        let actions = actions.iter().filter_map(|action| action.parse().ok());
        let digest = self.digest.try_into().map_err(|_| StoreError::Corrupt { column: "api_token.digest" })?;
        let token = NewToken {
            name: self.name,
            digest: TokenDigest(digest),
            merchants: merchants.collect::<Result<_, _>>()?,
            actions: actions.collect(),
            created_at: self.created_at.0,
            expires_at: self.expires_at.map(|at| at.0),
        };
        let (revoked_at, used_at) = (self.revoked_at.map(|at| at.0), self.used_at.map(|at| at.0));
        Ok(TokenRecord { id: self.id, token, revoked_at, used_at })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct RequestRow {
    pub(in crate::store) fingerprint: Vec<u8>,
    status: Option<i32>,
    answer: Option<String>,
}

impl RequestRow {
    /// The answer, if the request has ended.
    pub(in crate::store) fn answer(self) -> Option<KeptAnswer> {
        let status = u16::try_from(self.status?).ok()?;
        Some(KeptAnswer { status, body: self.answer.unwrap_or_default() })
    }
}
