//! Lists of gateways of merchants' own: PostgreSQL takes them as one array for each column.

/// Moves waiting and held reminders from lists that are not their merchant's to the first gateway of the one that is.
/// Binds: merchants, gateway indexes of the first and behind the last of their lists; channel, the channel's gateways.
pub(super) const REHOME_OWN: &str = r#"
    update queue q set gateway_index = s.first_index
    from (
        select w.reminder_id, coalesce(own.first_index, 0) as first_index
        from queue w join reminder r on r.id = w.reminder_id
        left join unnest($1::text[], $2::smallint[], $3::smallint[]) as own (merchant, first_index, end_index)
          on own.merchant = r.merchant
        where w.channel = $4 and w.state in ('planned', 'held') and case when own.merchant is null
            then w.gateway_index >= $5 else w.gateway_index < own.first_index or w.gateway_index >= own.end_index end
    ) s
    where q.reminder_id = s.reminder_id and q.state in ('planned', 'held')"#;
