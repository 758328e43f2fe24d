//! The head of the audit log: changes that append entries take turns at its row.

/// Locks the head. Gives random bytes for salts with it.
pub(super) const LOCK: &str = "
    select number, hash, uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) as seed
    from audit_head for update";
