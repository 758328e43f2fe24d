//! Bounces and complaints from a Maildir. A message is put away only when what it says is stored, so a crash between
//! the two takes it in twice, which changes nothing.

use std::collections::BTreeSet;
use std::io;

use tokio::task::spawn_blocking;

use super::{Intake, Trust};
use crate::domain::GatewayName;
use crate::gateway::mail::Maildir;
use crate::store::StoreError;

/// How many messages are read before what they say is stored.
const BATCH: usize = 100;

/// The result of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MailboxSummary {
    /// Reports about messages of ours.
    pub reports: usize,
    /// Messages that say nothing about one; they are in `cur`, unread.
    pub others: usize,
    /// Messages that could not be opened; they are in `cur`, flagged.
    pub unreadable: usize,
}

/// Why a Maildir could not be emptied.
#[derive(Debug, thiserror::Error)]
pub enum MailboxError {
    /// The folder; names no message.
    #[error("the Maildir cannot be read or moved in: {0}")]
    Folder(#[from] io::Error),
    /// The store. What was not stored is still in `new`.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes in all that has arrived.
///
/// # Errors
/// When the folder or the store fails; the next round goes on.
pub async fn empty(intake: &Intake, gateway: &GatewayName, maildir: &Maildir) -> Result<MailboxSummary, MailboxError> {
    let mut emptied = MailboxSummary::default();
    // One that cannot be moved, such as a folder of somebody else's, keeps no other from it.
    let (mut stuck, mut trouble) = (BTreeSet::new(), None);
    loop {
        let (from, without) = (maildir.clone(), stuck.clone());
        let arrived = spawn_blocking(move || from.arrived(BATCH, &without)).await.map_err(io::Error::other)??;
        let is_last = arrived.len() < BATCH;
        let mut reports = Vec::new();
        for one in &arrived {
            match &one.content {
                Ok(Ok(report)) => reports.push(report.clone()),
                Ok(Err(_)) => emptied.others += 1,
                Err(_) => emptied.unreadable += 1,
            }
        }
        emptied.reports += reports.len();
        intake.take_in(gateway, reports, Trust::Counts).await?;
        let to = maildir.clone();
        let count = arrived.len();
        let put_away = move || arrived.iter().filter_map(|one| Some((one.name(), to.put_away(one).err()?))).collect();
        let left: Vec<_> = spawn_blocking(put_away).await.map_err(io::Error::other)?;
        let nothing_moves = count > 0 && left.len() == count;
        for (name, error) in left {
            stuck.insert(name);
            trouble.get_or_insert(error);
        }
        if is_last || nothing_moves {
            return trouble.map_or(Ok(emptied), |error| Err(error.into()));
        }
    }
}
