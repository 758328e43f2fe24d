//! The section `[probe]`: how routes are tried.

use std::time::Duration;

use chrono_tz::Tz;

use super::reading::Section;
use super::value::{duration, integer, text};
use crate::domain::{Network, Patience, RouteKind, check_form};
use crate::pipeline::ProbeExpectation;
use crate::plan::Schedule;

/// How long a look at a route takes at most, where the config does not say.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// `[probe]`: how the routes are looked after.
#[derive(Debug, Clone)]
pub struct Probes {
    /// When they are probed.
    pub schedule: Schedule,
    /// After how many probes in a row a route turns.
    pub patience: Patience,
    /// How long a probe takes at most.
    pub timeout: Duration,
    /// Private networks to which routes may lead.
    pub allowed_networks: Vec<Network>,
}

/// Reads `[probe]`, `None` inside if there is none; `zone` is that of `[schedule]`.
pub(super) fn read(root: &mut Section<'_, '_, '_>, zone: Option<Tz>) -> Option<Option<Probes>> {
    let Some(mut section) = root.optional_section("probe")? else { return Some(None) };
    // A cron expression is checked even where the zone is mistaken.
    let any_zone = zone.unwrap_or(chrono_tz::UTC);
    let schedule =
        section.optional("cron", |value| Schedule::new(&text(value)?, any_zone).map_err(|error| error.to_string()));
    let every_minute = Schedule::new("* * * * *", any_zone).ok();
    let usual = Patience::default();
    let fail_after = section.or("fail_after", usual.fail_after, |value| integer(value, 1..=100));
    let well_after = section.or("well_after", usual.well_after, |value| integer(value, 1..=100));
    let timeout = section.or("timeout", PROBE_TIMEOUT, duration);
    let allowed_networks = section.list("allowed_networks", |value| {
        text(value)?.parse::<Network>().map_err(|error| format!("{} is no network; {error}", value.shown()))
    });
    section.finish();
    let patience = Patience { fail_after: fail_after?, well_after: well_after? };
    let allowed_networks = allowed_networks?.unwrap_or_default();
    Some(Some(Probes { schedule: schedule?.or(every_minute)?, patience, timeout: timeout?, allowed_networks }))
}

/// Reads `[routes.X.probe]`: what is to be found there.
pub(super) fn read_expected(route: &mut Section<'_, '_, '_>) -> Option<ProbeExpectation> {
    let Some(mut section) = route.optional_section("probe")? else { return Some(ProbeExpectation::default()) };
    let url = section.optional("url", |value| {
        let url = text(value)?;
        let kind = RouteKind::Web { url: url.clone() };
        check_form(&kind).map(|()| url).map_err(|refusal| refusal.to_string())
    });
    let text = section.optional("expect", text);
    section.finish();
    Some(ProbeExpectation { url: url?, text: text? })
}
