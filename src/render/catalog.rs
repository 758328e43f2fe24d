//! Which templates there are, and which one a message is made of.

use std::collections::{BTreeMap, HashMap};
use std::iter;

use super::{LocaleFile, Phase, RenderCause, RenderError, TemplateInfo, TemplateOrigin};
use crate::domain::{Channel, Locale};

/// The kind of a file below the message folder, derived from its path alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FileKind<'a> {
    /// To be included or extended by others; no message by itself.
    Shared,
    /// A part of a message.
    Message(MessageFile<'a>),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct MessageFile<'a> {
    merchant: Option<&'a str>,
    template: &'a str,
    locale: Locale,
    channel: Channel,
    /// Where it stands in [`TemplateInfo::files`].
    part: usize,
}

/// The folder of the merchants' own templates.
const MERCHANTS: &str = "merchants";

const LAYOUT: &str = "is no name of a template; call it TEMPLATE/sms.LOCALE.txt, or TEMPLATE/email.LOCALE. and \
    subject.txt, \
     txt or html, below merchants/MERCHANT/ if it is one merchant's, and begin what others include with _";

/// Whether a file of the message folder is handed to [`super::Renderer::new`], told from its path relative to that
/// folder, with `/` between the parts. Hidden files, editors' backups and notes of other types are not.
#[must_use]
pub fn is_template_path(path: &str) -> bool {
    let visible = path.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
    visible && (path.ends_with(".txt") || path.ends_with(".html"))
}

impl<'a> FileKind<'a> {
    pub(super) fn of(path: &'a str) -> Result<Self, String> {
        let parts: Vec<&str> = path.split('/').collect();
        if parts.iter().any(|part| part.starts_with('_')) {
            return Ok(Self::Shared);
        }
        let (merchant, template, file) = match parts[..] {
            [MERCHANTS, merchant, template, file] => (Some(merchant), template, file),
            [template, file] if template != MERCHANTS => (None, template, file),
            _ => return Err(LAYOUT.to_owned()),
        };
        let (channel, part, tag) = match file.split('.').collect::<Vec<_>>()[..] {
            ["sms", tag, "txt"] => (Channel::Sms, 0, tag),
            ["email", tag, "subject", "txt"] => (Channel::Email, 0, tag),
            ["email", tag, "txt"] => (Channel::Email, 1, tag),
            ["email", tag, "html"] => (Channel::Email, 2, tag),
            _ => return Err(LAYOUT.to_owned()),
        };
        match Locale::new(tag) {
            Ok(locale) if locale.as_str() == tag => {
                Ok(Self::Message(MessageFile { merchant, template, locale, channel, part }))
            }
            Ok(locale) => Err(format!("writes its language unusually; write {locale}")),
            Err(error) => Err(format!("is for a language that {error}")),
        }
    }
}

/// The messages that can be made, by whose they are, name, language and channel.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    general: TemplateMap,
    merchants: HashMap<Box<str>, TemplateMap>,
}

type TemplateMap = HashMap<Box<str>, HashMap<Box<str>, ByChannel>>;

#[derive(Debug, Default)]
struct ByChannel {
    sms: Option<TemplateInfo>,
    email: Option<TemplateInfo>,
}

impl ByChannel {
    fn get(&self, channel: Channel) -> Option<&TemplateInfo> {
        match channel {
            Channel::Sms => self.sms.as_ref(),
            Channel::Email => self.email.as_ref(),
        }
    }
}

/// For whom a template is looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct TemplateQuery<'a> {
    pub(super) merchant: &'a str,
    pub(super) template: Option<&'a str>,
    /// Names the fallback where `template` names no template of the channel and language.
    pub(super) phase: Option<Phase>,
    pub(super) channel: Channel,
    pub(super) locale: &'a str,
    pub(super) merchant_locale: &'a str,
}

impl Catalog {
    /// The template of a message: see the order in the documentation of [`crate::render`].
    pub(super) fn find(&self, wanted: TemplateQuery<'_>) -> Option<&TemplateInfo> {
        let own = self.merchants.get(wanted.merchant);
        let stands = |shelf: &'_ TemplateMap, name: &str, tag: &str| {
            shelf.get(name).and_then(|tags| tags.get(tag)).is_some_and(|found| found.get(wanted.channel).is_some())
        };
        let names = || wanted.template.into_iter().chain(wanted.phase.map(Phase::as_str));
        let shelves = || own.into_iter().chain(iter::once(&self.general));
        for tag in tags(wanted.locale).chain(tags(wanted.merchant_locale)).chain(iter::once("en")) {
            for name in names() {
                if let Some(shelf) = shelves().find(|shelf| stands(shelf, name, tag)) {
                    return shelf.get(name)?.get(tag)?.get(wanted.channel);
                }
            }
        }
        None
    }

    /// Whether some language, channel or merchant has this template.
    pub(super) fn has(&self, template: &str) -> bool {
        iter::once(&self.general).chain(self.merchants.values()).any(|shelf| shelf.contains_key(template))
    }

    /// Every template, general ones first, then by merchant, name, language, channel.
    pub(super) fn all(&self) -> Vec<&TemplateInfo> {
        let mut all: Vec<_> = iter::once(&self.general)
            .chain(self.merchants.values())
            .flat_map(HashMap::values)
            .flat_map(HashMap::values)
            .flat_map(|found| found.sms.iter().chain(&found.email))
            .collect();
        all.sort_unstable_by_key(|info| (&info.merchant, &info.template, &info.locale, info.channel));
        all
    }

    fn put(&mut self, info: TemplateInfo) {
        let shelf = match &info.merchant {
            Some(merchant) => self.merchants.entry(merchant.as_str().into()).or_default(),
            None => &mut self.general,
        };
        let tags = shelf.entry(info.template.as_str().into()).or_default();
        let found = tags.entry(info.locale.as_str().into()).or_default();
        match info.channel {
            Channel::Sms => found.sms = Some(info),
            Channel::Email => found.email = Some(info),
        }
    }
}

/// Gathers the files of one origin into messages; an e-mail's three parts must all be there.
pub(super) fn gather<'a>(
    catalog: &mut Catalog,
    files: impl IntoIterator<Item = (&'a str, MessageFile<'a>)>,
    origin: TemplateOrigin,
    problems: &mut Vec<RenderError>,
) {
    let mut messages: BTreeMap<_, Vec<Option<&str>>> = BTreeMap::new();
    for (path, file) in files {
        let slots = match file.channel {
            Channel::Sms => 1,
            Channel::Email => 3,
        };
        let key = (file.merchant, file.template, file.locale, file.channel);
        messages.entry(key).or_insert_with(|| vec![None; slots])[file.part] = Some(path);
    }
    for ((merchant, template, locale, channel), parts) in messages {
        let there: Vec<&str> = parts.iter().copied().flatten().collect();
        if there.len() < parts.len() {
            let all = ["subject.txt", "txt", "html"];
            let missing: Vec<_> =
                (0..parts.len()).filter(|part| parts[*part].is_none()).map(|part| all[part]).collect();
            problems.push(RenderError {
                template: there.first().copied().unwrap_or_default().to_owned(),
                line: None,
                problem: format!(
                    "is an e-mail without all its parts; put email.{locale}.{} beside it",
                    missing.join(&format!(" and email.{locale}."))
                ),
                cause: RenderCause::Template,
            });
            continue;
        }
        catalog.put(TemplateInfo {
            merchant: merchant.map(str::to_owned),
            template: template.to_owned(),
            locale,
            channel,
            origin,
            files: there.into_iter().map(str::to_owned).collect(),
        });
    }
}

/// A language tag, its parents, and the usual tag of its language: `zh-Hant-HK`, `zh-Hant`, `zh`, `zh-CN`.
pub(super) fn tags(tag: &str) -> impl Iterator<Item = &str> {
    let usual = LocaleFile::of_tag(tag).fallback();
    iter::successors(Some(tag), |tag| tag.rfind('-').map(|end| &tag[..end])).chain(usual)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{FileKind, is_template_path, tags};

    #[rstest]
    #[case("zh-Hant-HK", &["zh-Hant-HK", "zh-Hant", "zh", "zh-TW"])]
    #[case("zh", &["zh", "zh-CN"])]
    #[case("en-GB", &["en-GB", "en"])]
    #[case("fr", &["fr"])]
    fn a_language_falls_back_to_its_parents(#[case] tag: &str, #[case] chain: &[&str]) {
        assert_eq!(tags(tag).collect::<Vec<_>>(), chain);
    }

    #[test]
    fn paths_tell_what_a_file_is() {
        for path in ["overdue/sms.zh-CN.txt", "merchants/acme/overdue/email.en.subject.txt", "last-call/email.en.html"]
        {
            assert!(matches!(FileKind::of(path), Ok(FileKind::Message(_))), "{path}");
        }
        for path in ["_layout.html", "_parts/repay.txt", "merchants/acme/_footer.en.txt"] {
            assert_eq!(FileKind::of(path), Ok(FileKind::Shared), "{path}");
        }
        for path in [
            "sms.en.txt",
            "overdue/sms.txt",
            "overdue/sms.en.html",
            "overdue/mail.en.txt",
            "merchants/acme/sms.en.txt",
            "merchants/sms.en.txt",
            "a/b/c/sms.en.txt",
            "overdue/sms.zh_cn.txt",
            "overdue/sms.english-.txt",
            "overdue/email.en.title.txt",
        ] {
            assert!(FileKind::of(path).is_err(), "{path}");
        }
    }

    #[test]
    fn only_visible_text_and_html_files_are_templates() {
        assert!(is_template_path("overdue/sms.en.txt") && is_template_path("_layout.html"));
        for path in [
            "README.md",
            "overdue/.sms.en.txt",
            ".git/x.txt",
            "overdue/sms.en.txt~",
            "overdue/sms.en.txt.swp",
            "/a.txt",
        ] {
            assert!(!is_template_path(path), "{path}");
        }
    }
}
