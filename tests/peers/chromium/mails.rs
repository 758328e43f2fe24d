//! Pictures of every built-in message in every language: e-mails on a narrow phone, light and dark, and SMS as bubbles.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use dueherald::domain::{Channel, Locale, Message, TemplateName};
use dueherald::render::{
    Phase, RenderRequest, Renderer, Sample, builtin_templates, page_languages, sample_merchant, segments,
};

use super::browser::{Browser, Screen};
use crate::mail::{BuiltInMail, built_in_mails};

const NARROW: Screen = Screen { name: "narrow", width: 320, height: 640, scale: 2, is_phone: true };

#[test]
fn every_message_fits_a_narrow_phone() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    fs::create_dir_all(&folder).expect("the folder can be made");
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let mut browser = Browser::start(NARROW, "mall.example", 9);
    let mut look = |name: &str, html: &str, is_dark: bool| {
        let file = home.path().join("page.html");
        fs::write(&file, html).expect("the file can be written");
        browser.dark(is_dark);
        browser.open(&format!("file://{}", file.display()));
        assert!(!browser.is_too_wide(), "{name} is wider than the screen");
        let dark = if is_dark { "-dark" } else { "" };
        browser.picture(&folder.join(format!("message-{name}{dark}.png")));
    };
    for BuiltInMail { name, parts } in built_in_mails() {
        assert!(!parts.html.contains("<img"), "{name}: with images off nothing may be missing");
        look(&name, &parts.html, false);
        if name.starts_with("overdue") {
            look(&name, &parts.html, true);
        }
    }
    for tag in page_languages() {
        look(&format!("sms-{tag}"), &bubbles(tag), false);
    }
    browser.end();
}

/// A page with every SMS of a language.
fn bubbles(tag: &str) -> String {
    let renderer = Renderer::new(Vec::new()).expect("the built-in templates are sound");
    let locale = Locale::new(tag).expect("a tag");
    let mut page = format!(
        "<!doctype html><html lang={tag}><meta charset=utf-8><meta name=viewport content=width=device-width><title>SMS\
         </title><style>body{{font:15px/1.5 sans-serif;margin:12px}}p{{background:#eceff1;border-radius:16px;padding:\
         10px 14px;overflow-wrap:anywhere;white-space:pre-wrap;margin:4px 0 12px}}small{{color:#555}}</style>"
    );
    let mut templates: Vec<_> =
        builtin_templates().filter_map(|source| Some(source.path.split_once("/sms.")?.0.to_owned())).collect();
    templates.dedup();
    for (template, count, discreet) in
        templates.iter().flat_map(|template| [(template, 1, false), (template, 3, false), (template, 1, true)])
    {
        let phase = Phase::ALL.into_iter().find(|phase| phase.as_str() == template).unwrap_or(Phase::Before);
        let mut merchant = sample_merchant(&locale);
        merchant.discreet = discreet;
        let mut sample = Sample::new(&merchant, &locale, phase, count);
        sample.link = Some("https://hk.mall.cn/0123456789ABCDEF".into());
        let name = TemplateName::new(template).expect("a name");
        let request = RenderRequest { template: Some(&name), ..sample.request(Channel::Sms, &locale) };
        let Ok(Message::Sms(sms)) = renderer.render(&request) else { panic!("{template} renders") };
        let parts = segments(&sms.0).parts;
        let _ = write!(page, "<small>{template}, {count}, discreet {discreet}, {parts} parts</small><p>{}</p>", sms.0);
    }
    page
}
