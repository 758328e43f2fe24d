//! The columns about how a borrower is to be contacted.

use chrono_tz::Tz;

use super::Column;
use super::check::{Cells, fault_text, said, short_text};
use super::fault::Faults;
use crate::domain::{Channel, ContactPreferences, FieldUpdate, Hold, PreferredHours};
use crate::plan::hold_end;

/// The reason of a hold whose own words cannot be read.
const UNREADABLE_REASON: &str = "the reason in the lender's books cannot be read";

/// The preferences of a row; `zone` is where a date of `hold_until` ends. A hold and its end are one thing: who says
/// the hold says when it ends, and an empty or missing end is none. A hold of which a part cannot be read is a hold all
/// the same, without the end.
pub(super) fn read(cells: &Cells<'_>, zone: Tz, faults: &mut Faults) -> ContactPreferences {
    let until = said(cells, Column::HoldUntil, faults, |text| {
        hold_end(text, zone).ok_or_else(|| {
            "is not a date such as 2026-03-31, nor an instant such as 2026-03-31T18:00:00+08:00".to_owned()
        })
    });
    let until = until.apply_to(None);
    let claims_an_end = until.is_some() || faults.has(Column::HoldUntil);
    let hold = match said(cells, Column::Hold, faults, short_text) {
        FieldUpdate::Keep if faults.has(Column::Hold) => {
            FieldUpdate::Set(Some(Hold { reason: UNREADABLE_REASON.to_owned(), until: None }))
        }
        FieldUpdate::Keep => FieldUpdate::Keep,
        FieldUpdate::Set(reason) => FieldUpdate::Set(reason.map(|reason| Hold { reason, until })),
    };
    let ends_nothing = claims_an_end && !matches!(hold, FieldUpdate::Set(Some(_)));
    if ends_nothing {
        faults.column(Column::HoldUntil, "needs the reason of the hold in the column hold");
    }
    ContactPreferences {
        // Whether there is a hold is then not clear: what is known stays.
        hold: if ends_nothing { FieldUpdate::Keep } else { hold },
        locale: FieldUpdate::Keep,
        preferred_channel: said(cells, Column::PreferredChannel, faults, |text| {
            text.parse::<Channel>().map_err(fault_text)
        }),
        preferred_hours: said(cells, Column::PreferredHours, faults, |text| {
            text.parse::<PreferredHours>().map_err(fault_text)
        }),
    }
}
