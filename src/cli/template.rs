//! `dueherald template list|check|preview`.

mod lengths;
mod lint;
mod preview;

use std::collections::BTreeMap;
use std::io::{self, Write};

use clap::{Args, Subcommand};
use serde_json::json;

use super::table::{ListFormat, fit, table};
use crate::domain::{Channel, Locale, Merchant, MerchantId, Price, TemplateName};
use crate::plan::{Policy, pack};
use crate::render::{Phase, RenderError, Renderer, Sample, TemplateInfo, TemplateOrigin, sample_merchant};

pub(super) use lengths::{parts_in_words, sms_length, sms_price};
pub use lint::lint;
pub(super) use lint::misfits;
pub(super) use preview::preview_reminder;
pub use preview::{PreviewArgs, preview, preview_sample};

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
    #[command(flatten)]
    pub format: ListFormat,
}

/// `template check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Warn of an SMS that is sent and billed as more parts than this.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub max_segments: usize,
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
    /// There is such a template, and not for that channel.
    #[error("{name} has no text for {channel}; the message is not sent on that channel. There are {known}")]
    NotForChannel {
        /// The template in the request.
        name: TemplateName,
        /// The channel in the request.
        channel: Channel,
        /// Its files.
        known: String,
    },
    /// There is no text in that language.
    #[error("there is no text in {locale}; there are {known}")]
    NoLocale {
        /// The language in the request.
        locale: Locale,
        /// The known ones.
        known: String,
    },
    /// The template is of another time than the offset.
    #[error("{name} is not sent {offset} days from the due date; write --offset {example}, or name {fitting}")]
    Offset {
        /// The template in the request.
        name: TemplateName,
        /// The offset in the request.
        offset: i16,
        /// One that fits the template.
        example: i16,
        /// The template that fits the offset.
        fitting: &'static str,
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
    if args.format.is_json() {
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
    let mut table = fit(table(&["TEMPLATE", "CHANNEL", "LOCALE", "MERCHANT", "FROM"]), args.format.wide);
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
