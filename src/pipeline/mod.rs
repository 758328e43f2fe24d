//! Level 3: the work: import, pull, scan, forecast, dispatch, resend, notices, explain. Knows the traits of level 2,
//! never a concrete end.

mod activity;
mod audit;
mod audit_note;
mod borrower_record;
mod breaker;
mod compose;
mod dispatch;
mod dispatcher;
mod evidence;
mod explain;
pub mod figures;
mod find;
mod forecast;
mod forms;
mod freshness;
mod funnel;
mod gate;
mod gateway_handle;
mod gateway_health;
mod guard;
mod hand_over;
mod hold;
mod holds;
mod hook;
mod import;
mod in_flight;
mod ingest;
mod lane_list;
mod look_up;
mod mailbox;
mod masked_address;
mod notice;
mod prober;
mod pull;
mod queue_growth;
mod recall;
mod receipts;
mod reconcile;
mod registry;
mod rejects;
mod resend;
mod resolve;
mod scan;
mod sent_message;
mod take_files;
mod tally;
mod template_failures;
mod unpaid;
mod vanishing;
mod volume_watch;
mod webhooks;

pub use activity::{Activity, ActivityCache, GatewayActivity, HourActivity, MessageCost};
pub use audit::{AuditVerdict, keep_checkpoint, verify_audit};
pub use audit_note::{AuditNote, AuditNoteError};
pub use borrower_record::{BorrowerFacts, BorrowerRecord, borrower_facts, borrower_record};
pub use breaker::{Admission, Breaker};
pub use compose::{ComposedMessage, Composer, NoticeSample};
pub use dispatch::{LaneEnd, SendLane, drain};
pub use dispatcher::{DispatchSettings, Dispatcher};
pub use evidence::{EvidenceRequest, evidence, evidence_object, evidence_record};
pub use explain::{
    DecisionForecast, DueDate, ExplainError, ExplainRequest, Explanation, PaymentView, Reason, RejectView,
    ResendRequester, RuleExplanation, StepExplanation, Timeline, TimelineEvent, explain,
};
pub use find::{FindRequest, FoundBorrower, FoundBorrowers, MatchKind, find};
pub use forecast::{
    Busy, Comparison, Costs, Forecast, ForecastGateway, ForecastSpan, ForecastView, GatewayBacklog, HourKey, Outlook,
    Peaks, ReminderDifference, StepDifference, Volume, compare, forecast, forecast_notes, plain,
};
pub use forms::MessageForms;
pub use freshness::{Freshness, StaleSource, Staleness};
pub use funnel::{FunnelLine, FunnelWatch, funnel, funnel_day};
pub use gate::{LinkGate, LinkGates};
pub use gateway_handle::GatewayHandle;
pub use gateway_health::GatewayHealth;
pub use guard::{Guard, GuardHold};
pub use hold::{HoldError, hold};
pub use hook::{HookJob, HookSummary, apply_deliveries};
pub use import::{Import, ImportError, Ledger, Progress, StopCause, Summary, import};
pub use ingest::{IngestError, IngestJob, IngestReport, ItemOutcome, ItemResult, PartWriter, ingest};
pub use mailbox::{MailboxError, MailboxSummary, empty};
pub use masked_address::{masked_address, masked_address_text};
pub use notice::{
    NoticeError, NoticeOrder, NoticeView, Preview, PreviewCount, Selection, approval, approve, cancel, create, go_on,
    look, pause, preview, resume,
};
pub use prober::{ProbeExpectation, Prober, Round};
pub use pull::{Pull, PullError, RejectsFile, pull};
pub use recall::{Reach, Recall, reach};
pub use receipts::{Intake, KEPT_FOR, Trust};
pub use reconcile::{ReconcileSummary, Reconciler};
pub use registry::{Registry, RouteSnapshot};
pub use rejects::{RetryCounts, retry_records, retry_rejects};
pub use resend::{ResendError, ResendOutlook, ResendRequest, ResendTarget, prepare_resend, resend, resend_outlook};
pub use resolve::{Finding, Resolution, ResolveError, prepare_resolution, resolve};
pub use scan::{ScanOrder, ScanReport, ScanScope, plan_start, scan};
pub use sent_message::{MessageContent, MessageParts, MessageView, shown_message, shown_messages, whole_messages};
pub use take_files::{FileResult, TakeFiles, TakeFilesError, TakenFile, take_files};
pub use tally::Tally;
pub use template_failures::TemplateFailures;
pub use vanishing::accept_vanished;
pub use webhooks::Webhooks;
