//! Credentials during a change: a list in the config, the newest first, of which the gateway uses one that the provider
//! takes.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use crate::domain::GatewayName;

/// One value, or a list of at least one: while a secret is changed, the new one and the old one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMore<T>(Vec<T>);

impl<T> OneOrMore<T> {
    /// All of them, in their order.
    pub fn all(&self) -> &[T] {
        &self.0
    }

    /// The one at `place`, or the last where there are fewer.
    pub(in crate::gateway) fn at(&self, place: usize) -> &T {
        &self.0[place.min(self.0.len() - 1)]
    }
}

impl<T> From<T> for OneOrMore<T> {
    fn from(one: T) -> Self {
        Self(vec![one])
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMoreVisitor(PhantomData))
    }
}

struct OneOrMoreVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMoreVisitor<T> {
    type Value = OneOrMore<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or a list of values")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        T::deserialize(text.into_deserializer()).map(OneOrMore::from)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(OneOrMore::from)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        let all = Vec::deserialize(SeqAccessDeserializer::new(list))?;
        if all.is_empty() {
            Err(A::Error::custom("is an empty list; write one value or more"))
        } else {
            Ok(OneOrMore(all))
        }
    }
}

/// Which of several credentials a gateway uses. It changes when the provider refuses that one and takes another.
#[derive(Debug)]
pub(in crate::gateway) struct Rotation {
    count: usize,
    current: AtomicUsize,
}

impl Rotation {
    pub(in crate::gateway) fn new(count: usize) -> Self {
        Self { count: count.max(1), current: AtomicUsize::new(0) }
    }

    /// The places of all credentials in the order in which they are tried, the one in use first.
    pub(in crate::gateway) fn order(&self) -> impl Iterator<Item = usize> + use<> {
        let (first, count) = (self.current.load(Ordering::Relaxed), self.count);
        (0..count).map(move |step| (first + step) % count)
    }

    /// The provider refused the credential at `refused` and took the one at `taken`. Where calls at once find that out,
    /// one says so.
    pub(in crate::gateway) fn change(&self, refused: usize, taken: usize, gateway: &GatewayName) {
        if refused != taken
            && self.current.compare_exchange(refused, taken, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            tracing::warn!(
                %gateway,
                refused = refused + 1,
                used = taken + 1,
                "gateway credential refused, another of the list is in use; when the change is over, take the refused \
                 one out of the config"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OneOrMore, Rotation};
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Settings {
        one: OneOrMore<String>,
    }

    #[test]
    fn one_is_written_like_a_list_of_one() {
        let read = |text: &str| toml::from_str::<Settings>(text).map(|settings| settings.one.all().to_vec());
        assert_eq!(read("one = 'a'").unwrap(), ["a"]);
        assert_eq!(read("one = ['a', 'b']").unwrap(), ["a", "b"]);
        assert!(read("one = []").unwrap_err().to_string().contains("one value or more"));
        assert!(read("one = 7").is_err() && read("one = ['a', 7]").is_err());
    }

    #[test]
    fn the_one_that_was_taken_is_tried_first_from_then_on() {
        let (rotation, gateway) = (Rotation::new(3), "kannel".parse().unwrap());
        assert_eq!(rotation.order().collect::<Vec<_>>(), [0, 1, 2]);
        rotation.change(0, 2, &gateway);
        assert_eq!(rotation.order().collect::<Vec<_>>(), [2, 0, 1]);
        rotation.change(0, 1, &gateway);
        assert_eq!(rotation.order().next(), Some(2), "a call that began before the change changes nothing");
        assert_eq!(Rotation::new(0).order().count(), 1, "without credentials a call is made once");
    }
}
