//! Validation of route URLs against the merchant's allowed hosts.

use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::RouteKind;
use super::app_store::is_app_store;
use super::placeholder::{BadPlaceholder, pieces};

/// The hosts that a merchant's routes may lead to: exact ones, or every host below one (`.pay.mall.example`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteHosts(Vec<String>);

/// Why the address of a route is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefusal {
    /// It cannot be read, or browsers read it in different ways.
    #[error("is no address that every browser reads alike; write for example \"https://pay.mall.example/bill\"")]
    Unclear,
    /// Not encrypted, or not for this kind of route.
    #[error("begins with {0}:, which no such route may; write https:// (an app may have a scheme of its own)")]
    Scheme(String),
    /// `https://mall.example@elsewhere.example/`.
    #[error("names a user before an @, which hides where it leads; leave that out")]
    User,
    /// An address instead of a name.
    #[error("leads to an IP address; write the name of the host")]
    Ip,
    /// A host is known by its name alone.
    #[error("names a port; leave it out, as people and their browsers look at the name of the host alone")]
    Port,
    /// It has invisible characters, or some that reverse the text, so it is not what it seems.
    #[error("has a character in it that does not show or turns the text around; leave it out")]
    Hidden,
    /// A name in other letters than the ones people read, and not on the list letter by letter.
    #[error(
        "leads to {0}, which can be made to look like another host; if it is right, write that very name into \
         route_hosts"
    )]
    LookAlike(String),
    /// It would lead to another host for each borrower.
    #[error("has a brace before its path; placeholders are allowed only after the host")]
    PlaceholderInHost,
    /// Braces that cannot be filled.
    #[error(transparent)]
    Placeholder(#[from] BadPlaceholder),
    /// A host of somebody else.
    #[error("leads to {0}, which is not on the merchant's list; write it into route_hosts if it is right")]
    Host(String),
}

/// An entry that is no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no host name in small letters; write for example \"pay.mall.example\", or \".mall.example\" for all below it"
)]
pub struct BadHost;

/// Schemes that run something, read a file, or carry a second address inside.
const NOT_OF_APPS: [&str; 14] = [
    "http",
    "javascript",
    "data",
    "file",
    "blob",
    "about",
    "vbscript",
    "ftp",
    "ws",
    "wss",
    "intent",
    "view-source",
    "tel",
    "sms",
];

/// Public shorteners of links, here and abroad.
const SHORTENERS: [&str; 24] = [
    "985.so",
    "bit.ly",
    "buff.ly",
    "cutt.ly",
    "dwz.cn",
    "goo.gl",
    "is.gd",
    "lnkd.in",
    "mrw.so",
    "ow.ly",
    "rb.gy",
    "rebrand.ly",
    "s.id",
    "shorturl.at",
    "sina.lt",
    "suo.im",
    "t.cn",
    "t.co",
    "t.ly",
    "tiny.cc",
    "tinyurl.com",
    "u.nu",
    "url.cn",
    "v.gd",
];

impl RouteHosts {
    /// The hosts of several lists.
    #[must_use]
    pub fn all_of(lists: impl IntoIterator<Item = Self>) -> Self {
        Self(lists.into_iter().flat_map(|list| list.0).collect())
    }

    /// The hosts of routes that are trusted for standing in the config; look-alikes are never among them.
    #[must_use]
    pub fn of<'r>(kinds: impl IntoIterator<Item = &'r RouteKind>) -> Self {
        let hosts = kinds.into_iter().filter_map(|kind| web_host(kind.url()?).ok().flatten());
        Self(hosts.filter(|host| !is_encoded(host)).collect())
    }

    fn allows(&self, host: &str) -> bool {
        let fits = |entry: &String| match entry.strip_prefix('.') {
            Some(_) => host.len() > entry.len() && host.ends_with(entry.as_str()),
            None => entry == host,
        };
        self.0.iter().any(fits)
    }

    /// Whether the address of a route is one that a borrower may be led to.
    ///
    /// # Errors
    /// When it is not; says what is wrong.
    pub fn check(&self, kind: &RouteKind) -> Result<(), UrlRefusal> {
        check_form(kind)?;
        match kind.url().map(web_host).transpose()?.flatten() {
            Some(host) => self.check_host(host),
            None => Ok(()),
        }
    }

    /// Whether an address is an app's page in a store that people know, or on a host of the list.
    ///
    /// # Errors
    /// When it is not; says what is wrong.
    pub fn check_store(&self, url: &str) -> Result<(), UrlRefusal> {
        let host = web_host(url)?.ok_or_else(|| UrlRefusal::Scheme(scheme(url)))?;
        if url.contains(['{', '}']) {
            return Err(UrlRefusal::Unclear);
        }
        if is_app_store(&host) { Ok(()) } else { self.check_host(host) }
    }

    fn check_host(&self, host: String) -> Result<(), UrlRefusal> {
        if is_encoded(&host) {
            return if self.0.contains(&host) { Ok(()) } else { Err(UrlRefusal::LookAlike(host)) };
        }
        if self.allows(&host) { Ok(()) } else { Err(UrlRefusal::Host(host)) }
    }

    /// The entries of the list.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Whether the address is well formed for its kind, whatever host it leads to.
///
/// # Errors
/// When it is not; says what is wrong.
pub fn check_form(kind: &RouteKind) -> Result<(), UrlRefusal> {
    let Some(url) = kind.url() else { return Ok(()) };
    let host = web_host(url)?;
    pieces(url)?;
    match (kind, host) {
        (RouteKind::Web { .. }, None) => Err(UrlRefusal::Scheme(scheme(url))),
        _ => Ok(()),
    }
}

/// Whether an https address is one that links in messages may begin with. `hosts` may name a host in other letters.
///
/// # Errors
/// When it is not; says what is wrong.
pub fn check_link_base(url: &str, hosts: &RouteHosts) -> Result<(), UrlRefusal> {
    let host = web_host(url)?.ok_or_else(|| UrlRefusal::Scheme(scheme(url)))?;
    if url.contains(['{', '}']) {
        return Err(UrlRefusal::Unclear);
    }
    if is_encoded(&host) && !hosts.0.contains(&host) { Err(UrlRefusal::LookAlike(host)) } else { Ok(()) }
}

/// Whether an address is on a host where anybody can make a link: people and mail filters have learnt not to trust
/// these.
#[must_use]
pub fn is_shortened(url: &str) -> bool {
    let host = web_host(url).ok().flatten().unwrap_or_default();
    SHORTENERS.iter().any(|known| host == *known || host.strip_suffix(known).is_some_and(|rest| rest.ends_with('.')))
}

/// The host of an https address, as a browser reads it; `None` for the scheme of an app.
fn web_host(text: &str) -> Result<Option<String>, UrlRefusal> {
    // Browsers drop some of these and take a \ for a /, so that they would lead elsewhere than it looks.
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '<' | '>' | '"' | '`')) {
        return Err(UrlRefusal::Unclear);
    }
    if percent_decode_str(text).decode_utf8_lossy().chars().any(is_hidden) {
        return Err(UrlRefusal::Hidden);
    }
    if before_path(text).contains(['{', '}']) {
        return Err(UrlRefusal::PlaceholderInHost);
    }
    let url = Url::parse(text).map_err(|_| UrlRefusal::Unclear)?;
    if url.scheme() != "https" {
        let unsafe_anywhere = NOT_OF_APPS.contains(&url.scheme());
        return if unsafe_anywhere { Err(UrlRefusal::Scheme(url.scheme().to_owned())) } else { named_app(&url) };
    }
    let rest = text.strip_prefix("https://").ok_or(UrlRefusal::Unclear)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(UrlRefusal::User);
    }
    if !authority.starts_with('[') && authority.contains(':') {
        return Err(UrlRefusal::Port);
    }
    if authority.is_empty() || authority.contains('%') {
        return Err(UrlRefusal::Unclear);
    }
    match url.host() {
        Some(Host::Domain(host)) => Ok(Some(host.to_owned())),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => Err(UrlRefusal::Ip),
        None => Err(UrlRefusal::Unclear),
    }
}

/// Characters that change the direction of the text around them (Unicode Bidi_Control), or have no width.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

/// Scheme and host, as they are written.
fn before_path(text: &str) -> &str {
    let scheme = text.find(':').map_or(0, |at| at + 1);
    let start = if text[scheme..].starts_with("//") { scheme + 2 } else { scheme };
    let length = text[start..].find(['/', '?', '#']).unwrap_or(text.len() - start);
    &text[..start + length]
}

fn named_app(url: &Url) -> Result<Option<String>, UrlRefusal> {
    let user = !url.username().is_empty() || url.password().is_some();
    if user { Err(UrlRefusal::User) } else { Ok(None) }
}

fn scheme(text: &str) -> String {
    text.split(':').next().unwrap_or_default().to_owned()
}

/// Whether some label stands for letters beyond ASCII (RFC 5891).
fn is_encoded(host: &str) -> bool {
    host.split('.').any(|label| label.starts_with("xn--"))
}

fn host_entry(text: &str) -> Result<String, BadHost> {
    let name = text.strip_prefix('.').unwrap_or(text);
    let sound = |label: &str| {
        let letters = label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        !label.is_empty() && letters
    };
    let is_ip = matches!(Host::parse(name), Ok(Host::Ipv4(_) | Host::Ipv6(_)) | Err(_));
    if is_ip || !name.split('.').all(sound) { Err(BadHost) } else { Ok(text.to_owned()) }
}

impl FromStr for RouteHosts {
    type Err = BadHost;

    /// One entry.
    fn from_str(text: &str) -> Result<Self, BadHost> {
        host_entry(text).map(|host| Self(vec![host]))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::AppGuide;
    use super::{BadPlaceholder, RouteHosts, RouteKind, UrlRefusal, check_link_base, is_shortened};

    fn hosts() -> RouteHosts {
        let entries = ["pay.mall.example", ".go.mall.example", "xn--fiq228c.example"];
        RouteHosts::all_of(entries.map(|entry| entry.parse().expect("a sound host")))
    }

    fn host(name: &str) -> UrlRefusal {
        UrlRefusal::Host(name.into())
    }

    #[rstest]
    #[case::the_host("https://pay.mall.example/bill?x=1")]
    #[case::capital_letters("https://PAY.mall.example/")]
    #[case::below("https://a.b.go.mall.example/")]
    #[case::an_encoded_one_that_is_named("https://xn--fiq228c.example/")]
    #[case::placeholders("https://pay.mall.example/{installment}?o={order}&a={amount}&c={currency}#{signature}")]
    #[case::the_same_in_letters("https://中文.example/")]
    fn what_is_on_the_list_is_let_through(#[case] url: &str) {
        assert_eq!(hosts().check(&RouteKind::Web { url: url.into() }), Ok(()));
    }

    #[rstest]
    #[case::plain_http("http://pay.mall.example/", UrlRefusal::Scheme("http".into()))]
    #[case::script("javascript:alert(1)", UrlRefusal::Scheme("javascript".into()))]
    #[case::data("data:text/html,x", UrlRefusal::Scheme("data".into()))]
    #[case::no_page("mallpay://bill", UrlRefusal::Scheme("mallpay".into()))]
    #[case::no_scheme("//pay.mall.example/", UrlRefusal::Unclear)]
    #[case::one_slash("https:/pay.mall.example/", UrlRefusal::Unclear)]
    #[case::three_slashes("https:///pay.mall.example/", UrlRefusal::Unclear)]
    #[case::capital_scheme("HTTPS://pay.mall.example/", UrlRefusal::Unclear)]
    #[case::user("https://pay.mall.example@evil.example/", UrlRefusal::User)]
    #[case::empty_user("https://@pay.mall.example/", UrlRefusal::User)]
    #[case::password("https://a:b@pay.mall.example/", UrlRefusal::User)]
    #[case::backslash("https://evil.example\\@pay.mall.example/", UrlRefusal::Unclear)]
    #[case::tab("https://pay.mall.example\t/", UrlRefusal::Unclear)]
    #[case::line_break("https://pay.mall.example/\r\nSet-Cookie: a", UrlRefusal::Unclear)]
    #[case::ipv4("https://192.0.2.1/", UrlRefusal::Ip)]
    #[case::one_number("https://3221225985/", UrlRefusal::Ip)]
    #[case::hexadecimal("https://0xc0.0.2.1/", UrlRefusal::Ip)]
    #[case::ipv6("https://[2001:db8::1]/", UrlRefusal::Ip)]
    #[case::port("https://pay.mall.example:8443/", UrlRefusal::Port)]
    #[case::usual_port("https://pay.mall.example:443/", UrlRefusal::Port)]
    #[case::turned_around("https://pay.mall.example/\u{202e}llib", UrlRefusal::Hidden)]
    #[case::turned_around_in_percent_signs("https://pay.mall.example/%E2%80%AEllib", UrlRefusal::Hidden)]
    #[case::no_width("https://pay.mall.example/bi\u{200b}ll", UrlRefusal::Hidden)]
    #[case::isolate_in_a_query("https://pay.mall.example/?a=%e2%81%a6", UrlRefusal::Hidden)]
    #[case::elsewhere("https://evil.example/", host("evil.example"))]
    #[case::ends_alike("https://evilpay.mall.example/", host("evilpay.mall.example"))]
    #[case::goes_on("https://pay.mall.example.evil.example/", host("pay.mall.example.evil.example"))]
    #[case::suffix_itself("https://go.mall.example/", host("go.mall.example"))]
    #[case::last_dot("https://pay.mall.example./", host("pay.mall.example."))]
    #[case::percent("https://pay%2Emall.example/", UrlRefusal::Unclear)]
    #[case::placeholder("https://{order}.go.mall.example/", UrlRefusal::PlaceholderInHost)]
    #[case::placeholder_for_a_port("https://pay.mall.example:{order}/", UrlRefusal::PlaceholderInHost)]
    #[case::placeholder_for_a_user("https://{order}@pay.mall.example/", UrlRefusal::PlaceholderInHost)]
    #[case::placeholder_for_a_scheme("{order}://pay.mall.example/", UrlRefusal::PlaceholderInHost)]
    #[case::unknown_placeholder("https://pay.mall.example/?p={phone}", UrlRefusal::Placeholder(BadPlaceholder::Unknown("phone".into())))]
    #[case::cyrillic_a("https://p\u{430}y.mall.example/", UrlRefusal::LookAlike("xn--py-7kc.mall.example".into()))]
    #[case::encoded("https://xn--80ak6aa92e.go.mall.example/", UrlRefusal::LookAlike("xn--80ak6aa92e.go.mall.example".into()))]
    fn what_may_lead_astray_is_refused(#[case] url: &str, #[case] refusal: UrlRefusal) {
        assert_eq!(hosts().check(&RouteKind::Web { url: url.into() }), Err(refusal));
    }

    #[rstest]
    #[case::own_scheme("mallpay://bill", Ok(()))]
    #[case::universal("https://pay.mall.example/open", Ok(()))]
    #[case::another_host("https://evil.example/open", Err(host("evil.example")))]
    #[case::a_second_address_inside("intent://x#Intent;end", Err(UrlRefusal::Scheme("intent".into())))]
    #[case::plain_http("http://pay.mall.example/", Err(UrlRefusal::Scheme("http".into())))]
    #[case::user("mallpay://a:b@bill", Err(UrlRefusal::User))]
    #[case::filled("mallpay://bill/{installment}", Ok(()))]
    #[case::filled_without_slashes("mallpay:bill?i={installment}", Ok(()))]
    #[case::filled_in_its_host("mallpay://{installment}", Err(UrlRefusal::PlaceholderInHost))]
    fn an_app_may_have_its_own_scheme(#[case] url: &str, #[case] told: Result<(), UrlRefusal>) {
        assert_eq!(hosts().check(&RouteKind::App { url: url.into(), guide: AppGuide::default() }), told);
    }

    #[rstest]
    #[case::known("https://apps.apple.com/cn/app/id123", Ok(()))]
    #[case::own_host("https://pay.mall.example/app.apk", Ok(()))]
    #[case::elsewhere("https://apps.example/", Err(host("apps.example")))]
    #[case::not_encrypted("http://apps.apple.com/", Err(UrlRefusal::Scheme("http".into())))]
    #[case::an_app("itms-apps://apps.apple.com/", Err(UrlRefusal::Scheme("itms-apps".into())))]
    #[case::filled("https://apps.apple.com/{order}", Err(UrlRefusal::Unclear))]
    fn an_app_is_to_be_had_in_a_store_or_from_the_merchant(#[case] url: &str, #[case] told: Result<(), UrlRefusal>) {
        assert_eq!(hosts().check_store(url), told);
    }

    #[rstest]
    #[case::name("https://pay.mall.example", Ok(()))]
    #[case::below_a_path("https://pay.mall.example/bills", Ok(()))]
    #[case::an_encoded_one_that_is_named("https://中文.example", Ok(()))]
    #[case::ip("https://192.0.2.1", Err(UrlRefusal::Ip))]
    #[case::ipv6("https://[2001:db8::1]", Err(UrlRefusal::Ip))]
    #[case::port("https://pay.mall.example:8443", Err(UrlRefusal::Port))]
    #[case::cyrillic_a("https://p\u{430}y.mall.example", Err(UrlRefusal::LookAlike("xn--py-7kc.mall.example".into())))]
    #[case::turned_around("https://pay.mall.example/\u{2066}x", Err(UrlRefusal::Hidden))]
    #[case::backslash("https://pay.mall.example\\x", Err(UrlRefusal::Unclear))]
    #[case::braces("https://pay.mall.example/{order}", Err(UrlRefusal::Unclear))]
    fn links_begin_by_the_rules_of_routes(#[case] base: &str, #[case] told: Result<(), UrlRefusal>) {
        assert_eq!(check_link_base(base, &hosts()), told);
    }

    #[rstest]
    #[case("https://bit.ly/x", true)]
    #[case("https://www.t.cn/x", true)]
    #[case("https://not-t.cn/x", false)]
    #[case("https://pay.mall.example/t.cn", false)]
    fn shorteners_are_known(#[case] url: &str, #[case] is_known: bool) {
        assert_eq!(is_shortened(url), is_known);
    }

    #[rstest]
    #[case("")]
    #[case(".")]
    #[case("*.mall.example")]
    #[case("https://mall.example")]
    #[case("Mall.example")]
    #[case("mall..example")]
    #[case("192.0.2.1")]
    fn what_is_no_host_is_not_listed(#[case] entry: &str) {
        assert!(entry.parse::<RouteHosts>().is_err());
    }
}
