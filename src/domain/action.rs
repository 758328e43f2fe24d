//! The actions that a token of the API or a role of the staff may allow.

use std::fmt;
use std::str::FromStr;

use super::UnknownWord;
use super::reminder::words;

/// An action that a token or a role may allow, for some merchants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Find borrowers, and see what they owe.
    ReadLedger,
    /// Add and change borrowers, instalments and payments.
    ChangeLedger,
    /// See a borrower's holds and preferences.
    ReadPreferences,
    /// Change them.
    ChangePreferences,
    /// End a hold that only a supervisor ends: bankruptcy, deceased, cease contact.
    EndStrictHolds,
    /// List reminders and see one with its attempts and receipts.
    ReadReminders,
    /// See the messages of a reminder as they were sent: they hold personal data.
    ReadMessages,
    /// Send a reminder once more.
    Resend,
    /// Send once more in spite of a cap or the cool-down, for a reason on record.
    OverrideLimits,
    /// Cancel a reminder that waits.
    Cancel,
    /// Settle reminders whose outcome is unknown.
    Resolve,
    /// See why a borrower was, is and will be reminded, or not.
    Explain,
    /// List the addresses that must not be contacted.
    ReadSuppressions,
    /// See phone numbers and e-mail addresses whole.
    RevealAddresses,
    /// Add an address to that list, or take one off.
    ChangeSuppressions,
    /// End an opt-out, together with another person.
    EndOptOuts,
    /// List replies of borrowers.
    ReadReplies,
    /// Record a reply as read, and as what.
    ChangeReplies,
    /// List records that could not be applied.
    ReadRejects,
    /// Retry them, or drop them.
    ChangeRejects,
    /// List the ways to repay.
    ReadRoutes,
    /// List notices and see their counts.
    ReadNotices,
    /// Approve notices.
    ApproveNotices,
    /// See the forecast of the coming days.
    ReadForecast,
    /// See figures: messages by hour, skips by reason, funnel, cost, the state of gateways.
    ReadFigures,
    /// List the entries of the audit log.
    ReadAudit,
    /// Add staff, change their roles, disable them.
    ManageUsers,
}
words!(Action {
    ReadLedger => "read_ledger", ChangeLedger => "change_ledger",
    ReadPreferences => "read_preferences", ChangePreferences => "change_preferences",
    EndStrictHolds => "end_strict_holds",
    ReadReminders => "read_reminders", ReadMessages => "read_messages", Resend => "resend",
    OverrideLimits => "override_limits", Cancel => "cancel", Resolve => "resolve", Explain => "explain",
    ReadSuppressions => "read_suppressions", RevealAddresses => "reveal_addresses",
    ChangeSuppressions => "change_suppressions", EndOptOuts => "end_opt_outs",
    ReadReplies => "read_replies", ChangeReplies => "change_replies",
    ReadRejects => "read_rejects", ChangeRejects => "change_rejects", ReadRoutes => "read_routes",
    ReadNotices => "read_notices", ApproveNotices => "approve_notices", ReadForecast => "read_forecast",
    ReadFigures => "read_figures", ReadAudit => "read_audit", ManageUsers => "manage_users",
});

impl Action {
    /// The actions that a token may allow: those that an endpoint of the API needs. The others belong to roles only.
    pub const OF_TOKENS: &'static [Self] = &[
        Self::ReadLedger,
        Self::ChangeLedger,
        Self::ReadPreferences,
        Self::ChangePreferences,
        Self::EndStrictHolds,
        Self::ReadReminders,
        Self::ReadMessages,
        Self::Resend,
        Self::OverrideLimits,
        Self::Cancel,
        Self::Resolve,
        Self::Explain,
        Self::ReadSuppressions,
        Self::RevealAddresses,
        Self::ChangeSuppressions,
        Self::EndOptOuts,
        Self::ReadRejects,
        Self::ChangeRejects,
        Self::ReadRoutes,
        Self::ReadNotices,
        Self::ApproveNotices,
        Self::ReadForecast,
        Self::ReadFigures,
    ];
}
