//! The sentence at the head of a page that says what was just done.

use super::words::DeskWords;

/// The sentences that a page may begin with, by the word in its query.
const DONE: [(&str, &str); 12] = [
    ("held", "done_held"),
    ("released", "done_released"),
    ("preferences", "done_preferences"),
    ("suppressed", "done_suppressed"),
    ("lifted", "done_lifted"),
    ("lift_asked", "done_lift_asked"),
    ("resent", "done_resent"),
    ("resolved", "done_resolved"),
    ("read", "done_read"),
    ("retried", "done_retried"),
    ("dropped", "done_dropped"),
    ("approved", "done_approved"),
];

/// The sentence that a query asks for by `done`.
pub(super) fn done(query: Option<&str>, words: &DeskWords) -> Option<String> {
    let query = query.unwrap_or_default();
    let word = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "done").map(|(_, word)| word)?;
    DONE.iter().find(|(known, _)| word == *known).map(|(_, key)| words.say(key, &[]))
}
