//! The question of a borrower's page.

use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use crate::plan::{AnswerTry, TryDecision};

/// Tries to answer the question of a borrower's page.
#[async_trait]
pub trait AnswerStore: Debug + Send + Sync {
    /// Counts a try to answer the question of a borrower's page, before the answer is compared: for each of its
    /// [subjects](AnswerTry::subjects) as [`next_try`](crate::plan::next_try) has it, on the store's clock. Two at once
    /// count as two.
    async fn try_digits(&self, attempt: &AnswerTry) -> Result<TryDecision, StoreError>;

    /// Forgets the wrong tries at a borrower: the answer was right. The client is counted on, without this try.
    async fn forget_tries(&self, attempt: &AnswerTry) -> Result<(), StoreError>;
}
