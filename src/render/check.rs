//! Checks templates when they are loaded, so that none fails at the send instant.

use std::collections::{BTreeMap, HashSet};

use minijinja::{Environment, ErrorKind};

use super::catalog::FileKind;
use super::context::{
    BorrowerFields, Brevity, InstallmentFields, MerchantFields, RequiredFields, Root, SupportFields, context,
};
use super::engine::RenderFault;
use super::locale_file::is_word;
use super::registered::Phrase;
use super::sample::{Sample, sample_merchant};
use super::scan::{Name, Uses, scan};
use super::{Phase, RenderCause, RenderError, Renderer, TemplateInfo, TemplateOrigin};
use crate::domain::{Channel, Locale, Merchant, MerchantId, Message, OPTED_OUT};

/// The fields of `loop` inside a `{% for %}`.
const LOOP_FIELDS: [&str; 13] = [
    "index",
    "index0",
    "revindex",
    "revindex0",
    "first",
    "last",
    "length",
    "depth",
    "depth0",
    "previtem",
    "nextitem",
    "cycle",
    "changed",
];

/// Adds everything that is wrong with the templates that parsed.
pub(super) fn check(
    renderer: &Renderer,
    sources: &BTreeMap<String, (String, TemplateOrigin)>,
    problems: &mut Vec<RenderError>,
) {
    for (path, (text, _)) in sources {
        check_names(renderer.environment(), sources, path, text, problems);
    }
    for info in renderer.templates() {
        check_samples(renderer, sources, info, problems);
    }
}

/// Looks at every name in every branch. Code that no sample reaches is seen here only.
pub(super) fn check_names(
    env: &Environment<'_>,
    sources: &BTreeMap<String, (String, TemplateOrigin)>,
    path: &str,
    text: &str,
    problems: &mut Vec<RenderError>,
) {
    // One that does not parse was reported already.
    let Ok(template) = env.get_template(path) else { return };
    let found = scan(text);
    let mut unknown = template.undeclared_variables(false);
    let globals: HashSet<&str> = env.globals().map(|(name, _)| name).collect();
    unknown.retain(|name| {
        let name = name.as_str();
        !Root::FIELDS.contains(&name) && !globals.contains(name) && !found.own.contains(name)
    });
    // A shared file may use names that the file including it declares; only rendering the samples can check those.
    if matches!(FileKind::of(path), Ok(FileKind::Shared)) {
        unknown.clear();
    }
    for used in &found.uses {
        let problem = match &used.name {
            Name::Path(parts) if unknown.contains(parts[0]) => Some(no_such("name", parts[0], Root::FIELDS)),
            Name::Path(parts) => wrong_field(parts, &found),
            Name::Filter(filter) => {
                let tried = env.empty_state().apply_filter(filter, &[]);
                let unknown = tried.is_err_and(|error| error.kind() == ErrorKind::UnknownFilter);
                unknown.then(|| format!("uses the filter `{filter}`, which does not exist"))
            }
            Name::Test(test) => {
                let tried = env.empty_state().perform_test(test, &[]);
                let unknown = tried.is_err_and(|error| error.kind() == ErrorKind::UnknownTest);
                unknown.then(|| format!("uses the test `{test}`, which does not exist"))
            }
            Name::Template(other) => (!sources.contains_key(*other)).then(|| {
                format!("includes or extends `{other}`, which does not exist; paths begin at the message folder")
            }),
        };
        problems.extend(problem.map(|problem| RenderError {
            template: path.to_owned(),
            line: Some(used.line),
            problem,
            cause: RenderCause::Template,
        }));
    }
}

/// Whether a path such as `merchant.support.fax` names a field that its object does not have.
fn wrong_field(parts: &[&str], found: &Uses<'_>) -> Option<String> {
    let (root, fields) = parts.split_first()?;
    let first = fields.first()?;
    let known: &[&str] = match *root {
        "merchant" if *first == "support" => {
            return fields
                .get(1)
                .filter(|field| !SupportFields::FIELDS.contains(field))
                .map(|field| no_such("field", &format!("merchant.support.{field}"), SupportFields::FIELDS));
        }
        "required" => RequiredFields::FIELDS,
        "words" => return (!is_word(first)).then(|| format!("uses `words.{first}`, which no file of locales/ has")),
        "merchant" => MerchantFields::FIELDS,
        "borrower" => BorrowerFields::FIELDS,
        "loop" => &LOOP_FIELDS,
        variable if found.installments.contains(variable) => InstallmentFields::FIELDS,
        _ => return None,
    };
    (!known.contains(first)).then(|| no_such("field", &format!("{root}.{first}"), known))
}

fn no_such(what: &str, name: &str, known: &[&str]) -> String {
    format!("uses `{name}`, which does not exist; the {what}s are {}", known.join(", "))
}

/// Renders a phrase with every kind of sample.
pub(super) fn no_problem_with(phrase: &Phrase) -> Result<(), RenderFault> {
    let locale = Locale::new("zh-CN").expect("a language tag");
    let merchant = sample_merchant(&locale);
    for sample in Sample::variations(&merchant, &locale) {
        let request = sample.request(Channel::Sms, &locale);
        let phase = Phase::of(sample.today, &sample.installments).expect("a sample has an instalment");
        phrase.render(&context(&request, phase, &locale, Brevity::default()).expect("samples can be summed"))?;
    }
    Ok(())
}

/// Renders the template with every kind of sample and looks at what comes out.
fn check_samples(
    renderer: &Renderer,
    sources: &BTreeMap<String, (String, TemplateOrigin)>,
    info: &TemplateInfo,
    problems: &mut Vec<RenderError>,
) {
    let merchant = sample_merchant(&info.locale);
    let merchant = match info.merchant.as_ref().and_then(|id| MerchantId::new(id).ok()) {
        Some(id) => Merchant { id, ..merchant },
        None => merchant,
    };
    for phase in Phase::ALL {
        check_link(renderer, info, &Sample::new(&merchant, &info.locale, phase, 1), problems);
    }
    for sample in Sample::variations(&merchant, &info.locale) {
        let request = sample.request(info.channel, &info.locale);
        let rendered = renderer.render_from(info, &request).and_then(|message| {
            let shortest = renderer.render_whole(info, &request, Brevity::SHORTEST)?;
            Ok([message, shortest])
        });
        match rendered {
            Ok(messages) => {
                messages.iter().for_each(|message| check_ways_to_repay(info, &sample, message, problems));
            }
            Err(fault) => {
                let error = fault.in_full();
                // An error in a file that does not parse is already reported for that file.
                if !sources.contains_key(&error.template)
                    || renderer.environment().get_template(&error.template).is_ok()
                {
                    problems.push(error);
                }
            }
        }
    }
}

/// Finds links that open nothing, because the template changes or cuts them, or goes on right behind them. A text uses
/// the link if it is another one with another link; then it has to hold the link whole.
fn check_link(renderer: &Renderer, info: &TemplateInfo, sample: &Sample, problems: &mut Vec<RenderError>) {
    let Some(link) = sample.link.as_deref() else { return };
    let other = Sample { link: Some(sample.merchant.landing_link("BXm4ySampleTokem")), ..sample.clone() };
    let texts = |sample: &Sample| match renderer.render_from(info, &sample.request(info.channel, &info.locale)) {
        Ok(Message::Sms(sms)) => vec![sms.0],
        Ok(Message::Email(mail)) => vec![mail.subject, mail.text, mail.html],
        Ok(Message::Registered(_)) | Err(_) => Vec::new(),
    };
    let goes_on = |behind: &str| behind.starts_with(|sign: char| sign.is_ascii_alphanumeric() || "-_/".contains(sign));
    for ((path, text), other) in info.files.iter().zip(texts(sample)).zip(texts(&other)) {
        let mut ends = text.match_indices(link).map(|(at, found)| &text[at + found.len()..]).peekable();
        if text != other && (ends.peek().is_none() || ends.any(goes_on)) {
            problems.push(RenderError {
                template: path.clone(),
                line: None,
                problem: "changes or cuts the link, or goes on right behind it, so that it opens nothing; print link \
                          as it is, with a space behind it"
                    .to_owned(),
                cause: RenderCause::Template,
            });
        }
    }
}

/// No message without a support contact, nor without a working way to repay: only what confirms an opt-out speaks of no
/// debt.
fn check_ways_to_repay(info: &TemplateInfo, sample: &Sample, message: &Message, problems: &mut Vec<RenderError>) {
    let texts: Vec<(&String, &str)> = match message {
        Message::Sms(sms) => vec![(&info.files[0], &sms.0)],
        Message::Registered(_) => return,
        Message::Email(mail) => vec![(&info.files[1], &mail.text), (&info.files[2], &mail.html)],
    };
    let support = &sample.merchant.support;
    let contacts = [support.phone.as_deref(), support.email.as_ref().map(|email| email.as_str())];
    for (path, text) in texts {
        let holds = |part: Option<&str>| part.is_some_and(|part| text.contains(part));
        let repayable =
            info.template == OPTED_OUT || holds(Some(&sample.merchant.app_name)) || holds(sample.link.as_deref());
        let problem = if !contacts.into_iter().any(holds) {
            "leaves customer service out; print merchant.support.phone if it is there, and else merchant.support.email"
        } else if !repayable {
            "holds no way to repay where there is no link; print merchant.app_name"
        } else {
            continue;
        };
        let cause = RenderCause::Template;
        problems.push(RenderError { template: path.clone(), line: None, problem: problem.to_owned(), cause });
    }
}
