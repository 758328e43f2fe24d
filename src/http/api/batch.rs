//! Batches: a body with many items, which stay text until they are checked.
//!
//! A batch is bounded apart from other bodies. A few are taken in at once, so that memory stays flat however many
//! clients send. Reading one takes a thread of its own: other requests do not wait for it.

use std::ops::Range;

use axum::extract::{FromRequest, Request};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use tokio::sync::OwnedSemaphorePermit;

use super::Api;
use super::body::{BodyBytes, no_json, no_object};
use super::fields::Fields;
use super::idempotency::RequestKey;
use super::problem::{Problem, ProblemKind};
use crate::source::JsonItems;

/// The largest body of a batch, in bytes: as it arrives, and again once it is inflated. 10,000 instalments with every
/// field have about as many.
pub const MAX_BATCH_BODY: usize = 8 * 1024 * 1024;

/// The most items of a batch.
pub const MAX_BATCH_ITEMS: usize = 10_000;

/// How many batches are taken in at once; others wait.
pub(super) const BATCHES_AT_ONCE: usize = 4;

/// The most fields beside the items that are read.
const MAX_FIELDS: usize = 20;

/// The longest text of such a field, in bytes.
const MAX_FIELD: usize = 1_000;

/// The body of a batch, with the key under which it counts once.
#[derive(Debug)]
pub(super) struct KeyedBatch {
    key: RequestKey,
    body: BodyBytes,
    place: OwnedSemaphorePermit,
}

impl FromRequest<Api> for KeyedBatch {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let key = RequestKey::of(&request)?;
        let place = api.batches.clone().acquire_owned().await.map_err(|_| ending())?;
        let body = BodyBytes::read(request, MAX_BATCH_BODY).await?;
        Ok(Self { key, body, place })
    }
}

/// A batch whose items are known.
#[derive(Debug)]
pub(super) struct OpenBatch {
    pub(super) key: RequestKey,
    pub(super) items: JsonItems,
    /// The fields beside the items.
    pub(super) fields: Fields,
    /// Its place among those that are taken in at once.
    pub(super) place: OwnedSemaphorePermit,
}

impl KeyedBatch {
    /// Finds the items of the field `list`.
    pub(super) async fn open(self, list: &'static str) -> Result<OpenBatch, Problem> {
        aside(move || self.find(list)).await?
    }

    fn find(self, list: &'static str) -> Result<OpenBatch, Problem> {
        let Self { key, body, place } = self;
        let bytes = body.inflated(MAX_BATCH_BODY)?;
        let key = key.sealed(&bytes);
        let text = String::from_utf8(bytes);
        let text = text.map_err(|_| Problem::new(ProblemKind::BadRequest, "the body is no JSON: it is not UTF-8"))?;
        let _: IgnoredAny = serde_json::from_str(&text).map_err(|error| no_json(&error))?;
        let OuterFields { list: found, others } = fields_of(&text, list).ok_or_else(no_object)?;
        let mut fields = Fields::of_body(Value::Object(others))?;
        let places = match found.map(|place| items_of(&text, place)) {
            Some(Some(places)) if places.is_empty() => Err(format!("{list} has no item")),
            Some(Some(places)) if places.len() > MAX_BATCH_ITEMS => {
                Err(format!("{list} has more than {MAX_BATCH_ITEMS} items; send them in several requests"))
            }
            Some(Some(places)) => Ok(places),
            Some(None) => Err(format!("{list} is no array")),
            None => Err(format!("{list} is missing")),
        };
        let places = places.unwrap_or_else(|fault| {
            fields.fault(list, fault);
            Vec::new()
        });
        // It is a field of the body, though it is not read as one.
        _ = fields.text(list);
        Ok(OpenBatch { key, items: JsonItems::new(text, places), fields, place })
    }
}

/// Runs work that takes a while on a thread of its own.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(ending()),
    }
}

pub(super) fn ending() -> Problem {
    Problem::new(ProblemKind::Unavailable, "the daemon is ending; try again soon")
}

/// A place in a text that is sound JSON.
struct JsonScan<'t> {
    text: &'t str,
    at: usize,
}

impl JsonScan<'_> {
    /// Goes behind this byte, if it is the next one but for white space.
    fn skip(&mut self, byte: u8) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        let space = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.at += space;
        let is_next = rest.get(space) == Some(&byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Goes behind the next value. Gives where it is.
    fn value(&mut self) -> Option<Range<usize>> {
        // Puts the beginning behind white space.
        self.skip(0);
        let mut values = serde_json::Deserializer::from_str(&self.text[self.at..]).into_iter::<IgnoredAny>();
        values.next()?.ok()?;
        let start = self.at;
        self.at += values.byte_offset();
        Some(start..self.at)
    }
}

/// The fields of the outer object of a batch.
struct OuterFields {
    /// Where the value of the list is, if it is there.
    list: Option<Range<usize>>,
    others: Map<String, Value>,
}

/// The fields of an object; `None` if the text is none. Of those beside the list only a few are kept, and only short
/// ones with their value.
fn fields_of(text: &str, list: &str) -> Option<OuterFields> {
    let mut scan = JsonScan { text, at: 0 };
    let (mut found, mut others) = (None, Map::new());
    if !scan.skip(b'{') {
        return None;
    }
    while !scan.skip(b'}') {
        let name: String = serde_json::from_str(&text[scan.value()?]).ok()?;
        scan.skip(b':');
        let place = scan.value()?;
        scan.skip(b',');
        if name == list {
            found = Some(place);
        } else if others.len() < MAX_FIELDS {
            let short = Some(&text[place]).filter(|value| value.len() <= MAX_FIELD);
            let value = short.and_then(|value| serde_json::from_str(value).ok());
            others.insert(name.chars().take(MAX_FIELD).collect(), value.unwrap_or(Value::Bool(true)));
        }
    }
    Some(OuterFields { list: found, others })
}

/// Where the items of an array are, and no more than one above the limit; `None` if it is no array.
fn items_of(text: &str, place: Range<usize>) -> Option<Vec<Range<usize>>> {
    let mut scan = JsonScan { text: &text[..place.end], at: place.start };
    let mut items = Vec::new();
    if !scan.skip(b'[') {
        return None;
    }
    while items.len() <= MAX_BATCH_ITEMS && !scan.skip(b']') {
        items.push(scan.value()?);
        scan.skip(b',');
    }
    Some(items)
}

#[cfg(test)]
mod tests {
    use super::{OuterFields, fields_of, items_of};

    #[test]
    fn items_are_found_where_they_are() {
        let text = "{ \"a\": 1, \"items\" :\n[ {\"x\": [1, 2]}, \"]\\\"\" , 3,null ], \"merchant\": \"mall\" }";
        let OuterFields { list: found, others } = fields_of(text, "items").expect("it is an object");
        let places = items_of(text, found.expect("it is there")).expect("it is an array");
        let items: Vec<_> = places.into_iter().map(|place| &text[place]).collect();
        assert_eq!(items, ["{\"x\": [1, 2]}", "\"]\\\"\"", "3", "null"]);
        assert_eq!((others["a"].as_i64(), others["merchant"].as_str()), (Some(1), Some("mall")));
    }

    #[test]
    fn what_is_no_list_is_seen() {
        for (text, is_there) in [("{}", false), ("{\"items\": {}}", true), ("{\"items\":null}", true)] {
            let found = fields_of(text, "items").expect("it is an object").list;
            assert_eq!(found.is_some(), is_there, "{text}");
            assert_eq!(found.and_then(|place| items_of(text, place)), None, "{text}");
        }
        assert_eq!(items_of("[ ]", 0..3), Some(Vec::new()));
        for text in ["[]", "7", "\"{}\""] {
            assert!(fields_of(text, "items").is_none(), "{text}");
        }
    }
}
