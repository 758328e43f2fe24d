//! Cursors that hold an address. Logs of front servers keep queries, so such a cursor is sealed: it opens for the token
//! that got it, and for the list that gave it.

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha512};

use super::caller::Caller;
use super::problem::{FieldFault, Problem, ProblemKind};

/// Separates the key from all others that may be made of the same secret.
const DERIVATION: &[u8] = b"dueherald cursor of the API, AES-256-SIV, 1";

/// The message for a cursor that does not open.
pub(super) const FOREIGN_CURSOR: &str = "cursor is none that a page before gave as next";

fn cipher(seal: &[u8]) -> Aes256Siv {
    let key: [u8; 64] = Sha512::new().chain_update(DERIVATION).chain_update(seal).finalize().into();
    Aes256Siv::new(&key.into())
}

/// The refusal of such a cursor where the query is read already.
pub(super) fn foreign_cursor() -> Problem {
    let fault = FieldFault { pointer: None, parameter: Some("cursor".to_owned()), detail: FOREIGN_CURSOR.to_owned() };
    Problem::of_faults(ProblemKind::BadRequest, vec![fault])
}

/// A cursor of that list.
pub(super) fn sealed_cursor(caller: &Caller, list: &str, place: &str) -> String {
    seal(caller.seal(), list, place)
}

/// The place in that list; `None` if the cursor is another list's or another token's.
pub(super) fn opened_cursor(caller: &Caller, list: &str, cursor: &str) -> Option<String> {
    open(caller.seal(), list, cursor)
}

fn seal(key: &[u8], list: &str, place: &str) -> String {
    let sealed = cipher(key).encrypt([list.as_bytes()], place.as_bytes());
    URL_SAFE_NO_PAD.encode(sealed.expect("AES-SIV refuses only more than 126 headers or buffers that cannot grow"))
}

fn open(key: &[u8], list: &str, cursor: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    String::from_utf8(cipher(key).decrypt([list.as_bytes()], &bytes).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::{open, seal};

    #[test]
    fn a_cursor_opens_for_its_token_and_its_list_and_shows_nothing() {
        let cursor = seal(b"one", "suppressions", "sms mall +8613800138000");
        assert!(!cursor.contains("138001"), "{cursor}");
        assert_eq!(open(b"one", "suppressions", &cursor).as_deref(), Some("sms mall +8613800138000"));
        assert_eq!(open(b"two", "suppressions", &cursor), None);
        assert_eq!(open(b"one", "replies", &cursor), None);
        assert_eq!(open(b"one", "suppressions", &cursor[1..]), None);
        assert_eq!(open(b"one", "suppressions", ""), None);
    }
}
