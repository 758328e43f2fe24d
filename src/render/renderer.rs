//! The renderer: templates that are parsed and checked once.

use std::collections::BTreeMap;

use minijinja::{Environment, Value};

use super::builtin::is_builtin;
use super::catalog::{Catalog, FileKind, TemplateQuery, gather};
use super::context::{Brevity, breaks_line, context};
use super::engine::{RenderFault, environment, render};
use super::inline_css::inline_css;
use super::limits::WANTED_SMS_PARTS;
use super::segments::{fits, plain_punctuation, segments};
use super::{
    MessageLimits, Phase, RenderCause, RenderError, RenderRequest, TemplateInfo, TemplateOrigin, TemplateSource,
    builtin_templates, check,
};
use crate::domain::{Channel, EmailParts, Locale, Message, SmsText, TemplateName};

/// Templates, parsed and checked once. Cheap to render from on any number of threads.
#[derive(Debug)]
pub struct Renderer {
    env: Environment<'static>,
    catalog: Catalog,
    prints_check_code: bool,
    limits: MessageLimits,
    /// Of every template.
    fingerprint: String,
}

impl Renderer {
    /// The built-in templates with those of a message folder laid over them, and the usual size limits.
    ///
    /// # Errors
    /// As [`Renderer::with_limits`].
    pub fn new(overrides: Vec<TemplateSource>) -> Result<Self, Vec<RenderError>> {
        Self::with_limits(overrides, MessageLimits::default())
    }

    /// The built-in templates with those of a message folder laid over them.
    ///
    /// # Errors
    /// Everything that is wrong with any of them, ordered by path and line: names that are none of a template, text
    /// that does not parse, names that a message does not have (in any branch), what fails or says nothing with sample
    /// data, a message without a way to repay or without customer service, a message that is longer than `limits`
    /// allow.
    pub fn with_limits(overrides: Vec<TemplateSource>, limits: MessageLimits) -> Result<Self, Vec<RenderError>> {
        let mut problems = Vec::new();
        let mut sources: BTreeMap<String, (String, TemplateOrigin)> = builtin_templates()
            .map(|source| (source.path, (unix_lines(&source.text), TemplateOrigin::BuiltIn)))
            .collect();
        for source in overrides {
            let laid = (unix_lines(&source.text), TemplateOrigin::Folder);
            if let Some((_, TemplateOrigin::Folder)) = sources.insert(source.path.clone(), laid) {
                problems.push(problem(source.path, None, "is given twice"));
            }
        }
        inline_css(&mut sources, &mut problems);
        let renderer = Self {
            env: parse(&sources, &mut problems),
            catalog: catalog(&sources, &mut problems),
            limits,
            prints_check_code: sources.values().any(|(text, _)| text.contains("check_code")),
            fingerprint: super::fingerprint(&sources.iter().map(|(path, (text, _))| (path, text)).collect::<Vec<_>>()),
        };
        // The built-in templates cannot change after the build, and the tests check them: to check them at every start
        // would cost it 80 ms.
        let is_built_in = sources.values().all(|(_, origin)| *origin == TemplateOrigin::BuiltIn);
        if !is_built_in || limits != MessageLimits::default() {
            check::check(&renderer, &sources, &mut problems);
        }
        problems.sort_unstable();
        problems.dedup_by(|second, first| (&second.template, second.line) == (&first.template, first.line));
        if problems.is_empty() { Ok(renderer) } else { Err(problems) }
    }

    /// Tells these templates from any others.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Renders one message.
    ///
    /// # Errors
    /// When the template names something that is not there, runs away, or yields an empty message or one that is too
    /// long. The error holds no data of the borrower.
    pub fn render(&self, request: &RenderRequest<'_>) -> Result<Message, RenderError> {
        let info = self.find(request).ok_or_else(|| {
            let name = request.template.map_or("before-due", TemplateName::as_str);
            let wrong = match request.installments {
                [] => "is asked for a message about no instalment",
                _ => "does not exist in the borrower's language, the merchant's or English",
            };
            problem(format!("{name}/{}", request.channel), None, wrong)
        })?;
        self.render_from(info, request).map_err(RenderFault::masked)
    }

    /// The template that [`Renderer::render`] would use; `None` if there is none, or no instalment.
    #[must_use]
    pub fn find(&self, request: &RenderRequest<'_>) -> Option<&TemplateInfo> {
        let phase = Phase::of(request.today, request.installments)?;
        self.catalog.find(TemplateQuery {
            merchant: request.merchant.id.as_str(),
            template: request.template.map(TemplateName::as_str),
            phase: (!request.no_other_template).then_some(phase),
            channel: request.channel,
            locale: request.locale.as_str(),
            merchant_locale: request.merchant.locale.as_str(),
        })
    }

    /// Whether any template may print the check code; without that it need not be worked out.
    #[must_use]
    pub fn prints_check_code(&self) -> bool {
        self.prints_check_code
    }

    /// Whether there is such a template in some language, for some channel: a rule that names another one would always
    /// be given the phase's.
    #[must_use]
    pub fn has(&self, template: &TemplateName) -> bool {
        self.catalog.has(template.as_str())
    }

    /// Every template: those for all first, then by merchant, name, language and channel.
    #[must_use]
    pub fn templates(&self) -> Vec<&TemplateInfo> {
        self.catalog.all()
    }

    /// Renders a message from one template, whatever the request would find. An SMS of more than [`WANTED_SMS_PARTS`]
    /// is made again with less in it, as [`Brevity`] says, until it is short enough; where nothing helps, the first
    /// that has the fewest parts is taken.
    pub(super) fn render_from(&self, info: &TemplateInfo, request: &RenderRequest<'_>) -> Result<Message, RenderFault> {
        let whole = self.render_whole(info, request, Brevity::default());
        let Some(mut parts) = surplus_parts(&whole) else { return whole };
        let mut shortest = whole;
        for brevity in Brevity::steps() {
            let shorter = self.render_whole(info, request, brevity);
            match surplus_parts(&shorter) {
                None => return shorter,
                Some(fewer) if fewer < parts => (shortest, parts) = (shorter, fewer),
                Some(_) => {}
            }
        }
        shortest
    }

    pub(super) fn render_whole(
        &self,
        info: &TemplateInfo,
        request: &RenderRequest<'_>,
        brevity: Brevity,
    ) -> Result<Message, RenderFault> {
        let first = &info.files[0];
        let about = Phase::of(request.today, request.installments)
            .and_then(|phase| context(request, phase, reader_locale(info, request), brevity));
        let context =
            about.ok_or_else(|| RenderFault::Result(first.clone(), "is asked for no instalment or too much money"))?;
        let message = match (info.channel, &info.files[..]) {
            (Channel::Email, [subject, text, html]) => Message::Email(EmailParts {
                subject: filled(subject, one_line(&self.part(subject, &context, self.limits.email_bytes)?))?,
                text: filled(text, self.part(text, &context, self.limits.email_bytes)? + "\n")?,
                html: filled(html, self.part(html, &context, self.limits.email_bytes)? + "\n")?,
                unsubscribe: request.unsubscribe.map(str::to_owned),
            }),
            _ => {
                let text = self.part(first, &context, self.limits.sms_bytes())?;
                Message::Sms(SmsText(filled(first, plain_punctuation(text))?))
            }
        };
        self.limits.check(first, &message).map_err(RenderFault::Size)?;
        Ok(message)
    }

    /// The size limits of its messages.
    #[must_use]
    pub fn limits(&self) -> MessageLimits {
        self.limits
    }

    fn part(&self, path: &str, context: &Value, limit: usize) -> Result<String, RenderFault> {
        let mut text = render(&self.env, path, context.clone(), limit)?;
        text.truncate(text.trim_end().len());
        if text.starts_with(char::is_whitespace) {
            text = text.trim_start().to_owned();
        }
        Ok(text)
    }

    pub(super) fn environment(&self) -> &Environment<'static> {
        &self.env
    }
}

/// Of a message that is an SMS of more parts than wanted, how many it has: those that are too long to be counted have
/// most. `None` for what is fine, or cannot be mended by leaving something out.
fn surplus_parts(rendered: &Result<Message, RenderFault>) -> Option<usize> {
    match rendered {
        Ok(Message::Sms(SmsText(text))) if !fits(text, WANTED_SMS_PARTS) => Some(segments(text).parts),
        Err(fault) if fault.is_size() => Some(usize::MAX),
        _ => None,
    }
}

/// The variant of the template's language that the reader reads.
fn reader_locale<'r>(info: &'r TemplateInfo, request: &RenderRequest<'r>) -> &'r Locale {
    let merchant = &request.merchant.locale;
    let read = [request.locale.narrowed_by(merchant), merchant].into_iter().find(|locale| locale.is_of(&info.locale));
    read.unwrap_or(&info.locale)
}

fn problem(template: String, line: Option<usize>, problem: impl Into<String>) -> RenderError {
    RenderError { template, line, problem: problem.into(), cause: RenderCause::Template }
}

fn parse(
    sources: &BTreeMap<String, (String, TemplateOrigin)>,
    problems: &mut Vec<RenderError>,
) -> Environment<'static> {
    let mut env = environment();
    let texts: Vec<&str> = sources.keys().map(String::as_str).filter(|path| !path.ends_with(HTML)).collect();
    for (path, (text, _)) in sources {
        let is_html = path.ends_with(HTML);
        let own = if is_html { escaping(text, &texts) } else { text.clone() };
        if let Err(error) = env.add_template_owned(path.clone(), own) {
            problems.push(RenderFault::engine(path, error).in_full());
        } else if !is_html {
            // It parses as its twin does.
            let _ = env.add_template_owned(format!("{path}{HTML}"), escaping(text, &texts));
        }
    }
    env
}

/// The ending of names of files whose data is escaped.
const HTML: &str = ".html";

/// The source of an HTML file, with each text file that it names replaced by that one's escaping twin: the engine
/// decides by its name whether a file is escaped, not by who includes it.
fn escaping(source: &str, texts: &[&str]) -> String {
    let named = texts.iter().filter(|path| source.contains(**path));
    named.fold(source.to_owned(), |source, path| {
        ['"', '\''].into_iter().fold(source, |source, quote| {
            source.replace(&format!("{quote}{path}{quote}"), &format!("{quote}{path}{HTML}{quote}"))
        })
    })
}

fn catalog(sources: &BTreeMap<String, (String, TemplateOrigin)>, problems: &mut Vec<RenderError>) -> Catalog {
    let mut catalog = Catalog::default();
    for origin in [TemplateOrigin::BuiltIn, TemplateOrigin::Folder] {
        let mut files = Vec::new();
        for (path, (_, from)) in sources {
            // A built-in file that the folder replaces still makes up its message, until the folder's message replaces
            // that.
            let counts = match origin {
                TemplateOrigin::BuiltIn => is_builtin(path),
                TemplateOrigin::Folder => *from == origin,
            };
            if !counts {
                continue;
            }
            match FileKind::of(path) {
                Ok(FileKind::Message(file)) => files.push((path.as_str(), file)),
                Ok(FileKind::Shared) => {}
                Err(wrong) => problems.push(problem(path.clone(), None, wrong)),
            }
        }
        gather(&mut catalog, files, origin, problems);
    }
    catalog
}

/// An editor's byte-order mark and line ends do not belong to the message.
fn unix_lines(text: &str) -> String {
    text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n")
}

/// A subject is one line whatever the template and the data: white space and what breaks a line become one space.
fn one_line(text: &str) -> String {
    let parts = text.split(|character: char| character.is_whitespace() || breaks_line(character));
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn filled(path: &str, text: String) -> Result<String, RenderFault> {
    if text.trim().is_empty() {
        Err(RenderFault::Result(path.to_owned(), "says nothing; give it a text"))
    } else {
        Ok(text)
    }
}
