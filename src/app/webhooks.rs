//! Assembles the webhooks.

use std::sync::Arc;

use super::{App, AppError};
use crate::pipeline::Webhooks;
use crate::webhook::HttpsWebhooks;

impl App {
    /// Tells webhook endpoints what happens; `None` if the config has none.
    ///
    /// # Errors
    /// When an endpoint has no certificate authority to trust.
    pub fn webhooks(&self) -> Result<Option<Webhooks>, AppError> {
        let endpoints = self.config.webhooks.clone();
        if endpoints.is_empty() {
            return Ok(None);
        }
        let sender = HttpsWebhooks::new(&endpoints, Arc::clone(&self.clock))?;
        Ok(Some(Webhooks {
            store: Arc::clone(&self.store),
            endpoints,
            sender: Arc::new(sender),
            clock: Arc::clone(&self.clock),
            guard: Arc::clone(&self.guard),
            holder: self.holder(),
            lease: self.config.dispatch.lease,
        }))
    }
}
