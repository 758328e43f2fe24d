//! Level 3: the work: import, scan, dispatch, resend. Knows the traits of level 2, never a concrete end.

mod import;

pub use import::{Import, ImportError, Ledger, Progress, StopCause, Summary, import};
