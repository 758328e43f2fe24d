//! Statements on `rate` that lock.

/// Locks a gateway's row until the claim ends: claims through one gateway take turns, so that no permit is given twice.
/// The time is the statement's, and after a wait for another claim the time after it: that of the transaction's begin
/// would be stale by the wait. Binds: gateway, now if it is given.
pub(super) const LOCK: &str = r#"
    select next, day, used, coalesce($2, clock_timestamp()) as now from rate where gateway = $1 for update"#;
