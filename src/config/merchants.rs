use std::collections::BTreeMap;

use super::reading::Section;
use super::value::{Value, base_address, flag, text, time_zone, word};
use crate::domain::{EmailAddress, Jurisdiction, Locale, Merchant, MerchantId, Support};

/// Reads `[merchants.*]`. Gives the ones without mistakes, and the names of all.
pub(super) fn read(root: &mut Section<'_, '_, '_>) -> BTreeMap<MerchantId, Option<Merchant>> {
    let mut merchants = BTreeMap::new();
    for (name, section) in root.named("merchants") {
        match MerchantId::new(&name) {
            Ok(id) => _ = merchants.insert(id.clone(), merchant(id, section)),
            Err(problem) => {
                section.reading.note(&section.span, section.path, format!("the name {problem}; choose another"))
            }
        }
    }
    merchants
}

fn merchant(id: MerchantId, mut section: Section<'_, '_, '_>) -> Option<Merchant> {
    let name = section.required("name", r#""示例商城""#, text);
    let signature = section.optional("signature", signature);
    let app_name = section.required("app_name", r#""示例金融""#, text);
    let locale = section.required("locale", r#""zh-CN""#, locale);
    let time_zone = section.required("time_zone", r#""Asia/Shanghai""#, time_zone);
    let country = section.required("country", r#""CN""#, country);
    let jurisdiction = section.required("jurisdiction", r#""cn""#, jurisdiction);
    let link_base = section.required("link_base", r#""https://repay.example.com""#, base_address);
    let support = support(section.section("support"));
    let stopped = section.or("stopped", false, flag);
    section.finish();
    let name = name?;
    Some(Merchant {
        id,
        signature: signature?.unwrap_or_else(|| name.clone()),
        name,
        app_name: app_name?,
        locale: locale?,
        time_zone: time_zone?,
        country: country?,
        jurisdiction: jurisdiction?,
        link_base: link_base?,
        support: support?,
        stopped: stopped?,
    })
}

fn support(mut section: Section<'_, '_, '_>) -> Option<Support> {
    let phone = section.optional("phone", text);
    let email = section.optional("email", email);
    let hours = section.optional("hours", text);
    if let (Some(None), Some(None)) = (&phone, &email) {
        let text = r#"names neither phone nor email, so borrowers could ask nobody; write for example phone = "95188""#;
        section.reading.note_at(&section.path, text);
    }
    section.finish();
    Some(Support { phone: phone?, email: email?, hours: hours? })
}

fn email(value: &Value<'_>) -> Result<EmailAddress, String> {
    let wrong = |_| format!(r#"{} is no e-mail address; write for example "service@example.com""#, value.shown());
    EmailAddress::new(&text(value)?).map_err(wrong)
}

fn signature(value: &Value<'_>) -> Result<String, String> {
    let signature = text(value)?;
    if signature.contains(['【', '】', '[', ']']) {
        return Err("has brackets, which are put around it anyway; leave them out".into());
    }
    Ok(signature)
}

fn locale(value: &Value<'_>) -> Result<Locale, String> {
    let wrong = |problem| format!(r#"{} {problem}; write for example "zh-CN""#, value.shown());
    Locale::new(&text(value)?).map_err(wrong)
}

fn country(value: &Value<'_>) -> Result<String, String> {
    let code = text(value)?.to_ascii_uppercase();
    match code.parse::<phonenumber::country::Id>() {
        Ok(_) => Ok(code),
        Err(_) => {
            Err(format!(r#"{} is no country code of two letters by ISO 3166; write for example "CN""#, value.shown()))
        }
    }
}

fn jurisdiction(value: &Value<'_>) -> Result<Jurisdiction, String> {
    let words =
        [("cn", Jurisdiction::Cn), ("us", Jurisdiction::Us), ("in", Jurisdiction::In), ("uk", Jurisdiction::Uk)];
    word(value, &words)
}
