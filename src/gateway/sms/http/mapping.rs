//! What the callbacks of a gateway look like that the config describes.

use serde::Deserialize;
use serde_json::Value;

use super::condition::{Pointer, Scalar, scalar};
use crate::domain::{About, Fate, Reply, Report};
use crate::gateway::callback::{Callback, CallbackError};
use crate::gateway::decode::decode;
use crate::gateway::sms::read::{MAX_REPORTS, clipped, identifier, phone};
use crate::gateway::sms::verdict::provider_code;

/// Where a value stands in a callback.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Behind the `?` of the address, under this name.
    Query(String),
    /// In a form in the body, under this name.
    Form(String),
    /// In JSON in the body, or in one of its reports where `each` is given.
    Pointer(Pointer),
    /// The whole body, as text.
    Body,
}

/// `receipts = { status = …, delivered = […], undelivered = […] }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptMapping {
    /// Where the list of reports is, where one callback may bring several.
    #[serde(default)]
    pub each: Option<Pointer>,
    /// Where our reference is; `reference` in the query, as `{{ callback }}` has put it there, if neither is given.
    #[serde(default)]
    pub reference: Option<Place>,
    /// Where the gateway's own number for the message is.
    #[serde(default)]
    pub provider_id: Option<Place>,
    /// Where it says what became of the message. A callback without it is no receipt.
    pub status: Place,
    /// What it says when the message arrived.
    pub delivered: Vec<Scalar>,
    /// What it says when the message will never arrive. Anything else says nothing yet.
    pub undelivered: Vec<Scalar>,
    /// Those of `undelivered` after which nothing will ever arrive at that number: it is suppressed.
    #[serde(default)]
    pub for_good: Vec<Scalar>,
    /// Where it says why; by default the status is the reason.
    #[serde(default)]
    pub code: Option<Place>,
}

/// `replies = { from = …, text = … }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplyMapping {
    /// Where the list of replies is, where one callback may bring several.
    #[serde(default)]
    pub each: Option<Pointer>,
    /// Where the number of the one who replies is. A callback without it is no reply.
    pub from: Place,
    /// Where the words are.
    pub text: Place,
    /// Where the gateway's own number for the reply is.
    #[serde(default)]
    pub provider_id: Option<Place>,
    /// What is put before a number that has no `+`; by default `+` alone.
    #[serde(default)]
    pub prefix: Option<String>,
}

/// Reads a callback: receipts, replies, or both.
pub(super) fn read(
    receipts: Option<&ReceiptMapping>,
    replies: Option<&ReplyMapping>,
    callback: &Callback<'_>,
) -> Result<Vec<Report>, CallbackError> {
    let json: Option<Value> = serde_json::from_str(&decode(callback.body)).ok();
    let items = |each: Option<&Pointer>| match (each, &json) {
        (Some(each), Some(json)) => json.pointer(&each.0).and_then(Value::as_array).cloned().unwrap_or_default(),
        (Some(_), None) => Vec::new(),
        (None, json) => vec![json.clone().unwrap_or_default()],
    };
    // Nothing inside is what says nothing yet.
    let mut found: Vec<Option<Report>> = Vec::new();
    if let Some(mapping) = receipts {
        let items = items(mapping.each.as_ref());
        found.extend(items.iter().filter_map(|json| mapping.read(&Source { callback, json })));
    }
    if let Some(mapping) = replies {
        let items = items(mapping.each.as_ref());
        found.extend(items.iter().filter_map(|json| mapping.read(&Source { callback, json })).map(Some));
    }
    if found.is_empty() || found.len() > MAX_REPORTS {
        return Err(CallbackError::Unreadable);
    }
    Ok(found.into_iter().flatten().collect())
}

/// What one report is read from.
struct Source<'a> {
    callback: &'a Callback<'a>,
    json: &'a Value,
}

impl Source<'_> {
    fn get(&self, place: &Place) -> Option<String> {
        let field = |text: &[u8], name: &str| {
            form_urlencoded::parse(text).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        match place {
            Place::Query(name) => field(self.callback.query.as_bytes(), name),
            Place::Form(name) => field(self.callback.body, name),
            Place::Pointer(pointer) => self.json.pointer(&pointer.0).and_then(scalar),
            Place::Body => Some(decode(self.callback.body).into_owned()),
        }
    }
}

impl ReceiptMapping {
    /// `None` for what is no receipt, nothing inside for one that says nothing yet.
    fn read(&self, source: &Source<'_>) -> Option<Option<Report>> {
        let status = source.get(&self.status)?;
        let about = self.about(source)?;
        let says = |list: &[Scalar]| list.iter().any(|one| one.0 == status);
        let fate = if says(&self.delivered) {
            Fate::Delivered
        } else if says(&self.undelivered) {
            // A free text may quote the number; then the status has to do.
            let code = self.code.as_ref().and_then(|place| provider_code(&source.get(place)?));
            Fate::Undelivered { code: code.or_else(|| provider_code(&status)), for_good: says(&self.for_good) }
        } else {
            return Some(None);
        };
        Some(Some(Report::Fate { about, fate, at: None }))
    }

    fn about(&self, source: &Source<'_>) -> Option<About> {
        let get = |place: &Option<Place>| place.as_ref().and_then(|place| source.get(place));
        let reference = match (&self.reference, &self.provider_id) {
            (None, None) => source.get(&Place::Query("reference".to_owned())),
            (named, _) => get(named),
        };
        let reference = reference.and_then(|reference| identifier(&reference)).map(About::Reference);
        reference.or_else(|| identifier(&get(&self.provider_id)?).map(About::ProviderId))
    }
}

impl ReplyMapping {
    fn read(&self, source: &Source<'_>) -> Option<Report> {
        let from = phone(&source.get(&self.from)?, self.prefix.as_deref().unwrap_or("+"))?;
        let text = clipped(&source.get(&self.text)?);
        let provider_id = self.provider_id.as_ref().and_then(|place| source.get(place));
        let provider_id = provider_id.and_then(|id| identifier(&id));
        Some(Report::Reply(Reply { from, about: None, text, at: None, provider_id }))
    }
}
