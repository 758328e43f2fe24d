//! Texts with typed variables, as the operators of India register them: TRAI's Direction of 18 November 2025 asks for a
//! type of each variable, and operators reject a message whose values are of another.
//!
//! The tags and what they take are as providers publish them (MSG91, "Variable Tagging on DLT SMS Templates"); 40
//! characters are the most of a variable. Not confirmed with the portals: whether every operator takes full stops and
//! commas in numbers, and which signs it takes in `{#alphanumeric#}`. Here both are let through; what operators look
//! for, which are links, addresses and phone numbers in a variable for something else, is not.

use crate::domain::EmailAddress;

/// The most characters of a variable.
pub const LONGEST_VARIABLE: usize = 40;

/// From so many digits on, a number reads as one to call.
const PHONE_DIGITS: usize = 10;

/// The type of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariableType {
    /// A number: an amount, or a count.
    Number,
    /// Names, dates and references.
    Alphanumeric,
    /// A page at a registered address.
    Url,
    /// An app at a registered address.
    AppUrl,
    /// A registered number to call.
    CallbackNumber,
    /// An e-mail address.
    Email,
}

/// The tags of the portals.
const TAGS: [(&str, VariableType); 7] = [
    ("numeric", VariableType::Number),
    ("number", VariableType::Number),
    ("alphanumeric", VariableType::Alphanumeric),
    ("url", VariableType::Url),
    ("urlott", VariableType::AppUrl),
    ("cbn", VariableType::CallbackNumber),
    ("email", VariableType::Email),
];

/// A text as it is registered, cut up at its variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedText {
    /// The fixed parts between the variables: one more than there are of them.
    between: Vec<String>,
    variables: Vec<VariableType>,
}

impl TypedText {
    /// Reads a text with variables such as `{#numeric#}`.
    ///
    /// # Errors
    /// A variable without a type, or of one that no portal has.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut between, mut variables) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("{#") {
            let Some((tag, after)) = behind.split_once("#}") else {
                return Err("has a {# without its #}; write variables such as {#numeric#}".to_owned());
            };
            let Some((_, variable)) = TAGS.iter().find(|(known, _)| *known == tag) else {
                return Err(unknown(tag));
            };
            between.push(before.to_owned());
            variables.push(*variable);
            rest = after;
        }
        between.push(rest.to_owned());
        let bare = |part: &String| TAGS.iter().find(|(tag, _)| part.contains(&format!("#{tag}#")));
        if let Some((tag, _)) = between.iter().find_map(bare) {
            return Err(format!("has #{tag}# without braces; write {{#{tag}#}}"));
        }
        Ok(Self { between, variables })
    }

    /// The types of its variables, in their order.
    #[must_use]
    pub fn variables(&self) -> &[VariableType] {
        &self.variables
    }

    /// The message; values are those of the variables in their order.
    ///
    /// # Errors
    /// What an operator would refuse. Names no value.
    pub fn fill(&self, values: &[String]) -> Result<String, String> {
        let mut text = self.between[0].clone();
        for (number, ((variable, value), after)) in
            (1..).zip(self.variables.iter().zip(values).zip(&self.between[1..])).collect::<Vec<(u32, _)>>()
        {
            if value.chars().count() > LONGEST_VARIABLE {
                return Err(format!(
                    "variable {number} gets more than {LONGEST_VARIABLE} characters; shorten its value"
                ));
            }
            if !variable.takes(value) {
                return Err(format!(
                    "variable {number} gets a value that {{#{}#}} does not take: {}",
                    variable.tag(),
                    variable.rule()
                ));
            }
            text.push_str(value);
            text.push_str(after);
        }
        Ok(text)
    }
}

fn unknown(tag: &str) -> String {
    let known: Vec<_> = TAGS.iter().map(|(tag, _)| format!("{{#{tag}#}}")).collect();
    let known = known.join(", ");
    if tag == "var" {
        return format!(
            "has a variable without a type, {{#var#}}, which operators reject; write the one of {known} that is \
             registered for it"
        );
    }
    format!("has a variable {{#{tag}#}} of no type that operators know; write one of {known}")
}

impl VariableType {
    /// Whether a value of it is a link.
    #[must_use]
    pub fn is_link(self) -> bool {
        matches!(self, Self::Url | Self::AppUrl)
    }

    fn tag(self) -> &'static str {
        TAGS.iter().find(|(_, variable)| *variable == self).map_or("", |(tag, _)| tag)
    }

    fn rule(self) -> &'static str {
        match self {
            Self::Number => "digits, with a full stop or commas between them",
            Self::Alphanumeric => "no link, no address, and no number of ten digits or more",
            Self::Url | Self::AppUrl => "a link that begins with https://",
            Self::CallbackNumber => "a phone number",
            Self::Email => "an e-mail address",
        }
    }

    fn takes(self, value: &str) -> bool {
        let digits = value.bytes().filter(u8::is_ascii_digit).count();
        let only = |signs: &str| value.chars().all(|c| c.is_ascii_digit() || signs.contains(c));
        match self {
            Self::Number => {
                let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
                only(".,") && ends(value.chars().next()) && ends(value.chars().last())
            }
            Self::Alphanumeric => {
                let looks_like_link = ["://", "www."].iter().any(|sign| value.to_lowercase().contains(sign));
                let longest = value.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or_default();
                !value.is_empty()
                    && !looks_like_link
                    && longest < PHONE_DIGITS
                    && !value.chars().any(|c| c == '@' || c.is_control())
            }
            Self::Url | Self::AppUrl => {
                let host = value.strip_prefix("https://").unwrap_or_default();
                !host.is_empty() && !host.starts_with('/') && !value.chars().any(char::is_whitespace)
            }
            Self::CallbackNumber => (3..=15).contains(&digits) && only("+-() "),
            Self::Email => EmailAddress::new(value).is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TypedText;
    use rstest::rstest;

    #[rstest]
    #[case::number("numeric", "1280", true)]
    #[case::amount("number", "1,280.50", true)]
    #[case::currency_in_a_number("numeric", "Rs 1280", false)]
    #[case::no_digit("numeric", ",", false)]
    #[case::name("alphanumeric", "Asha Rao", true)]
    #[case::date("alphanumeric", "25-11-2026", true)]
    #[case::longest("alphanumeric", "a234567890123456789b123456789012345678901", false)]
    #[case::link_in_disguise("alphanumeric", "WWW.evil.example", false)]
    #[case::phone_in_disguise("alphanumeric", "call 9876543210", false)]
    #[case::mail_in_disguise("alphanumeric", "a@b.example", false)]
    #[case::second_line("alphanumeric", "a\nb", false)]
    #[case::link("url", "https://pay.mall.example/r/x", true)]
    #[case::no_link("url", "pay us", false)]
    #[case::plain_http("url", "http://pay.mall.example/", false)]
    #[case::app("urlott", "https://app.mall.example/", true)]
    #[case::callback("cbn", "1800-123-456", true)]
    #[case::no_number("cbn", "ask for Asha", false)]
    #[case::email("email", "help@mall.example", true)]
    #[case::no_email("email", "help", false)]
    fn each_type_takes_its_own(#[case] tag: &str, #[case] value: &str, #[case] fits: bool) {
        let text = TypedText::parse(&format!("a {{#{tag}#}} b")).expect("it is registered so");
        let filled = text.fill(&[value.to_owned()]);
        assert_eq!(filled.is_ok(), fits, "{filled:?}");
        if let Err(problem) = filled {
            assert!(!problem.contains(value) || value == ",", "the error repeats a value: {problem}");
        }
    }

    #[test]
    fn forty_characters_are_the_most() {
        let text = TypedText::parse("{#alphanumeric#}").expect("it is registered so");
        assert_eq!(text.fill(&["字".repeat(40)]), Ok("字".repeat(40)));
        let problem = text.fill(&["a".repeat(41)]).expect_err("it is too long");
        assert!(problem.contains("variable 1") && problem.contains("40"), "{problem}");
    }

    #[rstest]
    #[case("Pay {#var#}", "without a type")]
    #[case("Pay {#amount#}", "{#amount#} of no type")]
    #[case("Pay {#numeric", "without its #}")]
    #[case("Pay #numeric# now", "write {#numeric#}")]
    fn a_text_that_no_portal_has_is_refused(#[case] text: &str, #[case] named: &str) {
        let problem = TypedText::parse(text).expect_err("it is no text of a portal");
        assert!(problem.contains(named), "{problem}");
    }
}
