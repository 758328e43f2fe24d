//! What the two relational ends share and what is compiled once: how values and rows are read, how an import is worked
//! out, the state of the schema, and the statements that both databases take as they are. Statements of one database
//! only stand in its own folder; the operations themselves in `operations`, which each database compiles for itself.

pub(super) mod account;
pub(super) mod address_key;
pub(super) mod borrower;
pub(super) mod channel;
pub(super) mod clauses;
pub(super) mod click;
pub(super) mod contact;
pub(super) mod digits;
pub(super) mod encryption;
pub(super) mod event;
pub(super) mod fallback;
pub(super) mod funnel;
pub(super) mod gateway_state;
pub(super) mod import_batch;
pub(super) mod incarnation;
pub(super) mod installment;
pub(super) mod notice;
pub(super) mod preference;
pub(super) mod queue;
pub(super) mod rate;
pub(super) mod receipt;
pub(super) mod reject;
pub(super) mod reminder;
pub(super) mod report;
pub(super) mod route;
pub(super) mod route_health;
pub(super) mod scan;
pub(super) mod schema;
pub(super) mod sealing;
pub(super) mod source;
pub(super) mod stop;
pub(super) mod suppression;
pub(super) mod suppression_change;
pub(super) mod turn;
pub(super) mod value;
pub(super) mod volume;
