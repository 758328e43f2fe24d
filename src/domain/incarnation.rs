//! The identity of a database in time. A restore, a promotion and a copied file change it, or set its numbers back; a
//! daemon that notices sends nothing until a person has armed the database again.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::reminder::words;
use super::{Channel, GatewayName, NewReminder, ReminderId, UnknownWord};

/// The identity of a database and of the history that it is in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incarnation {
    /// Random, made once with the schema.
    pub database: String,
    /// Random, another one each time that the database is armed.
    pub generation: String,
    /// The server's own identifier; only on PostgreSQL.
    pub system: Option<String>,
    /// The server's timeline, which each promotion and each recovery to a point in time changes; only on PostgreSQL.
    pub timeline: Option<String>,
}

/// Numbers of a database that only grow, unless it goes back in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// How far its write-ahead log has come, in bytes; 0 on SQLite.
    pub position: i64,
    /// The number of the last event.
    pub events: i64,
    /// The number of the last reminder.
    pub reminders: i64,
}

impl Marks {
    /// Whether a database with these numbers has lost something that one with `earlier` had.
    #[must_use]
    pub fn is_behind(&self, earlier: &Self) -> bool {
        self.position < earlier.position || self.events < earlier.events || self.reminders < earlier.reminders
    }
}

/// The conditions that a claim checks in its own statement: a database that fails them hands out nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The generation in which the claimer knows the database.
    pub generation: String,
    /// The timeline, where there is one.
    pub timeline: Option<String>,
    /// The least that its numbers may be.
    pub marks: Marks,
    /// How often this daemon has shown itself there at least; none if it keeps no record.
    pub beats: Option<(String, i64)>,
}

/// Why sending from a database is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DisarmReason {
    /// Its numbers are smaller than they were: it was restored, or its file was copied back.
    MarksBehind,
    /// It is in another history: a standby was promoted, or it was recovered to a point in time.
    HistoryChanged,
    /// It is another one than the daemon sent from before.
    OtherDatabase,
    /// It handed out a reminder that was handed over already.
    HandedOutAgain,
}
words!(DisarmReason {
    MarksBehind => "marks_behind", HistoryChanged => "history_changed", OtherDatabase => "other_database",
    HandedOutAgain => "handed_out_again",
});

impl DisarmReason {
    /// The reason as a colleague would say it.
    #[must_use]
    pub fn explained(self) -> &'static str {
        match self {
            Self::MarksBehind => "the database went back in time: it was restored, or an old copy took its place",
            Self::HistoryChanged => {
                "the database is in another history: a standby was promoted, or it was recovered to a point in time"
            }
            Self::OtherDatabase => "this is another database than the one that was sent from before",
            Self::HandedOutAgain => "the database handed out a message that had been handed over already",
        }
    }
}

/// Sending from a database is held, for all daemons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disarm {
    /// Why.
    pub reason: DisarmReason,
    /// Since when.
    pub since: DateTime<Utc>,
    /// The daemon that noticed.
    pub daemon: String,
}

/// A daemon's record of itself in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonRecord {
    /// Its name: the machine and the state directory.
    pub daemon: String,
    /// How many heartbeats it has written.
    pub beats: i64,
    /// The time of the last one, by the database's clock.
    pub last_at: DateTime<Utc>,
    /// The generation for which it has put its hand-overs into the database, so that it may be armed; none while it
    /// sends.
    pub handed_in: Option<String>,
}

/// The state of a database, as it reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseState {
    /// Its identity.
    pub incarnation: Incarnation,
    /// Its current numbers.
    pub marks: Marks,
    /// The position up to which its write-ahead log is on disk; everything before that survives a crash of the server.
    pub durable: i64,
    /// The reason why nothing is sent from it.
    pub disarm: Option<Disarm>,
    /// The daemons that have sent from it.
    pub daemons: Vec<DaemonRecord>,
    /// The generations that it was in before.
    pub past_generations: Vec<String>,
    /// Whether a commit waits for another server as well; not known on SQLite.
    pub has_synchronous_standby: Option<bool>,
    /// Whether a commit waits for the disk unless a session says otherwise, as those of dueherald do; not known on
    /// SQLite.
    pub waits_for_disk: Option<bool>,
    /// Its time.
    pub now: DateTime<Utc>,
}

/// One hand-over to a gateway, as a daemon remembers it outside the database. Holds no address, name, amount or text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandoverRecord {
    /// When.
    pub at: DateTime<Utc>,
    /// The reminder's number, which its reference at the gateway is made from.
    pub id: ReminderId,
    /// Which attempt.
    pub attempt: u32,
    /// To which gateway.
    pub gateway: GatewayName,
    /// The reminder, so that a database that has lost it can have it back.
    pub reminder: NewReminder,
}

impl HandoverRecord {
    /// Whether its outcome can be looked up once the database knows it as `number`. The gateway knows it by its former
    /// number, and would deny any other. A second e-mail may have been the copy that follows an unknown outcome:
    /// another would be the third.
    #[must_use]
    pub fn can_be_looked_up(&self, number: ReminderId) -> bool {
        number == self.id && (self.attempt < 2 || self.reminder.key.channel != Channel::Email)
    }
}

/// How a daemon shows itself in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat<'a> {
    /// Its name.
    pub daemon: &'a str,
    /// The generation for which all that it remembers is in the database; behind [`LOST_RECORD`] while it has lost its
    /// memory.
    pub handed_in: Option<&'a str>,
}

/// The result of an order to arm a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arming {
    /// It is armed: the daemons send again.
    Armed,
    /// A second person has to order it as well.
    OnePersonMore,
}

/// The prefix of the generation in the row of a daemon that has lost its own record, until the database is armed.
pub const LOST_RECORD: &str = "lost ";

/// A database as a daemon knows it from before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownDatabase {
    /// Which it is.
    pub incarnation: Incarnation,
    /// The highest numbers that are sure to outlast a crash of it.
    pub marks: Marks,
    /// How often this daemon had shown itself in it.
    #[serde(default)]
    pub beats: i64,
}

/// The detail of the event of a reminder that a daemon handed over and of which the database no longer knew.
pub const DATABASE_REWOUND: &str = "database_rewound";
