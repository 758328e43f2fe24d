//! Addresses in the form in which they are compared.

use super::{Address, Channel};

/// An address in the form in which addresses are compared: suppressions, caps, bounces and replies go by it, whatever
/// the spelling. A message goes to the [`Address`] as it is spelled. `Debug` is masked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AddressKey(Address);

impl AddressKey {
    /// The channel that reaches it.
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.0.channel()
    }

    /// The key in the clear, as the store keeps it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// The key as an address, for showing it.
    #[must_use]
    pub fn as_address(&self) -> &Address {
        &self.0
    }
}

impl From<&Address> for AddressKey {
    fn from(address: &Address) -> Self {
        Self(match address {
            // E.164 has one spelling.
            Address::Phone(phone) => Address::Phone(phone.clone()),
            Address::Email(email) => Address::Email(email.normalized()),
        })
    }
}

impl From<Address> for AddressKey {
    fn from(address: Address) -> Self {
        Self::from(&address)
    }
}

#[cfg(test)]
mod tests {
    use super::AddressKey;
    use crate::domain::{Address, EmailAddress};
    use rstest::rstest;

    fn key(text: &str) -> AddressKey {
        Address::Email(EmailAddress::new(text).expect("an address")).into()
    }

    #[rstest]
    #[case::capitals("Li.Wei@Example.COM", "li.wei@example.com")]
    #[case::domain_in_unicode("li@b\u{fc}cher.example", "li@xn--bcher-kva.example")]
    #[case::domain_in_capitals("li@B\u{dc}CHER.example", "li@xn--bcher-kva.example")]
    #[case::domain_decomposed("li@bu\u{308}cher.example", "li@xn--bcher-kva.example")]
    #[case::a_label_in_capitals("li@XN--BCHER-KVA.example", "li@xn--bcher-kva.example")]
    #[case::chinese_domain("li@例子.中国", "li@xn--fsqu00a.xn--fiqs8s")]
    #[case::chinese_full_stop("li@例子。中国", "li@xn--fsqu00a.xn--fiqs8s")]
    #[case::full_width_domain("li@ｅｘａｍｐｌｅ.com", "li@example.com")]
    #[case::local_part_in_unicode("J\u{d6}RG@example.com", "j\u{f6}rg@example.com")]
    #[case::local_part_decomposed("jo\u{308}rg@example.com", "j\u{f6}rg@example.com")]
    #[case::full_width_local_part("ＬＩ@example.com", "li@example.com")]
    #[case::no_case_in_chinese("李伟@example.com", "李伟@example.com")]
    #[case::tags_tell_mailboxes_apart("Li+mall@example.com", "li+mall@example.com")]
    #[case::quoted("\"Li Wei\"@example.com", "\"li wei\"@example.com")]
    fn an_email_address_has_one_key_in_any_spelling(#[case] spelled: &str, #[case] compared: &str) {
        assert_eq!(key(spelled).reveal(), compared);
        let again = EmailAddress::stored(compared).expect("a key is an address");
        assert_eq!(AddressKey::from(Address::Email(again)), key(spelled), "a key is its own key");
    }
}
