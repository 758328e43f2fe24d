//! The funnel, and what happened when.

use std::fmt::Debug;
use std::ops::Range;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::domain::{ActivityCount, BorrowerKey, Click, SentCount};

/// Messages, their events, and clicks, counted.
#[async_trait]
pub trait FunnelStore: Debug + Send + Sync {
    /// Records that a borrower went a way to repay; nothing that was recorded before is changed.
    async fn add_click(&self, click: &Click) -> Result<(), StoreError>;

    /// Which ways borrowers went since then, oldest first.
    async fn clicks(&self, since: DateTime<Utc>) -> Result<Vec<Click>, StoreError>;

    /// Which ways a borrower went, newest first.
    async fn clicks_of(&self, borrower: &BorrowerKey, limit: u32) -> Result<Vec<Click>, StoreError>;

    /// Messages that a gateway took over within `span`, counted by what decides about their way to repay, in no order.
    /// What came of them is as known now.
    async fn sent(&self, span: &Range<DateTime<Utc>>) -> Result<Vec<SentCount>, StoreError>;

    /// Events within `span` by which attempts and reminders ended ([`ActivityCount::KINDS`]), counted, in no order.
    async fn activity(&self, span: &Range<DateTime<Utc>>) -> Result<Vec<ActivityCount>, StoreError>;
}
