//! Whether a daemon may send from a database, by what it remembers of it. Pure.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::domain::{DaemonRecord, DatabaseState, DisarmReason, KnownDatabase, LOST_RECORD};

/// A daemon's memory when it checks its database.
#[derive(Debug, Clone, Copy)]
pub struct DaemonMemory<'a> {
    /// The daemon's name; none if it keeps no lasting record.
    pub daemon: Option<&'a str>,
    /// The database that it sent from last.
    pub known: Option<&'a KnownDatabase>,
    /// Whether it has just written a heartbeat, so that there is one more than it remembers.
    pub has_beaten: bool,
    /// Whether it remembers no hand-over at all.
    pub is_empty: bool,
    /// The heartbeats of each daemon when this one checked first.
    pub first_beats: &'a BTreeMap<String, i64>,
}

/// The verdict for the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncarnationVerdict {
    /// It goes on: the database is as it was.
    GoOn,
    /// It takes the database for its own, once all that it remembers is in there.
    Join,
    /// Nobody may send: the database is to be disarmed.
    Disarm(DisarmReason),
    /// Somebody has disarmed it.
    Disarmed,
    /// It waits alone, until the database is armed or, if it is new, a daemon that sends stands by.
    Wait(WaitReason),
}

/// Why one daemon does not send, although others may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason {
    /// It is known in the database, and its own record is gone.
    RecordLost,
    /// It is new, and no daemon that sends stands by to vouch for the database.
    Alone,
}

impl WaitReason {
    /// The reason as a colleague would say it.
    #[must_use]
    pub fn explained(self) -> &'static str {
        match self {
            Self::RecordLost => {
                "this daemon has sent from the database before, and its own record in `dispatch.state_dir` is gone"
            }
            Self::Alone => {
                "this daemon has no record of the database in `dispatch.state_dir`, others have sent from it, and \
                 none of them is running"
            }
        }
    }
}

/// Looks at a database.
#[must_use]
pub fn judge(memory: DaemonMemory<'_>, state: &DatabaseState) -> IncarnationVerdict {
    if state.disarm.is_some() {
        return IncarnationVerdict::Disarmed;
    }
    let is_past = |generation: &str| state.past_generations.iter().any(|past| past == generation);
    let own = memory.daemon.and_then(|name| state.daemons.iter().find(|one| one.daemon == name));
    let handed_in = own.and_then(|own| own.handed_in.as_deref());
    // It waited with all that it remembers in there when the database was armed.
    let was_armed_since = handed_in.is_some_and(|word| is_past(word.strip_prefix(LOST_RECORD).unwrap_or(word)));
    let Some(known) = memory.known else {
        return if was_armed_since { IncarnationVerdict::Join } else { newcomer(memory, own, state) };
    };
    let (before, now) = (&known.incarnation, &state.incarnation);
    if before.database != now.database {
        let may_join = memory.is_empty || was_armed_since;
        return if may_join {
            IncarnationVerdict::Join
        } else {
            IncarnationVerdict::Disarm(DisarmReason::OtherDatabase)
        };
    }
    if before.generation != now.generation {
        let may_join = is_past(&before.generation) || was_armed_since;
        return if may_join { IncarnationVerdict::Join } else { IncarnationVerdict::Disarm(DisarmReason::MarksBehind) };
    }
    let changed = |before: &Option<String>, now: &Option<String>| before.is_some() && now.is_some() && before != now;
    if changed(&before.system, &now.system) || changed(&before.timeline, &now.timeline) {
        return IncarnationVerdict::Disarm(DisarmReason::HistoryChanged);
    }
    let beats = own.map_or(0, |own| own.beats);
    let least = known.beats + i64::from(memory.has_beaten);
    if state.marks.is_behind(&known.marks) || (memory.daemon.is_some() && beats < least) {
        return IncarnationVerdict::Disarm(DisarmReason::MarksBehind);
    }
    IncarnationVerdict::GoOn
}

/// One without a record of any database.
fn newcomer(memory: DaemonMemory<'_>, own: Option<&DaemonRecord>, state: &DatabaseState) -> IncarnationVerdict {
    let Some(name) = memory.daemon else { return IncarnationVerdict::Join };
    // One that waits as a newcomer has said so in its row.
    let is_known = own.is_some_and(|own| own.handed_in.as_deref() != Some(&*state.incarnation.generation));
    if is_known {
        return IncarnationVerdict::Wait(WaitReason::RecordLost);
    }
    let mut others = state.daemons.iter().filter(|one| one.daemon != name).peekable();
    // One that sends, and has shown itself since this one looked first: in a copy of the database nothing moves.
    // Twice: with its first beat in a restored database it may only be about to disarm it.
    let vouches = |one: &DaemonRecord| {
        one.handed_in.is_none() && memory.first_beats.get(&one.daemon).is_some_and(|first| one.beats > *first + 1)
    };
    if others.peek().is_none() || others.any(vouches) {
        return IncarnationVerdict::Join;
    }
    IncarnationVerdict::Wait(WaitReason::Alone)
}

/// How long after it was last there a daemon is waited for.
const WAITED_FOR: TimeDelta = TimeDelta::days(7);

/// A daemon that has shown itself so lately goes on sending, unless the database is disarmed: then it finds nothing
/// wrong with it.
const LIVE_FOR: TimeDelta = TimeDelta::minutes(1);

/// The daemons that may remember what the database does not know, and have not put it in: until they have, it must not
/// be armed. A database that was restored while no daemon ran is not disarmed yet, and forgets as much.
pub fn not_handed_in(state: &DatabaseState) -> impl Iterator<Item = &DaemonRecord> {
    let since = state.disarm.as_ref().map_or(state.now, |disarm| disarm.since);
    let generation = state.incarnation.generation.as_str();
    state.daemons.iter().filter(move |one| {
        let word = one.handed_in.as_deref().map(|word| word.strip_prefix(LOST_RECORD).unwrap_or(word));
        let is_live = state.disarm.is_none() && state.now - one.last_at < LIVE_FOR;
        !is_live && since - one.last_at < WAITED_FOR && word != Some(generation)
    })
}

#[cfg(test)]
mod tests;
