//! How long the built-in SMS get: two parts at most, for merchants, amounts and links of the usual lengths.

use dueherald::domain::{Channel, Currency, Locale, Message, Money, PersonName, TemplateName};
use dueherald::render::{
    Encoding, Phase, RenderRequest, Renderer, Sample, builtin_templates, sample_merchant, segments,
};

/// A link of 24 characters of host, as short tokens make it, and one of today's tokens.
const LINKS: [&str; 2] = ["/AAAAAAAAAAAAAAAA", "/r/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"];

/// The most units of two parts: UCS-2 by 3GPP, and by the count of the carriers in China, and GSM-7.
const TWO_PARTS: [(Encoding, usize); 2] = [(Encoding::Ucs2, 134), (Encoding::Gsm7, 306)];

/// A merchant of 12 characters with hours, a name of 3 (or 30 in Latin letters), amounts of 7 digits and less.
fn sample(tag: &str, phase: Phase, count: u32, link: &str) -> Sample {
    let locale = Locale::new(tag).expect("a tag");
    let is_chinese = locale.language() == "zh";
    let mut merchant = sample_merchant(&locale);
    let name = if is_chinese { "欧阳家电商城旗舰店华东区" } else { "Harbor Store" };
    assert_eq!(name.chars().count(), 12);
    (merchant.name, merchant.signature) = (name.into(), name.into());
    merchant.link_base = "https://repay.harborstores.com".into();
    let mut sample = Sample::new(&merchant, &locale, phase, count);
    let person = if is_chinese { "欧阳雯" } else { "Bartholomew Featherstonehaugh J" };
    sample.borrower.name = PersonName::new(person).ok();
    let currency = Currency::new(sample.installments[0].amount.currency().code()).expect("a code");
    for (one, amount) in sample.installments.iter_mut().zip(["10123.17", "1234.50", "988.00"].into_iter().cycle()) {
        one.amount = Money::parse(amount, currency).expect("an amount");
        one.paid_amount = Money::parse("0", currency).expect("an amount");
    }
    sample.link = Some(format!("{}{link}", merchant.link_base));
    sample
}

#[test]
fn every_built_in_sms_has_two_parts_at_most() {
    let renderer = Renderer::new(Vec::new()).expect("the built-in templates are sound");
    let paths = builtin_templates().map(|source| source.path).collect::<Vec<_>>();
    let messages = paths.iter().filter_map(|path| path.split_once("/sms."));
    for (template, file) in messages {
        let of_file = file.trim_end_matches(".txt");
        let variants: &[&str] = if of_file == "en" { &["en-US", "en-GB"] } else { &[of_file] };
        for tag in variants {
            let phase = Phase::ALL.into_iter().find(|phase| phase.as_str() == template).unwrap_or(Phase::Before);
            for (count, is_spread) in [(1, false), (2, false), (3, false), (3, true), (12, false)] {
                for (at, link) in LINKS.into_iter().enumerate() {
                    let mut sample = sample(tag, phase, count, link);
                    if is_spread {
                        sample.spread();
                    }
                    let (locale, template) = (sample.merchant.locale.clone(), TemplateName::new(template).ok());
                    let request =
                        RenderRequest { template: template.as_ref(), ..sample.request(Channel::Sms, &locale) };
                    let Ok(Message::Sms(sms)) = renderer.render(&request) else { panic!("{template:?} renders") };
                    let cost = segments(&sms.0);
                    let spread = if is_spread { " spread" } else { "" };
                    println!(
                        "{template:?}|{tag}|{count}{spread}|{}|{}|{}|{}",
                        link.len(),
                        cost.encoding,
                        cost.parts,
                        cost.units
                    );
                    let (_, most) =
                        TWO_PARTS.into_iter().find(|(encoding, _)| *encoding == cost.encoding).expect("known");
                    assert!(
                        at > 0 || cost.units <= most,
                        "{template:?} {tag} {count}: {} units: {}",
                        cost.units,
                        sms.0
                    );
                }
            }
        }
    }
}
