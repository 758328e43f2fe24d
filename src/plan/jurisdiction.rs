use std::sync::LazyLock;

use serde::Deserialize;

use super::DayHours;
use crate::domain::Jurisdiction;

/// A jurisdiction's rules of contact. Defaults that follow the sources; not legal advice.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// The local hours in which a debtor may be contacted.
    pub contact_hours: DayHours,
    /// Where the hours come from.
    pub source: String,
    /// What else is owed to a debtor who is contacted.
    #[serde(default)]
    pub duties: Vec<Duty>,
    /// Whether an opt-out by SMS is confirmed once; by default it is not.
    pub confirm_opt_out: Option<Confirmation>,
}

/// One last SMS, which says no more than that the opt-out holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// How soon after the answer, in minutes: later it would be a message to somebody who opted out.
    pub within_minutes: u16,
    /// Where that stands.
    pub source: String,
}

/// Something that is owed to a debtor who is contacted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duty {
    /// What.
    pub duty: String,
    /// Where it stands.
    pub source: String,
}

/// The pack of a jurisdiction; the data are the files in `src/plan/packs/`.
#[must_use]
pub fn pack(jurisdiction: Jurisdiction) -> &'static Pack {
    static CN: LazyLock<Pack> = LazyLock::new(|| read(include_str!("packs/cn.toml")));
    static US: LazyLock<Pack> = LazyLock::new(|| read(include_str!("packs/us.toml")));
    static IN: LazyLock<Pack> = LazyLock::new(|| read(include_str!("packs/in.toml")));
    static UK: LazyLock<Pack> = LazyLock::new(|| read(include_str!("packs/uk.toml")));
    match jurisdiction {
        Jurisdiction::Cn => &CN,
        Jurisdiction::Us => &US,
        Jurisdiction::In => &IN,
        Jurisdiction::Uk => &UK,
    }
}

#[expect(clippy::expect_used, reason = "the files are compiled in, and a test reads each")]
fn read(text: &str) -> Pack {
    toml::from_str(text).expect("a compiled-in pack is sound")
}

#[cfg(test)]
mod tests {
    use super::pack;
    use crate::domain::Jurisdiction;
    use rstest::rstest;

    #[rstest]
    #[case(Jurisdiction::Cn, "08:00-22:00")]
    #[case(Jurisdiction::Us, "08:00-21:00")]
    #[case(Jurisdiction::In, "08:00-19:00")]
    #[case(Jurisdiction::Uk, "08:00-20:00")]
    fn every_pack_has_hours_and_names_its_sources(#[case] jurisdiction: Jurisdiction, #[case] hours: &str) {
        let pack = pack(jurisdiction);
        assert_eq!(pack.contact_hours.to_string(), hours);
        assert_eq!(pack.confirm_opt_out.is_some(), jurisdiction == Jurisdiction::Us);
        assert!(!pack.source.is_empty() && pack.duties.iter().all(|duty| !duty.source.is_empty()));
    }
}
