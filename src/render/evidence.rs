//! Evidence as one HTML file that prints well, and back: what a reader sees is what the hashes cover.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use crate::domain::{EVIDENCE_FORM, EvidenceDocument, EvidenceEntry, EvidenceError, Locale, no_evidence};

const TEMPLATE: &str = include_str!("../../templates/evidence/document.html");
const CSS: &str = include_str!("../../templates/evidence/style.css");

/// The texts of the document itself, and behind them those of the console, which has words for the same reasons.
static ENGLISH: LazyLock<Texts> = LazyLock::new(|| {
    read(include_str!("../../templates/evidence/texts.en.toml"), include_str!("../../templates/console/texts.en.toml"))
});
static CHINESE: LazyLock<Texts> = LazyLock::new(|| {
    read(
        include_str!("../../templates/evidence/texts.zh-CN.toml"),
        include_str!("../../templates/console/texts.zh-CN.toml"),
    )
});

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = pages.syntax().to_builder().trim_blocks(true).lstrip_blocks(true).build();
    pages.set_syntax(syntax.expect("jinja's own delimiters are sound"));
    pages.add_template("document.html", TEMPLATE).expect("the compiled-in template parses: a test renders it");
    pages
});

struct Texts {
    own: BTreeMap<String, String>,
    console: BTreeMap<String, String>,
}

fn read(own: &str, console: &str) -> Texts {
    let read = |file| toml::from_str(file).expect("the compiled-in texts are TOML: a test reads them");
    Texts { own: read(own), console: read(console) }
}

/// The fields whose values are words, with the beginning of the keys of their texts.
const WORDS: [(&str, &str); 16] = [
    ("channel", "channel_"),
    ("event", "word_event_"),
    ("why", "reason_"),
    ("state", "status_"),
    ("status", "installment_"),
    ("suppression", "suppression_"),
    ("suppression_action", "word_suppression_"),
    ("cause", "word_cause_"),
    ("intent", "word_intent_"),
    ("action", "audit_"),
    ("door", "word_door_"),
    ("basis", "word_basis_"),
    ("personal", "word_personal_"),
    ("suppressions", "word_"),
    ("suppressions_then", "word_"),
    ("preferences_then", "word_"),
];

/// A language of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvidenceLanguage {
    /// English.
    English,
    /// Chinese, simplified.
    Chinese,
}

impl EvidenceLanguage {
    /// The language for a locale: Chinese for every variant of it, else English.
    #[must_use]
    pub fn of(locale: &Locale) -> Self {
        let primary = locale.as_str().split('-').next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("zh") { Self::Chinese } else { Self::English }
    }

    /// The tag, as HTML has it.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    fn of_document(document: &EvidenceDocument) -> Self {
        if document.about("language") == Some(Self::Chinese.tag()) { Self::Chinese } else { Self::English }
    }

    fn texts(self) -> &'static Texts {
        match self {
            Self::English => &ENGLISH,
            Self::Chinese => &CHINESE,
        }
    }

    fn say(self, key: &str) -> Option<&'static str> {
        let texts = self.texts();
        texts.own.get(key).or_else(|| texts.console.get(key)).map(String::as_str)
    }

    /// The text that says how to verify a document.
    #[must_use]
    pub fn how_to_verify(self) -> &'static str {
        self.say("how_to_verify").unwrap_or_default()
    }
}

#[derive(Serialize)]
struct DocumentPage<'d> {
    lang: &'static str,
    css: &'static str,
    form: &'static str,
    say: &'d BTreeMap<String, String>,
    entries: Vec<EntryView<'d>>,
    head: String,
}

#[derive(Serialize)]
struct EntryView<'d> {
    number: usize,
    kind: &'d str,
    title: &'d str,
    hash: String,
    fields: Vec<FieldView<'d>>,
}

#[derive(Serialize)]
struct FieldView<'d> {
    name: &'d str,
    label: &'d str,
    value: &'d str,
    /// The text in the place of a value that is a word.
    word: Option<&'static str>,
    is_text: bool,
}

impl<'d> FieldView<'d> {
    fn of(name: &'d str, value: &'d str, language: EvidenceLanguage) -> Self {
        let prefix = WORDS.iter().find(|(own, _)| *own == name).map(|(_, prefix)| *prefix);
        Self {
            name,
            label: language.say(&format!("field_{name}")).unwrap_or(name),
            value,
            word: prefix.and_then(|prefix| language.say(&format!("{prefix}{value}"))),
            is_text: matches!(name, "text" | "html"),
        }
    }
}

/// The document as HTML in its own language.
#[must_use]
pub fn evidence_html(document: &EvidenceDocument) -> String {
    let language = EvidenceLanguage::of_document(document);
    let mut entries = Vec::with_capacity(document.entries().len());
    for (place, (entry, hash)) in document.entries().iter().enumerate() {
        let fields = entry.fields().iter().skip(1);
        entries.push(EntryView {
            number: place + 1,
            kind: entry.kind(),
            title: language.say(&format!("kind_{}", entry.kind())).unwrap_or(entry.kind()),
            hash: hash.to_string(),
            fields: fields.map(|(name, value)| FieldView::of(name, value, language)).collect(),
        });
    }
    let page = DocumentPage {
        lang: language.tag(),
        css: CSS,
        form: EVIDENCE_FORM,
        say: &language.texts().own,
        entries,
        head: document.head().to_string(),
    };
    let rendered = PAGES.get_template("document.html").and_then(|template| template.render(Serde(page)));
    rendered.expect("a document has no value that the template lacks: a test renders every kind of entry")
}

/// Reads and verifies a document of HTML. `true` if the whole file is as this version writes it; another version may
/// have written it with other words around the entries.
///
/// # Errors
/// When it has another form, or a hash does not fit.
pub fn read_evidence_html(text: &str) -> Result<(EvidenceDocument, bool), EvidenceError> {
    if !text.contains(&format!("content=\"{EVIDENCE_FORM}\"")) {
        return Err(no_evidence("it does not name its form"));
    }
    let mut entries = Vec::new();
    for part in text.split("<article ").skip(1) {
        let part = part.split_once("</article>").ok_or_else(|| no_evidence("an entry does not end"))?.0;
        let (tag, content) = part.split_once('>').ok_or_else(|| no_evidence("an entry has no content"))?;
        let attribute = |name: &str| tag.split_once(&format!("{name}=\""))?.1.split_once('"').map(|(value, _)| value);
        let kind = attribute("data-kind").ok_or_else(|| no_evidence("an entry has no kind"))?;
        let hash = attribute("data-hash").ok_or_else(|| no_evidence("an entry has no hash"))?;
        let mut fields = vec![("kind".to_owned(), unescaped(kind))];
        for field in content.split("<dd data-field=\"").skip(1) {
            fields.push(field_of(field).ok_or_else(|| no_evidence("a field is not whole"))?);
        }
        entries.push((EvidenceEntry::of(fields), hash.parse().map_err(no_evidence)?));
    }
    let head = text.split_once("data-head=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(head, _)| head);
    let head = head.ok_or_else(|| no_evidence("it names no head"))?.parse().map_err(no_evidence)?;
    let count = entries.len();
    let document = EvidenceDocument::verified(entries, count, head)?;
    let is_own = evidence_html(&document) == text;
    Ok((document, is_own))
}

/// The name and the value of a field, of the text behind `<dd data-field="`.
fn field_of(text: &str) -> Option<(String, String)> {
    let (name, rest) = text.split_once('"')?;
    let (attributes, rest) = rest.split_once('>')?;
    let shown = rest.split_once("</dd>")?.0;
    let word = attributes.split_once("data-word=\"").and_then(|(_, rest)| rest.split_once('"'));
    Some((name.to_owned(), unescaped(word.map_or(shown, |(word, _)| word))))
}

/// The text that the template escaped.
fn unescaped(text: &str) -> String {
    const ESCAPES: [(&str, &str); 5] =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#x2f;", "/")];
    let text = ESCAPES.iter().fold(text.to_owned(), |text, (escape, sign)| text.replace(escape, sign));
    text.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::{EvidenceLanguage, WORDS, evidence_html, read_evidence_html};
    use crate::domain::{
        AuditAction, AuditDoor, EventKind, EvidenceDocument, EvidenceEntry, Intent, SuppressionAction,
    };

    const LANGUAGES: [EvidenceLanguage; 2] = [EvidenceLanguage::English, EvidenceLanguage::Chinese];

    fn document(language: EvidenceLanguage) -> EvidenceDocument {
        let text = "应还 ¥12 </dd></article><dd data-field=\"x\">\n &amp; it's 1/2\n";
        EvidenceDocument::chain(vec![
            EvidenceEntry::new("document").with("borrower", "B<1>").with("language", language.tag()),
            EvidenceEntry::new("message").with("event", "accepted").with("why", "a \"code\"").with("text", text),
            EvidenceEntry::new("reply").with("intent", "stop").with("text", " STOP"),
        ])
    }

    #[test]
    fn a_file_is_read_back_as_it_was_written() {
        for language in LANGUAGES {
            let document = document(language);
            let html = evidence_html(&document);
            assert_eq!(read_evidence_html(&html).expect("it is whole"), (document, true), "{html}");
            assert!(!html.contains("<script"), "{html}");
        }
    }

    #[test]
    fn a_change_of_a_file_is_found() {
        let html = evidence_html(&document(EvidenceLanguage::English));
        for (old, new) in [
            ("¥12", "¥13"),
            ("data-word=\"accepted\"", "data-word=\"delivered\""),
            (" STOP", " START"),
            ("data-field=\"why\"", "data-field=\"reason\""),
            ("<article data-kind=\"reply\"", "<article data-kind=\"act\""),
        ] {
            let changed = html.replacen(old, new, 1);
            assert!(changed != html && read_evidence_html(&changed).is_err(), "{old}");
        }
        // Words that no hash covers, and what is put between entries.
        for (old, new) in [("taken over by the gateway", "delivered"), ("</main>", "<p>Paid.</p></main>")] {
            let changed = html.replacen(old, new, 1);
            assert_ne!(changed, html);
            assert!(read_evidence_html(&changed).is_ok_and(|(_, is_own)| !is_own), "{old}");
        }
    }

    #[test]
    fn both_languages_have_every_text() {
        let keys = |language: EvidenceLanguage| language.texts().own.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(LANGUAGES[0]), keys(LANGUAGES[1]));
        let of = |field: &str| WORDS.iter().find(|(name, _)| *name == field).expect("a field of words").1;
        let words = EventKind::ALL.iter().map(|one| format!("{}{one}", of("event")));
        let words = words.chain(Intent::ALL.iter().map(|one| format!("{}{one}", of("intent"))));
        let words = words.chain(AuditDoor::ALL.iter().map(|one| format!("{}{one}", of("door"))));
        let actions = SuppressionAction::ALL.iter().map(|one| format!("{}{one}", of("suppression_action")));
        let acts = AuditAction::ALL.iter().map(|one| format!("{}{one}", of("action")));
        for key in words.chain(actions).chain(acts) {
            for language in LANGUAGES {
                assert!(language.say(&key).is_some(), "{key} in {}", language.tag());
            }
        }
    }
}
