//! Exponential back-off: the one rule for how long to wait before something that failed is tried again.

use std::time::Duration;

/// The pause after the first failure, doubled after each further one, up to the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The pause after the first failure.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Backoff {
    /// The pause after so many failures in a row; that of one failure where there was none.
    #[must_use]
    pub fn pause(self, failures: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        self.first.saturating_mul(doubled).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Backoff;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(5) };
        let pauses = [0, 1, 2, 3, 4, 5, 6, u32::MAX].map(|failures| backoff.pause(failures).as_millis());
        assert_eq!(pauses, [500, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000]);
    }
}
