//! Where a route leads for one instalment: its placeholders filled in, and signed for the target.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use url::Url;

use crate::domain::{Installment, Piece, Placeholder, pieces};

/// All but the unreserved characters of RFC 3986: a value never ends the part of the address in which it stands.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A key that signs addresses of routes.
#[derive(Debug, Clone)]
pub struct SigningKey {
    /// The text of the key.
    pub secret: SecretString,
    /// When it begins to sign; `None` for one that signs at once.
    pub valid_from: Option<DateTime<Utc>>,
}

/// The keys of one merchant, in order of preference: the first that is valid signs. The merchant's page verifies, so it
/// decides how long the others are still accepted.
#[derive(Debug, Clone)]
pub struct SigningKeys(Vec<SigningKey>);

impl SigningKeys {
    /// Takes keys, of which one is always valid.
    ///
    /// # Errors
    /// The problem in words, when no key would sign before some day.
    pub fn new(keys: Vec<SigningKey>) -> Result<Self, &'static str> {
        if keys.last().is_none_or(|last| last.valid_from.is_some()) {
            return Err(
                "has a valid_from in its last entry: nothing would be signed before; take it away, or put the \
                        key in use behind it",
            );
        }
        Ok(Self(keys))
    }

    /// The key that signs at that time.
    #[must_use]
    pub fn in_use(&self, at: DateTime<Utc>) -> Option<&SecretString> {
        let is_valid = |key: &&SigningKey| key.valid_from.is_none_or(|from| from <= at);
        self.0.iter().find(is_valid).map(|key| &key.secret)
    }
}

/// The address with its placeholders filled in for an instalment; `None` where one has no value, or where the address
/// is to be signed without a key.
///
/// The signature is HMAC-SHA256 with the merchant's `route_key`, in lower-case hexadecimal digits, over the address as
/// it is followed, with nothing in the place of the signature: `https://pay.example/?i=7&s=` for
/// `https://pay.example/?i={installment}&s={signature}`. It proves that the address was made here, not who holds it.
#[must_use]
pub fn address_for(address: &str, installment: &Installment, key: Option<&SecretString>) -> Option<String> {
    let owed = installment.outstanding();
    let mut filled = String::with_capacity(address.len());
    for piece in pieces(address).ok()? {
        let place = match piece {
            Piece::Text(text) => {
                filled.push_str(text);
                continue;
            }
            Piece::Place(place) => place,
        };
        let value = match place {
            Placeholder::Installment => installment.id.as_str().to_owned(),
            Placeholder::Order => installment.order_ref.clone()?,
            Placeholder::Amount => owed.amount().to_string(),
            Placeholder::Currency => owed.currency().code().to_owned(),
            Placeholder::Signature => {
                filled.push_str(UNSIGNED);
                continue;
            }
        };
        filled.extend(utf8_percent_encode(sound(&value)?, RESERVED));
    }
    // Normalised as browsers do: in ASCII, so that a header can hold it, and so that the signed bytes are those that
    // arrive.
    let written = String::from(Url::parse(&filled).ok()?);
    match written.split_once(UNSIGNED) {
        Some((before, after)) => {
            let signature = sign(&[before, after].concat(), key?);
            Some([before, &signature, after].concat())
        }
        None => Some(written),
    }
}

/// Holds the place of the signature until the rest is written. No value has a `!` in it: they are encoded.
const UNSIGNED: &str = "!signature!";

/// A value that stands for something; browsers take dots alone for a step in the path, whatever they are written as.
fn sound(value: &str) -> Option<&str> {
    (!matches!(value, "" | "." | "..")).then_some(value)
}

fn sign(address: &str, key: &SecretString) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()).expect("HMAC takes a key of any length");
    mac.update(address.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use secrecy::SecretString;

    use super::address_for;
    use crate::domain::{BorrowerId, BorrowerKey, Currency, Installment, InstallmentId, MerchantId, Money};

    fn installment(id: &str, order: Option<&str>) -> Installment {
        let cny = |amount| Money::parse(amount, Currency::new("CNY").expect("a code")).expect("an amount");
        let merchant = MerchantId::new("mall").expect("sound");
        let borrower = BorrowerKey { merchant, id: BorrowerId::new("B-1").expect("sound") };
        let (id, due_date) = (InstallmentId::new(id).expect("sound"), "2026-11-25".parse().expect("a date"));
        Installment {
            order_ref: order.map(str::to_owned),
            paid_amount: cny("28.5"),
            ..Installment::new(borrower, id, cny("128.50"), due_date)
        }
    }

    #[rstest]
    #[case::nothing("https://p.example/bill?x=1", Some("https://p.example/bill?x=1"))]
    #[case::all(
        "https://p.example/{installment}?o={order}&a={amount}&c={currency}",
        Some("https://p.example/I%2F1?o=O%26%23%3F%0D%0A%E5%8D%95&a=100.00&c=CNY")
    )]
    #[case::other_letters("https://p.example/账单?x=1", Some("https://p.example/%E8%B4%A6%E5%8D%95?x=1"))]
    #[case::by_an_app("mallpay://bill/{installment}", Some("mallpay://bill/I%2F1"))]
    #[case::signed_without_a_key("https://p.example/?s={signature}", None)]
    fn a_value_stays_in_its_place(#[case] address: &str, #[case] filled: Option<&str>) {
        assert_eq!(address_for(address, &installment("I/1", Some("O&#?\r\n单")), None).as_deref(), filled);
    }

    #[rstest]
    #[case::missing(None)]
    #[case::empty(Some(""))]
    #[case::a_step_up(Some(".."))]
    #[case::no_step(Some("."))]
    fn what_has_no_value_is_not_filled(#[case] order: Option<&str>) {
        assert_eq!(address_for("https://p.example/{order}/pay", &installment("I-1", order), None), None);
    }

    #[test]
    fn the_target_can_check_the_signature_over_the_address_without_it() {
        let key = SecretString::from("0123456789abcdef0123456789abcdef");
        let filled =
            address_for("https://p.example/?s={signature}&i={installment}", &installment("I-1", None), Some(&key));
        // printf '%s' 'https://p.example/?s=&i=I-1' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
        let expected = "https://p.example/?s=c84b64e2a9311e2b70b885281e897f3d7b738e5154952a6984849334ba13e736&i=I-1";
        assert_eq!(filled.as_deref(), Some(expected));
    }
}
