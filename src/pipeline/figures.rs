//! The names of what the pipeline counts and measures, for whoever shows them.

/// Reminders that scans put into the outbox.
pub const PLANNED: &str = "dueherald_planned_total";
/// Reminders that a full check found to be missing: a fault of dueherald.
pub const MISSED: &str = "dueherald_missed_total";
/// 1 while this process sends nothing because of the database's incarnation, or because its own record fails.
pub const DISARMED: &str = "dueherald_database_disarmed";
/// Outcomes of attempts. Labels `gateway`, `outcome`.
pub const OUTCOMES: &str = "dueherald_outcomes_total";
/// Reminders that were not sent. Label `reason`.
pub const SKIPPED: &str = "dueherald_skipped_total";
/// How long a hand-over to a gateway took. Label `gateway`.
pub const SEND_SECONDS: &str = "dueherald_send_seconds";
/// 1 while this process hands a gateway nothing but probes, because it failed again and again; else 0. Label `gateway`.
pub const BREAKER_OPEN: &str = "dueherald_breaker_open";
/// 1 while no message may lead to a route because its probes fail, else 0; of routes that are probed. Label `route`.
pub const ROUTE_DEGRADED: &str = "dueherald_route_degraded";
/// Probes of routes. Labels `route`, `verdict`: well, or the word of the fault.
pub const ROUTE_PROBES: &str = "dueherald_route_probes_total";
/// 1 while this process reaches none of the hosts that it probes and so judges no route, else 0.
pub const OFFLINE: &str = "dueherald_probe_offline";
/// 1 while less than half as many of those who got a message come to a stage by a route as in the two weeks before,
/// else 0. Labels `route`, `stage`: clicked, paid.
pub const ROUTE_SHARE_FELL: &str = "dueherald_route_share_fell";
/// Rows that pulls took from sources. Labels `source`, `result`: new, changed, same, rejected, and besides
/// waiting (payments), cells_left_out (of rows that were taken), unreadable (rejected ones that hold nothing), vanished
/// (cancelled, as the source has them no longer), vanished_held (far more than usual).
pub const PULLED: &str = "dueherald_source_rows_total";
/// Pulls that failed. Label `source`.
pub const PULL_FAILURES: &str = "dueherald_source_failures_total";
/// Reports of gateways about messages. Labels `gateway`, `fate`: delivered, undelivered, complained.
pub const REPORTS: &str = "dueherald_reports_total";
/// Reports that were kept, because no message has their number yet or the gateway is to be asked first. Label
/// `gateway`.
pub const KEPT_REPORTS: &str = "dueherald_reports_kept_total";
/// Answers of people. Label `intent`: stop, start, unclear, other.
pub const REPLIES: &str = "dueherald_replies_total";
/// Answers from numbers that are valid in no country of the merchants, or in several.
pub const UNREADABLE_SENDERS: &str = "dueherald_reply_senders_unreadable_total";
/// Callbacks that were not taken over. Labels `gateway`, `reason`: unsigned, unreadable, too_large, store.
pub const CALLBACKS_REFUSED: &str = "dueherald_callbacks_refused_total";
/// Deliveries of events to webhook endpoints. Labels `merchant`, `endpoint`, `result`: delivered, failed, gone.
pub const WEBHOOK_DELIVERIES: &str = "dueherald_webhook_deliveries_total";
/// Age of the oldest event that a webhook endpoint has not received. Labels `merchant`, `endpoint`.
pub const WEBHOOK_LAG_SECONDS: &str = "dueherald_webhook_lag_seconds";
/// 1 while a webhook endpoint is called no more because it answered 410, else 0. Labels `merchant`, `endpoint`.
pub const WEBHOOK_DISABLED: &str = "dueherald_webhook_disabled";
/// Restarts of tasks of the daemon that panicked or ended by themselves. Label `task`.
pub const TASK_RESTARTS: &str = "dueherald_task_restarts_total";
/// Connections of visitors that the daemon closed. Label `reason`: full (all were taken), client (that client had too
/// many), timeout.
pub const CONNECTIONS_CLOSED: &str = "dueherald_connections_closed_total";
/// Requests of visitors that were refused. Label `reason`: not_found, too_many, wrong_digits, unauthorized.
pub const REQUESTS_REFUSED: &str = "dueherald_requests_refused_total";
