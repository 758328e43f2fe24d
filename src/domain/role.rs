//! The roles of the staff: one table of role × action.

use std::fmt;
use std::str::FromStr;

use super::reminder::words;
use super::{Action, UnknownWord};

/// The role of a person on the staff. Each allows what the one before it allows, and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StaffRole {
    /// Looks things up.
    Viewer,
    /// Answers borrowers: resends, holds, suppresses.
    Agent,
    /// Decides what an agent may not: overrides limits, ends strict holds, approves notices.
    Supervisor,
    /// Manages the staff, and reads the audit log.
    Admin,
}
words!(StaffRole {
    Viewer => "viewer", Agent => "agent", Supervisor => "supervisor", Admin => "admin",
});

impl StaffRole {
    /// Whether the role allows an action.
    #[must_use]
    pub fn allows(self, action: Action) -> bool {
        Self::least(action).is_some_and(|least| self >= least)
    }

    /// The least role that allows an action; `None` if only a token does.
    #[must_use]
    pub fn least(action: Action) -> Option<Self> {
        match action {
            // Writing what is owed is for the lender's own systems: no person types amounts into the console.
            Action::ChangeLedger => None,
            Action::ReadLedger
            | Action::ReadPreferences
            | Action::ReadReminders
            | Action::Explain
            | Action::ReadSuppressions
            | Action::ReadReplies
            | Action::ReadRejects
            | Action::ReadRoutes
            | Action::ReadNotices
            | Action::ReadForecast
            | Action::ReadFigures => Some(Self::Viewer),
            Action::ReadMessages
            | Action::RevealAddresses
            | Action::ChangePreferences
            | Action::Resend
            | Action::Cancel
            | Action::ChangeSuppressions
            | Action::ChangeReplies => Some(Self::Agent),
            Action::EndStrictHolds
            | Action::OverrideLimits
            | Action::Resolve
            | Action::EndOptOuts
            | Action::ChangeRejects
            | Action::ApproveNotices => Some(Self::Supervisor),
            Action::ReadAudit | Action::ManageUsers => Some(Self::Admin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, StaffRole};

    /// One line for each action, one letter for each role: the whole table, to be read.
    #[test]
    fn the_table_of_roles_and_actions() {
        let line = |action: &Action| {
            let cells = StaffRole::ALL.iter().map(|role| if role.allows(*action) { '+' } else { '-' });
            format!("{} {action}", cells.collect::<String>())
        };
        let table: Vec<_> = Action::ALL.iter().map(line).collect();
        let expected = [
            "++++ read_ledger",
            "---- change_ledger",
            "++++ read_preferences",
            "-+++ change_preferences",
            "--++ end_strict_holds",
            "++++ read_reminders",
            "-+++ read_messages",
            "-+++ resend",
            "--++ override_limits",
            "-+++ cancel",
            "--++ resolve",
            "++++ explain",
            "++++ read_suppressions",
            "-+++ reveal_addresses",
            "-+++ change_suppressions",
            "--++ end_opt_outs",
            "++++ read_replies",
            "-+++ change_replies",
            "++++ read_rejects",
            "--++ change_rejects",
            "++++ read_routes",
            "++++ read_notices",
            "--++ approve_notices",
            "++++ read_forecast",
            "++++ read_figures",
            "---+ read_audit",
            "---+ manage_users",
        ];
        assert_eq!(table, expected);
    }
}
