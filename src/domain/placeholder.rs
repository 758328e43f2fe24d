//! Values of an instalment that the address of a route may contain: names between braces, from a short list.

/// A place in the address of a route that is filled when a borrower follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// The merchant's number for the instalment.
    Installment,
    /// The order that it belongs to, as the borrower knows it.
    Order,
    /// The amount still to be paid, as a plain decimal number: `128.50`.
    Amount,
    /// The code of the amount's currency.
    Currency,
    /// Proof for the target that dueherald filled in the rest.
    Signature,
}

/// A part of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Literal text.
    Text(&'a str),
    /// A placeholder to fill.
    Place(Placeholder),
}

/// Why the braces in an address cannot be filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPlaceholder {
    /// A brace that opens or closes nothing.
    #[error("has a brace that belongs to no placeholder; write a brace as %7B or %7D")]
    Brace,
    /// No name of the list.
    #[error(
        "has {{{0}}} in it, which is unknown; here you can write {{installment}}, {{order}}, {{amount}}, {{currency}} \
         and {{signature}}"
    )]
    Unknown(String),
    /// A signature cannot stand for itself.
    #[error("has {{signature}} in it twice; leave one out")]
    TwoSignatures,
}

impl Placeholder {
    const ALL: [Self; 5] = [Self::Installment, Self::Order, Self::Amount, Self::Currency, Self::Signature];

    /// The name between the braces.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Installment => "installment",
            Self::Order => "order",
            Self::Amount => "amount",
            Self::Currency => "currency",
            Self::Signature => "signature",
        }
    }

    /// Whether it says something of the borrower's affairs to whoever holds the link: that is only filled in for who
    /// knows the phone number too. The instalment's number says nothing by itself.
    #[must_use]
    pub fn is_personal(self) -> bool {
        matches!(self, Self::Order | Self::Amount)
    }

    /// Whether it is another one for each instalment.
    #[must_use]
    pub fn tells_installments_apart(self) -> bool {
        matches!(self, Self::Installment | Self::Order | Self::Amount)
    }
}

/// The parts of an address, in its order.
///
/// # Errors
/// When it has braces that cannot be filled.
pub fn pieces(address: &str) -> Result<Vec<Piece<'_>>, BadPlaceholder> {
    let mut found = Vec::new();
    let mut rest = address;
    while let Some(at) = rest.find(['{', '}']) {
        let (text, from) = rest.split_at(at);
        let (name, after) =
            from.strip_prefix('{').and_then(|from| from.split_once('}')).ok_or(BadPlaceholder::Brace)?;
        let place = Placeholder::ALL.into_iter().find(|place| place.as_str() == name);
        let place = Piece::Place(place.ok_or_else(|| BadPlaceholder::Unknown(name.to_owned()))?);
        if place == Piece::Place(Placeholder::Signature) && found.contains(&place) {
            return Err(BadPlaceholder::TwoSignatures);
        }
        found.extend([Piece::Text(text), place]);
        rest = after;
    }
    found.push(Piece::Text(rest));
    Ok(found)
}

/// The places in an address; none where it cannot be read.
pub fn places(address: &str) -> impl Iterator<Item = Placeholder> {
    let place = |piece| match piece {
        Piece::Place(place) => Some(place),
        Piece::Text(_) => None,
    };
    pieces(address).unwrap_or_default().into_iter().filter_map(place)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{BadPlaceholder, Piece, Placeholder, pieces, places};

    #[test]
    fn an_address_falls_into_what_stands_and_what_is_filled() {
        let found = pieces("https://a.example/{installment}?s={signature}").expect("sound");
        let expected = [
            Piece::Text("https://a.example/"),
            Piece::Place(Placeholder::Installment),
            Piece::Text("?s="),
            Piece::Place(Placeholder::Signature),
            Piece::Text(""),
        ];
        assert_eq!(found, expected);
        assert_eq!(places("https://a.example/{order}{amount}{currency}").count(), 3);
        assert_eq!(places("https://a.example/").count(), 0);
    }

    #[rstest]
    #[case::unknown("https://a.example/{phone}", BadPlaceholder::Unknown("phone".into()))]
    #[case::in_capitals("https://a.example/{Order}", BadPlaceholder::Unknown("Order".into()))]
    #[case::one_in_another("https://a.example/{{order}}", BadPlaceholder::Unknown("{order".into()))]
    #[case::empty("https://a.example/{}", BadPlaceholder::Unknown(String::new()))]
    #[case::open("https://a.example/{order", BadPlaceholder::Brace)]
    #[case::closed("https://a.example/order}", BadPlaceholder::Brace)]
    #[case::signed_twice("https://a.example/{signature}{signature}", BadPlaceholder::TwoSignatures)]
    fn what_cannot_be_filled_is_refused(#[case] address: &str, #[case] refusal: BadPlaceholder) {
        assert_eq!(pieces(address), Err(refusal));
    }
}
