//! Code that both relational stores share and that is compiled once: reading of values and rows, computation of an
//! import, the state of the schema, and statements that run unchanged on both databases. Statements for a single
//! database are in its own folder; the operations are in `operations`, which each database compiles for itself.

pub(super) mod account;
pub(super) mod activity;
pub(super) mod address_key;
pub(super) mod api;
pub(super) mod audit;
pub(super) mod borrower;
pub(super) mod channel;
pub(super) mod clauses;
pub(super) mod click;
pub(super) mod contact;
pub(super) mod delivery;
pub(super) mod digits;
pub(super) mod encryption;
pub(super) mod event;
pub(super) mod fallback;
pub(super) mod funnel;
pub(in crate::store) mod gateway_list;
pub(super) mod gateway_state;
pub(super) mod import_batch;
pub(super) mod incarnation;
pub(super) mod installment;
pub(super) mod message;
pub(super) mod notice;
pub(super) mod payment;
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
pub(super) mod user;
pub(super) mod value;
pub(super) mod volume;
pub(super) mod webhook;
