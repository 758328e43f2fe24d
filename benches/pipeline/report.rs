//! The results, as a table and as JSON.

use std::io::Write;

use serde_json::json;

use crate::Anyhow;

/// The limit that a figure has to meet.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn is_met(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(least) => figure >= least,
            Self::AtMost(most) => figure <= most,
        }
    }

    fn words(self) -> String {
        match self {
            Self::AtLeast(least) => format!(">= {least}"),
            Self::AtMost(most) => format!("<= {most}"),
        }
    }
}

struct Row {
    group: &'static str,
    what: String,
    figure: f64,
    unit: &'static str,
    target: Option<Target>,
}

/// Everything that was measured so far.
#[derive(Default)]
pub(crate) struct Report(Vec<Row>);

impl Report {
    /// Adds a figure, and prints it at once: a long run is watched.
    pub(crate) fn add(&mut self, group: &'static str, what: impl Into<String>, figure: f64, unit: &'static str) {
        self.push(Row { group, what: what.into(), figure, unit, target: None });
    }

    /// Adds a figure that has a target.
    pub(crate) fn judge(
        &mut self,
        group: &'static str,
        what: impl Into<String>,
        figure: f64,
        unit: &'static str,
        target: Target,
    ) {
        self.push(Row { group, what: what.into(), figure, unit, target: Some(target) });
    }

    fn push(&mut self, row: Row) {
        // Nobody is left to tell when even this cannot be written.
        _ = writeln!(std::io::stdout(), "{}", line(&row));
        self.0.push(row);
    }

    /// How many targets are missed.
    pub(crate) fn missed(&self) -> usize {
        self.0.iter().filter(|row| row.target.is_some_and(|target| !target.is_met(row.figure))).count()
    }

    /// The whole as one JSON array.
    pub(crate) fn json(&self) -> Anyhow<String> {
        let rows = self.0.iter().map(|row| {
            json!({
                "group": row.group,
                "what": row.what,
                "figure": row.figure,
                "unit": row.unit,
                "target": row.target.map(Target::words),
                "met": row.target.map(|target| target.is_met(row.figure)),
            })
        });
        Ok(serde_json::to_string_pretty(&rows.collect::<Vec<_>>())?)
    }
}

fn line(row: &Row) -> String {
    let figure = match row.figure {
        figure if figure >= 1000.0 => format!("{figure:.0}"),
        figure if figure >= 10.0 => format!("{figure:.1}"),
        figure => format!("{figure:.3}"),
    };
    let verdict = row.target.map_or(String::new(), |target| {
        format!("{}  {}", target.words(), if target.is_met(row.figure) { "ok" } else { "MISSED" })
    });
    format!("{:<9} {:<58} {figure:>10} {:<12} {verdict}", row.group, row.what, row.unit).trim_end().to_owned()
}

/// Of an even number the upper one.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
