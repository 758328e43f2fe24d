//! Statements on `rate` that lock.

/// A gateway's row. Nothing to lock: the writing transaction is alone. Binds: gateway, now.
pub(super) const LOCK: &str = "select next, day, used, $2 as now from rate where gateway = $1";
