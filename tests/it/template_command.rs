//! `dueherald template`: what operations see.

use std::collections::BTreeMap;
use std::fs;

use clap::Parser;
use dueherald::cli::template::{
    CheckVerdict, TemplateCommand, TemplateCommandError, check, list, preview, preview_sample,
};
use dueherald::domain::{Channel, Locale, Merchant, MerchantId};
use dueherald::render::{Phase, Renderer, Sample, TemplateSource, sample_merchant};

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: TemplateCommand,
}

fn renderer() -> Renderer {
    let text = "{{ merchant.app_name }} {{ merchant.support.phone or merchant.support.email }}".to_owned();
    let own = TemplateSource { path: "merchants/example/last-call/sms.en.txt".into(), text };
    Renderer::new(vec![own]).expect("sound")
}

fn merchants() -> BTreeMap<MerchantId, Merchant> {
    let merchant = sample_merchant(&Locale::new("zh-CN").expect("a language tag"));
    BTreeMap::from([(merchant.id.clone(), merchant)])
}

/// Runs a command line; gives what it printed, and the verdict of `check`.
fn run(line: &str) -> Result<(String, Option<CheckVerdict>), TemplateCommandError> {
    let words = std::iter::once("dueherald").chain(line.split_whitespace());
    let command = Line::try_parse_from(words).unwrap_or_else(|error| panic!("{error}")).command;
    let mut out = Vec::new();
    let mut verdict = None;
    match command {
        TemplateCommand::List(args) => list(&args, &renderer(), &mut out)?,
        TemplateCommand::Check(args) => verdict = Some(check(&args, Ok(&renderer()), &merchants(), &mut out)?),
        TemplateCommand::Preview(args) => preview_sample(&args, &renderer(), &merchants(), &mut out)?,
    }
    Ok((String::from_utf8(out).expect("output is UTF-8"), verdict))
}

fn printed(line: &str) -> String {
    run(line).expect("the command succeeds").0
}

#[test]
fn list_shows_where_each_template_comes_from() {
    insta::assert_snapshot!("list", printed("list"));
    let rows: serde_json::Value = serde_json::from_str(&printed("list --format json")).expect("JSON");
    let own = rows.as_array().and_then(|rows| rows.last()).expect("rows");
    assert_eq!((&own["merchant"], &own["origin"]), (&"example".into(), &"folder".into()));
    assert_eq!(own["files"][0], "merchants/example/last-call/sms.en.txt");
}

#[test]
fn check_shows_lengths_and_warns_of_long_ones() {
    let (text, verdict) = run("check").expect("the command succeeds");
    assert_eq!(verdict, Some(CheckVerdict::Sound));
    insta::assert_snapshot!("check", text);
    let (text, verdict) = run("check --max-segments 2").expect("the command succeeds");
    assert_eq!(verdict, Some(CheckVerdict::Long));
    let warning = "warning: overdue/sms.zh-CN.txt is 3 parts long with 1 instalment of example, more than 2";
    assert!(text.contains(warning), "{text}");
}

#[test]
fn check_shows_every_problem_of_templates_that_do_not_load() {
    let broken = |path: &str| TemplateSource { path: path.into(), text: "{{ nothing }}".into() };
    let problems = Renderer::new(vec![broken("a/sms.en.txt"), broken("b/sms.en.txt")]).expect_err("broken");
    let mut out = Vec::new();
    let Ok(Line { command: TemplateCommand::Check(args) }) = Line::try_parse_from(["dueherald", "check"]) else {
        panic!("this is the check command");
    };
    let verdict = check(&args, Err(&problems), &merchants(), &mut out).expect("a vector takes all");
    assert_eq!(verdict, CheckVerdict::Broken);
    let text = String::from_utf8(out).expect("output is UTF-8");
    assert!(
        text.contains("a/sms.en.txt:1: uses `nothing`") && text.contains("b/sms.en.txt:1: uses `nothing`"),
        "{text}"
    );
}

#[test]
fn preview_shows_a_message_and_what_it_costs() {
    insta::assert_snapshot!("preview-long", printed("preview overdue --max-segments 2"));
    insta::assert_snapshot!(
        "preview-en-tomorrow",
        printed("preview --locale en --installments 2 --offset -1 --no-link")
    );
    insta::assert_snapshot!("preview-own", printed("preview last-call --locale en --merchant example"));
    assert!(
        printed("preview on-due --channel email --locale en").contains("subject:  示例商城: $1,000.00 is due today")
    );
}

#[test]
fn preview_writes_files_by_their_type() {
    let folder = tempfile::tempdir().expect("a folder");
    let written = |name: &str, line: &str| {
        let path = folder.path().join(name);
        printed(&format!("preview {line} --write {}", path.display()));
        fs::read_to_string(path).expect("the file is there")
    };
    assert!(written("a.html", "--channel email").starts_with("<!doctype html>"));
    assert!(written("a.txt", "--channel email").starts_with("张三，您好："));
    assert!(written("b.txt", "").starts_with("【示例商城】"));
    let mail = written("a.eml", "--channel email");
    assert!(mail.contains("multipart/alternative") && mail.contains("\r\nSubject: =?utf-8?b?"), "{mail}");
    let refused = run(&format!("preview --write {}", folder.path().join("a.pdf").display()));
    assert!(matches!(refused, Err(TemplateCommandError::FileType(Channel::Sms, _))));
}

#[test]
fn preview_says_what_there_is_instead() {
    let error = run("preview overdeu").expect_err("a slip of the finger").to_string();
    assert_eq!(
        error,
        "there is no template overdeu; there are before-due, entry-moved, last-call, on-due, opted-out, overdue"
    );
    assert!(matches!(run("preview --merchant nobody"), Err(TemplateCommandError::NoMerchant(_))));
}

#[test]
fn preview_takes_real_data() {
    let Ok(Line { command: TemplateCommand::Preview(args) }) =
        Line::try_parse_from(["dueherald", "preview", "overdue", "--reminder", "7"])
    else {
        panic!("this is the preview command");
    };
    let locale = Locale::new("en").expect("a language tag");
    let mut data = Sample::new(&sample_merchant(&locale), &locale, Phase::After, 1);
    data.merchant.app_name = "Real Finance".into();
    let mut out = Vec::new();
    preview(&args, &renderer(), &data.request(Channel::Sms, &locale), &mut out).expect("the preview is printed");
    assert!(String::from_utf8(out).expect("output is UTF-8").contains("in the Real Finance app"));
}
