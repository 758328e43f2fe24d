//! Level 3: the work: import, scan, dispatch, resend. Knows the traits of level 2, never a concrete end.

mod compose;
mod dispatch;
mod import;
mod reconcile;
mod resend;
mod scan;

pub use compose::Composer;
pub use dispatch::{DispatchSettings, Dispatcher, Lane, Tally, Until};
pub use import::{Import, ImportError, Ledger, Progress, StopCause, Summary, import};
pub use reconcile::{reap, reap_for_ever};
pub use resend::{Refusal, ResendError, ResendRequest, Whom, resend};
pub use scan::{ScanReport, scan};
