//! Users, sessions, tokens and requests that the operations about them work on.

use chrono::TimeDelta;
use dueherald::domain::{
    Action, Credential, CsrfSecret, DeviceKey, PasswordHash, SessionDigest, StaffRole, TokenDigest, User, UserGrant,
    UserName,
};
use dueherald::plan::{LoginOrigin, LoginTry};
use dueherald::store::{KeyedRequest, NewPassword, NewSession, NewToken, RequestClaim, RequestStart, Store};
use sha2::{Digest, Sha256};

use crate::fixtures::by_hand;
use crate::store::bench::START;
use crate::store::sample::{instant, merchant};

/// Puts in what is worked on, and begins a request.
pub(super) async fn prepare(helper: &dyn Store, text: &str) -> RequestClaim {
    assert!(helper.add_user(&user(text), &by_hand()).await.expect("added"));
    assert!(helper.begin_session(&session(text, "")).await.expect("begun"));
    assert!(helper.add_token(&token(text)).await.expect("added").is_some());
    match helper.begin_request(&request(text)).await.expect("begun") {
        RequestStart::Begun(claim) => claim,
        other => panic!("{other:?}"),
    }
}

pub(super) fn name(text: &str) -> UserName {
    UserName::new(text).expect("a name")
}

pub(super) fn user(text: &str) -> User {
    User {
        name: name(text),
        grant: grant(),
        locale: None,
        time_zone: None,
        credential: Credential::Password(PasswordHash::of_nobody()),
        device_key: DeviceKey([1; 32]),
    }
}

pub(super) fn grant() -> UserGrant {
    UserGrant { role: StaffRole::Agent, merchants: [merchant("mall")].into() }
}

pub(super) fn password(text: &str) -> NewPassword {
    NewPassword { name: name(text), password: PasswordHash::of_nobody(), device_key: DeviceKey([2; 32]) }
}

pub(super) fn session(text: &str, which: &str) -> NewSession {
    NewSession {
        digest: SessionDigest(digest(&format!("{text} {which}"))),
        user: name(text),
        device_key: DeviceKey([1; 32]),
        csrf: CsrfSecret([3; 32]),
        created_at: instant(START),
        ends_at: instant(START) + TimeDelta::hours(10),
        replaces: None,
    }
}

pub(super) fn login(text: &str) -> LoginTry {
    LoginTry { account: text.to_owned(), origin: LoginOrigin::Client(Some("client".to_owned())) }
}

pub(super) fn token(text: &str) -> NewToken {
    NewToken {
        name: text.to_owned(),
        digest: TokenDigest(digest(text)),
        merchants: [merchant("mall")].into(),
        actions: [Action::Resend].into(),
        created_at: instant(START),
        expires_at: None,
    }
}

pub(super) fn request(text: &str) -> KeyedRequest {
    let (token, key) = ("crm".to_owned(), text.to_owned());
    KeyedRequest { token, key, fingerprint: [7; 32], lease: TimeDelta::seconds(10) }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}
