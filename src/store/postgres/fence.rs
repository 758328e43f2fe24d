//! The part of a claim's condition that is about the database itself.

/// Whether the database is the one that the claimer knows, and armed; a subquery, so that it is answered once for each
/// claim. Without a generation everything passes.
macro_rules! fence {
    (
        $generation:literal, $timeline:literal, $position:literal, $events:literal, $reminders:literal, $daemon:literal,
        $beats:literal
    ) => {
        concat!(
            " and (select ",
            $generation,
            "::text is null or (select i.generation = ",
            $generation,
            " and i.disarm_reason is null from incarnation i) and (",
            $timeline,
            "::text is null or substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) = ",
            $timeline,
            " and (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint >= ",
            $position,
            "::bigint) and (select last_value from event_id_seq) >= ",
            $events,
            "::bigint and (select last_value from reminder_id_seq) >= ",
            $reminders,
            "::bigint and (",
            $daemon,
            "::text is null or coalesce((select d.beats from daemon d where d.daemon = ",
            $daemon,
            "), 0) >= ",
            $beats,
            "::bigint))"
        )
    };
}
pub(super) use fence;
