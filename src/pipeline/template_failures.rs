//! A template that does not render burns the reminders that need it. After a few in a row it is stopped, loudly: what
//! needs it is held, and goes out when the template has been mended and loaded, if it is not too late by then.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How many failures in a row stop a template.
const RUN: u32 = 5;

/// The templates that failed last, with how often in a row. A new process, or new templates, begin anew.
#[derive(Debug, Default)]
pub struct TemplateFailures(Mutex<HashMap<String, u32>>);

impl TemplateFailures {
    /// Counts a failure. `true` when the template is stopped and the reminder should wait.
    pub(super) fn failed(&self, template: &str) -> bool {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let run = failures.entry(template.to_owned()).or_default();
        *run = run.saturating_add(1);
        if *run == RUN {
            tracing::error!(
                template,
                "this template failed {RUN} times in a row and is stopped: what needs it waits; mend it"
            );
        }
        *run > RUN
    }
}
