//! dueherald plans reminders of instalments, decides at send time whether each one leaves and what it says, and hands
//! it to mail and SMS gateways, once. `ARCHITECTURE.md` is the map, `docs/internals/` has the details, and
//! `CONTRIBUTING.md` the recipes.
//!
//! Imports go only downwards; modules of one level never import each other (`tests/tidy.rs` enforces this).
//!
//! | level | modules | responsibility |
//! |---|---|---|
//! | 0 | [`domain`], [`clock`], [`private_file`] | types without I/O; the only source of time and randomness; permissions of secret files |
//! | 1 | [`plan`], [`render`], [`database_host`], [`host_names`], [`tls`] | when to remind and whom; the text of a message; which hosts may be connected to, and how |
//! | 2 | [`source`], [`store`], [`gateway`], [`probe`], [`webhook`], [`journal`] | files, databases, providers, probes of routes, webhooks; a daemon's own record |
//! | 3 | [`pipeline`] | import, scan, dispatch, resend. Knows traits only |
//! | 4 | [`config`] | loads, merges and validates the config file |
//! | 5 | [`app`] | assembles the concrete store, gateways and probes |
//! | 6 | [`http`] | pages, callbacks, API, health, metrics |
//! | 7 | [`daemon`] | supervised tasks, schedules, roles, signals |
//! | 8 | [`cli`] | one file per command |

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod database_host;
pub mod domain;
pub mod gateway;
pub mod host_names;
pub mod http;
pub mod journal;
pub mod pipeline;
pub mod plan;
pub mod private_file;
pub mod probe;
pub mod render;
pub mod source;
pub mod store;
pub mod tls;
pub mod webhook;
