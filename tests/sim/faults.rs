//! The faults and their probabilities, and the bugs that are planted to see the invariants fail.

use fastrand::Rng;

/// Probabilities in ten-thousandths, each per occasion.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// The process dies at this await.
    pub(crate) crash: u32,
    /// The process is stopped at this await, for up to hours.
    pub(crate) freeze: u32,
    /// The database refuses, nothing is applied.
    pub(crate) store_error: u32,
    /// The database commits, and the answer is lost.
    pub(crate) answer_lost: u32,
    /// The database takes seconds.
    pub(crate) store_slow: u32,
    /// The gateway lets nobody connect.
    pub(crate) refuse: u32,
    /// The gateway throttles.
    pub(crate) throttle: u32,
    /// The gateway refuses the recipient.
    pub(crate) reject_recipient: u32,
    /// The gateway refuses us.
    pub(crate) reject_account: u32,
    /// The gateway accepts and never answers.
    pub(crate) silence: u32,
    /// The gateway answers with what proves nothing; it took the message over in half the cases.
    pub(crate) garbage: u32,
    /// The gateway takes minutes, beyond the lease too, before it reads what we send.
    pub(crate) slow: u32,
    /// The receipt comes before the answer.
    pub(crate) early_receipt: u32,
    /// The receipt says that it did not arrive.
    pub(crate) undelivered: u32,
    /// The receipt comes again, or a contrary one.
    pub(crate) second_receipt: u32,
    /// No receipt ever comes.
    pub(crate) no_receipt: u32,
    /// A scan begins although another daemon has the turn.
    pub(crate) two_scanners: u32,
    /// Per day: the daemon is restarted with other rules.
    pub(crate) reload: u32,
    /// Per day: the daemon's clock steps.
    pub(crate) clock_step: u32,
    /// Per day: somebody stops a merchant or a channel for some hours.
    pub(crate) stop: u32,
    /// Per day: a gateway is down for some hours.
    pub(crate) outage: u32,
    /// Per day: everything is down for hours or days.
    pub(crate) downtime: u32,
    /// Per day: the database is backed up, and restored hours or days later.
    pub(crate) restore: u32,
    /// Per day: a daemon dies and its state directory is lost.
    pub(crate) lose_state: u32,
    /// Per instalment: paid at some moment.
    pub(crate) pay: u32,
    /// Per instalment: cancelled at some moment.
    pub(crate) cancel: u32,
    /// Per instalment: the due date moves, and perhaps back.
    pub(crate) flap: u32,
    /// Per borrower: asks not to be contacted on a channel.
    pub(crate) opt_out: u32,
}

impl Faults {
    /// A mix of its own for each seed: every kind is left out in some runs, so that it hides no other.
    pub(crate) fn drawn(rng: &mut Rng) -> Self {
        let mut up_to = |most: u32| if rng.bool() { rng.u32(0..=most) } else { 0 };
        Self {
            crash: up_to(40),
            freeze: up_to(40),
            store_error: up_to(150),
            answer_lost: up_to(150),
            store_slow: up_to(100),
            refuse: up_to(1_000),
            throttle: up_to(1_000),
            reject_recipient: up_to(300),
            reject_account: up_to(500),
            silence: up_to(800),
            garbage: up_to(800),
            slow: up_to(800),
            early_receipt: up_to(2_000),
            undelivered: up_to(3_000),
            second_receipt: up_to(2_000),
            no_receipt: up_to(3_000),
            two_scanners: up_to(5_000),
            reload: up_to(800),
            clock_step: up_to(2_000),
            stop: up_to(800),
            outage: up_to(800),
            downtime: up_to(400),
            pay: up_to(6_000),
            cancel: up_to(1_500),
            flap: up_to(2_000),
            opt_out: up_to(2_000),
            restore: 0,
            lose_state: 0,
        }
    }

    /// The same in a world whose database goes back in time.
    pub(crate) fn with_rewinds(seed: u64) -> Self {
        Self { restore: 800, lose_state: 250, ..Self::drawn(&mut Rng::with_seed(seed)) }
    }

    /// Whether daemons need a guard.
    pub(crate) fn rewinds(&self) -> bool {
        self.restore + self.lose_state > 0
    }
}

/// A mistake that is made on purpose, in the fakes around the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The claim is only on record once the outcome is: a crash in between sends again.
    MarkAfterSend,
    /// An outcome of an older attempt counts.
    NoFence,
    /// A lease that ran out makes the reminder `planned`.
    ReapToPlanned,
    /// A gateway that does not answer counts as one that was never reached.
    UnknownAsNotSent,
    /// Bytes leave after the deadline.
    DeadlineIgnored,
    /// Reminders whose claim failed to commit are sent all the same.
    CommitErrorIgnored,
    /// The decision is made from the books of yesterday.
    StaleFacts,
    /// Contact hours are those of UTC.
    HoursInUtc,
    /// Suppressions are ignored.
    SuppressionIgnored,
    /// Two daemons are given the same reminder.
    ClaimedByTwo,
    /// The second e-mail has another Message-ID.
    FreshReference,
    /// A reminder with an unknown outcome falls back to the next channel.
    FallbackForUnknown,
    /// A receipt that is quicker than the answer is lost.
    EarlyReceiptLost,
    /// Reminders in flight do not count against a cap.
    CapsBlindToFlight,
    /// Nobody looks for leases that ran out.
    ReaperAsleep,
    /// A pass is recorded when it begins: who breaks off leaves a gap.
    MarkBeforePass,
    /// A change is removed from the list before the reminders that it calls for are in the outbox.
    ChangesGoneBeforePlan,
    /// A late step goes out although a nearer one of the same rule goes out that day.
    OvertakenSent,
    /// Reminders held by a stop are sent.
    HeldSent,
    /// Nobody looks whether what holds a reminder is over.
    ReleaserAsleep,
    /// Nobody notices that the database went back in time.
    Unguarded,
    /// Records that daemons put into a restored database are lost.
    HandInLost,
    /// A message leaves by a gateway that is not its merchant's.
    OthersGateway,
}

impl Bug {
    pub(crate) const ALL: [Self; 23] = [
        Self::MarkAfterSend,
        Self::NoFence,
        Self::ReapToPlanned,
        Self::UnknownAsNotSent,
        Self::DeadlineIgnored,
        Self::CommitErrorIgnored,
        Self::StaleFacts,
        Self::HoursInUtc,
        Self::SuppressionIgnored,
        Self::ClaimedByTwo,
        Self::FreshReference,
        Self::FallbackForUnknown,
        Self::EarlyReceiptLost,
        Self::CapsBlindToFlight,
        Self::ReaperAsleep,
        Self::MarkBeforePass,
        Self::ChangesGoneBeforePlan,
        Self::OvertakenSent,
        Self::HeldSent,
        Self::ReleaserAsleep,
        Self::Unguarded,
        Self::HandInLost,
        Self::OthersGateway,
    ];

    /// Whether it only shows where the database goes back in time.
    pub(crate) fn is_of_rewinds(self) -> bool {
        matches!(self, Self::Unguarded | Self::HandInLost)
    }
}
