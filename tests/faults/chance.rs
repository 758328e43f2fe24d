//! Chance from a seed, and how much of everything there is.

use std::time::Duration;

/// Chooses between the value for the short form and that for the long form.
pub(crate) fn of<T>(short: T, long: T) -> T {
    match std::env::var("DUEHERALD_FAULTS") {
        Ok(form) if form == "long" => long,
        _ => short,
    }
}

/// Splitmix64: small, and the same everywhere.
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The seed of the run, printed so that a failure can be played again.
    pub(crate) fn seeded(case: &str) -> Self {
        let seed = std::env::var("DUEHERALD_FAULTS_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_122);
        tell(&format!("{case}: DUEHERALD_FAULTS_SEED={seed}"));
        Self(seed)
    }

    /// Another source, for what goes on beside.
    pub(crate) fn split(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a usize has 64 bits at most");
        usize::try_from(self.next() % bound).expect("it is below a usize")
    }

    /// So many places within `0..bound`, in order.
    pub(crate) fn places(&mut self, count: usize, bound: usize) -> Vec<usize> {
        let mut places: Vec<_> = (0..count).map(|_| self.below(bound)).collect();
        places.sort_unstable();
        places
    }

    /// Up to 20 ms, so that a fault does not always come right after a message reached the sink.
    pub(crate) fn moment(&mut self) -> Duration {
        Duration::from_micros(self.next() % 20_000)
    }
}

/// Tells what happened, beside the test's result: the seed above all.
#[expect(clippy::print_stdout, reason = "the harness shows it when the test fails, or with --nocapture")]
pub(crate) fn tell(text: &str) {
    println!("{text}");
}
