//! The table `volume`.

use chrono::NaiveDate;
use sqlx::FromRow;

use crate::plan::DayVolume;

/// Adds to a day. Binds: merchant, day, how many.
pub(in crate::store) const ADD: &str = r#"
    insert into volume (merchant, day, planned) values ($1, $2, $3)
    on conflict (merchant, day) do update set planned = volume.planned + excluded.planned"#;

/// A day beside those before. Binds: merchant, day, the first day that counts.
pub(in crate::store) const DAY: &str = r#"
    select
        coalesce((select planned from volume where merchant = $1 and day = $2), 0) as planned,
        coalesce((
            select max(planned) from volume
            where merchant = $1 and day < $2 and day >= $3 and (not held or approved_at is not null)
        ), 0) as most,
        (select min(day) from volume where merchant = $1 and day < $2) as since,
        exists (select 1 from volume where merchant = $1 and day = $2 and approved_at is not null) as is_approved"#;

/// Notes that a day is held. Binds: merchant, day.
pub(in crate::store) const HOLD: &str = "update volume set held = true where merchant = $1 and day = $2";

/// Approves a day that is held. Binds: merchant, day, who, why, when.
pub(in crate::store) const APPROVE: &str = r#"
    update volume set approved_by = $3, approved_reason = $4, approved_at = $5
    where merchant = $1 and day = $2 and held and approved_at is null"#;

#[derive(FromRow)]
pub(in crate::store) struct DayRow {
    planned: i64,
    most: i64,
    since: Option<NaiveDate>,
    is_approved: bool,
}

impl DayRow {
    pub(in crate::store) fn volume(self) -> DayVolume {
        let count = |count: i64| u64::try_from(count).unwrap_or_default();
        let Self { planned, most, since, is_approved } = self;
        DayVolume { planned: count(planned), most: count(most), since, is_approved }
    }
}
