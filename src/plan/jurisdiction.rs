use chrono::NaiveTime;

use super::ContactHours;
use crate::domain::Jurisdiction;

/// The local hours in which a jurisdiction lets a debtor be contacted. Defaults that follow the sources; not legal advice.
#[must_use]
pub fn contact_hours(jurisdiction: Jurisdiction) -> ContactHours {
    let (from, to) = match jurisdiction {
        // National standard announced 2025-03-13: no collection contact from 22:00 to 08:00.
        Jurisdiction::Cn => (8, 22),
        // 12 CFR 1006.6(b)(1)(i), Regulation F: inconvenient before 8 and after 21 o'clock.
        Jurisdiction::Us => (8, 21),
        // Reserve Bank of India, 2022: 8 to 19 o'clock.
        Jurisdiction::In => (8, 19),
        // FCA CONC 7.9 names no hours ("no unreasonable times"); the house's own choice.
        Jurisdiction::Uk => (8, 20),
    };
    let hour = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
    ContactHours { from: hour(from), to: hour(to) }
}
