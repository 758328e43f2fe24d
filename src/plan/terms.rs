//! Contact terms that a merchant has agreed beyond its jurisdiction's rules.

use std::sync::Arc;

use super::calendar::WEEKENDS;
use super::{Calendar, ContactHours, DailyHours, DayHours, GraceDays, OnHoliday, Policy, Rule, Zones, pack};
use crate::domain::{Borrower, Merchant};

/// A merchant's agreed terms beyond its jurisdiction's rules of contact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// Its own hours, as far as they lie within the jurisdiction's of the day.
    pub hours: Option<DayHours>,
    /// Its own hours hold in the place of the jurisdiction's, even where they are wider.
    pub may_be_wider: bool,
    /// Its days off; Saturday and Sunday if `None`.
    pub calendar: Option<Arc<Calendar>>,
    /// How long after its due date what is owed to it is not overdue yet.
    pub grace: GraceDays,
}

impl Policy {
    /// The hours of each day in which a merchant contacts borrowers.
    #[must_use]
    pub fn hours_of(&self, merchant: &Merchant) -> DailyHours {
        let by_law = &pack(merchant.jurisdiction).contact_hours;
        match self.terms.get(&merchant.id) {
            Some(Terms { hours: Some(own), may_be_wider: true, .. }) => (*own).into(),
            Some(Terms { hours: Some(own), .. }) => within(*own, by_law),
            _ => by_law.clone(),
        }
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

/// A merchant's own hours as far as the law allows them on each day; where the two have nothing in common, those of the
/// law.
fn within(own: DayHours, by_law: &DailyHours) -> DailyHours {
    by_law.clone().map(|hours| hours.between(own.from(), own.to()).unwrap_or(hours))
}

#[cfg(test)]
mod tests {
    use super::{DailyHours, DayHours, within};
    use rstest::rstest;

    #[rstest]
    #[case::narrower("09:00-19:00", "09:00-19:00, from 2027-01-01 09:00-19:00")]
    #[case::too_late_from_the_change("10:00-21:00", "10:00-21:00, from 2027-01-01 10:00-20:00")]
    #[case::nothing_left("20:00-21:00", "20:00-21:00, from 2027-01-01 09:00-20:00")]
    fn own_hours_follow_a_law_that_narrows(#[case] own: DayHours, #[case] expected: &str) {
        let by_law = DailyHours::from("08:00-21:00".parse::<DayHours>().unwrap())
            .then("2027-01-01".parse().unwrap(), "09:00-20:00".parse().unwrap());
        assert_eq!(within(own, &by_law).to_string(), expected);
    }
}
