//! The sections `[[merchants.X.webhooks]]`: endpoints of the lender's systems.

use url::Url;

use super::reading::Section;
use super::value::{Value, lines, text, web_address, word};
use crate::domain::{EndpointKey, EndpointName, MerchantId, Network, WebhookType, is_never_connected_to};
use crate::tls;
use crate::webhook::{WebhookEndpoint, WebhookSecret};

/// Reads the endpoints of a merchant; those with a mistake are left out.
pub(super) fn read(merchant: &MerchantId, section: &mut Section<'_, '_, '_>) -> Vec<WebhookEndpoint> {
    let words: Vec<_> = WebhookType::ALL.iter().map(|kind| (kind.as_str(), *kind)).collect();
    let mut endpoints: Vec<WebhookEndpoint> = Vec::new();
    for mut entry in section.elements("webhooks") {
        let name = entry.required("name", r#""crm""#, |value| name(value, &endpoints));
        let url = entry.required("url", r#""https://crm.example.com/hooks/dueherald""#, url);
        let secrets = entry.one_or_more("secret", secret);
        if let Some(None) = secrets {
            entry.missing("secret", r#"{ file = "crm.secret" }"#);
        }
        let types = entry.list("events", |value| word(value, &words));
        let allowed_networks = entry.list("allowed_networks", |value| {
            text(value)?.parse::<Network>().map_err(|error| format!("{} is no network; {error}", value.shown()))
        });
        let ca_pem = entry.optional("ca_pem", ca_pem);
        if types.as_ref().is_some_and(|types| types.as_ref().is_some_and(Vec::is_empty)) {
            entry.reading.note_at(&entry.key("events"), "is empty; name an event, or leave the key out for all");
        }
        entry.finish();
        if let (Some(name), Some(url), Some(Some(secrets)), Some(types), Some(allowed_networks), Some(ca_pem)) =
            (name, url, secrets, types, allowed_networks, ca_pem)
        {
            endpoints.push(WebhookEndpoint {
                key: EndpointKey { merchant: merchant.clone(), name },
                url,
                secrets,
                types: types.unwrap_or_else(|| WebhookType::ALL.to_vec()).into_iter().collect(),
                allowed_networks: allowed_networks.unwrap_or_default(),
                ca_pem,
            });
        }
    }
    endpoints
}

fn name(value: &Value<'_>, known: &[WebhookEndpoint]) -> Result<EndpointName, String> {
    let name = EndpointName::new(text(value)?).map_err(|error| format!("{} {error}", value.shown()))?;
    if known.iter().any(|endpoint| endpoint.key.name == name) {
        return Err("is the name of another endpoint of this merchant already; choose another".to_owned());
    }
    Ok(name)
}

fn url(value: &Value<'_>) -> Result<Url, String> {
    let url = Url::parse(&web_address(value)?).map_err(|_| format!("{} is no address", value.shown()))?;
    let address = url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse().ok());
    if address.is_some_and(is_never_connected_to) {
        return Err("is a link-local or metadata address, to which dueherald never connects; write another".to_owned());
    }
    Ok(url)
}

fn ca_pem(value: &Value<'_>) -> Result<String, String> {
    let pem = lines(value)?;
    match tls::authorities(Some(&pem)) {
        Ok(authorities) if !authorities.is_empty() => Ok(pem),
        _ => Err(r#"is no list of certificates in PEM form; write for example { file = "ca.pem" }"#.to_owned()),
    }
}

fn secret(value: &Value<'_>) -> Result<WebhookSecret, String> {
    WebhookSecret::new(&text(value)?).map_err(|error| error.to_string())
}
