//! The head of the audit log: the one writer needs no lock.

/// The head, with random bytes for salts.
pub(super) const LOCK: &str = "select number, hash, randomblob(32) as seed from audit_head";
