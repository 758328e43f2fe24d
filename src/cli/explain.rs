//! `dueherald explain`: why a borrower was, is and will be reminded, or not, rule by rule.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use clap::Args;
use serde::Serialize;

use super::borrower::{BorrowerSearchPlace, BorrowerSelector, NamedBorrower};
use super::table::Format;
use super::{CliError, Exit, dispatch};
use crate::app::App;
use crate::pipeline::{
    DecisionForecast, DueDate, ExplainError, ExplainRequest, Explanation, RejectView, RuleExplanation, ScanScope,
    StepExplanation, Timeline, explain, plan_start,
};
use crate::plan::Span;

/// Say why a borrower was, is and will be reminded, or not, rule by rule.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    whom: BorrowerSelector,
    /// A day (YYYY-MM-DD): only the due dates that rules may remind of on it [default: what is open within 90 days]
    #[arg(long)]
    date: Option<NaiveDate>,
    /// Answer as if it were this time (RFC 3339, for example 2026-11-22T10:00:00+08:00)
    #[arg(long, value_name = "TIME")]
    pub(super) at: Option<DateTime<Utc>>,
    /// Print a text or JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The JSON form of an explanation.
#[derive(Debug, Serialize)]
struct ExplanationJson<'a> {
    /// The config whose lines are named.
    config: &'a Path,
    /// Why nothing is sent at all now.
    nothing_is_sent: Vec<String>,
    #[serde(flatten)]
    explanation: &'a Explanation,
}

/// Runs it as of the app's time.
pub(super) async fn run(args: ExplainArgs, app: &App, out: &mut dyn Write) -> Result<Exit, CliError> {
    let ExplainArgs { whom, date, at, format } = args;
    let NamedBorrower { id: borrower, merchant } = whom.named(&BorrowerSearchPlace::of(app)).await?;
    let now = app.clock.now();
    let request = ExplainRequest { borrower, merchant, date };
    let order = app.scan_order(now, ScanScope::Aside);
    let scans = Span { horizon: order.horizon, start: plan_start(&*app.store, &order).await? };
    let gates = app.gates().await?;
    let explanation =
        explain(&*app.store, &app.policy, &gates, &request, scans).await.map_err(|error| match error {
            ExplainError::Store(error) => CliError::Store(error),
            ExplainError::SeveralMerchants(_) => CliError::Use(error.to_string()),
            ExplainError::NotFound => CliError::Failed(error.to_string()),
        })?;
    let mut stale = if at.is_none() { dispatch::stale(app).await? } else { Vec::new() };
    if at.is_none() {
        stale.extend(dispatch::disarmed(&*app.store).await?);
    }
    if format == Format::Json {
        let printed = ExplanationJson { config: &app.config.file, nothing_is_sent: stale, explanation: &explanation };
        serde_json::to_writer_pretty(&mut *out, &printed)?;
        writeln!(out)?;
    } else {
        let text = ReaderText { config: &app.config.file, zone: explanation.time_zone, now };
        write!(out, "{}", text.whole(&explanation, &stale))?;
    }
    Ok(Exit::Done)
}

/// A text for people: dates and times are the borrower's.
struct ReaderText<'a> {
    config: &'a Path,
    zone: Tz,
    now: DateTime<Utc>,
}

/// A line of a step: what, on which channel, when, its status; then what there is to say about it, and what happened.
struct StepLine {
    cells: [String; 4],
    remarks: String,
    events: Vec<String>,
}

impl ReaderText<'_> {
    fn whole(&self, explanation: &Explanation, stale: &[String]) -> String {
        let mut text = self.profile(explanation);
        stale.iter().for_each(|stale| text += &format!("  {stale}\n"));
        for due_date in &explanation.due_dates {
            text += &self.due_date(due_date);
        }
        if explanation.due_dates.is_empty() {
            text += "\nNothing is open, and there are no reminders, about these days.\n";
        }
        match explanation.left_out {
            0 => {}
            1 => text += "\n1 more due date is further away; name a day with --date.\n",
            more => text += &format!("\n{more} more due dates are further away; name a day with --date.\n"),
        }
        text
    }

    fn profile(&self, who: &Explanation) -> String {
        let now = self.minute(who.at);
        let mut text = format!("{} of {}, as of {now} ({}; {})\n", who.borrower, who.merchant, self.zone, utc(who.at));
        let mut contact = Vec::new();
        match &who.contact_hours {
            Some(hours) if who.other_zones > 0 => {
                contact.push(format!("contact {hours}, here and in {} other time zones", who.other_zones));
            }
            Some(hours) => contact.push(format!("contact {hours}")),
            None => contact.push("the merchant is not in the config".to_owned()),
        }
        contact.extend(who.preferred_hours.as_ref().map(|hours| format!("{hours} preferred")));
        contact.extend(who.preferred_channel.map(|channel| format!("{channel} preferred")));
        let phone = who.phone_ends.as_ref();
        contact.push(phone.map_or("no phone".to_owned(), |tail| format!("phone ending in {tail}")));
        contact.push(if who.has_email { "an e-mail address" } else { "no e-mail address" }.to_owned());
        text += &format!("  {}\n", contact.join("; "));
        if let Some(reason) = &who.hold {
            let until =
                who.hold_until.map_or("until released".to_owned(), |until| format!("until {}", self.minute(until)));
            text += &format!("  on hold {until}: {reason}\n");
        }
        text
    }

    fn due_date(&self, due: &DueDate) -> String {
        let counts = [
            (due.open, "open"),
            (due.paid, "paid"),
            (due.cancelled, "cancelled"),
            (due.written_off, "written off"),
            (due.disputed, "disputed"),
        ];
        let counts: Vec<_> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        let counts = if counts.is_empty() { "nothing is due any more".to_owned() } else { counts.join(", ") };
        let mut text = format!("\nDue {}: {counts}\n", due.due_date.format("%a %F"));
        for RejectView { id, installment, since, reason } in &due.rejected {
            let since = self.minute(*since);
            text += &format!("  held since {since} by rejected record {id} of instalment {installment}: {reason}\n");
        }
        for one in &due.payments {
            let (payment, installment, told) = (&one.payment, &one.installment, one.explained(&self.minute(one.until)));
            text += &format!("  payment {payment} of instalment {installment}, {}: {told}\n", self.minute(one.at));
        }
        let rules: Vec<_> = due.rules.iter().map(|rule| (rule, self.lines(rule))).collect();
        let width = |column: usize| {
            let cells = rules.iter().flat_map(|(_, lines)| lines).map(|line| line.cells[column].chars().count());
            cells.max().unwrap_or_default()
        };
        let widths = [width(0), width(1), width(2), width(3)];
        for (rule, lines) in rules {
            text += &self.rule(rule);
            lines.iter().for_each(|line| text += &line.text(widths));
        }
        text
    }

    fn rule(&self, rule: &RuleExplanation) -> String {
        let name = rule.rule.as_ref().map_or("by hand", |name| name.as_str());
        let place = rule.line.map(|line| format!(" ({}:{line})", self.config.display())).unwrap_or_default();
        let why_not = rule.why_not.as_ref().map(|why| format!(": {}", why.text)).unwrap_or_default();
        let joins = rule.digest.filter(|_| rule.why_not.is_none());
        let joins = joins.map(|days| format!(", joins what falls due within {days} days")).unwrap_or_default();
        format!("  {name}{place}{joins}{why_not}\n")
    }

    fn lines(&self, rule: &RuleExplanation) -> Vec<StepLine> {
        rule.steps.iter().map(|step| self.line(step)).collect()
    }

    fn line(&self, step: &StepExplanation) -> StepLine {
        let day = || step.day.map(|day| day.format("%a %F").to_string()).unwrap_or_default();
        let channel = step.channel.map_or("", |channel| channel.as_str());
        let status = if step.status == "none" { "not planned" } else { step.status };
        let mut remarks: Vec<String> = Vec::new();
        // Of what is done or under way the last event tells.
        if step.reminder.is_none() {
            remarks.extend(step.why.as_ref().map(|why| why.text.clone()));
        }
        remarks.extend(step.moved.as_ref().map(|why| why.text.clone()));
        remarks.extend(step.reminder.as_ref().map(|timeline| self.timeline(step, timeline)).into_iter().flatten());
        remarks.extend(step.answer.as_ref().map(|answer| self.answer(answer)));
        let events = step.reminder.iter().flat_map(|timeline| &timeline.events);
        StepLine {
            cells: [
                step.step.clone(),
                channel.to_owned(),
                step.at.map_or_else(day, |at| self.minute(at)),
                status.to_owned(),
            ],
            remarks: remarks.join("; "),
            events: events.map(|event| format!("{}  {}", self.second(event.at), event.text)).collect(),
        }
    }

    fn timeline(&self, step: &StepExplanation, timeline: &Timeline) -> Vec<String> {
        let mut told = vec![format!("reminder {}", timeline.id)];
        told.extend(timeline.asked.as_ref().map(|asked| format!("asked for by {}: {}", asked.actor, asked.reason)));
        match step.status {
            "unknown" => told.push("waits for proof, or for `dueherald reminders resolve`".to_owned()),
            "sending" => told.push("is being handed over".to_owned()),
            _ => {}
        }
        let next = timeline.next_try.filter(|next| *next != timeline.not_before);
        told.extend(next.map(|next| format!("waits until {}", self.minute(next))));
        told.extend(timeline.falls_back_at.map(|at| {
            format!("another channel is tried at {} unless a receipt says that it arrived", self.minute(at))
        }));
        told
    }

    fn answer(&self, answer: &DecisionForecast) -> String {
        let why = answer.why.as_ref().map(|why| format!(": {}", why.text)).unwrap_or_default();
        match (answer.decision, answer.until) {
            ("send", _) if answer.at == self.now => "would be sent now".to_owned(),
            ("send", _) => "would be sent".to_owned(),
            ("defer", Some(until)) => format!("would be put off until {}{why}", self.minute(until)),
            ("hold", _) => format!("would be held{why}"),
            _ => format!("would not be sent{why}"),
        }
    }

    fn minute(&self, instant: DateTime<Utc>) -> String {
        instant.with_timezone(&self.zone).format("%a %F %R").to_string()
    }

    fn second(&self, instant: DateTime<Utc>) -> String {
        instant.with_timezone(&self.zone).format("%F %T").to_string()
    }
}

impl StepLine {
    fn text(&self, widths: [usize; 4]) -> String {
        let mut line = "   ".to_owned();
        for (cell, width) in self.cells.iter().zip(widths) {
            // Writing to a string does not fail.
            _ = write!(line, " {cell:<width$} ");
        }
        line += " ";
        line += &self.remarks;
        let mut text = format!("{}\n", line.trim_end());
        self.events.iter().for_each(|event| text += &format!("        {event}\n"));
        text
    }
}

fn utc(instant: DateTime<Utc>) -> String {
    instant.format("%F %R UTC").to_string()
}
