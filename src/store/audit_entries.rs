//! The audit entries of the store's operations: one place for all stores.

use chrono::{DateTime, Utc};

use super::NewToken;
use crate::domain::{Action, AuditAction, AuditSubject, AuditValues, MerchantId, NewAuditEntry};

pub(super) fn create_token(token: &NewToken) -> NewAuditEntry {
    let merchants: Vec<_> = token.merchants.iter().map(MerchantId::as_str).collect();
    let actions: Vec<_> = token.actions.iter().copied().map(Action::as_str).collect();
    let until = token.expires_at.map_or_else(String::new, |until| format!(" until {until}"));
    let after = Some(format!("{} for {}{until}", actions.join(" "), merchants.join(" ")));
    NewAuditEntry {
        at: token.created_at,
        actor: None,
        action: AuditAction::TokenCreate,
        subject: AuditSubject::object("token", &token.name),
        values: AuditValues::default().from_to(None, after),
    }
}

pub(super) fn revoke_token(name: &str, at: DateTime<Utc>) -> NewAuditEntry {
    let (action, subject) = (AuditAction::TokenRevoke, AuditSubject::object("token", name));
    NewAuditEntry { at, actor: None, action, subject, values: AuditValues::default() }
}
