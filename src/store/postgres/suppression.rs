//! Statements on `suppression` that take a batch: PostgreSQL takes it as one array for each column.

/// Adds suppressions, or gives those that are there their new reason and time; an end does not take the
/// place of none, and an opt-out is remembered behind another reason. Binds: the columns in the order of the insert.
pub(super) const UPSERT: &str = r#"
    insert into suppression (merchant, channel, address, sealed, reason, source, since, until)
    select * from unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[]
    )
    on conflict (channel, address, coalesce(merchant, '')) do update set
        sealed = excluded.sealed, reason = excluded.reason, source = excluded.source, since = excluded.since,
            until = excluded.until,
        covers_opt_out = suppression.covers_opt_out or suppression.reason in ('opted_out', 'complained')
    where suppression.until is not null or excluded.until is null"#;

/// Records the addresses of a change. Binds: merchant, channel, address, the address encrypted; and the change's
/// number.
pub(super) const RECORD_ADDRESSES: &str = r#"
    insert into suppression_change_address (change_id, merchant, channel, address, sealed)
    select $5, * from unnest($1::text[], $2::text[], $3::text[], $4::text[])"#;

/// Cancels the requests to end suppressions whose addressee opts out again, of that merchant or for all. Binds:
/// merchant, channel, address.
pub(super) const CANCEL_LIFTS: &str = r#"
    update suppression set lift_actor = null, lift_at = null
    from unnest($1::text[], $2::text[], $3::text[]) as k (merchant, channel, address)
    where suppression.channel = k.channel and suppression.address = k.address
      and (suppression.merchant is null or k.merchant is null or suppression.merchant = k.merchant)"#;

/// Adds what follows from reports. What has no end stays, but for a bounce or a complaint before an opt-out. Binds: as
/// above.
pub(super) const ADD: &str = r#"
    insert into suppression (merchant, channel, address, sealed, reason, source, since, until)
    select * from unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[]
    )
    on conflict (channel, address, coalesce(merchant, '')) do update set
        sealed = excluded.sealed, reason = excluded.reason, source = excluded.source, since = excluded.since,
            until = excluded.until,
        covers_opt_out = suppression.covers_opt_out or suppression.reason in ('opted_out', 'complained')
    where suppression.until is not null
       or excluded.reason = 'opted_out' and suppression.reason in ('bounced', 'complained')"#;
