//! `dueherald check --online` of a source: whether its queries can be used, what they cost the lender, and what becomes
//! of the first rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::{CheckedEndpoint, source_list};
use crate::clock::Clock;
use crate::config::{Source, SourceKind};
use crate::domain::{Address, FieldUpdate, LedgerRow, Merchant, MerchantId, duration};
use crate::pipeline::masked_address;
use crate::source::RejectedRow;
use crate::source::sql::{PullPage, SqlBranch, SqlError, SqlPage, SqlReader, SqlSource};
use crate::store::Store;

/// A smaller table is read whole faster than by an index.
const SMALL_TABLE: u64 = 10_000;

/// Rows that are shown as they would be imported.
const SAMPLES: usize = 3;

/// Reasons of rejected rows that are shown.
const REASONS: usize = 5;

/// A lender's clock may be ahead by so much.
const AHEAD: TimeDelta = TimeDelta::minutes(5);

impl<'a> CheckedEndpoint<'a> {
    /// A source: whether its query can be used, and what it brought is young enough to remind from, as far as `store`
    /// knows.
    pub fn source(
        source: &'a Source,
        merchants: &'a BTreeMap<MerchantId, Merchant>,
        store: Option<&'a dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let answer = async move {
            let database = match &source.kind {
                SourceKind::Sql(database) => database,
                SourceKind::Folder(folder) => {
                    folder.folder.files().map_err(|error| format!("its folder cannot be read: {error}"))?;
                    return source_list::fresh(source, store, &*clock).await.map(|()| "ready".to_owned());
                }
                SourceKind::Hook(_) => return Ok("ready".to_owned()),
            };
            let sql = SqlSource::new(database.settings.clone(), Arc::clone(&clock));
            let said = look_at(&sql, merchants, clock.now()).await?;
            let with = |first: String| [vec![first], said.clone()].concat().join("\n    ");
            source_list::fresh(source, store, &*clock).await.map(|()| with("ready".to_owned())).map_err(with)
        };
        Self { name: format!("source {}", source.name), answer: Box::pin(answer) }
    }
}

/// Reads the first page of each branch, and says what is to know of it.
async fn look_at(
    source: &SqlSource,
    merchants: &BTreeMap<MerchantId, Merchant>,
    now: DateTime<Utc>,
) -> Result<Vec<String>, String> {
    let mut reader = source.connect(merchants).await.map_err(in_words)?;
    let said = look_at_branches(source, &mut reader, now).await.map_err(in_words);
    let passed_over: Vec<_> = reader.unknown_columns().iter().map(ToString::to_string).collect();
    reader.close().await;
    let said = said?;
    if passed_over.is_empty() { Ok(said) } else { Err(passed_over.join("; ")) }
}

fn in_words(error: SqlError) -> String {
    match error.branch {
        Some(branch) => format!("branch {branch}: {}", error.problem),
        None => error.problem.to_string(),
    }
}

async fn look_at_branches(
    source: &SqlSource,
    reader: &mut SqlReader,
    now: DateTime<Utc>,
) -> Result<Vec<String>, SqlError> {
    let mut said = Vec::new();
    if let Some(at) = reader.data_at().await? {
        let age = (now - at).max(TimeDelta::zero());
        let age = duration::format(TimeDelta::seconds(age.num_seconds()).to_std().unwrap_or_default());
        said.push(format!("its newest data is {age} old"));
    }
    said.push(match source.zone() {
        Some(zone) => format!("times without a zone are of {zone}, and so are the days that a query works out"),
        None => {
            "times without a zone are taken for UTC, and the days that a query works out are of the database's own \
                 zone; set time_zone to make it sure"
                .to_owned()
        }
    });
    for branch in source.branches() {
        let before = branch.name.as_ref().map(|name| format!("branch {name}: ")).unwrap_or_default();
        let lines = look_at_branch(branch, reader, now).await?;
        said.extend(lines.into_iter().map(|line| format!("{before}{line}")));
    }
    Ok(said)
}

async fn look_at_branch(
    branch: &SqlBranch,
    reader: &mut SqlReader,
    now: DateTime<Utc>,
) -> Result<Vec<String>, SqlError> {
    let mut pages = reader.begin(branch, None).await?;
    let Some(page) = pages.next().await? else { return Ok(vec!["it has no rows yet".to_owned()]) };
    let mut said = counts(&page);
    for whole in pages.whole_reads().await? {
        if whole.rows.is_none_or(|rows| rows >= SMALL_TABLE) {
            let rows = whole.rows.map(|rows| format!(", about {rows} rows,")).unwrap_or_default();
            said.push(format!(
                "each page reads the whole table {}{rows}: it needs an index on (updated_at, key), or a branch of its \
                 own",
                whole.table
            ));
        }
    }
    let mut pages = reader.begin(branch, Some(now + AHEAD)).await?;
    let latest = pages.next().await?.and_then(|page| page.read_to).filter(|at| *at > now + AHEAD);
    if let Some(latest) = latest {
        let ahead = duration::format(TimeDelta::minutes((latest - now).num_minutes()).to_std().unwrap_or_default());
        said.push(format!("its updated_at is up to {ahead} ahead of this machine's clock: is time_zone right?"));
    }
    said.extend(samples(&page.pulled));
    Ok(said)
}

fn counts(page: &SqlPage) -> Vec<String> {
    let sound = match &page.pulled {
        PullPage::Rows(rows) => rows.len(),
        PullPage::Amendments(amendments) => amendments.len(),
    };
    let rejected = page.rejected.len();
    let mut said =
        vec![format!("of the first {} rows {sound} are sound, {rejected} would be rejected", page.seen.len())];
    said.extend(reasons(&page.rejected).map(|(reason, count)| format!("{count} would be rejected: {reason}")));
    said.extend(
        reasons(&page.left_out).map(|(reason, count)| format!("{count} would be taken without a cell: {reason}")),
    );
    let mut rows = BTreeMap::<_, u32>::new();
    for installment in page.seen.iter().filter_map(|row| row.installment.as_ref()) {
        *rows.entry(installment).or_default() += 1;
    }
    let repeated = rows.values().filter(|count| **count > 1).count();
    if repeated > 0 {
        said.push(format!(
            "{repeated} instalments come in several rows, of which the last counts: does a join repeat them?"
        ));
    }
    said
}

/// The reasons, with how many rows have each, the most frequent first.
fn reasons(rows: &[RejectedRow]) -> impl Iterator<Item = (String, u32)> {
    let mut counts = BTreeMap::<_, u32>::new();
    for row in rows {
        *counts.entry(row.reason()).or_default() += 1;
    }
    let mut counts = Vec::from_iter(counts);
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.into_iter().take(REASONS)
}

/// The first rows as they would be imported, with personal values masked.
fn samples(page: &PullPage) -> Vec<String> {
    match page {
        PullPage::Rows(rows) => rows.iter().take(SAMPLES).map(sample).collect(),
        PullPage::Amendments(amendments) => {
            let sample = amendments.iter().take(SAMPLES).map(|one| {
                let paid =
                    set(&one.paid_amount).map(|paid| format!(", paid {} {}", paid.currency().code(), paid.amount()));
                let status = set(&one.status).map(|status| format!(", {status}"));
                format!(
                    "for example {} of {}{}{}",
                    one.installment,
                    one.merchant,
                    paid.unwrap_or_default(),
                    status.unwrap_or_default()
                )
            });
            sample.collect()
        }
    }
}

fn sample(row: &LedgerRow) -> String {
    let name = set(&row.name).and_then(|name| name.as_str().chars().next()).map(|first| format!("{first}…"));
    let phone = set(&row.phone).map(|phone| masked_address(&Address::Phone(phone.clone())));
    let email = set(&row.email).map(|email| masked_address(&Address::Email(email.clone())));
    let paid = set(&row.paid_amount).map(|paid| format!("paid {}", paid.amount()));
    let parts = [
        Some(format!("borrower {}", row.borrower.id)),
        name,
        phone,
        email,
        set(&row.order_ref).map(|order| format!("order {order}")),
        Some(format!("{} {}", row.amount.currency().code(), row.amount.amount())),
        paid,
        Some(format!("due {}", row.due_date)),
        set(&row.status).map(ToString::to_string),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    format!("for example {} of {}: {}", row.installment, row.borrower.merchant, parts.join(", "))
}

fn set<T>(field: &FieldUpdate<T>) -> Option<&T> {
    match field {
        FieldUpdate::Set(value) => value.as_ref(),
        FieldUpdate::Keep => None,
    }
}
