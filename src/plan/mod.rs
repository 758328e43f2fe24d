//! Level 1: when to remind and whom. Pure: the same input gives the same plan, on every database and in the simulation.

mod calendar;
mod contact;
mod contact_hours;
mod decide;
mod digest;
mod due;
mod fallback;
mod frequency_cap;
mod jurisdiction;
mod planner;
mod rate;
mod retry;
mod rule;
mod schedule;
mod wishes;

pub use calendar::{local_date, to_utc};
pub use contact::{Beside, Contact, Progress};
pub use contact_hours::ContactHours;
pub use decide::{Account, Decision, DeferReason, Policy, ToSend, decide, open_installments};
pub use due::Due;
pub use fallback::{fall_back, fall_back_at};
pub use frequency_cap::{Cap, Caps};
pub use jurisdiction::contact_hours;
pub use planner::{Horizon, due_dates, plan};
pub use rate::{Permits, RateLimit, RateState};
pub use retry::{RetryPolicy, Tried, follow};
pub use rule::{ChannelChoice, ChannelMode, Rule};
pub use schedule::{Schedule, ScheduleError};
pub use wishes::hold_end;
