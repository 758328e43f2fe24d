//! The integration tests, one module for each area.

mod postgres;
mod store;
