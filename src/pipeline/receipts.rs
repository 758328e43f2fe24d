//! Receipts: what gateways report on their own is matched to reminders and recorded, in whatever order and however
//! often it comes.
//!
//! | what | what follows |
//! |---|---|
//! | about a reminder that is known, by our reference or the gateway's number | recorded; a state never moves backwards |
//! | about a number that no message has yet | kept, looked at again after 5 seconds and then after 1, 2, 4 … minutes, dropped after 30 days |
//! | not proven, and says that a message did not arrive, and the gateway can be asked | kept as a hint: the gateway is asked, and counts what it says |
//! | not proven otherwise | counts at once: the address of the callback is a secret, and what it brings about is the careful thing |
//! | about a message that another gateway carried, or a reference that is none of ours | counts for nothing |

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use super::Composer;
use super::figures::{KEPT_REPORTS, REPLIES, REPORTS, UNREADABLE_SENDERS};
use super::look_up::{LookUpRequest, look_up};
use crate::clock::Clock;
use crate::domain::{Address, AddressKey, EventKind, GatewayName, Intent, Reply, Report, ReportSubject, ReportedState};
use crate::gateway::{Callbacks, Gateway, LookUp};
use crate::plan::{LOOKED_AT_FOR, Policy, intent, next_look};
use crate::source::read_sender;
use crate::store::{
    IncomingReply, KeptReport, ReminderFilter, ReportAction, ReportBatch, ReportCounts, Sender, StatusReport, Store,
    StoreError, Subject,
};

/// How many kept reports one operation takes.
const BATCH: u32 = 200;

/// How many operations a round has: as many reports as may come in within one, and an end whatever the clocks say.
const MAX_BATCHES: u32 = 200;

/// How many hints a round asks about: a gateway may take seconds for each, and other business waits.
const MAX_ASKED: u32 = 30;

/// How long a report waits for its message.
pub const KEPT_FOR: TimeDelta = LOOKED_AT_FOR;

/// How much weight a report has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It is proven, or there is nobody to ask.
    Counts,
    /// It is not proven, and the gateway can be asked.
    Hint,
}

/// Takes in what gateways report.
#[derive(Debug, Clone)]
pub struct Intake {
    /// Where it is recorded.
    pub store: Arc<dyn Store>,
    /// Opens our references.
    pub composer: Composer,
    /// Says of which merchants opt-outs are confirmed.
    pub policy: Arc<Policy>,
    /// The gateways, to ask about hints.
    pub gateways: BTreeMap<GatewayName, Arc<dyn Gateway>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Intake {
    /// Records what a gateway reports. When it returns, all of it is stored.
    ///
    /// # Errors
    /// When the store fails; nothing is stored then.
    pub async fn take_in(
        &self,
        gateway: &GatewayName,
        reports: Vec<Report>,
        trust: Trust,
    ) -> Result<ReportCounts, StoreError> {
        let now = self.clock.now();
        let mut told =
            ReportBatch { gateway: gateway.clone(), fates: Vec::new(), replies: Vec::new(), confirm: BTreeMap::new() };
        for report in reports {
            match report {
                Report::Fate { about, fate, at } => {
                    log_reported_state(gateway, &fate);
                    let is_hint = trust == Trust::Hint && matches!(fate, ReportedState::Undelivered { .. });
                    let recipient = match &about {
                        ReportSubject::Copy { recipient, .. } => Some(Address::Email(recipient.clone()).into()),
                        ReportSubject::Reference(_) | ReportSubject::ProviderId(_) => None,
                    };
                    let about = self.subject(about);
                    let at = past(at, now);
                    told.fates.extend(about.map(|about| StatusReport { about, fate, recipient, at, is_hint }));
                }
                Report::Reply(reply) => told.replies.push(self.told(reply, now)),
            }
        }
        if told.fates.is_empty() && told.replies.is_empty() {
            return Ok(ReportCounts::default());
        }
        let callbacks = self.gateways.get(gateway).and_then(|gateway| gateway.callbacks());
        if !callbacks.is_some_and(Callbacks::confirms_opt_outs) {
            told.confirm = self.policy.confirmations(now);
        }
        let taken = self.store.take_in(&told).await?;
        let is_to_be_read = |reply: &&IncomingReply| reply.intent == Intent::Unclear || reply.from.address().is_none();
        let to_read = told.replies.iter().filter(is_to_be_read).count();
        if to_read > 0 && taken.replies > 0 {
            tracing::warn!(
                %gateway,
                to_read,
                "replies wait to be read: they may be refusals, and hold the messages to their senders; see \
                 `dueherald replies list`"
            );
        }
        if taken.foreign > 0 {
            let reports = taken.foreign;
            tracing::warn!(%gateway, reports, "dropped reports about messages of other gateways: who knows this \
                gateway's secret?");
        }
        metrics::counter!(KEPT_REPORTS, "gateway" => gateway.to_string()).increment(taken.kept as u64);
        Ok(taken)
    }

    /// Looks at what was kept. Gives how many reports count now.
    ///
    /// # Errors
    /// When the store fails; the next round goes on.
    pub async fn review(&self) -> Result<usize, StoreError> {
        let (mut counted, mut may_ask) = (0, MAX_ASKED);
        for _ in 0..MAX_BATCHES {
            let kept = self.store.kept_reports(BATCH).await?;
            let is_last = kept.len() < BATCH as usize;
            let mut reviewed = Vec::with_capacity(kept.len());
            for one in kept {
                reviewed.push(self.judge(one, &mut may_ask).await?);
            }
            if !reviewed.is_empty() {
                counted += self.store.review_kept(&reviewed).await?;
            }
            if is_last {
                break;
            }
        }
        Ok(counted)
    }

    async fn judge(&self, kept: KeptReport, may_ask: &mut u32) -> Result<(KeptReport, ReportAction), StoreError> {
        let now = self.clock.now();
        let age = now - kept.received_at;
        let later = ReportAction::Later(next_look(kept.received_at, now).unwrap_or(kept.received_at + KEPT_FOR));
        if age >= KEPT_FOR {
            return Ok((kept, ReportAction::Dropped));
        }
        if kept.reminder.is_none() {
            return Ok((kept, later));
        }
        if !kept.is_hint {
            return Ok((kept, ReportAction::Counts));
        }
        if *may_ask == 0 {
            return Ok((kept, ReportAction::Later(now + TimeDelta::seconds(10))));
        }
        *may_ask -= 1;
        Ok(match (self.ask(&kept).await?, &kept.fate) {
            // Both say that it did not arrive. What suppresses the address is never what nothing proves.
            (
                Some(LookUp::Accepted { fate: Some(ReportedState::Undelivered { code, for_good }), .. }),
                ReportedState::Undelivered { code: told, .. },
            ) => {
                let fate = ReportedState::Undelivered { code: code.or_else(|| told.clone()), for_good };
                (KeptReport { fate, ..kept }, ReportAction::Counts)
            }
            (Some(LookUp::Accepted { fate: Some(fate), .. }), _) => (KeptReport { fate, ..kept }, ReportAction::Counts),
            (Some(LookUp::NotSent), _) => (kept, ReportAction::Dropped),
            (Some(LookUp::Accepted { fate: None, .. } | LookUp::Unclear), _) => (kept, later),
            // The gateway is gone from the config, or can be asked no more.
            (None, _) => (kept, ReportAction::Counts),
        })
    }

    /// The gateway's answer about the message of a hint; `None` if it cannot be asked.
    async fn ask(&self, kept: &KeptReport) -> Result<Option<LookUp>, StoreError> {
        let asked = self.gateways.get(&kept.gateway).filter(|gateway| gateway.can_be_asked());
        let Some((gateway, reminder)) = asked.zip(kept.reminder) else { return Ok(None) };
        let filter = ReminderFilter { id: Some(reminder), limit: 1, ..ReminderFilter::default() };
        let Some(view) = self.store.reminders(&filter).await?.pop() else { return Ok(Some(LookUp::NotSent)) };
        let key = view.reminder.plan.key;
        let account = self.store.account(&key.borrower, key.due_date, key.channel).await?;
        let Some(to) = account.borrower.as_ref().and_then(|borrower| borrower.address(key.channel)) else {
            return Ok(Some(LookUp::Unclear));
        };
        let events = self.store.events(reminder).await?;
        let accepted = events.iter().rfind(|event| event.kind == EventKind::Accepted);
        let asked = LookUpRequest {
            reminder,
            provider_id: accepted.and_then(|event| event.provider_id.as_deref()),
            to: &to,
            handed_over_by: accepted.map_or(kept.received_at, |event| event.at),
        };
        Ok(Some(look_up(&**gateway, &self.composer, asked).await))
    }

    fn subject(&self, about: ReportSubject) -> Option<Subject> {
        match about {
            ReportSubject::Reference(reference) | ReportSubject::Copy { reference, .. } => {
                self.composer.reminder_of(&reference).map(Subject::Reminder)
            }
            ReportSubject::ProviderId(number) => Some(Subject::ProviderId(number)),
        }
    }

    /// The sender of a reply. A number in national form is one of the gateway's country, or else of the merchants'.
    fn sender(&self, reply: &Reply) -> Sender {
        let merchants = self.policy.merchants.values().map(|merchant| merchant.country.as_str());
        let read = match &reply.country {
            Some(country) => read_sender(&reply.from, [country.as_str()]),
            None => read_sender(&reply.from, merchants),
        };
        match read {
            Some(phone) => Sender::Known(Address::Phone(phone).into()),
            None => Sender::Unreadable(kept_text(&reply.from)),
        }
    }

    fn told(&self, reply: Reply, now: DateTime<Utc>) -> IncomingReply {
        let from = self.sender(&reply);
        let number = from.address().map_or("", AddressKey::reveal);
        let mut intent = intent(number, &reply.text);
        if intent == Intent::Start && reply.provider_id.is_none() && reply.at.is_none() {
            // It may be an old one that is said once more, after a STOP: it is for staff.
            intent = Intent::Other;
        }
        metrics::counter!(REPLIES, "intent" => intent.as_str()).increment(1);
        if from.address().is_none() {
            metrics::counter!(UNREADABLE_SENDERS).increment(1);
        }
        IncomingReply {
            provider_id: reply.provider_id.clone().or_else(|| likeness(&reply)),
            about: reply.about.and_then(|about| self.subject(about)),
            from,
            said: kept_text(&reply.text),
            intent,
            at: past(reply.at, now),
        }
    }
}

/// The most of an answer that is kept, in characters: ten parts of an SMS.
const MAX_SAID: usize = 700;

/// An answer as it is kept: no database takes a NUL, and no terminal should get other control characters.
fn kept_text(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_SAID).collect()
}

/// An id for a reply without a number, by which a repeated one is recognised: a digest of its sender, time and words.
fn likeness(reply: &Reply) -> Option<String> {
    let at = reply.at?;
    let digest = Sha256::new()
        .chain_update(&reply.from)
        .chain_update([0])
        .chain_update(at.to_rfc3339())
        .chain_update([0])
        .chain_update(&reply.text)
        .finalize();
    let digest: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Some(format!("like:{digest}"))
}

/// A provider's clock may be ahead of ours; nothing is on record as of a time to come. One before 2000 is no time, and
/// may be one that no database takes: it would keep all that came with it from being stored.
fn past(at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
    const YEAR_2000: i64 = 946_684_800;
    at.filter(|at| at.timestamp() >= YEAR_2000).map_or(now, |at| at.min(now))
}

fn log_reported_state(gateway: &GatewayName, fate: &ReportedState) {
    let fate = match fate {
        ReportedState::Delivered => "delivered",
        ReportedState::Undelivered { .. } => "undelivered",
        ReportedState::Complained => "complained",
    };
    metrics::counter!(REPORTS, "gateway" => gateway.to_string(), "fate" => fate).increment(1);
}

#[cfg(test)]
mod tests {
    use super::past;
    use rstest::rstest;

    #[rstest]
    #[case(Some("2026-11-22T01:00:00Z"), "2026-11-22T01:00:00Z")]
    #[case(Some("2026-11-22T03:00:00Z"), "2026-11-22T02:00:00Z")]
    #[case(Some("0001-01-01T00:00:00Z"), "2026-11-22T02:00:00Z")]
    #[case(Some("-262000-01-01T00:00:00Z"), "2026-11-22T02:00:00Z")]
    #[case(None, "2026-11-22T02:00:00Z")]
    fn what_is_no_time_of_ours_is_the_time_it_came_in(#[case] told: Option<&str>, #[case] kept: &str) {
        let now = "2026-11-22T02:00:00Z".parse().unwrap();
        let told = told.map(|told| told.parse().unwrap());
        assert_eq!(past(told, now), kept.parse::<chrono::DateTime<chrono::Utc>>().unwrap());
    }
}
