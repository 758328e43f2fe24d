//! Checks messages against the rules of each gateway's provider, for `template check`.

use std::io::{self, Write};

use crate::cli::table::table;
use crate::config::{Config, GatewayConfig};
use crate::domain::{Channel, GatewayName, LinkMode, Merchant, Message, Price, RegisteredSms, TemplateName};
use crate::render::{RegisteredTemplate, RegisteredTemplates, RenderRequest, Renderer, Sample, registered_parts};

use super::{counted, phase_of};

/// The most characters of a whole message (Aliyun; the carriers in China cut longer ones).
const MOST_CHARACTERS: usize = 500;

/// Prints every approved template with its length and cost, and warns of content that its provider would refuse; for
/// all gateways, warns of banned words. Returns the number of warnings.
///
/// # Errors
/// When `out` cannot be written to.
pub fn lint(config: &Config, renderer: &Renderer, out: &mut dyn Write) -> io::Result<usize> {
    let mut rows = table(&["APPROVED TEMPLATE", "CODE", "MERCHANT", "LENGTH", "COST"]);
    let mut any = false;
    let mut warnings = Vec::new();
    for (name, gateway) in &config.gateways {
        let banned = banned_words(config, name);
        let Some(registered) = gateway.registered() else {
            if gateway.channel() == Channel::Sms {
                warnings.extend(free_texts(config, name, renderer, &banned));
            }
            continue;
        };
        for template in &registered.templates {
            let of_gateway = |merchant: &&Merchant| is_for(template, merchant) && may_carry(config, name, merchant);
            for merchant in config.policy.merchants.values().filter(of_gateway) {
                let place = format!("gateways.{name}.{}.{}", gateway.templates_key(), template.template);
                any = true;
                match filled(gateway, &registered, template, merchant) {
                    Ok(sms) => {
                        let parts = registered_parts(&sms);
                        let code = template.wording.code().to_owned();
                        let cost = cost(config.prices.get(name), parts);
                        rows.add_row([place.clone(), code, merchant.id.to_string(), counted(parts, "part"), cost]);
                        let problems = problems(&sms, &registered, template, &banned);
                        warnings.extend(problems.map(|problem| format!("{place}: {problem}")));
                    }
                    Err(problem) => warnings.push(format!("{place}: {problem}")),
                }
            }
        }
    }
    if any {
        writeln!(out, "\n{rows}")?;
    }
    warnings.sort_unstable();
    warnings.dedup();
    warnings.iter().try_for_each(|warning| writeln!(out, "warning: {warning}"))?;
    Ok(warnings.len())
}

/// Registered texts that their values do not fit, with sample data: for `check`.
pub(in crate::cli) fn misfits(config: &Config) -> Vec<String> {
    let mut misfits = Vec::new();
    for (name, gateway) in &config.gateways {
        let Some(registered) = gateway.registered() else { continue };
        for template in &registered.templates {
            let of_gateway = |merchant: &&Merchant| is_for(template, merchant) && may_carry(config, name, merchant);
            for merchant in config.policy.merchants.values().filter(of_gateway) {
                if let Err(problem) = filled(gateway, &registered, template, merchant) {
                    let key = gateway.templates_key();
                    misfits.push(format!("gateways.{name}.{key}.{}: {problem}", template.template));
                }
            }
        }
    }
    misfits.dedup();
    misfits
}

fn banned_words<'c>(config: &'c Config, gateway: &GatewayName) -> Vec<&'c str> {
    let own = config.banned_words.get(gateway).into_iter().flatten();
    own.chain(&config.templates.banned_words).map(String::as_str).collect()
}

/// Whether a merchant's SMS may leave by a gateway; by one that nobody names, anybody's may one day.
fn may_carry(config: &Config, gateway: &GatewayName, merchant: &Merchant) -> bool {
    let lists = &config.policy.gateways;
    !lists.gateways(Channel::Sms).contains(&gateway) || lists.of(Channel::Sms, &merchant.id).contains(gateway)
}

fn is_for(template: &RegisteredTemplate, merchant: &Merchant) -> bool {
    template.merchant.as_ref().is_none_or(|owner| *owner == merchant.id)
}

/// The template with sample data in it; of three instalments, which makes amounts and names no shorter than usual.
fn filled(
    gateway: &GatewayConfig,
    registered: &RegisteredTemplates,
    template: &RegisteredTemplate,
    merchant: &Merchant,
) -> Result<RegisteredSms, String> {
    let locale = template.locale.as_ref().unwrap_or(&merchant.locale);
    let sample = Sample::new(merchant, locale, phase_of(template.template.as_str()), 3);
    let alone = RegisteredTemplates { templates: vec![template.clone()], ..registered.clone() };
    let mut request = RenderRequest { template: Some(&template.template), ..sample.request(Channel::Sms, locale) };
    if matches!(gateway, GatewayConfig::Http(settings) if settings.link_mode == LinkMode::None) {
        request.link = None;
    }
    alone.fill(&request).map_err(|error| error.problem)
}

/// The content that the provider would refuse, with the rule that it breaks.
fn problems<'a>(
    sms: &'a RegisteredSms,
    registered: &'a RegisteredTemplates,
    template: &'a RegisteredTemplate,
    banned: &'a [&str],
) -> impl Iterator<Item = String> + 'a {
    // Values with types were judged when they were filled in.
    let is_typed = template.wording.is_typed();
    let characters = sms.text.chars().count();
    let long = (characters > MOST_CHARACTERS && !is_typed)
        .then(|| format!("is {characters} characters long with sample data, more than {MOST_CHARACTERS}"));
    let of_parameters = sms.parameters.iter().filter(move |_| !is_typed).flat_map(|(name, value)| {
        let (length, most) = (value.chars().count(), registered.max_parameter);
        let long = (length > most)
            .then(|| format!("the parameter {name:?} is {length} characters long with sample data, more than {most}"));
        let link = holds_link(value)
            .then(|| format!("the parameter {name:?} holds a link; write it into the text that the provider approves"));
        long.into_iter().chain(link)
    });
    let words = found(&sms.text, banned).map(|word| format!("holds the banned word {word:?}"));
    long.into_iter().chain(of_parameters).chain(words)
}

fn holds_link(value: &str) -> bool {
    let value = value.to_lowercase();
    ["://", "www.", ".com/", ".cn/"].iter().any(|sign| value.contains(sign))
}

fn found<'a>(text: &'a str, banned: &'a [&str]) -> impl Iterator<Item = &'a str> {
    let text = text.to_lowercase();
    banned.iter().copied().filter(move |word| text.contains(&word.to_lowercase()))
}

/// Banned words in what goes out as free text.
fn free_texts(config: &Config, gateway: &GatewayName, renderer: &Renderer, banned: &[&str]) -> Vec<String> {
    let mut warnings = Vec::new();
    if banned.is_empty() {
        return warnings;
    }
    for info in renderer.templates().into_iter().filter(|info| info.channel == Channel::Sms) {
        for merchant in config.policy.merchants.values() {
            let is_others = info.merchant.as_deref().is_some_and(|owner| owner != merchant.id.as_str());
            if is_others || !may_carry(config, gateway, merchant) {
                continue;
            }
            let sample = Sample::new(merchant, &info.locale, phase_of(&info.template), 3);
            let template = TemplateName::new(&info.template).ok();
            let request = RenderRequest { template: template.as_ref(), ..sample.request(Channel::Sms, &info.locale) };
            if let Ok(Message::Sms(sms)) = renderer.render(&request) {
                let file = &info.files[0];
                let told = found(&sms.0, banned)
                    .map(|word| format!("{file}: holds the word {word:?}, which is banned by gateways.{gateway}"));
                warnings.extend(told);
            }
        }
    }
    warnings
}

fn cost(price: Option<&Price>, parts: usize) -> String {
    price.map_or_else(String::new, |price| {
        format!("{} {}", price.of(1, u64::try_from(parts).unwrap_or(u64::MAX)), price.currency)
    })
}
