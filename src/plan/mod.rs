//! Level 1: when to remind and whom. Pure: the same input gives the same plan, on every database and in the simulation.

mod calendar;
mod catch_up;
mod contact_hours;
mod decide;
mod due;
mod fallback;
mod jurisdiction;
mod planner;
mod rate;
mod retry;
mod rule;
mod schedule;
mod slices;

pub use calendar::{local_date, to_utc};
pub use catch_up::{Planned, Span, call_for, is_overtaken};
pub use contact_hours::ContactHours;
pub use decide::{Account, Decision, DeferReason, Policy, ToSend, decide, open_installments};
pub use due::Due;
pub use fallback::{fall_back, fall_back_at};
pub use jurisdiction::contact_hours;
pub use planner::{Horizon, due_dates, plan};
pub use rate::{Permits, RateLimit, RateState};
pub use retry::{RetryPolicy, Tried, follow};
pub use rule::{ChannelChoice, ChannelMode, Rule};
pub use schedule::{Schedule, ScheduleError};
pub use slices::{Mark, Pass, announced, full_pass, in_view, passes, rules_of};
