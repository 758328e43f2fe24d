//! The sections `[merchants.*]`: names, hours, hosts and countries.

use std::collections::BTreeMap;

use chrono::{NaiveTime, Timelike};
use chrono_tz::Tz;

use super::calendars::Calendars;
use super::channels::{self, ReadLists};
use super::links::secret;
use super::reading::Section;

use super::value::{
    Value, amount_unit, base_address, day_hours, flag, grace_days, instant, parsed, text, time, time_zone, word,
};
use super::webhooks;
use crate::domain::{
    AmountUnit, END_OF_DAY, EmailAddress, Jurisdiction, Locale, Merchant, MerchantId, OpenSpan, RouteHosts, Support,
    SupportDays, SupportHours, check_link_base, overlap,
};
use crate::plan::{GraceDays, Terms, pack};
use crate::render::{SigningKey, SigningKeys};
use crate::webhook::WebhookEndpoint;

/// The parsed `[merchants.*]` sections.
#[derive(Default)]
pub(super) struct Merchants {
    /// By name; `None` where there was a mistake.
    pub(super) merchants: BTreeMap<MerchantId, Option<Merchant>>,
    /// Of those that have some.
    pub(super) terms: BTreeMap<MerchantId, Terms>,
    /// Where routes may lead, of those that say so.
    pub(super) route_hosts: BTreeMap<MerchantId, RouteHosts>,
    /// Further hosts of their pages, of those that have some.
    pub(super) link_hosts: BTreeMap<MerchantId, Vec<String>>,
    /// Gateways of their own, of those that have some.
    pub(super) own_gateways: BTreeMap<MerchantId, ReadLists>,
    /// The keys that sign the addresses of routes, of those that have one.
    pub(super) route_keys: BTreeMap<MerchantId, SigningKeys>,
    /// The endpoints of their webhooks.
    pub(super) webhooks: Vec<WebhookEndpoint>,
}

/// Reads `[merchants.*]`.
pub(super) fn read(root: &mut Section<'_, '_, '_>, calendars: &Calendars) -> Merchants {
    let mut read = Merchants::default();
    for (name, mut section) in root.named("merchants") {
        match MerchantId::new(&name) {
            Ok(id) => {
                if let Some(hosts) = section.list("route_hosts", route_host).flatten() {
                    read.route_hosts.insert(id.clone(), RouteHosts::all_of(hosts));
                }
                if let Some(keys) = signing_keys(&mut section) {
                    read.route_keys.insert(id.clone(), keys);
                }
                if let Some(hosts) = section.list("link_hosts", link_host).flatten() {
                    read.link_hosts.insert(id.clone(), hosts);
                }
                read.webhooks.extend(webhooks::read(&id, &mut section));
                let own_gateways = channels::read_own(&mut section);
                if !own_gateways.is_empty() {
                    read.own_gateways.insert(id.clone(), own_gateways);
                }
                let hosts = read.route_hosts.get(&id);
                let (merchant, terms) = merchant(id.clone(), hosts, section, calendars);
                read.merchants.insert(id.clone(), merchant);
                read.terms.extend(terms.filter(|terms| *terms != Terms::default()).map(|terms| (id, terms)));
            }
            Err(problem) => {
                section.reading.note(&section.span, section.path, format!("the name {problem}; choose another"))
            }
        }
    }
    read
}

/// `route_key`: a key, or a list of keys of which each may say when it begins to sign.
fn signing_keys(section: &mut Section<'_, '_, '_>) -> Option<SigningKeys> {
    let at_once = |value: &Value<'_>| Ok(SigningKey { secret: secret(value)?, valid_from: None });
    let scheduled = |mut entry: Section<'_, '_, '_>| {
        let key = entry.required("key", r#"{ file = "route.key" }"#, secret);
        let valid_from = entry.optional("valid_from", instant);
        entry.finish();
        Some(SigningKey { secret: key?, valid_from: valid_from? })
    };
    let keys = section.one_or_more_entries("route_key", at_once, scheduled)??;
    let key = section.key("route_key");
    SigningKeys::new(keys).map_err(|problem| section.reading.note_at(&key, problem)).ok()
}

fn merchant(
    id: MerchantId,
    route_hosts: Option<&RouteHosts>,
    mut section: Section<'_, '_, '_>,
    calendars: &Calendars,
) -> (Option<Merchant>, Option<Terms>) {
    let name = section.required("name", r#""示例商城""#, text);
    let signature = section.optional("signature", signature);
    let app_name = section.required("app_name", r#""示例金融""#, text);
    let locale = section.required("locale", r#""zh-CN""#, locale);
    let time_zone = section.required("time_zone", r#""Asia/Shanghai""#, time_zone);
    let country = section.required("country", r#""CN""#, country);
    let countries = section.list("countries", self::country);
    let jurisdiction = section.required("jurisdiction", r#""cn""#, jurisdiction);
    let link_base =
        section.required("link_base", r#""https://repay.example.com""#, |value| link_base(value, route_hosts));
    let bare_links = section.or("bare_links", false, flag);
    let support = support(section.section("support"), time_zone);
    let discreet = section.or("discreet", false, flag);
    let amount_unit = section.or("amount_unit", AmountUnit::default(), amount_unit);
    let stopped = section.or("stopped", false, flag);
    let terms = terms(&mut section, jurisdiction, calendars);
    section.finish();
    let whole = || {
        let name = name?;
        Some(Merchant {
            id,
            signature: signature?.unwrap_or_else(|| name.clone()),
            name,
            app_name: app_name?,
            locale: locale?,
            time_zone: time_zone?,
            country: country?,
            countries: countries?.unwrap_or_default(),
            jurisdiction: jurisdiction?,
            link_base: link_base?,
            bare_links: bare_links?,
            support: support?,
            discreet: discreet?,
            amount_unit: amount_unit?,
            stopped: stopped?,
        })
    };
    (whole(), terms)
}

/// Hours narrower than the jurisdiction's are anybody's choice; wider ones are said twice. Where the jurisdiction's
/// change on a date, hours within those of any day are taken: [`crate::plan::Policy::hours_of`] keeps them within those
/// of the day.
fn terms(
    section: &mut Section<'_, '_, '_>,
    jurisdiction: Option<Jurisdiction>,
    calendars: &Calendars,
) -> Option<Terms> {
    let hours = section.optional("contact_hours", day_hours);
    let may_be_wider = section.or("contact_hours_may_be_wider", false, flag);
    let calendar = section.optional("calendar", |value| calendars.named(value));
    let grace = section.or("grace_days", GraceDays::default(), grace_days);
    if let (Some(Some(hours)), Some(jurisdiction), Some(false)) = (hours, jurisdiction, may_be_wider)
        && !pack(jurisdiction).contact_hours.any(|allowed| hours.lie_within(allowed))
    {
        section.reading.note_at(&section.key("contact_hours"), wider_than(jurisdiction));
    }
    let hours = hours?;
    Some(Terms { hours, may_be_wider: hours.is_some() && may_be_wider?, calendar: calendar?.flatten(), grace: grace? })
}

/// The base address of links in messages: an https address by the rules of routes, or this machine for a trial.
fn link_base(value: &Value<'_>, route_hosts: Option<&RouteHosts>) -> Result<String, String> {
    let base = base_address(value)?;
    if base.starts_with("https://") {
        let nowhere = RouteHosts::default();
        check_link_base(&base, route_hosts.unwrap_or(&nowhere)).map_err(|refusal| refusal.to_string())?;
    }
    Ok(base)
}

/// One host, not all below one.
fn link_host(value: &Value<'_>) -> Result<String, String> {
    let host = text(value)?;
    match host.parse::<RouteHosts>() {
        Ok(_) if !host.starts_with('.') => Ok(host),
        _ => {
            Err(format!(r#"{} is no host name in small letters; write for example "pay.mall.example""#, value.shown()))
        }
    }
}

fn route_host(value: &Value<'_>) -> Result<RouteHosts, String> {
    text(value)?.parse().map_err(|problem| format!("{} {problem}", value.shown()))
}

fn wider_than(jurisdiction: Jurisdiction) -> String {
    format!(
        "lies outside {}, the hours of {jurisdiction}; write narrower hours, or contact_hours_may_be_wider = true if \
         you are sure",
        pack(jurisdiction).contact_hours
    )
}

fn support(mut section: Section<'_, '_, '_>, zone: Option<Tz>) -> Option<Support> {
    let phone = section.optional("phone", text);
    let email = section.optional("email", email);
    let hours = support_hours(&mut section, Some(zone));
    if let (Some(None), Some(None)) = (&phone, &email) {
        let text = r#"names neither phone nor email, so borrowers could ask nobody; write for example phone = "95188""#;
        section.reading.note_at(&section.path, text);
    }
    section.finish();
    Some(Support { phone: phone?, email: email?, hours: hours? })
}

/// Reads `hours`: a table, or a list of tables, one for each span. Every day, if it names no days; in the merchant's
/// zone, if it names none, or else it has to name one. `None` where there was a mistake.
pub(super) fn support_hours(
    section: &mut Section<'_, '_, '_>,
    of_merchant: Option<Option<Tz>>,
) -> Option<Option<SupportHours>> {
    let example = r#"hours = { days = "mon-fri", from = "09:00", to = "21:00" }"#;
    let before = section.reading.count();
    let is_list = section.is_list("hours");
    let tables = match is_list {
        true => section.numbered_elements("hours"),
        false => section.optional_table("hours", example)?.into_iter().collect(),
    };
    if is_list && tables.is_empty() {
        section.reading.note_at(&section.key("hours"), format!("is an empty list; write for example {example}"));
    }
    let mut hours: Option<SupportHours> = None;
    let mut keys = Vec::new();
    for table in tables {
        let key = table.path.clone();
        let Some((span, zone, key_of_zone)) = open_span(table, of_merchant) else { continue };
        let known = hours.get_or_insert(SupportHours { spans: Vec::new(), zone });
        if known.zone != zone {
            let text = format!("is not that of the first entry, {}; write all hours in one time zone", known.zone);
            section.reading.note_at(&key_of_zone, text);
        }
        known.spans.push(span);
        keys.push(key);
    }
    if let Some((earlier, later)) = hours.as_ref().and_then(|hours| overlap(&hours.spans)) {
        let text = format!("names hours that {} names already; write each hour of a day once", keys[earlier]);
        section.reading.note_at(&keys[later], text);
    }
    (section.reading.count() == before).then_some(hours)
}

/// One span of `hours` with its time zone, and the key of that zone.
fn open_span(mut table: Section<'_, '_, '_>, of_merchant: Option<Option<Tz>>) -> Option<(OpenSpan, Tz, String)> {
    let days = table.or("days", SupportDays::ALL, |value| {
        parsed(value, "no days of the week", r#""mon-fri", "mon-fri,sun" or "daily""#)
    });
    let (from, to) =
        (table.required("from", r#""09:00""#, minute_of_day), table.required("to", r#""21:00""#, end_of_span));
    let zone = match of_merchant {
        Some(zone) => table.optional("zone", time_zone).map(|own| own.or(zone)),
        None => table.required("zone", r#""Asia/Shanghai""#, time_zone).map(Some),
    };
    let (key_of_end, key_of_zone) = (table.key("to"), table.key("zone"));
    let span = days.zip(from.zip(to)).map(|(days, (from, to))| OpenSpan { days, from, to });
    if span.is_some_and(|span| !span.is_a_span()) {
        let text = r#"does not come after `from`; write for example from = "09:00", to = "21:00""#;
        table.reading.note_at(&key_of_end, text);
    }
    table.finish();
    Some((span?, zone??, key_of_zone))
}

fn end_of_span(value: &Value<'_>) -> Result<NaiveTime, String> {
    if text(value).is_ok_and(|text| text == END_OF_DAY) { Ok(NaiveTime::MIN) } else { minute_of_day(value) }
}

fn minute_of_day(value: &Value<'_>) -> Result<NaiveTime, String> {
    let time = time(value)?;
    if time.second() == 0 && time.nanosecond() == 0 {
        return Ok(time);
    }
    Err(r#"has seconds, which no message shows; write for example "09:00""#.to_owned())
}

pub(super) fn email(value: &Value<'_>) -> Result<EmailAddress, String> {
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
    let words: Vec<_> = Jurisdiction::all().map(|one| (one.code(), one)).collect();
    word(value, &words)
}
