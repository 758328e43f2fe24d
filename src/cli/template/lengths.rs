//! How long the SMS of a merchant get, and what they cost.

use super::phase_of;
use crate::config::Config;
use crate::domain::{Channel, Merchant, Message, Price, TemplateName};
use crate::plan::pack;
use crate::render::{RenderError, RenderRequest, Renderer, Sample, Segments, TemplateInfo, segments};

/// The price of the gateway that sends a merchant's SMS first, if the config names it.
pub(in crate::cli) fn sms_price<'c>(config: &'c Config, merchant: &Merchant) -> Option<&'c Price> {
    config.prices.get(config.policy.gateways.first(Channel::Sms, &merchant.id)?)
}

/// The length of the SMS that a template makes for a merchant's borrower with so many sample instalments, with a link
/// and what the law demands.
pub(in crate::cli) fn sms_length(
    renderer: &Renderer,
    info: &TemplateInfo,
    merchant: &Merchant,
    count: u32,
) -> Result<Option<Segments>, RenderError> {
    let mut sample = Sample::new(merchant, &info.locale, phase_of(&info.template), count);
    sample.required = pack(merchant.jurisdiction).required_texts(sample.today);
    let name = TemplateName::new(&info.template).ok();
    // A merchant in Britain reads the British variant of an English template.
    let locale = info.locale.narrowed_by(&merchant.locale);
    let request = RenderRequest { template: name.as_ref(), ..sample.request(info.channel, locale) };
    Ok(match renderer.render(&request)? {
        Message::Sms(sms) => Some(segments(&sms.0)),
        Message::Email(_) | Message::Registered(_) => None,
    })
}

/// Parts, and what they cost, in words.
pub(in crate::cli) fn parts_in_words(parts: usize, price: Option<&Price>) -> String {
    let cost = price.map(|price| format!(", {} {}", price.of(1, parts as u64).normalize(), price.currency));
    format!("{}{}", super::counted(parts, "part"), cost.unwrap_or_default())
}
