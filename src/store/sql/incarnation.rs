//! The tables `incarnation`, `arming` and `daemon`.

use sqlx::FromRow;

use super::borrower::read;
use super::value::Moment;
use crate::domain::{DaemonRecord, DatabaseState, Disarm, DisarmReason, Incarnation, Marks};
use crate::store::StoreError;

/// The row, and what the server says of itself as `$server`.
macro_rules! state {
    ($server:literal) => {
        concat!(
            "select i.database, i.generation, i.disarm_reason, i.disarmed_by, i.disarmed_at, ",
            $server,
            " from incarnation i"
        )
    };
}
pub(in crate::store) use state;

/// A daemon shows itself. Binds: name, time, what it has handed in.
pub(in crate::store) const BEAT: &str = r#"
    insert into daemon (daemon, beats, last_at, handed_in)
    values ($1, 1, $2, $3)
    on conflict (daemon) do update set beats = daemon.beats + 1, last_at = excluded.last_at,
        handed_in = excluded.handed_in"#;

/// Daemons that have sent from it.
pub(in crate::store) const DAEMONS: &str = "select daemon, beats, last_at, handed_in from daemon order by daemon";

/// Generations that are over.
pub(in crate::store) const PAST: &str = "select generation from arming where is_done order by id";

/// Binds: reason, daemon, time.
pub(in crate::store) const DISARM: &str = r#"
    update incarnation set disarm_reason = $1, disarmed_by = $2, disarmed_at = $3 where disarm_reason is null"#;

/// The persons who asked to end the current generation. Binds: nothing.
pub(in crate::store) const ASKED: &str =
    "select a.actor from arming a join incarnation i on i.generation = a.generation where not a.is_done";

/// Binds: time, actor, reason, whether it is done.
pub(in crate::store) const NOTE: &str = r#"
    insert into arming (generation, at, actor, reason, is_done) select generation, $1, $2, $3, $4 from incarnation"#;

/// Binds: when to look, number, attempt, channel, gateway.
pub(in crate::store) const PUT_IN_DOUBT: &str = r#"
    insert into queue (reminder_id, not_before, attempt, gateway_index, channel, state, gateway)
    values ($2, $1, $3, 0, $4, 'unknown', $5)
    on conflict (reminder_id) do update set
        state = 'unknown', attempt = excluded.attempt, gateway = excluded.gateway, not_before = excluded.not_before,
        hold_cause = null, undelivered_at = null"#;

/// Binds: now, number, attempt, gateway, why.
pub(in crate::store) const DOUBT: &str = r#"
    insert into event (reminder_id, attempt, at, kind, gateway, detail) values ($2, $3, $1, 'unknown', $4, $5)"#;

/// The number of a reminder. Binds: merchant, borrower, due date, step, channel.
pub(in crate::store) const NUMBER: &str = r#"
    select id from reminder where merchant = $1 and borrower_id = $2 and due_date = $3 and step = $4 and channel = $5"#;

#[derive(FromRow)]
pub(in crate::store) struct StateRow {
    database: String,
    generation: String,
    disarm_reason: Option<String>,
    disarmed_by: Option<String>,
    disarmed_at: Option<Moment>,
    system: Option<String>,
    timeline: Option<String>,
    position: i64,
    durable: i64,
    events: i64,
    reminders: i64,
    has_standby: Option<bool>,
    waits_for_disk: Option<bool>,
}

#[derive(FromRow)]
pub(in crate::store) struct DaemonRow {
    daemon: String,
    beats: i64,
    last_at: Moment,
    handed_in: Option<String>,
}

impl StateRow {
    pub(in crate::store) fn state(
        self,
        daemons: Vec<DaemonRow>,
        past: Vec<(String,)>,
        now: Moment,
    ) -> Result<DatabaseState, StoreError> {
        let Self { database, generation, system, timeline, position, durable, events, reminders, .. } = self;
        let disarm = match (self.disarm_reason, self.disarmed_by, self.disarmed_at) {
            (Some(reason), Some(daemon), Some(since)) => {
                let reason: DisarmReason = read(&reason, "incarnation.disarm_reason", str::parse)?;
                Some(Disarm { reason, since: since.0, daemon })
            }
            _ => None,
        };
        let daemons = daemons.into_iter().map(|row| DaemonRecord {
            daemon: row.daemon,
            beats: row.beats,
            last_at: row.last_at.0,
            handed_in: row.handed_in,
        });
        Ok(DatabaseState {
            incarnation: Incarnation { database, generation, system, timeline },
            marks: Marks { position, events, reminders },
            durable,
            disarm,
            daemons: daemons.collect(),
            past_generations: past.into_iter().map(|(generation,)| generation).collect(),
            has_synchronous_standby: self.has_standby,
            waits_for_disk: self.waits_for_disk,
            now: now.0,
        })
    }
}
