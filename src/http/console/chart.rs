//! Bar charts, drawn on the server as SVG. Pure.

use serde::Serialize;

/// The height of a chart, in units of its drawing.
const HEIGHT: u64 = 100;

/// The width of a bar with the gap beside it.
const STEP: usize = 10;

/// A chart of counts by hour, for the template to draw.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct BarChart {
    /// The class that gives the bars their colour, and the key of the title.
    pub(super) name: &'static str,
    /// The sum.
    pub(super) total: u64,
    /// The greatest count.
    pub(super) most: u64,
    /// The width of the drawing.
    pub(super) width: usize,
    /// The height of the drawing.
    pub(super) height: u64,
    /// The bars, from left to right.
    pub(super) bars: Vec<Bar>,
}

/// A bar.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Bar {
    /// The hour.
    pub(super) label: String,
    /// The count.
    pub(super) count: u64,
    /// Its left edge.
    pub(super) x: usize,
    /// Its upper edge.
    pub(super) y: u64,
    /// Its height.
    pub(super) height: u64,
}

impl BarChart {
    /// The chart of these counts. A count above 0 has a bar that can be seen, however small it is beside the others.
    pub(super) fn of(name: &'static str, counts: impl IntoIterator<Item = (String, u64)>) -> Self {
        let counts: Vec<_> = counts.into_iter().collect();
        let most = counts.iter().map(|(_, count)| *count).max().unwrap_or_default();
        let bar = |(index, (label, count)): (usize, (String, u64))| {
            let height = match count {
                0 => 0,
                _ => (HEIGHT * count / most.max(1)).max(2),
            };
            Bar { label, count, x: index * STEP, y: HEIGHT - height, height }
        };
        Self {
            name,
            total: counts.iter().map(|(_, count)| count).sum(),
            most,
            width: counts.len() * STEP,
            height: HEIGHT,
            bars: counts.into_iter().enumerate().map(bar).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BarChart;

    fn heights(counts: &[u64]) -> Vec<u64> {
        let chart = BarChart::of("sent", counts.iter().map(|count| (String::new(), *count)));
        assert!(chart.bars.iter().all(|bar| bar.y + bar.height == chart.height));
        chart.bars.iter().map(|bar| bar.height).collect()
    }

    #[test]
    fn bars_are_as_high_as_their_counts_and_the_least_is_seen() {
        assert_eq!(heights(&[0, 1, 50, 100_000, 50_000]), [0, 2, 2, 100, 50]);
        assert_eq!(heights(&[0, 0]), [0, 0]);
        assert_eq!(heights(&[]), [0; 0]);
        assert_eq!(heights(&[7]), [100]);
    }
}
