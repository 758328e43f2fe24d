//! The one integration binary: dueherald through the doors that its users use.

mod caps;
mod commands;
mod config;
mod contact_hours;
mod daemon;
mod digest;
mod dispatch;
mod explain;
mod fixtures;
mod forecast;
mod gateway;
mod import;
mod mariadb;
mod plan;
mod postgres;
mod render;
mod resend;
mod rules;
mod sinks;
mod sources;
mod store;
mod template_command;
mod vectors;
mod way;
mod web;
mod wishes;
