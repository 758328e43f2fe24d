//! Open instalments of a source, and those that it has no longer, in memory.

use chrono::{DateTime, Utc};

use super::ledger::Ledger;
use crate::domain::{Installment, InstallmentId, InstallmentStatus, MerchantId, SourceName};
use crate::store::{OpenFilter, OpenInstallment};

impl Ledger {
    /// Cancels or holds instalments that a source has no longer. Gives how many.
    pub(super) fn settle_vanished(
        &mut self,
        source: &SourceName,
        gone: &[(MerchantId, InstallmentId)],
        holds: bool,
        now: DateTime<Utc>,
    ) -> usize {
        let mut settled = 0;
        for (merchant, id) in gone {
            if !holds {
                self.rejects.end_vanished(merchant, id, source);
            }
            let Some(known) = self.installments.get_mut(&(merchant.clone(), id.clone())) else { continue };
            if known.status != InstallmentStatus::Open || known.source.as_ref() != Some(source) {
                continue;
            }
            settled += 1;
            if holds {
                self.rejects.hold_vanished(merchant, id, source, now);
                continue;
            }
            known.status = InstallmentStatus::Cancelled;
            known.is_vanished = true;
            let known = known.clone();
            self.note_settled(&known, now);
        }
        settled
    }

    pub(super) fn open_of_source(&self, source: &SourceName, which: &OpenFilter) -> Vec<OpenInstallment> {
        let is_open = |one: &&Installment| one.status == InstallmentStatus::Open && one.source.as_ref() == Some(source);
        let open = self.installments.values().filter(is_open).map(|one| OpenInstallment {
            merchant: one.merchant.clone(),
            installment: one.id.clone(),
            order_ref: one.order_ref.clone(),
        });
        match which {
            OpenFilter::Page { after, limit } => {
                let mut page: Vec<_> =
                    open.filter(|one| after.as_ref().is_none_or(|after| one.place() > *after)).collect();
                page.sort_by_key(OpenInstallment::place);
                page.truncate(*limit as usize);
                page
            }
            OpenFilter::Orders(orders) => {
                let is_of = |one: &OpenInstallment| {
                    one.order_ref.as_ref().is_some_and(|order| orders.contains(&(one.merchant.clone(), order.clone())))
                };
                open.filter(is_of).collect()
            }
        }
    }
}
