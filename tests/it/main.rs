//! The one integration binary: dueherald through the doors that its users use.

mod fixtures;
mod plan;
mod web;
