//! A source of `kind = "hook"`: webhooks of the lender's system.

use secrecy::{ExposeSecret, SecretString};
use toml::de::DeValue;

use crate::config::reading::Section;
use crate::config::value::{Value, text, word};
use crate::domain::SourceName;
use crate::source::{Column, HookCondition, HookField, HookMap, HookValue};

/// A source of `kind = "hook"`.
#[derive(Debug, Clone)]
pub struct HookSource {
    /// How a request shows that it comes from the lender's system.
    pub proof: HookProof,
    /// The secrets: the current one, and older ones that are still accepted.
    pub secrets: Vec<SecretString>,
    /// The mapping of bodies.
    pub map: HookMap,
    /// The source to pull when a webhook arrives.
    pub then_pull: Option<SourceName>,
}

/// How a request shows that it comes from the lender's system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookProof {
    /// HMAC-SHA256 of the body.
    Signature {
        /// The header with the signature.
        header: String,
        /// A text before the signature.
        prefix: String,
        /// The encoding of the signature.
        encoding: SignatureEncoding,
    },
    /// The secret in `Authorization: Bearer`.
    Bearer,
    /// The secret in the address, as `?secret=…`, for systems that know no other way.
    Address,
}

/// The encoding of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureEncoding {
    /// Hexadecimal digits.
    Hex,
    /// Base64.
    Base64,
}

/// The least length of a secret, in characters.
const LEAST_SECRET: usize = 16;

/// The systems whose webhooks are known. Theirs carry numbers alone, so that a pull has to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Preset {
    Fineract,
    KillBill,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProofWord {
    Signature,
    Bearer,
    Address,
}

/// Reads the keys that this kind has beside the common ones.
pub(super) fn read(section: &mut Section<'_, '_, '_>, has_merchant: bool) -> Option<HookSource> {
    let proofs =
        [("hmac-sha256", ProofWord::Signature), ("bearer", ProofWord::Bearer), ("address", ProofWord::Address)];
    let proof = section.required("verify", r#""hmac-sha256""#, |value| word(value, &proofs));
    let secrets = section.one_or_more("secret", secret);
    if let Some(None) = secrets {
        section.missing("secret", r#"{ env = "HOOK_SECRET" }"#);
    }
    let proof = match proof {
        Some(ProofWord::Signature) => signature(section),
        Some(ProofWord::Bearer) => Some(HookProof::Bearer),
        Some(ProofWord::Address) => Some(HookProof::Address),
        None => None,
    };
    let presets = [("fineract", Preset::Fineract), ("killbill", Preset::KillBill)];
    let preset = section.optional("preset", |value| word(value, &presets));
    let then_pull = section.optional("then_pull", |value| {
        SourceName::new(text(value)?).map_err(|problem| format!("{problem}; name a source that is pulled"))
    });
    let map = match preset? {
        Some(preset) => Some(preset.map()),
        None => map(section),
    };
    if !has_merchant {
        section.missing("merchant", r#""mall""#);
    }
    let (map, then_pull) = (map?, then_pull?);
    if !map.has_values() && then_pull.is_none() {
        section.missing("then_pull", r#""core""#);
    }
    Some(HookSource { proof: proof?, secrets: secrets?.unwrap_or_default(), map, then_pull })
}

fn signature(section: &mut Section<'_, '_, '_>) -> Option<HookProof> {
    let header = section.required("header", r#""X-Signature""#, |value| {
        let name = text(value)?;
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if is_name { Ok(name.to_ascii_lowercase()) } else { Err("is no name of a header".to_owned()) }
    });
    let prefix = section.or("prefix", String::new(), text);
    let encodings = [("hex", SignatureEncoding::Hex), ("base64", SignatureEncoding::Base64)];
    let encoding = section.or("encoding", SignatureEncoding::Hex, |value| word(value, &encodings));
    Some(HookProof::Signature { header: header?, prefix: prefix?, encoding: encoding? })
}

fn secret(value: &Value<'_>) -> Result<SecretString, String> {
    let secret = SecretString::from(text(value)?);
    if secret.expose_secret().chars().count() < LEAST_SECRET {
        return Err(format!("is shorter than {LEAST_SECRET} characters; make one with: openssl rand -hex 32"));
    }
    Ok(secret)
}

fn map(section: &mut Section<'_, '_, '_>) -> Option<HookMap> {
    let when = section.optional("when", when);
    let items = section.optional("items", |value| pointer(&text(value)?));
    let mut table = section.section("map");
    let columns = Column::ALL.iter().copied().filter(|column| *column != Column::Merchant).map(HookField::Column);
    let mut fields = Vec::new();
    let mut is_sound = true;
    for field in columns.chain(HookField::OF_PAYMENT) {
        match table.optional(field.name(), field_value) {
            Some(value) => fields.extend(value.map(|value| (field, value))),
            None => is_sound = false,
        }
    }
    let has = |wanted: HookField| fields.iter().any(|(field, _)| *field == wanted);
    let mut needed = Vec::new();
    if !fields.is_empty() {
        needed.push(HookField::Column(Column::InstallmentId));
    }
    if HookField::OF_PAYMENT.into_iter().any(has) {
        let more = [Column::Amount, Column::Currency].map(HookField::Column);
        needed.extend(more.into_iter().chain([HookField::PaymentId, HookField::State]));
    }
    for field in needed.into_iter().filter(|field| is_sound && !has(*field)) {
        table.missing(field.name(), r#""/path/in/the/body""#);
    }
    table.finish();
    let (when, items) = (when?, items?);
    is_sound.then(|| HookMap { when: when.unwrap_or_default(), items, fields })
}

fn pointer(text: &str) -> Result<String, String> {
    if text.starts_with('/') {
        return Ok(text.to_owned());
    }
    Err(r#"is no JSON pointer; write for example "/body/loanId", or a constant as { const = "CNY" }"#.to_owned())
}

fn field_value(value: &Value<'_>) -> Result<HookValue, String> {
    if let DeValue::Table(table) = value.node {
        let constant = table.get("const").map(|node| node.get_ref());
        return match (constant, table.len()) {
            (Some(DeValue::String(text)), 1) => Ok(HookValue::Constant(text.to_string())),
            _ => Err(r#"is no constant; write for example { const = "CNY" }"#.to_owned()),
        };
    }
    pointer(&text(value)?).map(HookValue::Pointer)
}

/// Conditions: a table of JSON pointers, each with a text or a list of texts.
fn when(value: &Value<'_>) -> Result<Vec<HookCondition>, String> {
    let wrong = || r#"is no condition; write for example { "/entity" = ["LOAN"] }"#.to_owned();
    let DeValue::Table(table) = value.node else { return Err(wrong()) };
    let text_of = |node: &DeValue<'_>| match node {
        DeValue::String(text) => Ok(text.to_string()),
        _ => Err(wrong()),
    };
    let condition = |(name, node): (&toml::Spanned<std::borrow::Cow<'_, str>>, &toml::Spanned<DeValue<'_>>)| {
        let is_one_of = match node.get_ref() {
            DeValue::Array(items) => items.iter().map(|item| text_of(item.get_ref())).collect::<Result<_, _>>()?,
            one => vec![text_of(one)?],
        };
        Ok(HookCondition { pointer: pointer(name.get_ref()).map_err(|_| wrong())?, is_one_of, is_prefix: false })
    };
    table.iter().map(condition).collect()
}

impl Preset {
    /// Which of the system's webhooks are worth a pull.
    fn map(self) -> HookMap {
        let condition = match self {
            // Whatever happens to a loan names it; other entities do not.
            Self::Fineract => HookCondition { pointer: "/loanId".to_owned(), is_one_of: Vec::new(), is_prefix: false },
            Self::KillBill => HookCondition {
                pointer: "/eventType".to_owned(),
                is_one_of: ["INVOICE_", "PAYMENT_"].map(str::to_owned).to_vec(),
                is_prefix: true,
            },
        };
        HookMap { when: vec![condition], ..HookMap::default() }
    }
}
