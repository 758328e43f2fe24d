//! Level 0: what things are. Pure types; no I/O, no async, no clock.
//!
//! Types that hold personal data ([`Phone`], [`EmailAddress`], [`PersonName`], [`Money`]) have a masked `Debug`, so
//! that a careless `{:?}` in a log or an error cannot leak it.

mod action;
mod activity;
mod address_key;
mod app_store;
mod attempt;
mod audit;
mod audit_chain;
mod backoff;
mod borrower;
mod contact;
pub mod duration;
mod evidence;
mod funnel;
mod gateway_state;
mod hold_cause;
mod hold_kind;
mod human_text;
mod ids;
mod incarnation;
mod installment;
mod intent;
mod jurisdiction;
mod key_ring;
mod ledger;
mod link_scan;
mod locale;
mod merchant;
mod message;
mod message_delta;
mod message_key;
mod message_record;
mod money;
mod network;
mod notice;
mod outcome;
mod password;
mod payment;
mod placeholder;
mod preferences;
mod price;
mod receipt;
mod rejected;
mod reminder;
mod report;
mod required_texts;
mod role;
mod route;
mod route_health;
mod route_url;
mod search_key;
mod source;
mod support_hours;
mod suppression;
mod suppression_change;
mod tags;
mod token;
mod user;
mod verifier;
mod webhook;
mod work_item;

pub use action::Action;
pub use activity::ActivityCount;
pub use address_key::AddressKey;
pub use attempt::{Attempt, Event, EventKind, Next, SENT_ONCE_MORE, Settlement, WITHDRAWN};
pub use audit::{
    AuditAction, AuditCheckpoint, AuditDoor, AuditEntry, AuditHash, AuditHashError, AuditHead, AuditOrigin,
    AuditPersonal, AuditRecord, AuditSubject, AuditValues, CHAIN_START, NewAuditEntry, audit_salt,
};
pub use audit_chain::{AuditFault, ChainCheck};
pub use backoff::Backoff;
pub use borrower::{Borrower, BorrowerKey, Hold};
pub use contact::{ContactError, EmailAddress, PersonName, Phone};
pub(crate) use evidence::no_evidence;
pub use evidence::{EVIDENCE_FORM, EvidenceDocument, EvidenceEntry, EvidenceError, EvidenceFault};
pub use funnel::{Funnel, SentCount, Stage};
pub use gateway_state::GatewayState;
pub use hold_cause::{HoldCause, HoldReason};
pub use hold_kind::HoldKind;
pub use human_text::{HumanTextError, clean};
pub use ids::{
    BorrowerId, BranchName, EndpointName, GatewayName, IdError, InstallmentId, MAX_ID_CHARS, MerchantId, NoticeName,
    PaymentId, ReminderId, RouteKey, RuleName, SourceName, TemplateName,
};
pub use incarnation::{
    Arming, Beat, DATABASE_REWOUND, DaemonRecord, DatabaseState, Disarm, DisarmReason, Fence, HandoverRecord,
    Incarnation, KnownDatabase, LOST_RECORD, Marks,
};
pub use installment::{Installment, InstallmentStatus, LONGEST_GRACE, UnknownStatus};
pub use intent::Intent;
pub use jurisdiction::{Jurisdiction, UnknownJurisdiction};
pub use key_ring::{BLIND_MARK, KeyRing, KeyRingError, MIN_KEY_BYTES};
pub use ledger::{BorrowerUpdate, FieldUpdate, LedgerRow, merge, merge_borrower};
pub use locale::{Locale, LocaleError};
pub use merchant::{Merchant, Support};
pub use message::{Address, EmailParts, LinkMode, Message, RegisteredSms, SmsText};
pub use message_key::MessageKey;
pub use message_record::{ContentHash, MessageFault, MessageForm, MessageRecord};
pub use money::{AmountUnit, Currency, MAX_INTEGER_DIGITS, Money, MoneyError, UnknownAmountUnit};
pub use network::{Network, NetworkError, is_never_connected_to, is_public, may_connect};
pub use notice::{Notice, NoticeChange, NoticeFacts, NoticeState, Recipient};
pub use outcome::{Code, Outcome, RejectScope};
pub use password::{MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS, Password, PasswordError, PasswordHash, SALT_BYTES};
pub use payment::{PaidClaim, Payment, PaymentReport, PaymentResult, PaymentStage, PaymentState, settle_payments};
pub use placeholder::{BadPlaceholder, Piece, Placeholder, pieces, places};
pub use preferences::{ContactPreferences, HoursError, ManualPreferences, PreferredHours};
pub use price::{Price, PriceUnit};
pub use receipt::Receipt;
pub use rejected::{RecordCells, RecordKind, RejectedRecord, SoundRecord, UnknownRecordKind};
pub use reminder::{
    CONFIRMATION, Channel, MANUAL, NOTICE, NewReminder, OPTED_OUT, Origin, Reminder, ReminderKey, SkipReason, State,
    Step, UnknownWord,
};
pub use report::{Reply, Report, ReportSubject, ReportedState};
pub use required_texts::{OPT_OUT_WORD, RequiredText, RequiredTexts};
pub use role::StaffRole;
pub use route::{AppGuide, AppSteps, Click, Route, RouteKind, RouteVersion, Routes};
pub use route_health::{Patience, ProbeResult, RouteFault, RouteHealth};
pub use route_url::{BadHost, RouteHosts, UrlRefusal, check_form, check_link_base, is_shortened};
pub use search_key::{NameKey, PhoneTail};
pub use source::{Amendment, AmendmentResult, SourceState};
pub use support_hours::{
    END_OF_DAY, OpenSpan, SUPPORT_HOURS_FORM, SupportDays, SupportHours, SupportHoursError, overlap,
};
pub use suppression::{
    BY_REPLY, LiftDecision, LiftRequest, LiftResult, Lifter, Suppression, SuppressionReason, SuppressionRecord,
    is_same_person,
};
pub use suppression_change::{ManualChange, SuppressionAction, SuppressionChange, SuppressionScope};
pub use tags::{MAX_TAGS_CHARS, Tags, TagsError};
pub use token::{TOKEN_BYTES, TOKEN_PREFIX, Token, TokenDigest};
pub use user::{
    Credential, CsrfSecret, DeviceKey, OidcSubject, OidcSubjectError, SESSION_BYTES, SessionDigest, SessionId, User,
    UserDisplay, UserGrant, UserName, UserNameError,
};
pub use verifier::{Verifier, VerifierError, VerifierHash, VerifierKind};
pub use webhook::{
    EndpointKey, EndpointState, FinalEnd, RecordEnds, RecordPosition, RecordTable, WEBHOOK_BORROWER_BACKOFF,
    WEBHOOK_ENDPOINT_BACKOFF, WaitingBorrower, WebhookEvent, WebhookType, merge_records, webhook_pause,
};
pub use work_item::{WorkItem, WorkItemError};
