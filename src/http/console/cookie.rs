//! The console's cookies: unreadable for scripts, of this host alone, and where the console is https, for https only.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};

use crate::config::ConsoleUrl;

/// A cookie of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cookie {
    /// The id of the session.
    Session,
    /// The devices that are known from earlier logins.
    Devices,
    /// The secret of a login by OIDC under way.
    Flow,
    /// The secret of the login form, before there is a session.
    Form,
}

impl Cookie {
    fn word(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Devices => "devices",
            Self::Flow => "flow",
            Self::Form => "form",
        }
    }

    /// Browsers accept `__Host-` only from https, for the whole host and no other: a neighbour cannot set it.
    fn name(self, url: &ConsoleUrl) -> String {
        format!("{}dueherald_{}", if url.is_https { "__Host-" } else { "" }, self.word())
    }

    /// Its value in a request.
    pub(super) fn read<'h>(self, url: &ConsoleUrl, headers: &'h HeaderMap) -> Option<&'h str> {
        let name = self.name(url);
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Sets it for so many seconds, or until the browser ends.
    pub(super) fn set(self, url: &ConsoleUrl, headers: &mut HeaderMap, value: &str, seconds: Option<i64>) {
        let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let secure = if url.is_https { "; Secure" } else { "" };
        // Lax, not Strict: links from a ticket or a chat lead to the page, and forms carry a token anyway.
        let line = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}", self.name(url));
        if let Ok(line) = HeaderValue::from_str(&line) {
            headers.append(SET_COOKIE, line);
        }
    }

    /// Takes it back.
    pub(super) fn clear(self, url: &ConsoleUrl, headers: &mut HeaderMap) {
        self.set(url, headers, "", Some(0));
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use axum::http::header::{COOKIE, SET_COOKIE};

    use super::Cookie;
    use crate::config::ConsoleUrl;

    fn url(is_https: bool) -> ConsoleUrl {
        ConsoleUrl { origin: String::new(), is_https }
    }

    #[test]
    fn a_cookie_is_for_this_host_and_for_https_alone() {
        let mut headers = HeaderMap::new();
        Cookie::Session.set(&url(true), &mut headers, "5a", None);
        Cookie::Flow.clear(&url(false), &mut headers);
        let lines: Vec<_> = headers.get_all(SET_COOKIE).iter().map(|line| line.to_str().expect("text")).collect();
        assert_eq!(lines[0], "__Host-dueherald_session=5a; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(lines[1], "dueherald_flow=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "a=b; __Host-dueherald_session=5a;c".parse().expect("text"));
        headers.append(COOKIE, "dueherald_session=6b".parse().expect("text"));
        assert_eq!(Cookie::Session.read(&url(true), &headers), Some("5a"));
        assert_eq!(Cookie::Session.read(&url(false), &headers), Some("6b"));
        assert_eq!(Cookie::Form.read(&url(true), &headers), None);
    }
}
