//! Lists of gateways of merchants' own: SQLite takes them as JSON.

/// Moves waiting and held reminders from lists that are not their merchant's to the first gateway of the one that is.
/// Rows: merchant, gateway indexes of the first and behind the last of its list; then binds: channel, the channel's
/// gateways.
pub(super) const REHOME_OWN: &str = r#"
    update queue set gateway_index = s.first_index
    from (
        select w.reminder_id, coalesce(own.value ->> 1, 0) as first_index
        from queue w join reminder r on r.id = w.reminder_id
        left join json_each($1) own on own.value ->> 0 = r.merchant
        where w.channel = $2 and w.state in ('planned', 'held') and case when own.value is null
            then w.gateway_index >= $3
            else w.gateway_index < own.value ->> 1 or w.gateway_index >= own.value ->> 2 end
    ) s
    where queue.reminder_id = s.reminder_id"#;
