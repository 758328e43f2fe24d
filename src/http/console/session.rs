//! Sessions: who is logged in, how a session begins, and the devices that are known from earlier logins.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use chrono::TimeDelta;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::cookie::Cookie;
use super::staff::Staff;
use super::{Console, hex, random};
use crate::domain::{AuditOrigin, CsrfSecret, DeviceKey, SESSION_BYTES, SessionId, User};
use crate::http::HttpError;
use crate::http::limit::Client;
use crate::store::NewSession;

/// How long a browser is known after a login, in seconds.
const DEVICE_SECONDS: i64 = 180 * 24 * 3_600;

/// How many people may share one browser and be known on it.
const MOST_DEVICES: usize = 8;

/// Looks up the session of a request, and hands its [`Staff`] on. A request without one goes on as well: its page
/// decides.
pub(super) async fn identified(State(console): State<Console>, mut request: Request, next: Next) -> Response {
    let id = Cookie::Session.read(console.url(), request.headers()).and_then(SessionId::read);
    if let Some(id) = id {
        let (now, idle) = (console.app.clock.now(), TimeDelta::from_std(console.settings.session_idle));
        let idle = idle.unwrap_or(TimeDelta::MAX);
        match console.patiently(console.store().use_session(&id.digest(), now, idle)).await {
            Ok(Some(session)) => {
                let client = request.extensions().get::<Client>().map(ToString::to_string);
                let staff = Staff::of(session, id.digest(), client, request.headers());
                request.extensions_mut().insert(staff);
            }
            Ok(None) => {}
            Err(error) => return console.unavailable(&error, request.headers()),
        }
    }
    next.run(request).await
}

impl Console {
    /// Begins a session of a user, under a new id: one that the browser had before, whoever set it, ends. Gives the
    /// headers that set the cookies; `None` if the user may not log in any more.
    pub(super) async fn begin_session(
        &self,
        user: &User,
        request: &HeaderMap,
        client: Option<&Client>,
    ) -> Result<Option<HeaderMap>, HttpError> {
        let now = self.app.clock.now();
        let Ok(bytes) = random::<SESSION_BYTES>() else { return Ok(None) };
        let Ok(csrf) = random() else { return Ok(None) };
        let id = SessionId::new(bytes);
        let before = Cookie::Session.read(self.url(), request).and_then(SessionId::read);
        let session = NewSession {
            digest: id.digest(),
            user: user.name.clone(),
            device_key: user.device_key.clone(),
            csrf: CsrfSecret(csrf),
            created_at: now,
            ends_at: now + TimeDelta::from_std(self.settings.session_length).unwrap_or(TimeDelta::days(1)),
            replaces: before.map(|id| id.digest()),
        };
        let client = client.map(ToString::to_string);
        let origin = AuditOrigin::desk(user.name.as_str(), &session.digest.tag(), client.as_deref());
        if !self.patiently(self.store().signed(origin).begin_session(&session)).await? {
            return Ok(None);
        }
        let mut cookies = HeaderMap::new();
        Cookie::Session.set(self.url(), &mut cookies, id.reveal(), None);
        Cookie::Form.clear(self.url(), &mut cookies);
        Ok(Some(cookies))
    }
}

/// A browser that is known for a user: a random number, and its seal under the user's device key.
struct Device<'c> {
    number: &'c str,
    seal: &'c str,
}

impl<'c> Device<'c> {
    fn read_all(cookie: &'c str) -> impl Iterator<Item = Self> {
        let entries = cookie.split('~').take(MOST_DEVICES);
        entries.filter_map(|entry| entry.split_once('.').map(|(number, seal)| Self { number, seal }))
    }

    fn is_of(&self, key: &DeviceKey) -> bool {
        hex(&key.seal(self.number.as_bytes())).as_bytes().ct_eq(self.seal.as_bytes()).into()
    }
}

/// The pseudonym of the device, if the browser is known for the user.
pub(super) fn known_device(console: &Console, headers: &HeaderMap, key: &DeviceKey) -> Option<String> {
    let cookie = Cookie::Devices.read(console.url(), headers)?;
    let known = Device::read_all(cookie).find(|device| device.is_of(key))?;
    Some(hex(&Sha256::digest(known.number)[..16]))
}

/// Makes the browser known for the user, beside the others that log in on it.
pub(super) fn remember_device(console: &Console, request: &HeaderMap, key: &DeviceKey, cookies: &mut HeaderMap) {
    let Ok(number) = random::<16>() else { return };
    let number = hex(&number);
    let new = format!("{number}.{}", hex(&key.seal(number.as_bytes())));
    let before = Cookie::Devices.read(console.url(), request).unwrap_or_default();
    let others = Device::read_all(before).filter(|device| !device.is_of(key));
    let others = others.map(|device| format!("{}.{}", device.number, device.seal)).take(MOST_DEVICES - 1);
    let value: Vec<_> = std::iter::once(new).chain(others).collect();
    Cookie::Devices.set(console.url(), cookies, &value.join("~"), Some(DEVICE_SECONDS));
}
