//! `dueherald template preview`: one message as it would arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::Days;
use clap::Args;
use lettre::message::{Mailbox, MultiPart};

use super::{TemplateCommandError, counted, origin};
use crate::app::App;
use crate::cli::CliError;
use crate::domain::{
    Borrower, Channel, EmailParts, Locale, Merchant, MerchantId, Message, OPTED_OUT, RegisteredSms, ReminderId,
    SmsText, Step, TemplateName,
};
use crate::plan::{Policy, local_date, open_installments, pack};
use crate::render::{Phase, Purpose, RenderRequest, Renderer, Sample, TemplateInfo, sample_merchant, segments};
use crate::store::ReminderFilter;

/// `template preview`
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// The template: before-due, on-due, overdue, or one that a rule names [default: before-due, or the reminder's].
    pub template: Option<TemplateName>,
    /// For which channel [default: sms, or the reminder's].
    #[arg(long)]
    pub channel: Option<Channel>,
    /// In which language [default: the merchant's, or the borrower's].
    #[arg(long)]
    pub locale: Option<Locale>,
    /// In whose name [default: the first merchant that speaks the language].
    #[arg(long)]
    pub merchant: Option<MerchantId>,
    /// With the data, step, channel and day of this reminder instead of made-up data.
    #[arg(long, value_name = "ID", conflicts_with_all = ["installments", "offset"])]
    pub reminder: Option<ReminderId>,
    /// Number of instalments of the invented borrower.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub installments: u32,
    /// Days from the due date on which the made-up message goes out: -3 is three days before.
    #[arg(long, value_name = "DAYS", allow_negative_numbers = true)]
    pub offset: Option<i16>,
    /// As a rule or merchant with `discreet = true` sends it [default: as the merchant, or the reminder's rule, does].
    #[arg(long)]
    pub discreet: bool,
    /// Leave the tokens of the reminder's links in: they open the borrower's page.
    #[arg(long, requires = "reminder", conflicts_with_all = ["installments", "offset"])]
    pub with_link: bool,
    /// As it goes out through a gateway that lets no link through.
    #[arg(long)]
    pub no_link: bool,
    /// Warn of an SMS that is sent and billed as more parts than this.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub max_segments: usize,
    /// Also write the message to a file: .txt the text, .html the HTML part, .eml the whole e-mail.
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
}

/// Prints one message with made-up data.
///
/// # Errors
/// When there is no such template or merchant, or as [`preview`].
pub fn preview_sample(
    args: &PreviewArgs,
    renderer: &Renderer,
    policy: &Policy,
    out: &mut dyn Write,
) -> Result<(), TemplateCommandError> {
    let merchants = &policy.merchants;
    let known = match &args.merchant {
        Some(id) => Some(merchants.get(id).ok_or_else(|| TemplateCommandError::NoMerchant(id.clone()))?),
        None => merchant_that_speaks(args.locale.as_ref(), merchants),
    };
    let default = || args.locale.clone().unwrap_or_else(|| Locale::new("zh-CN").expect("a language tag"));
    let merchant = known.cloned().unwrap_or_else(|| sample_merchant(&default()));
    let locale = args.locale.clone().unwrap_or_else(|| merchant.locale.clone());
    let fitting = args.offset.map_or(Phase::Before, phase_at);
    let by_phase = || TemplateName::new(fitting.as_str()).expect("a template's name");
    let template = args.template.clone().unwrap_or_else(by_phase);
    let phase = phase_named(&template);
    if let (Some(phase), Some(offset)) = (phase, args.offset)
        && phase != fitting
        && (phase, fitting) != (Phase::Grace, Phase::After)
    {
        let (example, fitting) = (example_of(phase), fitting.as_str());
        return Err(TemplateCommandError::Offset { name: template, offset, example, fitting });
    }
    // A template of no phase is shown before the due date.
    let mut sample = Sample::new(&merchant, &locale, phase.unwrap_or(Phase::Before), args.installments);
    sample.required = pack(merchant.jurisdiction).required_texts(sample.today);
    if let (Some(offset), Some(installment)) = (args.offset, sample.installments.first()) {
        let days = Days::new(u64::from(offset.unsigned_abs()));
        sample.today = if offset < 0 { installment.due_date - days } else { installment.due_date + days };
    }
    let channel = args.channel.unwrap_or(Channel::Sms);
    let is_of_rule = policy.rules.iter().any(|rule| rule.template.as_ref() == Some(&template));
    let request = RenderRequest {
        template: Some(&template),
        // Those of no phase and no rule are of notices and confirmations, in whose place nothing else is sent.
        no_other_template: phase.is_none() && !is_of_rule,
        ..sample.request(channel, &locale)
    };
    preview(args, renderer, &request, out)
}

/// The merchant that speaks exactly that, or else its language, or else the first.
fn merchant_that_speaks<'m>(
    locale: Option<&Locale>,
    merchants: &'m BTreeMap<MerchantId, Merchant>,
) -> Option<&'m Merchant> {
    let speaks = |is: fn(&Locale, &Locale) -> bool| {
        merchants.values().find(|merchant| locale.is_some_and(|locale| is(&merchant.locale, locale)))
    };
    let same_language = |one: &Locale, other: &Locale| one.language() == other.language();
    speaks(|one, other| one == other)
        .or_else(|| speaks(Locale::is_of))
        .or_else(|| speaks(same_language))
        .or_else(|| merchants.values().next())
}

/// Prints one message and what it costs, and writes it to a file if that was asked for. The request says about whom: a
/// sample, or a real reminder.
///
/// # Errors
/// When there is no such template, the message cannot be made, or output fails.
pub fn preview(
    args: &PreviewArgs,
    renderer: &Renderer,
    request: &RenderRequest<'_>,
    out: &mut dyn Write,
) -> Result<(), TemplateCommandError> {
    if let Some(name) = request.template.filter(|name| !renderer.has(name)) {
        let known = listed(renderer.templates().into_iter().map(|info| info.template.as_str()));
        return Err(TemplateCommandError::NoTemplate { name: name.clone(), known });
    }
    let mut request = *request;
    request.discreet |= args.discreet;
    if args.no_link {
        request.link = None;
    }
    let info = find(args, renderer, &request)?;
    let message = renderer.render(&request)?;
    if let Some(info) = info {
        writeln!(out, "template: {} ({})", info.files[0], origin(info))?;
    }
    match &message {
        Message::Sms(sms) => {
            let length = segments(&sms.0);
            writeln!(
                out,
                "length:   {}, {} units, {}\n",
                length.encoding,
                length.units,
                counted(length.parts, "part")
            )?;
            writeln!(out, "{}", sms.0)?;
            if length.parts > args.max_segments {
                writeln!(out, "\nwarning: more than {}", counted(args.max_segments, "part"))?;
            }
        }
        Message::Registered(sms) => writeln!(out, "{}", sms.text)?,
        Message::Email(mail) => {
            writeln!(out, "HTML:     {} bytes; see it with --write FILE.html", mail.html.len())?;
            writeln!(out, "subject:  {}\n\n{}", mail.subject, mail.text)?;
        }
    }
    if let Some(path) = &args.write {
        std::fs::write(path, file_content(path, &message)?)?;
        writeln!(out, "\nwritten to {}", path.display())?;
    }
    Ok(())
}

/// The template that the request finds, in a language that was asked for.
fn find<'r>(
    args: &PreviewArgs,
    renderer: &'r Renderer,
    request: &RenderRequest<'_>,
) -> Result<Option<&'r TemplateInfo>, TemplateCommandError> {
    let Some(info) = renderer.find(request) else {
        let Some(name) = request.template.filter(|_| !request.installments.is_empty()) else { return Ok(None) };
        let templates = renderer.templates().into_iter().filter(|info| info.template == name.as_str());
        let known = listed(templates.map(|info| info.files[0].as_str()));
        return Err(TemplateCommandError::NotForChannel { name: name.clone(), channel: request.channel, known });
    };
    match &args.locale {
        Some(locale) if locale.language() != info.locale.language() => {
            let known = listed(renderer.templates().into_iter().map(|info| info.locale.as_str()));
            Err(TemplateCommandError::NoLocale { locale: locale.clone(), known })
        }
        _ => Ok(Some(info)),
    }
}

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

/// Prints the message of a real reminder: by its own step, on its own channel, as of its own day, whether or not it
/// would leave.
///
/// # Errors
/// When there is no such reminder, or as [`preview`].
pub(in crate::cli) async fn preview_reminder(
    args: &PreviewArgs,
    id: ReminderId,
    app: &App,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let filter = ReminderFilter { id: Some(id), limit: 1, ..ReminderFilter::default() };
    let found = app.store.reminders(&filter).await?.pop();
    let plan = found.ok_or_else(|| CliError::Failed(format!("there is no reminder {id}")))?.reminder.plan;
    let key = &plan.key;
    let channel = args.channel.unwrap_or(key.channel);
    let account = app.store.account(&key.borrower, key.due_date, key.channel).await?;
    let merchant = app.policy.merchants.get(&key.borrower.merchant);
    let merchant = merchant.ok_or_else(|| TemplateCommandError::NoMerchant(key.borrower.merchant.clone()))?;
    let rule = app.policy.rule_of(&key.step);
    let confirms = matches!(key.step, Step::Confirmation { .. });
    let is_notice = account.notice.is_some();
    let own = match confirms {
        true => TemplateName::new(OPTED_OUT).ok(),
        false => account.notice.map(|notice| notice.template).or_else(|| rule.and_then(|rule| rule.template.clone())),
    };
    let template = args.template.clone().or(own);
    let borrower = account.borrower.unwrap_or_else(|| Borrower::unknown(key.borrower.clone()));
    let installments = open_installments(&account.installments).unwrap_or(account.installments);
    let links = PreviewLinks::of(args, id, merchant, channel, app);
    let check_code = app.composer.links.check_code(id);
    let locale = args.locale.as_ref().or(borrower.locale.as_ref()).unwrap_or(&merchant.locale);
    let today = local_date(borrower.time_zone.unwrap_or(merchant.time_zone), plan.not_before);
    let request = RenderRequest {
        merchant,
        borrower: &borrower,
        installments: &installments,
        template: template.as_ref(),
        no_other_template: args.template.is_none() && (confirms || is_notice),
        discreet: rule.and_then(|rule| rule.discreet).unwrap_or(merchant.discreet),
        required: pack(merchant.jurisdiction).required_texts(today),
        channel,
        locale,
        today,
        link: links.landing.as_deref(),
        unsubscribe: links.unsubscribe.as_deref(),
        check_code: check_code.as_deref(),
    };
    Ok(preview(args, &app.composer.renderer, &request, out)?)
}

/// The links of a preview.
struct PreviewLinks {
    landing: Option<String>,
    unsubscribe: Option<String>,
}

impl PreviewLinks {
    /// The reminder's own if they are asked for, or else samples of the same length, which open nothing.
    fn of(args: &PreviewArgs, id: ReminderId, merchant: &Merchant, channel: Channel, app: &App) -> Self {
        if !args.with_link {
            let sample = Sample::new(merchant, &merchant.locale, Phase::Before, 1);
            let unsubscribe = sample.unsubscribe.filter(|_| channel == Channel::Email);
            return Self { landing: sample.link, unsubscribe };
        }
        let landing = Some(merchant.landing_link(&app.composer.links.seal(Purpose::Landing, id)));
        Self { landing, unsubscribe: app.composer.unsubscribe_link(id, merchant, channel) }
    }
}

fn file_content(path: &Path, message: &Message) -> Result<Vec<u8>, TemplateCommandError> {
    match (message, path.extension().and_then(|extension| extension.to_str())) {
        (Message::Sms(SmsText(text)) | Message::Registered(RegisteredSms { text, .. }), Some("txt")) => {
            Ok(text.clone().into_bytes())
        }
        (Message::Sms(_) | Message::Registered(_), _) => {
            Err(TemplateCommandError::FileType(Channel::Sms, "name it .txt"))
        }
        (Message::Email(mail), Some("txt")) => Ok(mail.text.clone().into_bytes()),
        (Message::Email(mail), Some("html")) => Ok(mail.html.clone().into_bytes()),
        (Message::Email(mail), Some("eml")) => Ok(whole_mail(mail)?),
        (Message::Email(_), _) => Err(TemplateCommandError::FileType(Channel::Email, "name it .txt, .html or .eml")),
    }
}

/// The e-mail as a mail program opens it. Sender, recipient and date are nobody's.
fn whole_mail(mail: &EmailParts) -> Result<Vec<u8>, lettre::error::Error> {
    let nobody = |user| lettre::Address::new(user, "preview.invalid").expect("a plain address");
    let message = lettre::Message::builder()
        .from(Mailbox::new(None, nobody("from")))
        .to(Mailbox::new(None, nobody("to")))
        .date(SystemTime::UNIX_EPOCH)
        .subject(&mail.subject)
        .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))?;
    Ok(message.formatted())
}

/// The phase that a template's name tells.
fn phase_named(template: &TemplateName) -> Option<Phase> {
    Phase::ALL.into_iter().find(|phase| phase.as_str() == template.as_str())
}

/// The phase so many days from the due date.
fn phase_at(offset: i16) -> Phase {
    match offset {
        ..0 => Phase::Before,
        0 => Phase::On,
        1.. => Phase::After,
    }
}

/// Days from the due date in a phase.
fn example_of(phase: Phase) -> i16 {
    match phase {
        Phase::Before => -3,
        Phase::On => 0,
        Phase::Grace => 2,
        Phase::After => 5,
    }
}
