//! How long the built-in SMS get: two parts at most, for merchants, amounts and links of the usual lengths.

use dueherald::domain::{Channel, Currency, Locale, Message, Money, PersonName, ReminderId, TemplateName};
use dueherald::plan::pack;
use dueherald::render::{
    Encoding, LinkKeys, Phase, Purpose, RenderRequest, Renderer, Sample, builtin_templates, sample_merchant, segments,
};

/// The jurisdictions whose merchants write in a language: some demand words of their own.
fn jurisdictions(tag: &str) -> &'static [&'static str] {
    match tag {
        "en-US" => &["us", "eu", "sg"],
        "en-GB" => &["eu", "sg"],
        _ => &["cn", "sg"],
    }
}

/// The text that confirms an opt-out, which needs no word to opt out.
const OPTED_OUT: &str = "opted-out";

/// The most units of two parts: UCS-2 by 3GPP, and by the count of the carriers in China, and GSM-7.
const TWO_PARTS: [(Encoding, usize); 2] = [(Encoding::Ucs2, 134), (Encoding::Gsm7, 306)];

/// A merchant of 12 characters with hours, a link of 24 characters of host, a name of 3 (or 30 in Latin letters),
/// amounts of 7 digits and less, of which `paid` is paid.
fn sample(tag: &str, phase: Phase, (count, paid): (u32, &str), jurisdiction: &str, bare_links: bool) -> Sample {
    let locale = Locale::new(tag).expect("a tag");
    let is_chinese = locale.language() == "zh";
    let mut merchant = sample_merchant(&locale);
    let name = if is_chinese { "欧阳家电商城旗舰店华东区" } else { "Harbor Store" };
    assert_eq!(name.chars().count(), 12);
    (merchant.name, merchant.signature) = (name.into(), name.into());
    merchant.jurisdiction = jurisdiction.parse().expect("a jurisdiction");
    (merchant.link_base, merchant.bare_links) = ("https://billing.harborstores.com".into(), bare_links);
    let mut sample = Sample::new(&merchant, &locale, phase, count);
    let person = if is_chinese { "欧阳雯" } else { "Bartholomew Featherstonehaugh J" };
    sample.borrower.name = PersonName::new(person).ok();
    let currency = Currency::new(sample.installments[0].amount.currency().code()).expect("a code");
    for (one, amount) in sample.installments.iter_mut().zip(["10123.17", "1234.50", "988.00"].into_iter().cycle()) {
        one.amount = Money::parse(amount, currency).expect("an amount");
        one.paid_amount = Money::parse(paid, currency).expect("an amount");
    }
    sample.required = pack(merchant.jurisdiction).required_texts(sample.today);
    let keys = LinkKeys::new([(1, [0x5a; 32])]).expect("32 bytes");
    sample.link = Some(merchant.landing_link(&keys.seal(Purpose::Landing, ReminderId(10_000_000))));
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
            let counts = [(1, false), (2, false), (3, false), (3, true), (12, false)];
            for ((count, is_spread), paid) in counts.into_iter().flat_map(|one| [(one, "0"), (one, "987.65")]) {
                for (jurisdiction, bare_links) in jurisdictions(tag).iter().flat_map(|one| [(one, true), (one, false)])
                {
                    let mut sample = sample(tag, phase, (count, paid), jurisdiction, bare_links);
                    if is_spread {
                        sample.spread();
                    }
                    let (locale, template) = (sample.merchant.locale.clone(), TemplateName::new(template).ok());
                    let request =
                        RenderRequest { template: template.as_ref(), ..sample.request(Channel::Sms, &locale) };
                    let Ok(Message::Sms(sms)) = renderer.render(&request) else { panic!("{template:?} renders") };
                    let cost = segments(&sms.0);
                    let most = TWO_PARTS.into_iter().find(|(encoding, _)| *encoding == cost.encoding);
                    let (_, most) = most.expect("an encoding of SMS");
                    assert!(cost.units <= most, "{template:?} {tag} {jurisdiction} {count}: {cost:?}: {}", sms.0);
                    let needs_stop =
                        *jurisdiction == "us" && request.template.is_none_or(|one| one.as_str() != OPTED_OUT);
                    assert!(!needs_stop || sms.0.contains("STOP"), "{}", sms.0);
                }
            }
        }
    }
}
