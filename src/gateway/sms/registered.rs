//! The settings that gateways share whose providers take approved templates only.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};

use crate::domain::{LinkMode, Locale, MerchantId, TemplateName};
use crate::render::{Phrase, Placeholder, RegisteredTemplate, RegisteredTemplates, Wording};

/// `{ name = "{{ … }}" }`, for texts with `${name}` in them.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct NamedParameters(BTreeMap<String, Phrase>);

/// `["{{ … }}", "{{ … }}"]`, for texts with `{1}` and `{2}` in them.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct OrderedParameters(Vec<Phrase>);

/// How the parameters of a provider are written.
pub trait Parameters {
    /// In a text.
    const PLACEHOLDER: Placeholder;

    /// Each with the name that it has there, in the provider's order.
    fn named(self) -> Vec<(String, Phrase)>;
}

impl Parameters for NamedParameters {
    const PLACEHOLDER: Placeholder = Placeholder::Dollar;

    fn named(self) -> Vec<(String, Phrase)> {
        self.0.into_iter().collect()
    }
}

impl Parameters for OrderedParameters {
    const PLACEHOLDER: Placeholder = Placeholder::Brace;

    fn named(self) -> Vec<(String, Phrase)> {
        (1..).zip(self.0).map(|(number, phrase): (u32, _)| (number.to_string(), phrase)).collect()
    }
}

/// One entry of `[gateways.*.templates.*]`: a template as the provider has approved it.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Fields<P>", bound(deserialize = "P: Parameters + Default + Deserialize<'de>"))]
pub struct TemplateSettings<P> {
    template: Option<TemplateName>,
    merchant: Option<MerchantId>,
    locale: Option<Locale>,
    wording: Wording,
    parameters: std::marker::PhantomData<P>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<P: Default> {
    /// Which of ours it stands for; by default the one that the section is named after.
    template: Option<TemplateName>,
    /// For this merchant only.
    merchant: Option<MerchantId>,
    /// The language of its text; by default the merchant's.
    locale: Option<Locale>,
    /// The provider's code for it.
    code: String,
    /// The text as the provider has approved it.
    text: String,
    /// The values of its placeholders.
    #[serde(default)]
    parameters: P,
}

impl<P: Parameters + Default> TryFrom<Fields<P>> for TemplateSettings<P> {
    type Error = String;

    fn try_from(fields: Fields<P>) -> Result<Self, String> {
        let Fields { template, merchant, locale, code, text, parameters } = fields;
        let wording = Wording::new(code, text, P::PLACEHOLDER, parameters.named())?;
        Ok(Self { template, merchant, locale, wording, parameters: std::marker::PhantomData })
    }
}

/// The templates of a section by name, as messages are made from them.
pub(super) fn registered<P: Clone>(
    templates: &BTreeMap<TemplateName, TemplateSettings<P>>,
    sign_names: &BTreeMap<MerchantId, String>,
    max_parameter: usize,
) -> RegisteredTemplates {
    let templates = templates.iter().map(|(name, settings)| {
        let TemplateSettings { template, merchant, locale, wording, .. } = settings.clone();
        RegisteredTemplate { template: template.unwrap_or_else(|| name.clone()), merchant, locale, wording }
    });
    RegisteredTemplates { templates: templates.collect(), sign_names: sign_names.clone(), max_parameter }
}

/// A link mode for a provider that lets only those links through that an approved text contains.
pub(super) fn impersonal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LinkMode, D::Error> {
    match LinkMode::deserialize(deserializer)? {
        LinkMode::Personal => Err(de::Error::custom(
            "is refused by this provider, which lets no personal link through; write \"none\", or \"fixed\" where the \
             approved text contains the link",
        )),
        mode => Ok(mode),
    }
}

/// The default: guidance without a link.
pub(super) fn no_link() -> LinkMode {
    LinkMode::None
}
