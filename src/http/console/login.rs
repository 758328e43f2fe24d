//! Log in by a local account, and log out.

use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Extension, Query, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chrono::{DateTime, Utc};
use minijinja::context;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use super::cookie::Cookie;
use super::csrf::form_token;
use super::page::{Frame, page};
use super::session::{known_device, remember_device};
use super::staff::{Staff, language, see_other};
use super::{Console, hex, random};
use crate::domain::{Credential, Password, PasswordHash, UserName};
use crate::http::HttpError;
use crate::http::limit::Client;
use crate::plan::{LoginOrigin, LoginTry, TryDecision};
use crate::store::UserRecord;

/// The page after the login, where no other was asked for.
const START: &str = "/console";

/// The longest path that a login leads back to, in bytes.
const MAX_PATH: usize = 2_000;

/// A result of a login that the page of the login shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoginFault {
    /// The name or the password is wrong, or the user is disabled.
    Wrong,
    /// There were too many tries, for so many minutes.
    Paused(i64),
    /// Too many people log in at once.
    Busy,
    /// The provider does not answer, or gave a token that was refused.
    Provider,
    /// The login at the provider was broken off, or took too long.
    Broken,
    /// The provider knows the person, and the console does not.
    Stranger,
}

impl LoginFault {
    fn text(self) -> &'static str {
        match self {
            Self::Wrong => "login_wrong",
            Self::Paused(_) => "login_paused",
            Self::Busy => "login_busy",
            Self::Provider => "login_provider",
            Self::Broken => "login_broken",
            Self::Stranger => "login_stranger",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Wrong | Self::Broken | Self::Stranger => StatusCode::FORBIDDEN,
            Self::Paused(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Provider => StatusCode::BAD_GATEWAY,
        }
    }
}

/// The query of the login page.
#[derive(Debug, Deserialize)]
pub(super) struct LoginQuery {
    /// The path to lead to afterwards.
    next: Option<String>,
}

/// The form of the login page.
#[derive(Debug, Deserialize)]
pub(super) struct LoginForm {
    name: String,
    password: SecretString,
    next: Option<String>,
}

/// Leads to the login page, and from there back to a path.
pub(super) fn redirect(path: Option<&str>) -> Response {
    match path.filter(|path| *path != START) {
        Some(path) => {
            let next: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
            see_other(&format!("/console/login?next={next}"))
        }
        None => see_other("/console/login"),
    }
}

/// The path to lead to: one of the console's own pages, whatever the address of the login says.
pub(super) fn own_path(next: Option<&str>) -> &str {
    let is_own = |path: &&str| {
        let after = path.strip_prefix(START);
        after.is_some_and(|after| after.is_empty() || after.starts_with(['/', '?']))
            && path.len() <= MAX_PATH
            && !path.contains("//")
            && !path.contains("/..")
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    next.filter(is_own).unwrap_or(START)
}

/// `GET /console/login`
pub(super) async fn form(
    State(console): State<Console>,
    staff: Option<Extension<Staff>>,
    headers: HeaderMap,
    query: Result<Query<LoginQuery>, QueryRejection>,
) -> Response {
    let next = query.ok().and_then(|Query(query)| query.next);
    let next = own_path(next.as_deref());
    if staff.is_some() {
        return see_other(next);
    }
    console.login_page(&headers, next, None)
}

/// `POST /console/login`
pub(super) async fn log_in(
    State(console): State<Console>,
    client: Option<Extension<Client>>,
    headers: HeaderMap,
    form: Result<Form<LoginForm>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return console.login_page(&headers, START, Some(LoginFault::Wrong)) };
    let next = own_path(form.next.as_deref());
    if !console.settings.has_local_accounts {
        return console.login_page(&headers, next, Some(LoginFault::Wrong));
    }
    let client = client.map(|Extension(client)| client);
    match console.verify(&form, client.as_ref(), &headers).await {
        Ok(Ok(known)) => console.let_in(&known, &headers, client.as_ref(), next).await,
        Ok(Err(fault)) => console.login_page(&headers, next, Some(fault)),
        Err(error) => console.unavailable(&error, &headers),
    }
}

/// `POST /console/logout`
pub(super) async fn log_out(State(console): State<Console>, staff: Staff, headers: HeaderMap) -> Response {
    match console.patiently(staff.store(&console).end_session(&staff.session)).await {
        Ok(_) => {
            let mut response = redirect(None);
            Cookie::Session.clear(console.url(), response.headers_mut());
            response
        }
        Err(error) => console.unavailable(&error, &headers),
    }
}

impl Console {
    /// The page of the login, with what went wrong before.
    pub(super) fn login_page(&self, headers: &HeaderMap, next: &str, fault: Option<LoginFault>) -> Response {
        let known = Cookie::Form.read(self.url(), headers).filter(|cookie| cookie.len() == 64).map(str::to_owned);
        let cookie = known.or_else(|| Some(hex(&random::<32>().ok()?)));
        let minutes = match fault {
            Some(LoginFault::Paused(minutes)) => minutes,
            _ => 0,
        };
        let context = context! {
            fault => fault.map(LoginFault::text),
            minutes,
            next,
            has_local_accounts => self.settings.has_local_accounts,
            provider => self.oidc.as_ref().map(|oidc| oidc.settings().name.clone()),
            csrf => cookie.as_deref().map(form_token),
        };
        let status = fault.map_or(StatusCode::OK, LoginFault::status);
        let mut response = page(status, "login.html", &Frame::open(language(headers)), context);
        if let Some(cookie) = cookie {
            Cookie::Form.set(self.url(), response.headers_mut(), &cookie, None);
        }
        if let Some(LoginFault::Paused(minutes)) = fault {
            response.headers_mut().insert(RETRY_AFTER, (minutes * 60).into());
        }
        response
    }

    /// The user of a name and a password. Everything that fails takes the same steps, so that neither text nor time
    /// tells whether somebody has the name.
    async fn verify(
        &self,
        form: &LoginForm,
        client: Option<&Client>,
        headers: &HeaderMap,
    ) -> Result<Result<UserRecord, LoginFault>, HttpError> {
        let name = UserName::new(form.name.trim()).ok();
        let known = match &name {
            Some(name) => self.patiently(self.store().user(name)).await?,
            None => None,
        };
        let device = known.as_ref().and_then(|known| known_device(self, headers, &known.user.device_key));
        let is_known = device.is_some();
        let pseudonym = client.map(|client| self.app.composer.links.pseudonym(client.to_string().as_bytes()));
        let origin = device.map_or(LoginOrigin::Client(pseudonym), LoginOrigin::Device);
        let attempt = LoginTry { account: account(&form.name), origin };
        let decision = self.patiently(self.store().try_login(&attempt, name.as_ref())).await?;
        let user = known.as_ref().map(|known| known.user.name.clone());
        if let TryDecision::Paused { until } = decision {
            self.note_failure(user.as_ref(), client, "paused after too many tries").await?;
            return Ok(Err(LoginFault::Paused(minutes_until(until, self.app.clock.now()))));
        }
        let hash = known.as_ref().and_then(|known| match &known.user.credential {
            Credential::Password(hash) => Some(hash.clone()),
            Credential::Subject(_) => None,
        });
        let Some(password) = Password::entered(form.password.expose_secret()) else {
            self.note_failure(user.as_ref(), client, "wrong name or password").await?;
            return Ok(Err(LoginFault::Wrong));
        };
        let has_password = hash.is_some();
        let hash = hash.unwrap_or_else(PasswordHash::of_nobody);
        let Some(matches) = self.hashing.matches(hash, password, is_known).await else {
            return Ok(Err(LoginFault::Busy));
        };
        let Some(known) = known.filter(|known| matches && has_password && known.disabled_at.is_none()) else {
            metrics::counter!(crate::pipeline::figures::REQUESTS_REFUSED, "reason" => "login").increment(1);
            self.note_failure(user.as_ref(), client, "wrong name or password").await?;
            return Ok(Err(LoginFault::Wrong));
        };
        self.patiently(self.store().forget_login_tries(&attempt)).await?;
        Ok(Ok(known))
    }

    /// Begins the session of a user, and leads to a page.
    pub(super) async fn let_in(
        &self,
        known: &UserRecord,
        headers: &HeaderMap,
        client: Option<&Client>,
        next: &str,
    ) -> Response {
        match self.begin_session(&known.user, headers, client).await {
            Ok(Some(mut cookies)) => {
                if matches!(known.user.credential, Credential::Password(_)) {
                    remember_device(self, headers, &known.user.device_key, &mut cookies);
                }
                let mut response = see_other(next);
                response.headers_mut().extend(cookies);
                response
            }
            Ok(None) => self.login_page(headers, next, Some(LoginFault::Wrong)),
            Err(error) => self.unavailable(&error, headers),
        }
    }
}

/// A pseudonym of an entered name, in the spelling that names have. Whether somebody has it makes no difference.
fn account(entered: &str) -> String {
    const MOST_CHARS: usize = 200;
    let name: String = entered.trim().nfkc().flat_map(char::to_lowercase).nfkc().take(MOST_CHARS).collect();
    hex(&Sha256::digest(name)[..16])
}

fn minutes_until(until: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    ((until - now).num_seconds().max(0) + 59) / 60
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{account, own_path};

    #[rstest]
    #[case::a_page("/console/borrowers/mall/b1?x=1", "/console/borrowers/mall/b1?x=1")]
    #[case::the_start("/console?q=1", "/console?q=1")]
    #[case::elsewhere("https://evil.example", "/console")]
    #[case::elsewhere_by_two_slashes("//evil.example/console", "/console")]
    #[case::elsewhere_behind_the_beginning("/console//evil.example", "/console")]
    #[case::another_name("/console.evil.example", "/console")]
    #[case::backwards("/console/../r/token", "/console")]
    #[case::by_a_backslash("/console/\\evil.example", "/console")]
    #[case::with_a_line("/console/\r\nset-cookie: a=b", "/console")]
    #[case::of_nothing("", "/console")]
    fn a_login_leads_to_a_page_of_the_console(#[case] next: &str, #[case] expected: &str) {
        assert_eq!(own_path(Some(next)), expected);
    }

    #[test]
    fn one_name_is_one_account_in_any_spelling() {
        assert_eq!(account(" Li.Na "), account("ｌｉ.na"));
        assert_ne!(account("li.na"), account("li.ne"));
    }
}
