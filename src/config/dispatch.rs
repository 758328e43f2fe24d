use std::time::Duration;

use super::reading::Section;
use super::value::{duration, integer};
use crate::plan::RetryPolicy;

/// `[dispatch]`: how reminders are handed to gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dispatch {
    /// How long a process may hold a reminder that it is sending. What is not settled by then counts as unknown.
    pub lease: Duration,
    /// The most reminders that are claimed at once.
    pub batch: u32,
    /// How long to wait before looking again when nothing is due.
    pub idle: Duration,
    /// How often and how soon what failed for the moment is tried again.
    pub retry: RetryPolicy,
}

pub(super) fn read(mut section: Section<'_, '_, '_>) -> Option<Dispatch> {
    let lease = section.or("lease", Duration::from_secs(60), duration);
    let batch = section.or("batch", 64, |value| integer(value, 1..=1000));
    let idle = section.or("idle", Duration::from_secs(1), duration);
    let retry = retry(section.section("retry"));
    section.finish();
    Some(Dispatch { lease: lease?, batch: batch?, idle: idle?, retry: retry? })
}

fn retry(mut section: Section<'_, '_, '_>) -> Option<RetryPolicy> {
    let usual = RetryPolicy::default();
    let max_attempts = section.or("max_attempts", usual.max_attempts, |value| integer(value, 1..=100));
    let first_pause = section.or("first_pause", usual.first_pause, duration);
    let longest_pause = section.or("longest_pause", usual.longest_pause, duration);
    if let (Some(first), Some(longest)) = (first_pause, longest_pause)
        && first > longest
    {
        section.reading.note_at(&section.key("first_pause"), "is longer than longest_pause; write a shorter one");
    }
    section.finish();
    Some(RetryPolicy { max_attempts: max_attempts?, first_pause: first_pause?, longest_pause: longest_pause? })
}
