//! Signals, and what they order.
//!
//! SIGTERM and SIGINT stop softly, and a second one stops at once. SIGHUP stops softly too, and never at once: a
//! terminal that closes may send it twice. Where SIGHUP was ignored when the process began (`nohup`), it stays ignored.

use std::fs;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::DaemonError;

/// How the daemon is told to stop. Copies share it.
#[derive(Debug, Clone, Default)]
pub struct StopOrder {
    /// Claim nothing more, settle what is in flight, end.
    pub soft: CancellationToken,
    /// End now.
    pub hard: CancellationToken,
}

/// The signals that are caught.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    pub(super) fn catch() -> Result<Self, DaemonError> {
        let catch = |kind| signal(kind).map_err(DaemonError::Signals);
        let hangup = if ignores_hangup() { None } else { Some(catch(SignalKind::hangup())?) };
        Ok(Self { terminate: catch(SignalKind::terminate())?, interrupt: catch(SignalKind::interrupt())?, hangup })
    }

    /// Passes signals on as orders, for as long as it is polled.
    pub(super) async fn relay(mut self, order: &StopOrder) {
        loop {
            let (name, may_cut) = self.next().await;
            if !order.soft.is_cancelled() {
                tracing::info!(
                    signal = name,
                    "stopping: what is in flight is settled first; a second signal stops at once"
                );
                order.soft.cancel();
            } else if may_cut {
                order.hard.cancel();
            }
        }
    }

    /// The next signal: its name, and whether it may cut a soft stop short.
    async fn next(&mut self) -> (&'static str, bool) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => _ = hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => ("SIGTERM", true),
            _ = self.interrupt.recv() => ("SIGINT", true),
            () = hangup => ("SIGHUP", false),
        }
    }
}

/// Whether whoever started this process set SIGHUP to be ignored. Only Linux tells.
fn ignores_hangup() -> bool {
    const HANGUP: u64 = 1 << 0;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & HANGUP != 0)
}
