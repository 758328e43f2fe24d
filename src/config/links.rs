//! The section `[links]`: the addresses in messages, and how long they hold.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use secrecy::SecretString;

use super::reading::Section;
use super::value::{Value, base_address, days, integer, text};

/// `[links]`: what seals the links in messages, and where the internet reaches us.
#[derive(Debug, Clone)]
pub struct Links {
    /// The first one seals, all of them open.
    pub keys: Vec<LinkKey>,
    /// Where the public address of `[http]` is reached from outside, without a slash at its end: what providers call
    /// begins with it.
    pub base: Option<String>,
    /// How long the links in messages are good for.
    pub lifetime: LinkLifetime,
}

/// How long a link in a message shows more than whom to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkLifetime {
    /// After the due date that its message is about.
    pub after_due: TimeDelta,
    /// After everything was paid or cancelled, if that comes earlier.
    pub after_payment: TimeDelta,
}

impl Default for LinkLifetime {
    fn default() -> Self {
        Self { after_due: TimeDelta::days(90), after_payment: TimeDelta::days(30) }
    }
}

impl LinkLifetime {
    /// Whether it is over `today`, at `now`, for a due date of which nothing has been owed since `settled_at`.
    #[must_use]
    pub fn is_over(
        self,
        due_date: NaiveDate,
        settled_at: Option<DateTime<Utc>>,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> bool {
        today - due_date > self.after_due || settled_at.is_some_and(|settled_at| now - settled_at > self.after_payment)
    }
}

/// One entry of `[[links.keys]]`.
#[derive(Debug, Clone)]
pub struct LinkKey {
    /// Stands in every link that was sealed with the key; an id that was once used is never given to another key.
    pub id: u8,
    /// The key's text, [`LEAST_KEY_BYTES`] or more.
    pub secret: SecretString,
}

/// The least length of a link key.
pub const LEAST_KEY_BYTES: usize = 32;

pub(super) fn read(mut section: Section<'_, '_, '_>) -> Option<Links> {
    let before = section.reading.count();
    let base = section.optional("base", base_address);
    let usual = LinkLifetime::default();
    let length = |value: &Value<'_>| days(value).map(|days| TimeDelta::days(i64::from(days)));
    let after_due = section.or("valid_for", usual.after_due, length);
    let after_payment = section.or("valid_after_payment", usual.after_payment, length);
    let mut taken = Vec::new();
    let mut keys = Vec::new();
    let entries = section.elements("keys");
    let is_absent = entries.is_empty();
    for mut entry in entries {
        let id = entry.required("id", "1", |value| id(value, &taken));
        taken.extend(id);
        let secret = entry.required("key", r#"{ file = "link.key" }"#, secret);
        entry.finish();
        keys.extend(id.zip(secret).map(|(id, secret)| LinkKey { id, secret }));
    }
    if is_absent && section.reading.count() == before {
        let text = r#"is missing; write [[links.keys]] with id = 1 and key = { file = "link.key" }"#;
        section.reading.note_at(&section.key("keys"), text);
    }
    section.finish();
    let lifetime = LinkLifetime { after_due: after_due?, after_payment: after_payment? };
    (!keys.is_empty()).then_some(Links { keys, base: base?, lifetime })
}

fn id(value: &Value<'_>, taken: &[u8]) -> Result<u8, String> {
    let id = integer(value, 0..=u8::MAX)?;
    if taken.contains(&id) {
        return Err("is the id of another key already; choose another".into());
    }
    Ok(id)
}

/// The text of a key that something is sealed or signed with.
pub(super) fn secret(value: &Value<'_>) -> Result<SecretString, String> {
    let secret = text(value)?;
    if secret.len() < LEAST_KEY_BYTES {
        return Err(format!("is shorter than {LEAST_KEY_BYTES} bytes; make one with `openssl rand -hex 32`"));
    }
    Ok(secret.into())
}
