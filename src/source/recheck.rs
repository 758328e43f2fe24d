//! Checks rejected records again.

use std::collections::BTreeMap;

use super::Column;
use super::check::{Cells, Checker};
use super::fault::Faults;
use crate::domain::{LedgerRow, Merchant, MerchantId, RecordKind, RejectedRecord, SoundRecord};

/// Checks kept records again: by the merchants of today's config, and with what this version understands.
#[derive(Debug)]
pub struct Recheck(Checker);

impl Recheck {
    /// Takes the rows of these merchants.
    #[must_use]
    pub fn new(merchants: &BTreeMap<MerchantId, Merchant>) -> Self {
        Self(Checker::new(merchants))
    }

    /// Checks a record again; `None` if it is still refused.
    pub fn check(&mut self, record: &RejectedRecord) -> Option<SoundRecord> {
        let mut cells = Cells::default();
        for column in Column::ALL {
            cells[*column as usize] = record.cells.0.get(column.name()).map(String::as_str);
        }
        let mut faults = Faults::default();
        match record.kind {
            RecordKind::Row => {
                let row = self.0.row(&cells, &mut faults)?;
                Some(SoundRecord::Row(Box::new(LedgerRow { source: record.source.clone(), ..row })))
            }
            RecordKind::Vanished => None,
            RecordKind::Amendment => Some(SoundRecord::Amendment(self.0.amendment(&cells, &mut faults)?)),
        }
    }
}
