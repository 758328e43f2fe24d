//! The SQL operations of both databases: each trait of the store as transactions, written once.
//!
//! This folder is one module that each database compiles for itself (see [`crate::store`], "How to read it"). What
//! differs comes from the parent module under the same name in both: `Db`, `Connection`, `SqlStore`, `Tx` and `Batch`,
//! and the modules with the statements of one database.

mod address_keys;
mod api;
mod audit;
mod claims;
mod clicks;
mod contacts;
mod deliveries;
mod digits;
mod encryption;
mod fallback;
mod funnel;
mod gateway_states;
mod holds;
mod incarnations;
mod ledger;
mod messages;
mod notices;
pub(super) mod outbox;
mod payments;
mod permits;
mod preferences;
mod receipts;
mod reconcile;
mod rejects;
mod replans;
mod replies;
mod reports;
mod route_health;
mod routes;
mod scan;
mod schema;
mod search;
mod sources;
mod stops;
mod suppression_changes;
mod users;
mod views;
mod volumes;
mod webhooks;

use super::{
    Batch, Connection, Db, SqlStore, Tx, address_key, audit_head, borrower, claim, contact, encryption_guards,
    gateway_list, incarnation, installment, ledger_change, notice, payment, queue, rate, receipt, reject, reminder,
    report, suppression, webhook,
};
