//! Reads a gateway's callbacks as the config describes them.

use encoding_rs::{Encoding, UTF_8};
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::Value;

use super::condition::{Pointer, Scalar, scalar};
use crate::domain::{Reply, Report, ReportSubject, ReportedState};
use crate::gateway::callback::{Callback, CallbackError};
use crate::gateway::decode::decode;
use crate::gateway::sms::read::{MAX_REPORTS, clipped, identifier, sender};
use crate::gateway::sms::verdict::provider_code;

/// The location of a value in a callback.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallbackField {
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
    pub reference: Option<CallbackField>,
    /// Where the gateway's own number for the message is.
    #[serde(default)]
    pub provider_id: Option<CallbackField>,
    /// Where it says what became of the message. A callback without it is no receipt.
    pub status: CallbackField,
    /// The statuses of a message that arrived.
    pub delivered: Vec<Scalar>,
    /// The statuses of a message that will never arrive. Any other status decides nothing yet.
    pub undelivered: Vec<Scalar>,
    /// Those of `undelivered` after which nothing will ever arrive at that number: it is suppressed.
    #[serde(default)]
    pub for_good: Vec<Scalar>,
    /// Where it says why; by default the status is the reason.
    #[serde(default)]
    pub code: Option<CallbackField>,
}

/// `replies = { from = …, text = … }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplyMapping {
    /// Where the list of replies is, where one callback may bring several.
    #[serde(default)]
    pub each: Option<Pointer>,
    /// Where the number of the one who replies is. A callback without it is no reply.
    pub from: CallbackField,
    /// Where the words are.
    pub text: CallbackField,
    /// Where the gateway's own number for the reply is.
    #[serde(default)]
    pub provider_id: Option<CallbackField>,
    /// The country, two letters by ISO 3166, whose numbers come without its code; by default that of the merchants.
    #[serde(default)]
    pub country: Option<String>,
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

/// The callback and the JSON element that one report is read from.
struct Source<'a> {
    callback: &'a Callback<'a>,
    json: &'a Value,
}

impl Source<'_> {
    fn get(&self, place: &CallbackField) -> Option<String> {
        let charset = self.charset();
        let field = |text: &[u8], name: &str| {
            let pairs = text.split(|byte| *byte == b'&').map(|pair| {
                let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
                (&pair[..at], pair.get(at + 1..).unwrap_or_default())
            });
            pairs.into_iter().find(|(key, _)| unescaped(key) == name.as_bytes()).map(|(_, value)| {
                let bytes = unescaped(value);
                charset.map_or_else(|| decode(&bytes).into_owned(), |charset| charset.decode(&bytes).0.into_owned())
            })
        };
        match place {
            CallbackField::Query(name) => field(self.callback.query.as_bytes(), name),
            CallbackField::Form(name) => field(self.callback.body, name),
            CallbackField::Pointer(pointer) => self.json.pointer(&pointer.0).and_then(scalar),
            CallbackField::Body => Some(decode(self.callback.body).into_owned()),
        }
    }

    /// The declared charset of the body; `None` for UTF-8, which is read by default.
    fn charset(&self) -> Option<&'static Encoding> {
        let kind = self.callback.headers.get(CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
        let (_, charset) = kind.split_once("charset=")?;
        let label = charset.split(';').next()?.trim().trim_matches('"');
        Encoding::for_label(label.as_bytes()).filter(|encoding| *encoding != UTF_8)
    }
}

/// The bytes that a part of a form or a query stands for.
fn unescaped(part: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_encoding::percent_decode(&spaced).collect()
}

impl ReceiptMapping {
    /// `None` for what is no receipt, nothing inside for one that says nothing yet.
    fn read(&self, source: &Source<'_>) -> Option<Option<Report>> {
        let status = source.get(&self.status)?;
        let about = self.about(source)?;
        let says = |list: &[Scalar]| list.iter().any(|one| one.0 == status);
        let fate = if says(&self.delivered) {
            ReportedState::Delivered
        } else if says(&self.undelivered) {
            // A free text may quote the number; then the status has to do.
            let code = self.code.as_ref().and_then(|place| provider_code(&source.get(place)?));
            ReportedState::Undelivered { code: code.or_else(|| provider_code(&status)), for_good: says(&self.for_good) }
        } else {
            return Some(None);
        };
        Some(Some(Report::Fate { about, fate, at: None }))
    }

    fn about(&self, source: &Source<'_>) -> Option<ReportSubject> {
        let get = |place: &Option<CallbackField>| place.as_ref().and_then(|place| source.get(place));
        let reference = match (&self.reference, &self.provider_id) {
            (None, None) => source.get(&CallbackField::Query("reference".to_owned())),
            (named, _) => get(named),
        };
        let reference = reference.and_then(|reference| identifier(&reference)).map(ReportSubject::Reference);
        reference.or_else(|| identifier(&get(&self.provider_id)?).map(ReportSubject::ProviderId))
    }
}

impl ReplyMapping {
    fn read(&self, source: &Source<'_>) -> Option<Report> {
        let from = Some(sender(&source.get(&self.from)?)).filter(|from| !from.is_empty())?;
        let text = clipped(&source.get(&self.text)?);
        let provider_id = self.provider_id.as_ref().and_then(|place| source.get(place));
        let provider_id = provider_id.and_then(|id| identifier(&id));
        Some(Report::Reply(Reply { from, country: self.country.clone(), about: None, text, at: None, provider_id }))
    }
}
