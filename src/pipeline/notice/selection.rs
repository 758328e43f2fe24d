//! Selects the recipients of a notice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest, Sha256};

use super::USEFUL_FOR;
use crate::domain::{
    Borrower, BorrowerId, BorrowerKey, Channel, LinkMode, MerchantId, NewReminder, NoticeFacts, NoticeName,
    NoticeState, Origin, Recipient, ReminderKey, Step, SuppressionReason, TemplateName,
};
use crate::pipeline::recall::Recall;
use crate::pipeline::unpaid::UnpaidWalk;
use crate::plan::{Account, Decision, Due, Policy, Zones, decide, local_date, reachable_address};
use crate::render::Phase;
use crate::store::{LedgerStore, NoticeStore, Stop, StopStore, StoreError};

/// A filter for borrowers with open instalments; a field that is `None` does not narrow.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Of these merchants; one at least.
    pub merchants: BTreeSet<MerchantId>,
    /// With an open instalment of this product.
    pub product: Option<String>,
    /// With an instalment due on this day or later.
    pub due_from: Option<NaiveDate>,
    /// With an instalment due on this day or earlier.
    pub due_to: Option<NaiveDate>,
    /// With an instalment before, on or after its due date, on the borrower's local day.
    pub phase: Option<Phase>,
    /// These borrowers only.
    pub borrowers: Option<BTreeSet<BorrowerId>>,
    /// Holders of a message that leads to this route and cannot follow it.
    pub recall: Option<Recall>,
    /// On which channels they may be written to, the first one first.
    pub channels: Vec<Channel>,
}

impl fmt::Display for Selection {
    /// The same words for the same set of people: the list of borrowers is represented by its digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let merchants: Vec<_> = self.merchants.iter().map(|merchant| merchant.as_str()).collect();
        write!(f, "unpaid at {}", merchants.join(" and "))?;
        if let Some(recall) = &self.recall {
            write!(f, ", with a fixed link to {}", recall.route().key)?;
        }
        if let Some(product) = &self.product {
            write!(f, ", product {product}")?;
        }
        if let Some(from) = self.due_from {
            write!(f, ", due from {from}")?;
        }
        if let Some(to) = self.due_to {
            write!(f, ", due to {to}")?;
        }
        if let Some(phase) = self.phase {
            write!(f, ", {}", phase.as_str())?;
        }
        if let Some(borrowers) = &self.borrowers {
            let mut digest = Sha256::new();
            borrowers.iter().for_each(|id| digest.update(format!("{id}\n")));
            let digest: String = digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
            write!(f, ", {} listed borrowers ({digest})", borrowers.len())?;
        }
        let channels: Vec<_> = self.channels.iter().map(|channel| channel.as_str()).collect();
        write!(f, ", by {}", channels.join(" or "))
    }
}

impl Selection {
    pub(super) fn unpaid<'s, S: LedgerStore + ?Sized>(&self, store: &'s S) -> UnpaidWalk<'s, S> {
        UnpaidWalk::of(store, self.due_from, self.due_to)
    }

    /// The recipients on a page, each with the channel.
    pub(super) async fn pick<'d>(
        &self,
        store: &(impl NoticeStore + ?Sized),
        policy: &Policy,
        page: &'d [Due],
        now: DateTime<Utc>,
    ) -> Result<Vec<(Recipient, &'d Due)>, StoreError> {
        let meant: Vec<_> = page.iter().filter(|due| self.is_meant(policy, due, now)).collect();
        let recipient = |due: &'d Due, channels: &[Channel]| {
            let channel = channel(policy, due, channels)?;
            Some((Recipient { borrower: due.borrower.key.clone(), due_date: due.due_date, channel }, due))
        };
        let Some(recall) = &self.recall else {
            return Ok(meant.into_iter().filter_map(|due| recipient(due, &self.channels)).collect());
        };
        let asked: BTreeMap<_, _> = meant.iter().map(|due| ((&due.borrower.key, due.due_date), *due)).collect();
        let mut holding = BTreeMap::<_, Vec<Channel>>::new();
        for held in recall.held(store, &meant).await? {
            let due = asked.get(&(&held.borrower, held.due_date));
            if due.and_then(|due| recall.link(&held, due, now)) == Some(LinkMode::Fixed) {
                holding.entry((held.borrower, held.due_date)).or_default().push(held.channel);
            }
        }
        let corrected = meant.into_iter().filter_map(|due| {
            let held = holding.get(&(due.borrower.key.clone(), due.due_date))?;
            // Where the old link came, the new one is looked for first.
            let mut channels = self.channels.clone();
            channels.sort_by_key(|channel| !held.contains(channel));
            recipient(due, &channels)
        });
        Ok(corrected.collect())
    }

    fn is_meant(&self, policy: &Policy, due: &Due, now: DateTime<Utc>) -> bool {
        let key = &due.borrower.key;
        let Some(merchant) = policy.merchants.get(&key.merchant) else { return false };
        let product = |wanted: &String| due.installments.iter().any(|one| one.product.as_ref() == Some(wanted));
        let phase = |wanted: Phase| {
            let today = local_date(Zones::of(&due.borrower, merchant).home(), now);
            Phase::of(today, &policy.with_grace(due.installments.clone())) == Some(wanted)
        };
        self.merchants.contains(&key.merchant)
            && self.recall.as_ref().is_none_or(|recall| recall.route().merchant == key.merchant)
            && self.borrowers.as_ref().is_none_or(|borrowers| borrowers.contains(&key.id))
            && self.product.as_ref().is_none_or(product)
            && self.phase.is_none_or(phase)
    }
}

fn reachable(policy: &Policy, borrower: &Borrower, channel: Channel) -> bool {
    let merchant = policy.merchants.get(&borrower.key.merchant);
    merchant.is_some_and(|merchant| reachable_address(merchant, borrower, channel).is_some())
}

/// The first channel on which the borrower can be reached, the preferred one before others; where there is none the
/// first, so that why nothing was sent is on record.
fn channel(policy: &Policy, due: &Due, channels: &[Channel]) -> Option<Channel> {
    let is_reachable =
        |channel: &&Channel| reachable(policy, &due.borrower, **channel) && !due.suppressed.contains(channel);
    let preferred = due.borrower.preferred_channel.filter(|preferred| channels.contains(preferred));
    preferred.iter().chain(channels).find(is_reachable).or(channels.first()).copied()
}

/// The predicted outcome of a notice if it were sent now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// By channel.
    pub channels: BTreeMap<Channel, PreviewCount>,
}

/// The predicted outcome of its messages on one channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PreviewCount {
    /// Sent at once.
    pub now: u64,
    /// Put off: contact hours, a hold that ends, a stop.
    pub later: u64,
    /// Skipped, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
}

impl Preview {
    /// How many recipients there would be.
    #[must_use]
    pub fn recipients(&self) -> u64 {
        self.channels.values().map(|count| count.now + count.later + count.skipped.values().sum::<u64>()).sum()
    }
}

/// Predicts the outcome of a notice, and keeps nothing. Frequency caps apply only when it is sent.
///
/// # Errors
/// When the store fails.
pub async fn preview(
    store: &(impl LedgerStore + NoticeStore + StopStore + ?Sized),
    policy: &Policy,
    selection: &Selection,
    template: &TemplateName,
    now: DateTime<Utc>,
) -> Result<Preview, StoreError> {
    let stops = store.stops().await?;
    let uncapped = Policy { caps: None, ..policy.clone() };
    let mut told = BTreeSet::<BorrowerKey>::new();
    let mut preview = Preview::default();
    let mut unpaid = selection.unpaid(store);
    loop {
        let page = unpaid.next().await?;
        if page.is_empty() {
            return Ok(preview);
        }
        for (recipient, due) in selection.pick(store, policy, &page, now).await? {
            if !told.insert(recipient.borrower.clone()) {
                continue;
            }
            let count = preview.channels.entry(recipient.channel).or_default();
            match judge(&uncapped, &recipient, due, &stops, template, now) {
                Decision::Send(_) | Decision::PassOn { .. } => count.now += 1,
                Decision::Defer { .. } | Decision::Hold(_) => count.later += 1,
                Decision::Skip(reason) | Decision::Switch { reason, .. } => {
                    *count.skipped.entry(reason.as_str()).or_default() += 1
                }
            }
        }
    }
}

/// The decision that a claim would make, judged by the page, which does not say why an address is suppressed.
fn judge(
    policy: &Policy,
    recipient: &Recipient,
    due: &Due,
    stops: &[Stop],
    template: &TemplateName,
    now: DateTime<Utc>,
) -> Decision {
    let Recipient { borrower, due_date, channel } = recipient;
    let covers = |stop: &Stop| {
        stop.merchant.as_ref().is_none_or(|merchant| *merchant == borrower.merchant)
            && stop.channel.is_none_or(|stopped| stopped == *channel)
    };
    let account = Account {
        borrower: Some(due.borrower.clone()),
        installments: due.installments.clone(),
        suppressed: due.suppressed.contains(channel).then_some(SuppressionReason::Manual),
        stopped: stops.iter().any(covers),
        notice: Some(NoticeFacts { state: NoticeState::Sending, template: template.clone() }),
        ..Account::default()
    };
    let Ok(name) = NoticeName::new("preview") else { return Decision::Skip(crate::domain::SkipReason::Superseded) };
    let key =
        ReminderKey { borrower: borrower.clone(), due_date: *due_date, step: Step::Notice { name }, channel: *channel };
    let reminder = NewReminder { key, origin: Origin::Notice, not_before: now, expires_at: now + USEFUL_FOR };
    decide(policy, &reminder, &account, now)
}
