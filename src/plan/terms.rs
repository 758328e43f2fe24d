use std::sync::Arc;

use super::calendar::WEEKENDS;
use super::{Calendar, ContactHours, DayHours, OnHoliday, Policy, Rule, Zones, pack};
use crate::domain::{Borrower, Merchant};

/// What a merchant has agreed on beyond its jurisdiction's rules of contact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// Its own hours, in the place of the jurisdiction's.
    pub hours: Option<DayHours>,
    /// Its days off; Saturday and Sunday if `None`.
    pub calendar: Option<Arc<Calendar>>,
}

impl Policy {
    /// The hours of the day in which a merchant contacts borrowers.
    #[must_use]
    pub fn hours_of(&self, merchant: &Merchant) -> DayHours {
        let own = self.terms.get(&merchant.id).and_then(|terms| terms.hours);
        own.unwrap_or_else(|| pack(merchant.jurisdiction).contact_hours)
    }

    /// The days off that a rule means for a merchant.
    #[must_use]
    pub fn calendar_of<'p>(&'p self, rule: &'p Rule, merchant: &Merchant) -> &'p Calendar {
        let own = rule.calendar.as_ref();
        let terms = || self.terms.get(&merchant.id)?.calendar.as_ref();
        own.or_else(terms).map_or(&WEEKENDS, |calendar| &**calendar)
    }

    /// When a borrower may be contacted by a rule, or by hand.
    #[must_use]
    pub fn contact_hours<'p>(
        &'p self,
        merchant: &Merchant,
        borrower: &Borrower,
        rule: Option<&'p Rule>,
    ) -> ContactHours<'p> {
        ContactHours {
            hours: self.hours_of(merchant),
            zones: Zones::of(borrower, merchant),
            working_days: rule
                .filter(|rule| rule.on_holiday != OnHoliday::Send)
                .map(|rule| self.calendar_of(rule, merchant)),
        }
    }
}
