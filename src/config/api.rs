use std::net::{Ipv4Addr, SocketAddr};

use secrecy::SecretString;

use super::http::Http;
use super::reading::Section;
use super::value::{Value, listen, text};

/// `[api]`: where the lender's own systems talk to the daemon.
#[derive(Debug, Clone)]
pub struct Api {
    /// Where it listens, if there is a token.
    pub listen: SocketAddr,
    /// Who may; nobody without one.
    pub tokens: Vec<ApiToken>,
}

/// One entry of `[[api.tokens]]`.
#[derive(Debug, Clone)]
pub struct ApiToken {
    /// Which system it is for; on record for what it does.
    pub name: String,
    /// What it shows, [`LEAST_TOKEN`] characters or more.
    pub token: SecretString,
}

/// The least length of a token, in characters.
pub const LEAST_TOKEN: usize = 32;

pub(super) fn read(mut section: Section<'_, '_, '_>, http: Option<&Http>) -> Option<Api> {
    let listen = section.or("listen", SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)), listen);
    let mut tokens: Vec<ApiToken> = Vec::new();
    for mut entry in section.elements("tokens") {
        let name = entry.required("name", r#""crm""#, |value| name(value, &tokens));
        let token = entry.required("token", r#"{ env = "CRM_TOKEN" }"#, token);
        entry.finish();
        tokens.extend(name.zip(token).map(|(name, token)| ApiToken { name, token }));
    }
    let taken = |http: &Http| listen.is_some_and(|at| at.port() != 0 && [http.public, http.ops].contains(&at));
    if !tokens.is_empty() && http.is_some_and(taken) {
        let text =
            "is an address of [http] as well; choose another port, so that the API is neither public nor in the way";
        section.reading.note_at(&section.key("listen"), text);
    }
    section.finish();
    Some(Api { listen: listen?, tokens })
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
            "is shorter than {LEAST_TOKEN} characters, or holds others than ASCII ones; make one with `openssl rand -hex 32`"
        ));
    }
    Ok(token.into())
}
