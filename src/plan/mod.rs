//! Level 1: when to remind and whom. Pure: the same input gives the same plan, on every database and in the simulation.

mod calendar;
mod contact_hours;
mod decide;
mod doubts;
mod due;
mod fallback;
mod filter;
mod jurisdiction;
mod local_time;
mod planner;
mod rate;
mod retry;
mod rule;
mod schedule;
mod terms;
mod zones;

pub use calendar::Calendar;
pub use contact_hours::{ContactHours, DayHours, NoDayHours};
pub use decide::{Account, Decision, DeferReason, Policy, ToSend, decide, open_installments};
pub use doubts::{Doubt, doubts};
pub use due::Due;
pub use fallback::{fall_back, fall_back_at};
pub use filter::{AmountRange, Filters};
pub use jurisdiction::{Duty, Pack, pack};
pub use local_time::{local_date, to_utc};
pub use planner::{Considered, Horizon, WhyNot, consider, due_dates, plan};
pub use rate::{Permits, RateLimit, RateState};
pub use retry::{RetryPolicy, Tried, follow};
pub use rule::{ChannelChoice, ChannelMode, Days, OnHoliday, Rule, RulesMatch, TimeOfDay};
pub use schedule::{Schedule, ScheduleError};
pub use terms::Terms;
pub use zones::Zones;
