//! The registration of India's operators (DLT): which entity sends, and by which registered text. A message that does
//! not fit its text is rejected by the operators, so it is made from that text, and a value that does not fit stops it
//! here.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::{Locale, Merchant, MerchantId, TemplateName};
use crate::render::{LONGEST_VARIABLE, Phrase, RegisteredTemplate, RegisteredTemplates, Wording};

/// How many digits the numbers of entities and templates have.
const ID_DIGITS: usize = 19;

/// A number that the operators gave out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct DltId(String);

impl TryFrom<String> for DltId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() == ID_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(text))
        } else {
            Err(format!("is no number of {ID_DIGITS} digits; write it in quotes, as the DLT portal shows it"))
        }
    }
}

/// `dlt = { entity_id = "…", templates = { … } }` of a gateway.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DltSettings {
    /// The number of the principal entity.
    entity_id: DltId,
    /// Those of merchants that are registered for themselves.
    #[serde(default)]
    entity_ids: BTreeMap<MerchantId, DltId>,
    /// The registered texts, by the names of our templates.
    templates: BTreeMap<TemplateName, DltTemplate>,
}

/// One entry of `[gateways.*.dlt.templates.*]`: a text as it is registered.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Fields")]
pub(super) struct DltTemplate {
    template: Option<TemplateName>,
    merchant: Option<MerchantId>,
    locale: Option<Locale>,
    wording: Wording,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// Which of ours it stands for; by default the one that the section is named after.
    template: Option<TemplateName>,
    /// For this merchant only.
    merchant: Option<MerchantId>,
    /// The language of its text; by default the merchant's.
    locale: Option<Locale>,
    /// Its number.
    template_id: DltId,
    /// The text as it is registered, with the types of its variables.
    text: String,
    /// The values of its variables, in their order.
    #[serde(default)]
    variables: Vec<Phrase>,
}

impl TryFrom<Fields> for DltTemplate {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let Fields { template, merchant, locale, template_id: DltId(code), text, variables } = fields;
        Ok(Self { template, merchant, locale, wording: Wording::typed(code, text, variables)? })
    }
}

impl DltSettings {
    /// The registered texts.
    #[must_use]
    pub fn registered(&self) -> RegisteredTemplates {
        let templates = self.templates.iter().map(|(name, settings)| {
            let DltTemplate { template, merchant, locale, wording } = settings.clone();
            RegisteredTemplate { template: template.unwrap_or_else(|| name.clone()), merchant, locale, wording }
        });
        RegisteredTemplates {
            templates: templates.collect(),
            sign_names: BTreeMap::new(),
            max_parameter: LONGEST_VARIABLE,
        }
    }

    /// The number of the entity that sends a merchant's messages.
    pub(super) fn entity_id(&self, merchant: &Merchant) -> &str {
        let DltId(id) = self.entity_ids.get(&merchant.id).unwrap_or(&self.entity_id);
        id
    }

    /// The merchants that are registered for themselves.
    pub fn entities(&self) -> impl Iterator<Item = &MerchantId> {
        self.entity_ids.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::{DltId, DltSettings};
    use rstest::rstest;

    const ENTITY: &str = "entity_id = '1101234567890123456'\n";

    fn template(changed: &str) -> String {
        let text = "[templates.before-due]\ntemplate_id = '1107234567890123456'\n\
                    text = 'Dear {#alphanumeric#}, pay INR {#numeric#} at {#url#}'\n\
                    variables = ['{{ borrower.name or 1 }}', '{{ count }}', '{{ link or 1 }}']\n";
        format!("{ENTITY}{}", changed.split_once("=>").map_or(text.to_owned(), |(from, to)| text.replace(from, to)))
    }

    #[rstest]
    #[case("110123456789012345", false)]
    #[case("1101234567890123456", true)]
    #[case("11012345678901234567", false)]
    #[case("110123456789012345a", false)]
    #[case("１１０１２３４５６７８９０１２３４５６", false)]
    fn a_number_has_nineteen_digits(#[case] text: &str, #[case] is_one: bool) {
        assert_eq!(DltId::try_from(text.to_owned()).is_ok(), is_one);
    }

    #[test]
    fn a_registered_text_is_read_with_the_types_of_its_variables() {
        let settings: DltSettings = toml::from_str(&template("")).expect("it is sound");
        let registered = settings.registered();
        assert!(registered.templates[0].wording.is_typed());
        assert_eq!(registered.templates[0].wording.code(), "1107234567890123456");
    }

    #[rstest]
    #[case::short_id("1107234567890123456=>1107", "19 digits")]
    #[case::untyped("{#numeric#}=>{#var#}", "without a type")]
    #[case::fewer_values(", '{{ link or 1 }}'=>", "3 variables and `variables` holds 2")]
    #[case::link_elsewhere("'{{ count }}'=>'{{ link or 1 }}'", "variable 2 prints link")]
    #[case::unknown_name("{{ count }}=>{{ phone }}", "phone")]
    fn mistakes_are_named(#[case] changed: &str, #[case] named: &str) {
        let problem = toml::from_str::<DltSettings>(&template(changed)).expect_err("it is mistaken").to_string();
        assert!(problem.contains(named), "{problem}");
    }
}
