//! The actions of the API that a token may allow.

use std::fmt;
use std::str::FromStr;

use super::UnknownWord;
use super::reminder::words;

/// An action that a token may allow, for the merchants of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApiAction {
    /// See a borrower's hold and preferences.
    ReadPreferences,
    /// Change them.
    ChangePreferences,
    /// List reminders and see one with its attempts and receipts.
    ReadReminders,
    /// See the messages of a reminder as they were sent: they hold personal data.
    ReadMessages,
    /// Send a reminder once more.
    Resend,
    /// See why a borrower was, is and will be reminded, or not.
    Explain,
    /// List the addresses that must not be contacted.
    ReadSuppressions,
    /// See these addresses whole.
    RevealAddresses,
    /// Add an address to that list, or take one off.
    ChangeSuppressions,
    /// List the ways to repay.
    ReadRoutes,
}
words!(ApiAction {
    ReadPreferences => "read_preferences", ChangePreferences => "change_preferences",
    ReadReminders => "read_reminders", ReadMessages => "read_messages", Resend => "resend", Explain => "explain",
    ReadSuppressions => "read_suppressions", RevealAddresses => "reveal_addresses", ChangeSuppressions => "change_suppressions", ReadRoutes => "read_routes",
});
