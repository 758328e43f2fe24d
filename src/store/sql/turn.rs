//! The table `turn`.

/// Takes a turn that is free, has run out, or is one's own; changes no row if another has it. Binds: task, holder, its
/// end, now.
pub(in crate::store) const TAKE: &str = r#"
    insert into turn (task, holder, lease_until) values ($1, $2, $3)
    on conflict (task) do update set holder = excluded.holder, lease_until = excluded.lease_until
    where turn.holder = excluded.holder or turn.lease_until <= $4"#;
