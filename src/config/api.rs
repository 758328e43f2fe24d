//! The section `[api]`: where it listens, and its tokens.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use secrecy::SecretString;

use super::http::Http;
use super::reading::Section;
use super::value::{Value, flag, integer, listen, text, word};
use crate::domain::{Action, MerchantId};

/// `[api]`: where the lender's own systems talk to the daemon.
#[derive(Debug, Clone)]
pub struct Api {
    /// The address of the API server.
    pub listen: SocketAddr,
    /// Whether it listens even if neither config nor database has a token.
    pub is_enabled: bool,
    /// The most requests of one token in a minute, on each machine.
    pub requests_per_minute: u32,
    /// The tokens of the config; those of the database are valid as well.
    pub tokens: Vec<ApiToken>,
}

/// One entry of `[[api.tokens]]`.
#[derive(Debug, Clone)]
pub struct ApiToken {
    /// The name of the system that uses it; recorded with every change that the system makes.
    pub name: String,
    /// The secrets that authenticate the system, each of [`LEAST_TOKEN`] characters or more: the current one, and older
    /// ones that are still accepted.
    pub tokens: Vec<SecretString>,
    /// The merchants whose borrowers it gives access to.
    pub merchants: BTreeSet<MerchantId>,
    /// The allowed actions.
    pub actions: BTreeSet<Action>,
}

impl ApiToken {
    /// Whether it may do that for borrowers of a merchant.
    #[must_use]
    pub fn may(&self, action: Action, merchant: &MerchantId) -> bool {
        self.actions.contains(&action) && self.merchants.contains(merchant)
    }
}

/// The least length of a token, in characters.
pub const LEAST_TOKEN: usize = 32;

pub(super) fn read(mut section: Section<'_, '_, '_>, http: Option<&Http>) -> Option<Api> {
    let listen = section.or("listen", SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)), listen);
    let everywhere = section.or("allow_all_addresses", false, flag);
    let is_enabled = section.or("enabled", false, flag);
    let requests_per_minute = section.or("requests_per_minute", 600, |value| integer(value, 1..=1_000_000));
    let actions: Vec<_> = Action::OF_TOKENS.iter().map(|action| (action.as_str(), *action)).collect();
    let mut tokens: Vec<ApiToken> = Vec::new();
    for mut entry in section.elements("tokens") {
        let name = entry.required("name", r#""crm""#, |value| name(value, &tokens));
        let shown = entry.one_or_more("token", token);
        if let Some(None) = shown {
            entry.missing("token", r#"{ env = "CRM_TOKEN" }"#);
        }
        let merchants = entry.required_list("merchants", r#"["mall"]"#, |value| {
            MerchantId::new(&text(value)?).map_err(|error| format!("{} {error}", value.shown()))
        });
        let actions = entry
            .required_list("actions", r#"["read_preferences", "change_preferences"]"#, |value| word(value, &actions));
        entry.finish();
        if let (Some(name), Some(Some(shown)), Some(merchants), Some(actions)) = (name, shown, merchants, actions) {
            let (merchants, actions) = (merchants.into_iter().collect(), actions.into_iter().collect());
            tokens.push(ApiToken { name, tokens: shown, merchants, actions });
        }
    }
    let taken = |http: &Http| listen.is_some_and(|at| at.port() != 0 && [http.public, http.ops].contains(&at));
    let listens = !tokens.is_empty() || is_enabled == Some(true);
    if listens && http.is_some_and(taken) {
        let text =
            "is an address of [http] as well; choose another port, so that the API is neither public nor in the way";
        section.reading.note_at(&section.key("listen"), text);
    }
    if listens && everywhere == Some(false) && listen.is_some_and(|listen| listen.ip().is_unspecified()) {
        let text = "is on all addresses of this machine, the public ones too; write the address of your own network, \
            or \
                    allow_all_addresses = true if nobody else can reach the port";
        section.reading.note_at(&section.key("listen"), text);
    }
    section.finish();
    Some(Api { listen: listen?, is_enabled: is_enabled?, requests_per_minute: requests_per_minute?, tokens })
}

fn name(value: &Value<'_>, taken: &[ApiToken]) -> Result<String, String> {
    let name = text(value)?;
    if name.is_empty() || name.chars().count() > 50 {
        return Err("is empty or longer than 50 characters; write the name of the system that uses it".to_owned());
    }
    if taken.iter().any(|token| token.name == name) {
        return Err("is the name of another token already; choose another".to_owned());
    }
    Ok(name)
}

fn token(value: &Value<'_>) -> Result<SecretString, String> {
    let token = text(value)?;
    if token.len() < LEAST_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "is shorter than {LEAST_TOKEN} characters, or holds others than ASCII ones; make one with `openssl rand \
             -hex 32`"
        ));
    }
    Ok(token.into())
}
