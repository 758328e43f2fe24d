//! Messages by templates that a provider has approved: the text is the provider's, and only the values of its
//! parameters are ours.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::{Environment, Value};
use serde::Deserialize;

use super::catalog::tags;
use super::check::{check_names, no_problem_with};
use super::context::{Brevity, context};
use super::engine::{RenderFault, environment, render};
use super::limits::MAX_PARAMETER_BYTES;
use super::segments::segments;
use super::typed_text::TypedText;
use super::{Phase, RenderCause, RenderError, RenderRequest};
use crate::domain::{Locale, Merchant, MerchantId, RegisteredSms, TemplateName};

/// A small template over what a message can name (see [`crate::render`]); parsed and checked once.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Phrase {
    /// One template, called [`ONLY`].
    environment: Arc<Environment<'static>>,
}

const ONLY: &str = "parameter";

impl Phrase {
    /// Whether it prints the link.
    #[must_use]
    pub fn names_link(&self) -> bool {
        self.environment.get_template(ONLY).is_ok_and(|template| template.undeclared_variables(false).contains("link"))
    }

    pub(super) fn render(&self, context: &Value) -> Result<String, RenderFault> {
        let text = render(&self.environment, ONLY, context.clone(), MAX_PARAMETER_BYTES)?.trim().to_owned();
        if text.is_empty() {
            Err(RenderFault::Result(ONLY.to_owned(), "says nothing; give it a value"))
        } else {
            Ok(text)
        }
    }
}

impl TryFrom<String> for Phrase {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut parsed = environment();
        let broken = |error| RenderFault::engine(ONLY, error).in_full().problem;
        parsed.add_template_owned(ONLY, text.clone()).map_err(broken)?;
        let mut problems = Vec::new();
        check_names(&parsed, &BTreeMap::new(), ONLY, &text, &mut problems);
        if let Some(first) = problems.into_iter().next() {
            return Err(first.problem);
        }
        let phrase = Self { environment: Arc::new(parsed) };
        no_problem_with(&phrase).map_err(|fault| fault.in_full().problem)?;
        Ok(phrase)
    }
}

impl fmt::Debug for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its text, so that a fingerprint of templates changes with it.
        let text =
            self.environment.get_template(ONLY).map_or_else(|_| String::new(), |template| template.source().to_owned());
        f.debug_tuple("Phrase").field(&text).finish()
    }
}

/// How a provider writes the place of a parameter in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// `${name}`
    Dollar,
    /// `{1}`
    Brace,
}

impl Placeholder {
    fn opening(self) -> &'static str {
        match self {
            Self::Dollar => "${",
            Self::Brace => "{",
        }
    }

    /// The text cut up: what stands between the parameters, and their names; one more of the former than of the latter.
    fn cut(self, text: &str) -> (Vec<&str>, Vec<&str>) {
        let (mut between, mut names) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once(self.opening()) {
            let Some((name, after)) = behind.split_once('}') else { break };
            between.push(before);
            names.push(name);
            rest = after;
        }
        between.push(rest);
        (between, names)
    }
}

/// One template as the provider has approved it.
#[derive(Debug, Clone)]
pub struct RegisteredTemplate {
    /// The template of dueherald that it stands for.
    pub template: TemplateName,
    /// The only merchant that uses it; `None` for all merchants.
    pub merchant: Option<MerchantId>,
    /// The language of its text; the merchant's own, if it is not said.
    pub locale: Option<Locale>,
    /// The approved text and its parameters.
    pub wording: Wording,
}

/// The text of an approved template, and how to fill its parameters.
#[derive(Debug, Clone)]
pub struct Wording {
    code: String,
    text: String,
    form: WordingForm,
    parameters: Vec<(String, Phrase)>,
}

/// How a text names its parameters.
#[derive(Debug, Clone)]
enum WordingForm {
    /// Each has a name.
    Named(Placeholder),
    /// Each has a type; they stand in their order.
    Typed(TypedText),
}

impl Wording {
    /// `code` is the provider's, `text` as the provider has approved it; `parameters` in the provider's order, each by
    /// the name that its place has in the text.
    ///
    /// # Errors
    /// What does not fit: a place without a parameter, a parameter without a place, a link in a parameter.
    pub fn new(
        code: String,
        text: String,
        placeholder: Placeholder,
        parameters: Vec<(String, Phrase)>,
    ) -> Result<Self, String> {
        let (_, names) = placeholder.cut(&text);
        let opening = placeholder.opening();
        if let Some(name) = names.iter().find(|name| !parameters.iter().any(|(given, _)| given == *name)) {
            return Err(format!("its text has a place {opening}{name}}} and parameters holds no value for it"));
        }
        if let Some((name, _)) = parameters.iter().find(|(given, _)| !names.contains(&given.as_str())) {
            return Err(format!(
                "parameters holds a value {name:?} and its text has no place {opening}{name}}} for it"
            ));
        }
        if let Some((name, _)) = parameters.iter().find(|(_, phrase)| phrase.names_link()) {
            return Err(format!(
                "the parameter {name:?} prints link; providers refuse links in parameters, so write it into the text \
                 that they approve"
            ));
        }
        Ok(Self { code, text, form: WordingForm::Named(placeholder), parameters })
    }

    /// A text with typed variables, which are filled in their order.
    ///
    /// # Errors
    /// What does not fit: a variable without a type, more or fewer values than variables, a link in a variable that is
    /// for something else.
    pub fn typed(code: String, text: String, values: Vec<Phrase>) -> Result<Self, String> {
        let typed = TypedText::parse(&text).map_err(|problem| format!("its text {problem}"))?;
        let variables = typed.variables();
        if variables.len() != values.len() {
            let (places, given) = (variables.len(), values.len());
            return Err(format!(
                "its text has {places} variables and `variables` holds {given} values; write one for each"
            ));
        }
        let numbered = (1_u32..).zip(variables.iter().zip(&values));
        if let Some((number, _)) =
            numbered.into_iter().find(|(_, (variable, phrase))| phrase.names_link() && !variable.is_link())
        {
            return Err(format!("variable {number} prints link and is of another type; register it as {{#url#}}"));
        }
        let parameters = (1_u32..).zip(values).map(|(number, value)| (number.to_string(), value)).collect();
        Ok(Self { code, text, form: WordingForm::Typed(typed), parameters })
    }

    /// The provider's code for it.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The text as the provider has approved it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether its parameters have types.
    #[must_use]
    pub fn is_typed(&self) -> bool {
        matches!(self.form, WordingForm::Typed(_))
    }

    fn fill(&self, sign_name: &str, context: &Value) -> Result<RegisteredSms, RenderFault> {
        let render = |(name, phrase): &(String, Phrase)| Ok((name.clone(), phrase.render(context)?));
        let parameters: Vec<(String, String)> =
            self.parameters.iter().map(render).collect::<Result<_, RenderFault>>()?;
        let placeholder = match &self.form {
            WordingForm::Named(placeholder) => placeholder,
            WordingForm::Typed(typed) => {
                let values: Vec<_> = parameters.iter().map(|(_, value)| value.clone()).collect();
                let text = typed.fill(&values).map_err(RenderFault::Value)?;
                return Ok(RegisteredSms { code: self.code.clone(), sign_name: String::new(), parameters, text });
            }
        };
        let (between, names) = placeholder.cut(&self.text);
        let mut text = format!("【{sign_name}】{}", between[0]);
        for (name, after) in names.iter().zip(&between[1..]) {
            let value = parameters.iter().find(|(given, _)| given == name);
            text.push_str(value.map_or("", |(_, value)| value));
            text.push_str(after);
        }
        Ok(RegisteredSms { code: self.code.clone(), sign_name: sign_name.to_owned(), parameters, text })
    }
}

/// The approved templates of one account at a provider.
#[derive(Debug, Clone)]
pub struct RegisteredTemplates {
    /// Each of them.
    pub templates: Vec<RegisteredTemplate>,
    /// The registered signatures of merchants, where they are not what messages begin with elsewhere.
    pub sign_names: BTreeMap<MerchantId, String>,
    /// The most characters of a parameter.
    pub max_parameter: usize,
}

impl RegisteredTemplates {
    /// Tells these templates from any others.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        super::fingerprint(self)
    }

    /// Makes one message: in the language asked for, else the merchant's, else English, as templates are found
    /// elsewhere.
    ///
    /// # Errors
    /// When no approved template stands for the message, or a value cannot be made. The error holds no data of the
    /// borrower.
    pub fn fill(&self, request: &RenderRequest<'_>) -> Result<RegisteredSms, RenderError> {
        let nothing = || RenderError {
            template: request.template.map_or("before-due", TemplateName::as_str).to_owned(),
            line: None,
            problem: "is not among the templates that the gateway's provider has approved".to_owned(),
            cause: RenderCause::Template,
        };
        let phase = Phase::of(request.today, request.installments).ok_or_else(nothing)?;
        let other = (!request.no_other_template).then(|| phase.as_str());
        let names = request.template.map(TemplateName::as_str).into_iter().chain(other);
        let found = self.find(request.merchant, &names.collect::<Vec<_>>(), request.locale).ok_or_else(nothing)?;
        let locale = found.locale.as_ref().unwrap_or(&request.merchant.locale);
        let context = context(request, phase, locale, Brevity::default()).ok_or_else(nothing)?;
        let named = |fault: RenderFault| RenderError { template: found.template.to_string(), ..fault.masked() };
        found.wording.fill(self.sign_name(request.merchant), &context).map_err(named)
    }

    /// Whether it has the template for a merchant's borrowers.
    #[must_use]
    pub fn carries(&self, template: &str, merchant: &Merchant) -> bool {
        self.find(merchant, &[template], &merchant.locale).is_some()
    }

    /// The signature that is registered for a merchant.
    #[must_use]
    pub fn sign_name<'a>(&'a self, merchant: &'a Merchant) -> &'a str {
        self.sign_names.get(&merchant.id).unwrap_or(&merchant.signature)
    }

    fn find(&self, merchant: &Merchant, names: &[&str], locale: &Locale) -> Option<&RegisteredTemplate> {
        let chain = tags(locale.as_str()).chain(tags(merchant.locale.as_str())).chain(["en"]);
        let places = chain.flat_map(|tag| names.iter().map(move |name| (tag, *name)));
        let stands = |one: &&RegisteredTemplate, owner: Option<&MerchantId>, tag: &str, name: &str| {
            let language = one.locale.as_ref().unwrap_or(&merchant.locale);
            one.template.as_str() == name && one.merchant.as_ref() == owner && language.as_str() == tag
        };
        let mut found = places.filter_map(|(tag, name)| {
            let owners = [Some(&merchant.id), None];
            owners.into_iter().find_map(|owner| self.templates.iter().find(|one| stands(one, owner, tag, name)))
        });
        found.next()
    }
}

/// How many parts a message in China is sent and billed as (Aliyun): every character counts as one, the signature with
/// its brackets too; 70 alone, 67 a part.
#[must_use]
pub fn chinese_parts(text: &str) -> usize {
    match text.chars().count() {
        0..=70 => 1,
        more => more.div_ceil(67),
    }
}

/// How many parts a registered message is sent and billed as: in China, where it begins with a signature, by
/// characters; elsewhere by its encoding.
#[must_use]
pub fn registered_parts(sms: &RegisteredSms) -> usize {
    if sms.sign_name.is_empty() { segments(&sms.text).parts } else { chinese_parts(&sms.text) }
}

#[cfg(test)]
mod tests {
    use super::{Phrase, Placeholder, RegisteredTemplate, RegisteredTemplates, Wording, chinese_parts};
    use crate::domain::{Channel, Locale, TemplateName};
    use crate::render::{Phase, Sample, sample_merchant};
    use rstest::rstest;
    use std::collections::BTreeMap;

    fn phrase(text: &str) -> Result<Phrase, String> {
        Phrase::try_from(text.to_owned())
    }

    fn registered(
        text: &str,
        parameters: &[(&str, &str)],
        placeholder: Placeholder,
    ) -> Result<RegisteredTemplate, String> {
        let parameters = parameters.iter().map(|(name, text)| ((*name).to_owned(), phrase(text).unwrap())).collect();
        let template = TemplateName::new("before-due").unwrap();
        let wording = Wording::new("SMS_1".to_owned(), text.to_owned(), placeholder, parameters)?;
        Ok(RegisteredTemplate { template, merchant: None, locale: None, wording })
    }

    #[rstest]
    #[case::parses("{{ total ", "not well formed")]
    #[case::known("{{ phone }}", "phone")]
    #[case::field("{{ merchant.fax }}", "merchant.fax")]
    #[case::always_there("{{ borrower.name }}", "always known")]
    #[case::says_something("{% if false %}x{% endif %}", "says nothing")]
    fn a_phrase_is_checked_when_it_is_loaded(#[case] text: &str, #[case] named: &str) {
        let problem = phrase(text).unwrap_err();
        assert!(problem.contains(named), "{problem}");
    }

    #[rstest]
    #[case("${total}将于${date}到期", &[("total", "{{ total }}")], "${date}")]
    #[case("打开${url}", &[("url", "{{ link or 1 }}")], "link")]
    #[case("${total}到期", &[("total", "{{ total }}"), ("date", "{{ due_date }}")], "\"date\"")]
    fn parameters_fit_the_text(#[case] text: &str, #[case] parameters: &[(&str, &str)], #[case] named: &str) {
        let problem = registered(text, parameters, Placeholder::Dollar).unwrap_err();
        assert!(problem.contains(named), "{problem}");
    }

    #[test]
    fn the_text_reads_as_the_provider_fills_it() {
        let zh = Locale::new("zh-CN").unwrap();
        let merchant = sample_merchant(&zh);
        let sample = Sample::new(&merchant, &zh, Phase::Before, 1);
        let parameters = [("1", "{{ total }}"), ("2", "{{ due_date }}")];
        let template = registered("账单{1}将于{2}到期", &parameters, Placeholder::Brace).unwrap();
        let mut all = RegisteredTemplates { templates: vec![template], sign_names: BTreeMap::new(), max_parameter: 12 };
        let request = sample.request(Channel::Sms, &zh);
        assert_eq!(all.fill(&request).unwrap().text, "【示例商城】账单1,000.00元将于11月25日到期");
        all.sign_names.insert(merchant.id.clone(), "示例金融".to_owned());
        assert_eq!(all.fill(&request).unwrap().sign_name, "示例金融");
        let overdue = Sample::new(&merchant, &zh, Phase::After, 1);
        let problem = all.fill(&overdue.request(Channel::Sms, &zh)).unwrap_err();
        assert!(problem.problem.contains("approved"), "{problem}");
        assert!(all.carries("before-due", &merchant) && !all.carries("overdue", &merchant));
    }

    #[rstest]
    #[case(70, 1)]
    #[case(71, 2)]
    #[case(134, 2)]
    #[case(135, 3)]
    fn parts_in_china_are_counted_by_characters(#[case] characters: usize, #[case] parts: usize) {
        assert_eq!(chinese_parts(&"a".repeat(characters)), parts);
    }
}
