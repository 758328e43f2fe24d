//! `POST /api/v1/borrowers` and `/api/v1/installments`: the lender's books, in batches of up to 10,000.
//!
//! Items are checked as an import checks its records, and written in parts of one transaction each. Each part also
//! renews the lease of the request, in the same transaction: a try that was taken over writes nothing more, so that a
//! daemon that was stopped for a while does not lay old amounts over new ones.
//!
//! The first answer is kept as what cannot be found again from the request, which comes again with the key: runs of
//! equal results, and each reason once. That is some 100 bytes for 10,000 sound items, and never more than some 200 kB,
//! where the answer itself has 600 kB.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::batch::{KeyedBatch, OpenBatch, aside, ending};
use super::caller::Caller;
use super::idempotency::{Beginning, LEASE, begin, finish, kept, replayed, respond, still_running};
use super::ledger_schema::{BorrowerItem, InstallmentItem, borrower_items, installment_items};
use super::problem::{Problem, ProblemBody, ProblemKind};
use crate::pipeline::{IngestError, IngestJob, IngestReport, ItemOutcome, PartWriter, ingest};
use crate::source::{JsonItems, ObjectKind};
use crate::store::{KeptAnswer, LedgerPart, LedgerPartResult, RequestClaim, RequestEnd};

/// Instalments of one merchant.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct InstallmentBatch {
    /// The merchant.
    merchant: String,
    /// 1 to 10,000 instalments, payments and cancellations. An item of any other form is answered as `rejected`.
    #[schema(schema_with = installment_items)]
    installments: Vec<InstallmentItem>,
}

/// Borrowers of one merchant.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct BorrowerBatch {
    /// The merchant.
    merchant: String,
    /// 1 to 10,000 borrowers. An item of any other form is answered as `rejected`.
    #[schema(schema_with = borrower_items)]
    borrowers: Vec<BorrowerItem>,
}

/// The result of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ItemStatus {
    /// The ledger has changed.
    Changed,
    /// The ledger held all of it already.
    Unchanged,
    /// A payment that is kept until its instalment comes.
    Waiting,
    /// It was refused. Where it names its instalment, it is kept and holds the reminders of it.
    Rejected,
}

impl From<ItemOutcome> for ItemStatus {
    fn from(outcome: ItemOutcome) -> Self {
        match outcome {
            ItemOutcome::Changed => Self::Changed,
            ItemOutcome::Unchanged => Self::Unchanged,
            ItemOutcome::Waiting => Self::Waiting,
            ItemOutcome::Rejected => Self::Rejected,
        }
    }
}

/// The result of one item.
#[derive(Debug, Serialize, ToSchema)]
struct BatchItem {
    /// Its place in the request, from 0.
    index: u32,
    /// The lender's number in it; `null` if it cannot be read.
    id: Option<String>,
    result: ItemStatus,
    /// Why it was refused, or waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The fields that were left out, each with its mistake: what was known there stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<String>,
}

/// The results of a batch, one for each item.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatchAnswer {
    merchant: String,
    changed: u32,
    unchanged: u32,
    waiting: u32,
    rejected: u32,
    /// The names of fields that do not exist and were passed over.
    unknown_fields: Vec<String>,
    results: Vec<BatchItem>,
}

/// Add and change instalments
///
/// Up to 10,000 in one request of at most 8 MiB, by the same checks as an import. A field that is not in an item stays
/// as it is, so that sending the same twice changes nothing. A rejected item keeps no other from being taken.
#[utoipa::path(
    post, path = "/api/v1/installments", tag = "ledger", security(("token" = [])),
    params(("Idempotency-Key" = String, Header, description = "A text that no other request has, in quotes")),
    request_body = InstallmentBatch,
    responses(
        (status = 200, body = BatchAnswer),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add_installments(
    State(api): State<Api>,
    caller: Caller,
    body: KeyedBatch,
) -> Result<Response, Problem> {
    take_in(&api, &caller, body.open("installments").await?, ObjectKind::Installment).await
}

/// Add and change borrowers
///
/// Up to 10,000 in one request of at most 8 MiB, by the same checks as an import. A field that is not in an item stays
/// as it is. A rejected borrower is not kept.
#[utoipa::path(
    post, path = "/api/v1/borrowers", tag = "ledger", security(("token" = [])),
    params(("Idempotency-Key" = String, Header, description = "A text that no other request has, in quotes")),
    request_body = BorrowerBatch,
    responses(
        (status = 200, body = BatchAnswer),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add_borrowers(
    State(api): State<Api>,
    caller: Caller,
    body: KeyedBatch,
) -> Result<Response, Problem> {
    take_in(&api, &caller, body.open("borrowers").await?, ObjectKind::Borrower).await
}

async fn take_in(api: &Api, caller: &Caller, batch: OpenBatch, kind: ObjectKind) -> Result<Response, Problem> {
    let OpenBatch { key, items, mut fields, place } = batch;
    let merchant = fields.text("merchant");
    let merchant = fields.require("merchant", merchant);
    fields.finish()?;
    let merchant = caller.merchant(api, &merchant.unwrap_or_default())?.clone();
    let (name, items) = (merchant.id.to_string(), Arc::new(items));
    let (answer, is_replayed) = match begin(api, caller, &key).await? {
        Beginning::Answered(answer) => (answer, true),
        Beginning::Begun(claim) => {
            let job = IngestJob { items: Arc::clone(&items), kind, merchant };
            let end = match ingest(job, &PartsOfRequest { api, caller, claim: &claim }).await {
                Ok(report) => Ok(RequestEnd::Answer(kept(StatusCode::OK, &KeptResults::of(&report)))),
                Err(IngestError::Write(problem)) => Err(problem),
                Err(IngestError::Ending) => Err(ending()),
            };
            (finish(api, caller, &claim, end).await?, false)
        }
    };
    let response = whole(answer, items, kind, name).await?;
    drop(place);
    Ok(if is_replayed { replayed(response) } else { response })
}

/// Writes parts as long as the request has not been taken over.
struct PartsOfRequest<'r> {
    api: &'r Api,
    caller: &'r Caller,
    claim: &'r RequestClaim,
}

#[async_trait]
impl PartWriter for PartsOfRequest<'_> {
    type Error = Problem;

    async fn write(&self, part: LedgerPart) -> Result<LedgerPartResult, Problem> {
        let written = self.api.patiently(self.caller.store(self.api).write_part(self.claim, LEASE, &part)).await?;
        written.ok_or_else(still_running)
    }
}

/// The results as they are kept.
#[derive(Debug, Default, Serialize, Deserialize)]
struct KeptResults {
    /// Equal results one after the other, and how many.
    runs: Vec<(ItemStatus, u32)>,
    /// Each reason, and the items that were refused for it.
    reasons: BTreeMap<String, Vec<u32>>,
    /// The same for fields that were left out.
    left_out: BTreeMap<String, Vec<u32>>,
    unknown_fields: Vec<String>,
}

impl KeptResults {
    fn of(report: &IngestReport) -> Self {
        let mut kept = Self { unknown_fields: report.unknown_fields.clone(), ..Self::default() };
        for (index, result) in (0_u32..).zip(&report.results) {
            let status = ItemStatus::from(result.outcome);
            match kept.runs.last_mut() {
                Some((last, count)) if *last == status => *count += 1,
                _ => kept.runs.push((status, 1)),
            }
            for (texts, text) in [(&mut kept.reasons, &result.reason), (&mut kept.left_out, &result.left_out)] {
                if let Some(text) = text {
                    texts.entry(text.clone()).or_default().push(index);
                }
            }
        }
        kept
    }

    /// The whole answer, with the numbers of the request.
    fn with_numbers(self, merchant: String, ids: Vec<Option<String>>) -> BatchAnswer {
        let statuses = self.runs.iter().flat_map(|(status, count)| (0..*count).map(|_| *status));
        let results = (0_u32..).zip(statuses).zip(ids);
        let results =
            results.map(|((index, result), id)| BatchItem { index, id, result, reason: None, left_out: None });
        let mut results: Vec<_> = results.collect();
        for (text, indexes) in self.reasons {
            for index in indexes {
                if let Some(item) = results.get_mut(index as usize) {
                    item.reason = Some(text.clone());
                }
            }
        }
        for (text, indexes) in self.left_out {
            for index in indexes {
                if let Some(item) = results.get_mut(index as usize) {
                    item.left_out = Some(text.clone());
                }
            }
        }
        let count = |status| self.runs.iter().filter(|(one, _)| *one == status).map(|(_, count)| count).sum();
        BatchAnswer {
            merchant,
            changed: count(ItemStatus::Changed),
            unchanged: count(ItemStatus::Unchanged),
            waiting: count(ItemStatus::Waiting),
            rejected: count(ItemStatus::Rejected),
            unknown_fields: self.unknown_fields,
            results,
        }
    }
}

/// The answer to a request from what is kept of it. A refusal is kept whole.
async fn whole(
    answer: KeptAnswer,
    items: Arc<JsonItems>,
    kind: ObjectKind,
    merchant: String,
) -> Result<Response, Problem> {
    if !StatusCode::from_u16(answer.status).is_ok_and(|status| status.is_success()) {
        return Ok(respond(&answer));
    }
    let unreadable = || Problem::new(ProblemKind::Failed, "the first answer to this request cannot be read any more");
    let kept: KeptResults = serde_json::from_str(&answer.body).map_err(|_| unreadable())?;
    let read = move || (0..items.len()).map(|index| kind.id_in(items.get(index))).collect();
    let ids = aside(read).await?;
    Ok(Json(kept.with_numbers(merchant, ids)).into_response())
}
