//! The section `[console]`: where the staff's desk listens, how long sessions last, and how people log in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ::http::HeaderName;
use reqwest::Url;
use secrecy::SecretString;

use super::api::Api;
use super::http::Http;
use super::reading::Section;
use super::value::{Value, base_address, duration, flag, integer, listen, parsed, text, word};
use crate::domain::{MerchantId, StaffRole};

/// `[console]`: the desk of the staff.
#[derive(Debug, Clone)]
pub struct ConsoleSettings {
    /// Whether the daemon serves it.
    pub is_enabled: bool,
    /// The address of its server.
    pub listen: SocketAddr,
    /// Where browsers reach it, without a path.
    pub url: ConsoleUrl,
    /// How long a session lasts that nobody uses.
    pub session_idle: Duration,
    /// How long a session lasts in all.
    pub session_length: Duration,
    /// Whether people log in by a password of a local account.
    pub has_local_accounts: bool,
    /// The provider by which people log in, if there is one.
    pub oidc: Option<Oidc>,
    /// How many requests of one client are answered in a minute.
    pub requests_per_minute: u32,
    /// The header in which the front server names the client.
    pub client_header: Option<HeaderName>,
}

/// The address of the console in browsers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleUrl {
    /// Scheme, host and port, as browsers write an origin.
    pub origin: String,
    /// Whether it is https: cookies are then for https only.
    pub is_https: bool,
}

/// `[console.oidc]`: the provider by which people log in.
#[derive(Debug, Clone)]
pub struct Oidc {
    /// Its name on the button.
    pub name: String,
    /// The issuer, exactly as in the provider's own discovery document.
    pub issuer: String,
    /// The id of the console at the provider.
    pub client_id: String,
    /// Its secret there.
    pub client_secret: SecretString,
    /// The scopes besides `openid`.
    pub scopes: Vec<String>,
    /// The claim with the name of a person who logs in for the first time.
    pub name_claim: String,
    /// How the provider decides about roles; `None` where each person is added by `dueherald user add --oidc`.
    pub grants: Option<OidcGrants>,
}

/// The claims that decide about a person's role and merchants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcGrants {
    /// The claim whose values give the role.
    pub role_claim: String,
    /// The role of each value. Of several, the highest counts.
    pub roles: BTreeMap<String, StaffRole>,
    /// The merchants.
    pub merchants: OidcMerchants,
}

/// The merchants of people who log in by OIDC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OidcMerchants {
    /// The same for everybody.
    Fixed(BTreeSet<MerchantId>),
    /// The values of a claim.
    Claim(String),
}

pub(super) fn read(
    mut section: Section<'_, '_, '_>,
    http: Option<&Http>,
    api: Option<&Api>,
) -> Option<ConsoleSettings> {
    let is_enabled = section.or("enabled", false, flag);
    let listen = section.or("listen", SocketAddr::from((Ipv4Addr::LOCALHOST, 8082)), listen);
    let everywhere = section.or("allow_all_addresses", false, flag);
    let default_url = ConsoleUrl { origin: "http://127.0.0.1:8082".to_owned(), is_https: false };
    let url = section.or("url", default_url, url);
    let session_idle = section.or("session_idle", Duration::from_secs(30 * 60), minutes);
    let session_length = section.or("session_length", Duration::from_secs(10 * 3_600), minutes);
    let has_local_accounts = section.or("local_accounts", true, flag);
    let requests_per_minute = section.or("requests_per_minute", 300, |value| integer(value, 10..=60_000));
    let client_header = section
        .optional("client_header", |value| parsed::<HeaderName>(value, "no name of a header", r#""x-forwarded-for""#))
        .map(|header| header.or_else(|| http.and_then(|http| http.client_header.clone())));
    let oidc = section.optional_section("oidc").and_then(|oidc| match oidc {
        Some(oidc) => read_oidc(oidc).map(Some),
        None => Some(None),
    });
    if is_enabled == Some(true) {
        let others = http.map(|http| [http.public, http.ops]).into_iter().flatten().chain(api.map(|api| api.listen));
        if listen.is_some_and(|at| at.port() != 0 && others.into_iter().any(|other| other == at)) {
            let text =
                "is an address of [http] or [api] as well; choose another port, so that the console is not public";
            section.reading.note_at(&section.key("listen"), text);
        }
        if url.as_ref().is_some_and(|url| url.is_https) && matches!(client_header, Some(None)) {
            let text = "is missing: url is https, so people come by a front server, and all of them look like one \
                client; name the header in which it says for whom it asks, for example \"x-forwarded-for\"";
            section.reading.note_at(&section.key("client_header"), text);
        }
        if everywhere == Some(false) && listen.is_some_and(|listen| listen.ip().is_unspecified()) {
            let text = "is on all addresses of this machine, the public ones too; write the address of your own \
                network, or allow_all_addresses = true if nobody else can reach the port";
            section.reading.note_at(&section.key("listen"), text);
        }
        if has_local_accounts == Some(false) && matches!(oidc, Some(None)) {
            let text = "is false and [console.oidc] is missing: nobody could log in; write one of them";
            section.reading.note_at(&section.key("local_accounts"), text);
        }
    }
    if session_idle.zip(session_length).is_some_and(|(idle, length)| idle > length) {
        let text = "is longer than session_length; write a shorter time";
        section.reading.note_at(&section.key("session_idle"), text);
    }
    section.finish();
    Some(ConsoleSettings {
        is_enabled: is_enabled?,
        listen: listen?,
        url: url?,
        session_idle: session_idle?,
        session_length: session_length?,
        has_local_accounts: has_local_accounts?,
        oidc: oidc?,
        requests_per_minute: requests_per_minute?,
        client_header: client_header?,
    })
}

fn read_oidc(mut section: Section<'_, '_, '_>) -> Option<Oidc> {
    let name = section.or("name", "OpenID Connect".to_owned(), text);
    let issuer = section.required("issuer", r#""https://login.example.com/realms/staff""#, issuer);
    let client_id = section.required("client_id", r#""dueherald""#, text);
    let client_secret =
        section.required("client_secret", r#"{ file = "oidc.secret" }"#, |value| text(value).map(SecretString::from));
    let scopes = section.list("scopes", scope).map(|scopes| scopes.unwrap_or_else(|| vec!["profile".to_owned()]));
    let name_claim = section.or("name_claim", "preferred_username".to_owned(), text);
    let role_claim = section.optional("role_claim", text);
    let roles = section.optional_section("roles").and_then(|roles| match roles {
        Some(roles) => read_roles(roles).map(Some),
        None => Some(None),
    });
    let merchants = section.list("merchants", |value| {
        MerchantId::new(&text(value)?).map_err(|error| format!("{} {error}", value.shown()))
    });
    let merchants_claim = section.optional("merchants_claim", text);
    let complain = |key: &str, text: &str| section.reading.note_at(&section.key(key), text);
    let grants = match (role_claim?, roles?, merchants?, merchants_claim?) {
        (None, None, None, None) => None,
        (Some(role_claim), Some(roles), Some(merchants), None) if !merchants.is_empty() => {
            let merchants = OidcMerchants::Fixed(merchants.into_iter().collect());
            Some(OidcGrants { role_claim, roles, merchants })
        }
        (Some(role_claim), Some(roles), None, Some(claim)) => {
            Some(OidcGrants { role_claim, roles, merchants: OidcMerchants::Claim(claim) })
        }
        (Some(_), Some(_), _, _) => {
            complain("merchants", "is missing; write either merchants = [\"mall\"] or merchants_claim = \"merchants\"");
            None
        }
        _ => {
            complain(
                "role_claim",
                "needs [console.oidc.roles], and these need it; write both, or none of the four keys",
            );
            None
        }
    };
    section.finish();
    Some(Oidc {
        name: name?,
        issuer: issuer?,
        client_id: client_id?,
        client_secret: client_secret?,
        scopes: scopes?,
        name_claim: name_claim?,
        grants,
    })
}

/// The entries `VALUE = "ROLE"`. The values are the provider's: any text may be one.
fn read_roles(section: Section<'_, '_, '_>) -> Option<BTreeMap<String, StaffRole>> {
    let words: Vec<_> = StaffRole::ALL.iter().map(|role| (role.as_str(), *role)).collect();
    let before = section.reading.count();
    let mut roles = BTreeMap::new();
    for (name, node) in &section.entries {
        let value = Value { node: node.get_ref(), raw: section.reading.origin.raw(&node.span()) };
        match word(&value, &words) {
            Ok(role) => drop(roles.insert(name.get_ref().to_string(), role)),
            Err(text) => section.reading.note(&node.span(), section.key(name.get_ref()), text),
        }
    }
    if roles.is_empty() && section.reading.count() == before {
        section.reading.note(&section.span, section.path.as_str(), "is empty; write for example desk = \"agent\"");
    }
    (section.reading.count() == before).then_some(roles)
}

fn url(value: &Value<'_>) -> Result<ConsoleUrl, String> {
    let written = base_address(value)?;
    let url: Url = parsed(value, "no address", r#""https://desk.example.com""#)?;
    if url.path() != "/" {
        return Err(format!("{written:?} has a path; the console begins at /console by itself, leave the path out"));
    }
    Ok(ConsoleUrl { origin: url.origin().ascii_serialization(), is_https: url.scheme() == "https" })
}

/// The issuer is compared exactly, a slash at its end included.
fn issuer(value: &Value<'_>) -> Result<String, String> {
    base_address(value)?;
    text(value)
}

fn scope(value: &Value<'_>) -> Result<String, String> {
    let scope = text(value)?;
    if scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\') {
        return Ok(scope);
    }
    Err(format!("{} is no scope; write one word for each", value.shown()))
}

/// Uses are recorded to the minute, so that a session lasts two at least.
fn minutes(value: &Value<'_>) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_secs(2 * 60);
    const MOST: Duration = Duration::from_secs(7 * 24 * 3_600);
    let span = duration(value)?;
    if (LEAST..=MOST).contains(&span) { Ok(span) } else { Err("is out of range; write from 2m to 7d".to_owned()) }
}
