//! Variable envelope return paths: each message has a sender's address of its own, by which a bounce is known whatever
//! it says.
//!
//! The reference goes into the address as base32, because it is base64url, and mail servers may change capitals: 40
//! characters for its 25 bytes. A local part has 64 at most (RFC 5321, 4.5.3.1.1), which leaves 23 for the name before
//! the `+`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lettre::Address;

/// The most characters of a return path's local part, so that the reference fits behind it.
pub(in crate::gateway) const LONGEST_LOCAL_PART: usize = 64 - 1 - TAG_CHARS;

pub(super) const REFERENCE_BYTES: usize = 25;
const TAG_CHARS: usize = REFERENCE_BYTES / 5 * 8;
/// RFC 4648, 6, in small letters.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Where bounces go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) struct ReturnPath(pub(in crate::gateway) Address);

impl ReturnPath {
    /// The envelope's sender for the message with this reference; without a tag for a reference that was not sealed by
    /// us.
    pub(in crate::gateway) fn for_message(&self, reference: &str) -> Address {
        let tagged =
            tag(reference).and_then(|tag| Address::new(format!("{}+{tag}", self.0.user()), self.0.domain()).ok());
        tagged.unwrap_or_else(|| self.0.clone())
    }
}

fn tag(reference: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(reference).ok().filter(|bytes| bytes.len() == REFERENCE_BYTES)?;
    let mut tag = String::with_capacity(TAG_CHARS);
    for group in bytes.chunks(5) {
        let bits = group.iter().fold(0, |bits: usize, byte| bits << 8 | usize::from(*byte));
        tag.extend((0..8).rev().map(|place| char::from(ALPHABET[bits >> (5 * place) & 31])));
    }
    Some(tag)
}

/// The reference in an address that [`ReturnPath::for_message`] made, with or without angle brackets, in whatever case.
pub(super) fn reference_in(address: &str) -> Option<String> {
    let (local, _) = address.rsplit_once('@')?;
    let (_, tag) = local.rsplit_once('+')?;
    if tag.len() != TAG_CHARS {
        return None;
    }
    let mut bytes = Vec::with_capacity(REFERENCE_BYTES);
    for group in tag.as_bytes().chunks(8) {
        let mut bits = 0_u64;
        for letter in group {
            let value = ALPHABET.iter().position(|known| *known == letter.to_ascii_lowercase())?;
            bits = bits << 5 | u64::try_from(value).ok()?;
        }
        bytes.extend(&bits.to_be_bytes()[3..]);
    }
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_LOCAL_PART, ReturnPath, reference_in, tag};
    use proptest::prelude::{any, proptest};

    const REFERENCE: &str = "ByH5TPoiOxr00De9P7Csitl1tdUcbkrCfw";

    #[test]
    fn a_reference_survives_a_server_that_changes_capitals() {
        let path = ReturnPath("bounce@mall.example".parse().unwrap());
        let address = path.for_message(REFERENCE).to_string();
        assert_eq!(address, "bounce+a4q7sth2ei5rv5gqg66t7mfmrlmxlnovdrxevqt7@mall.example");
        for seen in [address.clone(), address.to_uppercase(), format!("<{address}>")] {
            assert_eq!(reference_in(&seen).as_deref(), Some(REFERENCE), "{seen}");
        }
    }

    #[test]
    fn the_longest_local_part_is_one_still() {
        let user = "b".repeat(LONGEST_LOCAL_PART);
        let path = ReturnPath(format!("{user}@mall.example").parse().unwrap());
        let address = path.for_message(REFERENCE);
        assert_eq!(address.user().len(), 64, "RFC 5321, 4.5.3.1.1");
    }

    #[test]
    fn what_is_no_reference_of_ours_leaves_the_address_as_it_is() {
        let path = ReturnPath("bounce@mall.example".parse().unwrap());
        assert_eq!(path.for_message("m11").to_string(), "bounce@mall.example");
        for address in
            ["bounce@mall.example", "bounce+m11@example.test", "", "+@", "a+1234567812345678123456781234567812345678@b"]
        {
            assert_eq!(reference_in(address), None, "{address}");
        }
    }

    proptest! {
        #[test]
        fn every_reference_comes_back(bytes in any::<[u8; 25]>()) {
            use base64::Engine;
            let reference = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
            let tag = tag(&reference).unwrap();
            assert_eq!(reference_in(&format!("b+{tag}@mall.example")), Some(reference));
        }
    }
}
