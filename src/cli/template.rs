//! `dueherald template list|check|preview`.

mod lengths;
mod lint;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::Days;
use clap::{Args, Subcommand};
use lettre::message::{Mailbox, MultiPart};
use serde_json::json;

use super::CliError;
use super::table::{Format, table};
use crate::app::App;
use crate::domain::{
    Borrower, Channel, EmailParts, Locale, Merchant, MerchantId, Message, OPTED_OUT, Price, RegisteredSms, ReminderId,
    SmsText, Step, TemplateName,
};
use crate::plan::{Policy, local_date, open_installments, pack};
use crate::render::{
    Phase, Purpose, RenderError, RenderRequest, Renderer, Sample, TemplateInfo, TemplateOrigin, sample_merchant,
    segments,
};

use crate::store::ReminderFilter;

pub(super) use lengths::{parts_in_words, sms_length, sms_price};
pub use lint::lint;
pub(super) use lint::misfits;

/// The template commands.
#[derive(Debug, Subcommand)]
pub enum TemplateCommand {
    /// Show every template, its languages and where it comes from.
    List(ListArgs),
    /// Check every template, with all its problems, and show how long the messages get.
    Check(CheckArgs),
    /// Show one message as it would arrive.
    Preview(PreviewArgs),
}

/// `template list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// How to print the list.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `template check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Warn of an SMS that is sent and billed as more parts than this.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub max_segments: usize,
}

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

/// Why a template command failed.
#[derive(Debug, thiserror::Error)]
pub enum TemplateCommandError {
    /// There is no such template.
    #[error("there is no template {name}; there are {known}")]
    NoTemplate {
        /// The name in the request.
        name: TemplateName,
        /// The known names.
        known: String,
    },
    /// There is no such merchant.
    #[error("the config has no merchant {0}")]
    NoMerchant(MerchantId),
    /// The message cannot be made.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The file's type does not fit the message.
    #[error("cannot write {0} as this file; {1}")]
    FileType(Channel, &'static str),
    /// The e-mail cannot be put together.
    #[error("cannot put the e-mail together: {0}")]
    Email(#[from] lettre::error::Error),
    /// Output failed.
    #[error("cannot write: {0}")]
    Io(#[from] io::Error),
}

/// The verdict of `template check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckVerdict {
    /// Nothing to say.
    Sound,
    /// Everything can be sent, but some SMS are longer than wanted.
    Long,
    /// Some templates cannot be used.
    Broken,
}

/// Prints every template.
///
/// # Errors
/// When `out` cannot be written to.
pub fn list(args: &ListArgs, renderer: &Renderer, out: &mut dyn Write) -> io::Result<()> {
    let templates = renderer.templates();
    if args.format == Format::Json {
        let rows: Vec<_> = templates
            .iter()
            .map(|info| {
                json!({
                    "merchant": info.merchant, "template": info.template, "channel": info.channel,
                    "locale": info.locale, "origin": origin(info), "files": info.files,
                })
            })
            .collect();
        return writeln!(out, "{:#}", serde_json::Value::from(rows));
    }
    let mut table = table(&["TEMPLATE", "CHANNEL", "LOCALE", "MERCHANT", "FROM"]);
    for info in templates {
        let merchant = info.merchant.as_deref().unwrap_or("all");
        table.add_row([&info.template, info.channel.as_str(), info.locale.as_str(), merchant, origin(info)]);
    }
    writeln!(out, "{table}")
}

/// Prints every problem, also what the law demands of a merchant's messages and a template leaves out; or else how long
/// each SMS gets for each merchant and what it costs: with one instalment and with three, with a link. Warns of those
/// in the merchant's own language that are longer than wanted. `loaded` is what [`Renderer::new`] gave.
///
/// # Errors
/// When `out` cannot be written to.
pub fn check(
    args: &CheckArgs,
    loaded: Result<&Renderer, &[RenderError]>,
    policy: &Policy,
    price: &dyn Fn(&Merchant) -> Option<Price>,
    out: &mut dyn Write,
) -> io::Result<CheckVerdict> {
    let merchants = &policy.merchants;
    let renderer = match loaded {
        Ok(renderer) => renderer,
        Err(problems) => {
            for problem in problems {
                writeln!(out, "{problem}")?;
            }
            writeln!(out, "\n{}; templates cannot be used until that is mended", counted(problems.len(), "problem"))?;
            return Ok(CheckVerdict::Broken);
        }
    };
    let demanded: Vec<_> = merchants.values().flat_map(|merchant| missing_texts(renderer, merchant)).collect();
    let indiscreet = indiscreet_templates(renderer, policy);
    for problem in demanded.iter().chain(&indiscreet) {
        writeln!(out, "{problem}")?;
    }
    if !demanded.is_empty() {
        writeln!(out, "\n{}: the law demands these texts", counted(demanded.len(), "problem"))?;
    }
    if !indiscreet.is_empty() {
        writeln!(out, "\n{}: the config wants these messages discreet", counted(indiscreet.len(), "problem"))?;
    }
    if !(demanded.is_empty() && indiscreet.is_empty()) {
        return Ok(CheckVerdict::Broken);
    }
    let mut table = table(&["SMS", "MERCHANT", "ENCODING", "ONE INSTALMENT", "THREE INSTALMENTS"]);
    let mut warnings = Vec::new();
    for info in renderer.templates().into_iter().filter(|info| info.channel == Channel::Sms) {
        for merchant in merchants_of(info, merchants) {
            let mut cells = Vec::new();
            let mut encoding = "";
            for count in [1, 3] {
                match sms_length(renderer, info, &merchant, count) {
                    Ok(Some(length)) => {
                        encoding = length.encoding.as_str();
                        cells.push(parts_in_words(length.parts, price(&merchant).as_ref()));
                        // Of few in another language, where the name alone may need UCS-2, the table tells enough.
                        let spoken = info.locale.language() == merchant.locale.language();
                        if spoken && length.parts > args.max_segments {
                            warnings.push(format!(
                                "warning: {} is {} long with {} of {}, more than {}",
                                info.files[0],
                                counted(length.parts, "part"),
                                counted(count as usize, "instalment"),
                                merchant.id,
                                args.max_segments
                            ));
                        }
                    }
                    Ok(None) => {}
                    Err(error) => warnings.push(format!("warning: {error}")),
                }
            }
            let head = [info.files[0].clone(), merchant.id.to_string(), encoding.to_owned()];
            table.add_row(head.into_iter().chain(cells));
        }
    }
    writeln!(out, "{table}\n\n{} templates, no problem", renderer.templates().len())?;
    for warning in &warnings {
        writeln!(out, "{warning}")?;
    }
    Ok(if warnings.is_empty() { CheckVerdict::Sound } else { CheckVerdict::Long })
}

/// Prints one message with made-up data.
///
/// # Errors
/// When there is no such template or merchant, or as [`preview`].
pub fn preview_sample(
    args: &PreviewArgs,
    renderer: &Renderer,
    merchants: &BTreeMap<MerchantId, Merchant>,
    out: &mut dyn Write,
) -> Result<(), TemplateCommandError> {
    let known = match &args.merchant {
        Some(id) => Some(merchants.get(id).ok_or_else(|| TemplateCommandError::NoMerchant(id.clone()))?),
        None => merchant_that_speaks(args.locale.as_ref(), merchants),
    };
    let default = || args.locale.clone().unwrap_or_else(|| Locale::new("zh-CN").expect("a language tag"));
    let merchant = known.cloned().unwrap_or_else(|| sample_merchant(&default()));
    let locale = args.locale.clone().unwrap_or_else(|| merchant.locale.clone());
    let before = || TemplateName::new(Phase::Before.as_str()).expect("a template's name");
    let template = args.template.clone().unwrap_or_else(before);
    let mut sample = Sample::new(&merchant, &locale, phase_of(template.as_str()), args.installments);
    sample.required = pack(merchant.jurisdiction).required_texts(sample.today);
    if let (Some(offset), Some(installment)) = (args.offset, sample.installments.first()) {
        let days = Days::new(u64::from(offset.unsigned_abs()));
        sample.today = if offset < 0 { installment.due_date - days } else { installment.due_date + days };
    }
    let channel = args.channel.unwrap_or(Channel::Sms);
    let request = RenderRequest { template: Some(&template), ..sample.request(channel, &locale) };
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
        let mut known: Vec<_> = renderer.templates().into_iter().map(|info| info.template.as_str()).collect();
        known.sort_unstable();
        known.dedup();
        return Err(TemplateCommandError::NoTemplate { name: name.clone(), known: known.join(", ") });
    }
    let mut request = *request;
    if args.no_link {
        request.link = None;
    }
    let message = renderer.render(&request)?;
    if let Some(info) = renderer.find(&request) {
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

/// Prints the message of a real reminder: by its own step, on its own channel, as of its own day, whether or not it
/// would leave.
///
/// # Errors
/// When there is no such reminder, or as [`preview`].
pub(super) async fn preview_reminder(
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
    let own = match &key.step {
        Step::Confirmation { .. } => TemplateName::new(OPTED_OUT).ok(),
        _ => account.notice.map(|notice| notice.template).or_else(|| rule.and_then(|rule| rule.template.clone())),
    };
    let template = args.template.clone().or(own);
    let borrower = account.borrower.unwrap_or_else(|| Borrower::unknown(key.borrower.clone()));
    let installments = open_installments(&account.installments).unwrap_or(account.installments);
    let link = merchant.landing_link(&app.composer.links.seal(Purpose::Landing, id));
    let unsubscribe = app.composer.unsubscribe_link(id, merchant, channel);
    let check_code = app.composer.links.check_code(id);
    let locale = args.locale.as_ref().or(borrower.locale.as_ref()).unwrap_or(&merchant.locale);
    let today = local_date(borrower.time_zone.unwrap_or(merchant.time_zone), plan.not_before);
    let request = RenderRequest {
        merchant,
        borrower: &borrower,
        installments: &installments,
        template: template.as_ref(),
        no_other_template: false,
        discreet: rule.and_then(|rule| rule.discreet).unwrap_or(merchant.discreet),
        required: pack(merchant.jurisdiction).required_texts(today),
        channel,
        locale,
        today,
        link: Some(&link),
        unsubscribe: unsubscribe.as_deref(),
        check_code: check_code.as_deref(),
    };
    Ok(preview(args, &app.composer.renderer, &request, out)?)
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

/// The texts that its jurisdiction demands and the merchant's templates leave out.
pub(super) fn missing_texts(renderer: &Renderer, merchant: &Merchant) -> Vec<RenderError> {
    let today = Sample::new(merchant, &merchant.locale, Phase::Before, 1).today;
    renderer.missing_texts(merchant, pack(merchant.jurisdiction).required_texts(today))
}

/// The templates that show an amount although the config wants the merchant's messages discreet.
pub(super) fn indiscreet_templates(renderer: &Renderer, policy: &Policy) -> Vec<RenderError> {
    let discreet = policy.merchants.values().filter(|merchant| policy.is_ever_discreet(merchant));
    let mut problems: Vec<_> = discreet.flat_map(|merchant| renderer.indiscreet_templates(merchant)).collect();
    problems.sort_unstable();
    problems.dedup();
    problems
}

/// The merchants whose borrowers may be sent the template; an invented one if the config has none.
fn merchants_of(info: &TemplateInfo, merchants: &BTreeMap<MerchantId, Merchant>) -> Vec<Merchant> {
    match &info.merchant {
        Some(id) => merchants.get(id.as_str()).cloned().into_iter().collect(),
        None if merchants.is_empty() => vec![sample_merchant(&info.locale)],
        None => merchants.values().cloned().collect(),
    }
}

/// The phase that a template's name tells; a rule's own template is shown before the due date.
fn phase_of(template: &str) -> Phase {
    Phase::ALL.into_iter().find(|phase| phase.as_str() == template).unwrap_or(Phase::Before)
}

fn origin(info: &TemplateInfo) -> &'static str {
    match info.origin {
        TemplateOrigin::BuiltIn => "built in",
        TemplateOrigin::Folder => "folder",
    }
}

fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
