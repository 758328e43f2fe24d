//! Phone numbers and e-mail addresses, validated and masked in `Debug`.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::{HumanTextError, clean};

/// Why a text is no contact address. Never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContactError {
    /// Not `+` and 7 to 15 digits.
    #[error("is not a phone number in international form, such as +8613800138000")]
    NotE164,
    /// Not `local@domain.tld`.
    #[error("is not an e-mail address")]
    NotEmail,
    /// Nothing that a borrower may read as a name.
    #[error(transparent)]
    NotName(#[from] HumanTextError),
}

/// A phone number in E.164 form, for example `+8613800138000`. `Debug` shows the last two digits at most.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Phone(Box<str>);

impl Phone {
    /// Takes a number that already is in E.164 form; [`crate::source`] normalises national forms.
    ///
    /// # Errors
    /// [`ContactError::NotE164`].
    pub fn new(text: &str) -> Result<Self, ContactError> {
        let digits = text.strip_prefix('+').ok_or(ContactError::NotE164)?;
        let plausible = (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        if plausible { Ok(Self(text.into())) } else { Err(ContactError::NotE164) }
    }

    /// The number with its leading `+`.
    #[must_use]
    pub fn as_e164(&self) -> &str {
        &self.0
    }

    /// The last four digits: what a message may show so that a borrower knows which number is meant.
    #[must_use]
    pub fn tail(&self) -> &str {
        // E.164 is ASCII and has at least seven digits, so the cut is on a character border.
        &self.0[self.0.len() - 4..]
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Phone(…{})", &self.0[self.0.len() - 2..])
    }
}

/// Whether an address is, letter by letter, one that [`EmailAddress::new`] gives back as it is: two or more labels
/// behind one `@`, all of lower-case letters, digits, and in the local part `_`, `+` and `-`.
fn is_usual_address(text: &str) -> bool {
    let are_labels = |part: &str, others: &[u8]| {
        let is_label = |label: &str| {
            let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || others.contains(&byte);
            (1..=63).contains(&label.len()) && label.bytes().all(is_letter)
        };
        part.split('.').all(is_label)
    };
    let Some((local, domain)) = text.split_once('@') else { return false };
    local.len() <= 64
        && domain.len() <= 200
        && domain.contains('.')
        && are_labels(local, b"_+-")
        && are_labels(domain, b"")
}

/// An e-mail address that has a local part and a dotted domain. `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EmailAddress(Box<str>);

impl EmailAddress {
    /// Checks by the rules of RFC 5321 with a domain of at least two labels, no display text and no domain literal. The
    /// local part is kept; the domain becomes lower-case A-labels (`bücher.example` is `xn--bcher-kva.example`), which
    /// every mail server takes.
    ///
    /// # Errors
    /// [`ContactError::NotEmail`].
    pub fn new(text: &str) -> Result<Self, ContactError> {
        if text.is_ascii() {
            return Self::parse(text);
        }
        // Some systems write an accented letter as a letter and its accent.
        let composed: String = text.nfc().collect();
        let (local, domain) = composed.rsplit_once('@').ok_or(ContactError::NotEmail)?;
        let domain = idna::domain_to_ascii(domain).map_err(|_| ContactError::NotEmail)?;
        Self::parse(&[local, "@", &domain].concat())
    }

    /// Reads an address from the database. Earlier versions kept domains that have no A-label form; such a row must not
    /// make a whole batch unreadable, so it is taken as it is.
    ///
    /// # Errors
    /// [`ContactError::NotEmail`].
    pub fn stored(text: &str) -> Result<Self, ContactError> {
        // To parse each claimed borrower's address would cost a hundredth of a send.
        if is_usual_address(text) {
            return Ok(Self(text.into()));
        }
        Self::new(text).or_else(|_| Self::parse(text))
    }

    fn parse(text: &str) -> Result<Self, ContactError> {
        let options = email_address::Options::default()
            .with_minimum_sub_domains(2)
            .without_domain_literal()
            .without_display_text();
        let parsed =
            email_address::EmailAddress::parse_with_options(text, options).map_err(|_| ContactError::NotEmail)?;
        Ok(Self([parsed.local_part(), "@", &parsed.domain().to_lowercase()].concat().into()))
    }

    /// The form in which addresses are compared: lower case, compatible characters unified (NFKC), the domain in
    /// A-labels. In practice no mail system tells two mailboxes apart by capitals alone.
    #[must_use]
    pub fn normalized(&self) -> Self {
        if self.0.is_ascii() {
            return Self(self.0.to_ascii_lowercase().into());
        }
        let lower = self.0.to_lowercase();
        let unified = lower.nfkc().collect::<String>().to_lowercase().nfc().collect::<String>();
        // A full-width sign may unify to one that no local part has, such as `@`.
        Self::stored(&unified).unwrap_or_else(|_| Self(lower.into()))
    }

    /// The address as it is handed to the mail server.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

/// A borrower's name. `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PersonName(Box<str>);

impl PersonName {
    /// The most letters of a name, as readers count them.
    const MAX_LETTERS: usize = 80;

    /// Removes from a name whatever a message must not contain; see [`clean`].
    ///
    /// # Errors
    /// [`ContactError::NotName`].
    pub fn new(text: &str) -> Result<Self, ContactError> {
        Ok(Self(clean(text, Self::MAX_LETTERS)?.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonName(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{EmailAddress, is_usual_address};

    #[test]
    fn usual_addresses_need_no_parser() {
        for usual in ["li.wei@mail.example", "a+b_c-9@x1.co.uk"] {
            assert!(is_usual_address(usual), "{usual}");
        }
        for other in
            ["Li@mail.example", "li@mail", "li@-mail.example", "a..b@mail.example", "a@b@c.d", "é@mail.example"]
        {
            assert!(!is_usual_address(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_usual_address_is_parsed_as_it_is(text in "[a-c9._+@-]{1,12}@[a-c9.@-]{1,12}") {
            if is_usual_address(&text) {
                let parsed = EmailAddress::new(&text);
                prop_assert_eq!(parsed.as_ref().map(EmailAddress::as_str), Ok(&*text));
            }
        }
    }
}
