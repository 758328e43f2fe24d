//! Level 3: the work: import, pull, scan, forecast, dispatch, resend, notices, explain. Knows the traits of level 2, never a concrete end.

mod breaker;
mod compose;
mod dispatch;
mod explain;
pub mod figures;
mod flight;
mod forecast;
mod freshness;
mod funnel;
mod gate;
mod guard;
mod hand_over;
mod hold;
mod holds;
mod import;
mod look_up;
mod mailbox;
mod notice;
mod poison;
mod post;
mod prober;
mod pull;
mod recall;
mod receipts;
mod reconcile;
mod registry;
mod rejects;
mod resend;
mod resolve;
mod scan;
mod signature;
mod tally;
mod unpaid;
mod volume_watch;

pub use breaker::{Admits, Breaker};
pub use compose::{Composed, Composer};
pub use dispatch::{DispatchSettings, Dispatcher, Lane, Until, drain};
pub use explain::{
    Answer, Asked, DueDate, ExplainError, ExplainRequest, Explanation, Happened, RejectView, RuleTold, StepTold, Story,
    Why, explain,
};
pub use forecast::{
    Busy, Changed, Comparison, Costs, Forecast, Jam, Moved, Outlet, Outlook, Peaks, Span, Volume, compare, forecast,
};
pub use freshness::{Freshness, Stale};
pub use funnel::{FunnelLine, FunnelWatch, funnel};
pub use gate::Gate;
pub use guard::{Guard, GuardHold};
pub use hold::{HoldError, hold};
pub use import::{Import, ImportError, Ledger, Progress, StopCause, Summary, import};
pub use mailbox::{Emptied, MailboxError, empty};
pub use notice::{
    NoticeError, NoticeOrder, NoticeView, Preview, PreviewCount, Selection, approve, cancel, create, go_on, look,
    pause, preview, resume,
};
pub use poison::Poison;
pub use post::Post;
pub use prober::{Expected, Prober, Round};
pub use pull::{Pull, PullError, pull};
pub use recall::{Reach, Recall, reach};
pub use receipts::{Intake, KEPT_FOR, Trust};
pub use reconcile::{Reconciled, Reconciler};
pub use registry::{Registry, Seen};
pub use rejects::{RetryCounts, retry_rejects};
pub use resend::{EarlierResend, Refusal, ResendError, ResendRequest, Whom, resend};
pub use resolve::{Finding, ResolveError, resolve};
pub use scan::{Extent, ScanOrder, ScanReport, plan_start, scan};
pub use signature::{Signature, Unsigned};
pub use tally::Tally;
