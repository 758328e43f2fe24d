//! `dueherald notice create`.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::{ArgGroup, Args, ValueEnum};

use super::{tell, told};
use crate::app::App;
use crate::cli::route::link_modes;
use crate::cli::table::{fit, table};
use crate::cli::{CliError, Exit, merchant};
use crate::domain::{BorrowerId, Channel, Merchant, MerchantId, Message, NoticeName, RouteKey, TemplateName};
use crate::gateway::Gateway;
use crate::pipeline::{
    AuditNote, NoticeOrder, NoticeSample, Preview, Recall, RouteSnapshot, Selection, create as make, preview,
};
use crate::render::{Phase, RenderRequest, Sample};
use crate::source::{Encoding, TextInput, TextOptions, read_borrower_list};

/// How many messages a dry run shows.
const SHOWN: usize = 4;

/// `notice create`
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("how").required(true).args(["dry_run", "send"])))]
#[command(group(ArgGroup::new("whose").required(true).multiple(true).args(["merchant", "affected_by_route"])))]
pub(super) struct CreateArgs {
    /// Name of the notice
    name: NoticeName,
    /// Template of its messages, such as entry-moved
    #[arg(long)]
    template: TemplateName,
    /// Of this merchant; may be given several times
    #[arg(long)]
    merchant: Vec<MerchantId>,
    /// Only unpaid borrowers who hold a fixed link to this route, which is closed
    #[arg(long, value_name = "KEY")]
    affected_by_route: Option<RouteKey>,
    /// Only borrowers with an unpaid instalment of this product
    #[arg(long)]
    product: Option<String>,
    /// Only instalments due on this day or later (YYYY-MM-DD)
    #[arg(long, value_name = "DATE")]
    due_from: Option<NaiveDate>,
    /// Only instalments due on this day or earlier (YYYY-MM-DD)
    #[arg(long, value_name = "DATE")]
    due_to: Option<NaiveDate>,
    /// Only instalments before, on or after their due date
    #[arg(long, value_enum)]
    state: Option<DebtStage>,
    /// Only the borrowers of this CSV file, by its column borrower_id
    #[arg(long, value_name = "FILE")]
    borrowers: Option<PathBuf>,
    /// Its encoding, such as gb18030 or utf-16 [default: UTF-8, or UTF-16 if it is that]
    #[arg(long, value_name = "NAME", requires = "borrowers")]
    encoding: Option<Encoding>,
    /// Channel, sms or email [default: one on which each borrower can be reached]
    #[arg(long)]
    channel: Option<Channel>,
    /// Person who makes the change (recorded)
    #[arg(long)]
    actor: String,
    /// Reason (recorded)
    #[arg(long)]
    reason: String,
    /// Show recipients and messages without sending
    #[arg(long)]
    dry_run: bool,
    /// Show recipients in lines as long as they get [default: 80 characters]
    #[arg(long, requires = "dry_run")]
    wide: bool,
    /// Send it; the same again goes on where it stopped, and sends nothing twice
    #[arg(long)]
    send: bool,
}

/// How a debt stands to its due date.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum DebtStage {
    BeforeDue,
    OnDue,
    Overdue,
}

/// Makes a notice, or tells what it would be.
pub(super) async fn create(args: CreateArgs, app: &App, out: &mut (dyn Write + Send)) -> Result<Exit, CliError> {
    let audit_note = AuditNote::new(&args.actor, &args.reason).map_err(|error| CliError::Use(error.to_string()))?;
    let now = app.clock.now();
    let seen = app.composer.routes.now(&*app.store, &*app.clock).await?;
    let recall = args.affected_by_route.as_ref().map(|key| recall(key, &seen, app)).transpose()?;
    let merchants = merchants(&args, recall.as_ref(), app)?;
    let channels = channels(&args, &merchants, app)?;
    let selection = Selection {
        merchants: merchants.iter().map(|merchant| merchant.id.clone()).collect(),
        product: args.product.clone(),
        due_from: args.due_from,
        due_to: args.due_to,
        phase: args.state.map(DebtStage::phase),
        borrowers: args.borrowers.as_deref().map(|file| listed(file, args.encoding)).transpose()?,
        recall,
        channels,
    };
    if args.dry_run {
        let found = preview(&*app.store, &app.policy, &selection, &args.template, now).await?;
        print_preview(&found, &selection, app, args.wide, out)?;
        show_samples(&args, &merchants, &found, app, out)?;
        return Ok(Exit::Done);
    }
    let order = NoticeOrder {
        name: args.name,
        template: args.template,
        selection: &selection,
        audit_note,
        approve_above: app.config.notices.approve_above,
    };
    tell(&make(&*app.store, &app.policy, &order, now).await.map_err(told)?, out)?;
    Ok(Exit::Done)
}

impl DebtStage {
    fn phase(self) -> Phase {
        match self {
            Self::BeforeDue => Phase::Before,
            Self::OnDue => Phase::On,
            Self::Overdue => Phase::After,
        }
    }
}

fn recall(key: &RouteKey, seen: &RouteSnapshot, app: &App) -> Result<Recall, CliError> {
    let none = || CliError::Use(format!("there is no route {key}; `dueherald route list` lists them"));
    let recall = Recall::of(key, seen.routes(), link_modes(app)).ok_or_else(none)?;
    if recall.route().is_open(app.clock.now()) {
        return Err(CliError::Use(format!(
            "route {key} is open: who holds a link to it needs no correction; first run `dueherald route replace \
             {key} --by OTHER`"
        )));
    }
    Ok(recall)
}

fn merchants<'a>(args: &CreateArgs, recall: Option<&Recall>, app: &'a App) -> Result<Vec<&'a Merchant>, CliError> {
    let mut names: BTreeSet<_> = args.merchant.iter().cloned().collect();
    if let Some(recall) = recall {
        let owner = &recall.route().merchant;
        if let Some(other) = names.iter().find(|name| *name != owner) {
            return Err(CliError::Use(format!(
                "route {} is {owner}'s; leave --merchant {other} out",
                recall.route().key
            )));
        }
        names.insert(owner.clone());
    }
    names.iter().map(|name| merchant::find(&app.policy.merchants, name)).collect()
}

fn listed(file: &Path, encoding: Option<Encoding>) -> Result<BTreeSet<BorrowerId>, CliError> {
    let wrong = |problem: String| CliError::Use(format!("{}: {problem}", file.display()));
    let input =
        TextInput::open(file, TextOptions { encoding, strict: false }).map_err(|error| wrong(error.to_string()))?;
    read_borrower_list(input).map_err(|error| wrong(error.to_string()))
}

/// The channels on which the notice can be made for every merchant. If none is left, the error says why for each
/// channel.
fn channels(args: &CreateArgs, merchants: &[&Merchant], app: &App) -> Result<Vec<Channel>, CliError> {
    let renderer = &app.composer.renderer;
    if !renderer.has(&args.template) {
        let text = format!("there is no template {}; `dueherald template list` lists them", args.template);
        return Err(CliError::Use(text));
    }
    let wanted: Vec<_> =
        app.policy.gateways.channels().filter(|one| args.channel.is_none_or(|own| own == *one)).collect();
    let mut problems = Vec::new();
    let carried = wanted.into_iter().filter(|channel| match carries(&args.template, *channel, merchants, app) {
        Ok(()) => true,
        Err(problem) => {
            problems.push(problem);
            false
        }
    });
    let carried: Vec<_> = carried.collect();
    match (&carried[..], problems.is_empty()) {
        ([], true) => Err(CliError::Use("no gateway carries that channel; add one to [channels]".to_owned())),
        ([], false) => Err(CliError::Use(problems.join("\n"))),
        _ => Ok(carried),
    }
}

fn carries(template: &TemplateName, channel: Channel, merchants: &[&Merchant], app: &App) -> Result<(), String> {
    for merchant in merchants {
        if app.policy.gateways.of(channel, &merchant.id).is_empty() {
            return Err(format!("no gateway carries {channel} for {}; add one to [channels.{channel}]", merchant.id));
        }
        for gateway in gateways(channel, merchant, app) {
            if gateway.registered().is_some_and(|registered| !registered.carries(template.as_str(), merchant)) {
                return Err(format!(
                    "gateway {} has no approved template {template} for {}; have one approved and write it into the \
                     config",
                    gateway.name(),
                    merchant.id
                ));
            }
        }
        let sample = Sample::new(merchant, &merchant.locale, Phase::Before, 1);
        let request = RenderRequest {
            template: Some(template),
            no_other_template: true,
            ..sample.request(channel, &merchant.locale)
        };
        if app.composer.renderer.find(&request).is_none() {
            let locale = &merchant.locale;
            return Err(format!(
                "template {template} has no text for {channel} in {locale}, which {} writes in",
                merchant.id
            ));
        }
    }
    Ok(())
}

fn gateways<'a>(channel: Channel, merchant: &Merchant, app: &'a App) -> impl Iterator<Item = &'a dyn Gateway> {
    let names = app.policy.gateways.of(channel, &merchant.id).iter();
    names.filter_map(|name| app.gateways.get(name)).map(|gateway| &**gateway)
}

fn print_preview(
    found: &Preview,
    selection: &Selection,
    app: &App,
    is_wide: bool,
    out: &mut (dyn Write + Send),
) -> Result<(), CliError> {
    let recipients = found.recipients();
    writeln!(out, "{recipients} recipients: {selection}")?;
    if recipients > 0 {
        let mut rows = fit(table(&["CHANNEL", "NOW", "LATER", "SKIPPED"]), is_wide);
        for (channel, count) in &found.channels {
            let skipped: Vec<_> = count.skipped.iter().map(|(why, count)| format!("{count} {why}")).collect();
            rows.add_row([channel.to_string(), count.now.to_string(), count.later.to_string(), skipped.join(", ")]);
        }
        writeln!(out, "{rows}")?;
    }
    if app.policy.caps.is_some() {
        writeln!(out, "frequency caps apply when it is sent; whoever is at a cap gets it on a later day")?;
    }
    if app.config.notices.approve_above.is_some_and(|most| recipients > most) {
        writeln!(out, "another person will have to approve it")?;
    }
    Ok(())
}

/// Prints what the messages would say, with sample data in them.
fn show_samples(
    args: &CreateArgs,
    merchants: &[&Merchant],
    found: &Preview,
    app: &App,
    out: &mut (dyn Write + Send),
) -> Result<(), CliError> {
    let phase = args.state.map_or(Phase::Before, DebtStage::phase);
    let wanted = merchants.iter().flat_map(|merchant| found.channels.keys().map(move |channel| (*merchant, *channel)));
    for (merchant, channel) in wanted.take(SHOWN) {
        let Some(gateway) = gateways(channel, merchant, app).next() else { continue };
        let (template, locale) = (&args.template, &merchant.locale);
        let sample = NoticeSample { merchant, template, channel, locale, phase };
        let message = app.composer.notice_sample(&sample, gateway.link_mode(), gateway.registered());
        let message = message.map_err(|error| CliError::Failed(error.to_string()))?;
        writeln!(out, "\n{} by {channel}, with sample data:", merchant.id)?;
        match message {
            Message::Sms(sms) => writeln!(out, "{}", sms.0)?,
            Message::Registered(sms) => writeln!(out, "{}", sms.text)?,
            Message::Email(mail) => writeln!(out, "{}\n\n{}", mail.subject, mail.text)?,
        }
    }
    Ok(())
}
