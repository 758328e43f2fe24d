//! The store's operations for the incarnation of its database.

use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{Arming, Beat, DatabaseState, DisarmReason, HandoverRecord, ManualChange, Marks};

/// Whether anything may be sent from the database.
#[async_trait]
pub trait IncarnationStore: Debug + Send + Sync {
    /// The current state of the database. With `beat`, first records that the daemon is alive.
    async fn database_state(&self, beat: Option<Beat<'_>>) -> Result<DatabaseState, StoreError>;

    /// Holds all sending from the database until it is armed. Nothing changes if it is held already.
    async fn disarm(&self, reason: DisarmReason, daemon: &str) -> Result<(), StoreError>;

    /// Makes each hand-over that the database does not know `unknown`, with a reminder where that is lost too; what it
    /// knows stays as it is. Numbers of new reminders go on behind those of `marks`. Gives how many it did not know.
    async fn hand_in(&self, handed_over: &[HandoverRecord], marks: Marks) -> Result<usize, StoreError>;

    /// Lets the database be sent from again, in a new generation. With `persons` 2, the first order is only noted, and
    /// the second must be another person's. On record.
    async fn arm(&self, by: &ManualChange, persons: u8) -> Result<Arming, StoreError>;
}
