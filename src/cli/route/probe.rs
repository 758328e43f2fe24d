//! `dueherald route probe`: checks one route now, without recording the result.

use std::io::Write;

use serde::Serialize;

use crate::app::App;
use crate::cli::table::{self, ListFormat, LocalTimes, Row};
use crate::cli::{CliError, Exit};
use crate::domain::{ProbeResult, Route, RouteKey};

/// Looks once, and tells. What daemons know of the routes stays as it is: one look from another machine is no proof.
pub(super) async fn run(
    key: Option<&RouteKey>,
    app: &App,
    format: ListFormat,
    out: &mut (dyn Write + Send),
) -> Result<Exit, CliError> {
    let looked = app.prober(app.probe()?).look(key).await?;
    if let (Some(key), []) = (key, &looked[..]) {
        let text = format!("there is no route {key}, or it is no https page, which is all that can be probed");
        return Err(CliError::Failed(text));
    }
    let rows: Vec<_> = looked.iter().map(|(route, probed)| ProbeRow::of(route, probed)).collect();
    table::print(out, format, &format.times(&app.policy.merchants), &rows)?;
    Ok(if rows.iter().all(|row| row.well) { Exit::Done } else { Exit::Unwell })
}

#[derive(Debug, Serialize)]
struct ProbeRow {
    route: String,
    merchant: String,
    well: bool,
    /// The fault as one word; `text` describes it.
    fault: Option<&'static str>,
    text: Option<String>,
    milliseconds: u128,
}

impl ProbeRow {
    fn of(route: &Route, probed: &ProbeResult) -> Self {
        let fault = probed.fault.as_ref();
        Self {
            route: route.key.to_string(),
            merchant: route.merchant.to_string(),
            well: fault.is_none(),
            fault: fault.map(|fault| fault.as_str()),
            text: fault.map(ToString::to_string),
            milliseconds: probed.took.as_millis(),
        }
    }
}

impl Row for ProbeRow {
    const TITLES: &'static [&'static str] = &["ROUTE", "MERCHANT", "FOUND", "TOOK"];

    fn cells(&self, _: &LocalTimes) -> Vec<String> {
        vec![
            self.route.clone(),
            self.merchant.clone(),
            self.text.clone().unwrap_or_else(|| "well".to_owned()),
            format!("{} ms", self.milliseconds),
        ]
    }
}
