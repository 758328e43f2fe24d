//! Statements on `suppression` that take a batch: SQLite takes it as JSON.

/// Adds suppressions, or gives those that are there their new reason and time; an end does not take the
/// place of none, and an opt-out is remembered behind another reason. Rows: the columns in the order of the insert.
pub(super) const UPSERT: &str = r#"
    insert into suppression (merchant, channel, address, sealed, reason, source, since, until)
    select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
    from json_each($1) where true
    on conflict (channel, address, coalesce(merchant, '')) do update set
        sealed = excluded.sealed, reason = excluded.reason, source = excluded.source, since = excluded.since,
            until = excluded.until,
        covers_opt_out = suppression.covers_opt_out or suppression.reason in ('opted_out', 'complained')
    where suppression.until is not null or excluded.until is null"#;

/// Records the addresses of a change. Rows: merchant, channel, address, the address encrypted; binds besides: the
/// change's number.
pub(super) const RECORD_ADDRESSES: &str = r#"
    insert into suppression_change_address (change_id, merchant, channel, address, sealed)
    select $2, value ->> 0, value ->> 1, value ->> 2, value ->> 3 from json_each($1)"#;

/// Cancels the requests to end suppressions whose addressee opts out again, of that merchant or for all. Rows:
/// merchant, channel, address.
pub(super) const CANCEL_LIFTS: &str = r#"
    update suppression set lift_actor = null, lift_at = null
    from (select value ->> 0 as merchant, value ->> 1 as channel, value ->> 2 as address from json_each($1)) k
    where suppression.channel = k.channel and suppression.address = k.address
      and (suppression.merchant is null or k.merchant is null or suppression.merchant = k.merchant)"#;

/// Adds what follows from reports. What has no end stays, but for a bounce or a complaint before an opt-out. Rows: as
/// above.
pub(super) const ADD: &str = r#"
    insert into suppression (merchant, channel, address, sealed, reason, source, since, until)
    select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
    from json_each($1) where true
    on conflict (channel, address, coalesce(merchant, '')) do update set
        sealed = excluded.sealed, reason = excluded.reason, source = excluded.source, since = excluded.since,
            until = excluded.until,
        covers_opt_out = suppression.covers_opt_out or suppression.reason in ('opted_out', 'complained')
    where suppression.until is not null
       or excluded.reason = 'opted_out' and suppression.reason in ('bounced', 'complained')"#;
