//! dueherald heralds what falls due: it plans reminders of instalments, decides at the send instant what each says and
//! whether it goes out at all, and hands it to mail and SMS gateways, once.
//!
//! Imports go only downwards; modules of one level never import each other (`tests/tidy.rs` holds this).
//!
//! | level | modules | what they are |
//! |---|---|---|
//! | 0 | [`domain`], [`clock`], [`private_file`] | what things are; the only door to time and chance; files that only we read |
//! | 1 | [`plan`], [`render`], [`database_host`] | when to remind and whom; what a message says; where a database may be |
//! | 2 | [`source`], [`store`], [`gateway`], [`probe`], [`journal`] | replaceable ends: files, databases, providers, what looks at routes; a daemon's own memory |
//! | 3 | [`pipeline`] | the work: scan, dispatch, resend. Knows traits, never a concrete end |
//! | 4 | [`config`] | the config file, checked as a whole |
//! | 5 | [`app`] | the one place that puts concrete ends together |
//! | 6 | [`http`] | pages, health, metrics |
//! | 7 | [`daemon`] | cron ticks, roles, signals |
//! | 8 | [`cli`] | one file per command |

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod database_host;
pub mod domain;
pub mod gateway;
pub mod http;
pub mod journal;
pub mod pipeline;
pub mod plan;
pub mod private_file;
pub mod probe;
pub mod render;
pub mod source;
pub mod store;
