//! `dueherald template`: what operations see.

use std::collections::BTreeMap;
use std::fs;

use clap::Parser;
use dueherald::cli::template::{
    CheckArgs, CheckVerdict, TemplateCommand, TemplateCommandError, check, list, preview, preview_sample,
};
use dueherald::domain::{Channel, Currency, Locale, Merchant, MerchantId, Price, PriceUnit};
use dueherald::plan::Policy;
use dueherald::render::{Phase, Renderer, Sample, TemplateSource, sample_merchant};
use rstest::rstest;

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: TemplateCommand,
}

/// The ways to repay that every message has to name.
const WAYS: &str = "{{ merchant.app_name }} {{ merchant.support.phone or merchant.support.email }}";

fn renderer() -> Renderer {
    let own = TemplateSource { path: "merchants/example/last-call/sms.en.txt".into(), text: WAYS.to_owned() };
    Renderer::new(vec![own]).expect("sound")
}

fn merchants() -> BTreeMap<MerchantId, Merchant> {
    let merchant = sample_merchant(&Locale::new("zh-CN").expect("a language tag"));
    BTreeMap::from([(merchant.id.clone(), merchant)])
}

fn policy(merchants: BTreeMap<MerchantId, Merchant>) -> Policy {
    Policy { merchants, ..Policy::default() }
}

/// Runs a command line; gives what it printed, and the verdict of `check`.
fn run(line: &str) -> Result<(String, Option<CheckVerdict>), TemplateCommandError> {
    let words = std::iter::once("dueherald").chain(line.split_whitespace());
    let command = Line::try_parse_from(words).unwrap_or_else(|error| panic!("{error}")).command;
    let mut out = Vec::new();
    let mut verdict = None;
    match command {
        TemplateCommand::List(args) => list(&args, &renderer(), &mut out)?,
        TemplateCommand::Check(args) => {
            verdict = Some(check(&args, Ok(&renderer()), &policy(merchants()), &|_| None, &mut out)?);
        }
        TemplateCommand::Preview(args) => preview_sample(&args, &renderer(), &policy(merchants()), &mut out)?,
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
    let (text, verdict) = run("check --max-segments 3").expect("the command succeeds");
    assert_eq!(verdict, Some(CheckVerdict::Sound));
    insta::assert_snapshot!("check", text);
    let (text, verdict) = run("check --max-segments 1").expect("the command succeeds");
    assert_eq!(verdict, Some(CheckVerdict::Long));
    let warning = " parts long with 1 instalment of example, more than 1";
    assert!(text.contains("warning: overdue/sms.zh-CN.txt is ") && text.contains(warning), "{text}");
}

/// An own text without the words that the law demands fails the check of that merchant, and of no other.
#[test]
fn check_fails_where_a_template_leaves_out_what_the_law_demands() {
    let in_jurisdiction = |code: &str| {
        let mut merchants = merchants();
        let jurisdiction = code.parse().expect("a jurisdiction");
        merchants.values_mut().for_each(|merchant| merchant.jurisdiction = jurisdiction);
        merchants
    };
    let text = WAYS;
    let subject = ("overdue/email.en.subject.txt", "A message");
    let folder =
        [("last-call/sms.en.txt", text), ("overdue/email.en.txt", text), ("overdue/email.en.html", text), subject];
    let folder = folder.map(|(path, text)| TemplateSource { path: path.into(), text: text.into() });
    let own = Renderer::new(folder.into()).expect("sound by itself");
    let told = |renderer: &Renderer, code: &str| {
        let mut out = Vec::new();
        let args = CheckArgs { max_segments: 4 };
        let verdict = check(&args, Ok(renderer), &policy(in_jurisdiction(code)), &|_| None, &mut out)
            .expect("a vector takes all");
        (verdict, String::from_utf8(out).expect("output is UTF-8"))
    };
    let (verdict, text) = told(&own, "us");
    assert_eq!(verdict, CheckVerdict::Broken);
    assert!(text.contains("last-call/sms.en.txt: leaves out how to opt out; print required.opt_out"), "{text}");
    assert!(text.contains("overdue/email.en.html: leaves out how to opt out; print unsubscribe"), "{text}");
    assert!(text.contains("which us demands of example"), "{text}");
    let (verdict, text) = told(&own, "eu");
    assert_eq!(verdict, CheckVerdict::Broken);
    assert!(
        text.contains("overdue/email.en.txt: leaves out that there is debt advice") && !text.contains("sms"),
        "{text}"
    );
    assert_eq!(told(&own, "cn").0, CheckVerdict::Sound, "China demands nothing of the kind");
    let built_in = Renderer::new(Vec::new()).expect("sound");
    for code in ["us", "eu", "cn", "uk", "in", "sg"] {
        assert_ne!(told(&built_in, code).0, CheckVerdict::Broken, "{code}");
    }
}

/// An own text that shows the amount of a discreet message fails the check, and only where messages are discreet.
#[rstest]
#[case::sms(&[(
    "overdue/sms.en.txt",
    "Pay {{ total }}: {{ merchant.app_name }} {{ merchant.support.phone or merchant.support.email }}",
)])]
#[case::what_is_paid(&[(
    "overdue/sms.en.txt",
    "{% for one in installments if one.paid %}{{ one.paid }} {% endfor %}{{ merchant.app_name }} \
     {{ merchant.support.phone or merchant.support.email }}",
)])]
#[case::subject(&[
    ("overdue/email.en.subject.txt", "{% for one in installments %}{{ one.amount }} {% endfor %}"),
    ("overdue/email.en.txt", WAYS),
    ("overdue/email.en.html", WAYS),
])]
fn check_fails_where_a_discreet_message_shows_an_amount(#[case] folder: &[(&str, &str)]) {
    let folder = folder.iter().map(|(path, text)| TemplateSource { path: (*path).into(), text: (*text).into() });
    let own = Renderer::new(folder.collect()).expect("sound by itself");
    let checked = |is_discreet: bool| {
        let mut merchants = merchants();
        merchants.values_mut().for_each(|merchant| merchant.discreet = is_discreet);
        let mut out = Vec::new();
        let args = CheckArgs { max_segments: 4 };
        let verdict = check(&args, Ok(&own), &policy(merchants), &|_| None, &mut out).expect("a vector takes all");
        (verdict, String::from_utf8(out).expect("output is UTF-8"))
    };
    let (verdict, text) = checked(true);
    assert_eq!(verdict, CheckVerdict::Broken);
    let first = text.lines().next().expect("a line");
    assert!(first.starts_with("template overdue/") && first.contains("shows an amount on the lock screen"), "{text}");
    assert_eq!(text.matches("shows an amount").count(), 1, "the built-in templates are discreet: {text}");
    assert_ne!(checked(false).0, CheckVerdict::Broken);
}

/// A link that a template changes, cuts or glues to a word opens nothing.
#[rstest]
#[case::as_it_is("{{ link }} ", true)]
#[case::before_a_stop("{{ link }}。", true)]
#[case::in_capitals("{{ link | upper }} ", false)]
#[case::cut("{{ link[25:] }} ", false)]
#[case::glued("{{ link }}now ", false)]
#[case::reversed("{{ link | reverse }} ", false)]
fn check_fails_where_a_template_spoils_the_link(#[case] link: &str, #[case] is_sound: bool) {
    let text = format!("{WAYS} {{% if link %}}{link}{{% endif %}}");
    let loaded = Renderer::new(vec![TemplateSource { path: "last-call/sms.en.txt".into(), text }]);
    let problems = loaded.map_or_else(|problems| problems.iter().map(ToString::to_string).collect(), |_| Vec::new());
    assert_eq!(problems.is_empty(), is_sound, "{problems:?}");
    assert!(is_sound || problems[0].contains("last-call/sms.en.txt: changes or cuts the link"), "{problems:?}");
}

#[test]
fn check_tells_the_price_of_each_sms() {
    let currency = Currency::new("CNY").expect("a code");
    let price = Price { amount: "0.045".parse().expect("a number"), per: PriceUnit::Segment, currency };
    let (args, mut out) = (CheckArgs { max_segments: 4 }, Vec::new());
    check(&args, Ok(&renderer()), &policy(merchants()), &|_| Some(price), &mut out).expect("a vector takes all");
    let text = String::from_utf8(out).expect("output is UTF-8");
    assert!(text.contains("1 part, 0.045 CNY") && text.contains("2 parts, 0.09 CNY"), "{text}");
}

/// A locale is previewed in the name of the merchant that speaks it, not of the first.
#[test]
fn preview_takes_the_merchant_that_speaks_the_language() {
    let mut known = merchants();
    let mut harbour = sample_merchant(&Locale::new("en-GB").expect("a language tag"));
    (harbour.id, harbour.signature) = (MerchantId::new("harbour").expect("an id"), "Harbour".into());
    known.insert(harbour.id.clone(), harbour);
    for (line, start) in [
        ("preview --locale en", "Harbour: We have received"),
        ("preview --locale en-GB", "Harbour: We have received"),
        ("preview", "【示例商城】"),
    ] {
        let words = std::iter::once("dueherald").chain(line.split_whitespace());
        let Ok(Line { command: TemplateCommand::Preview(args) }) = Line::try_parse_from(words) else {
            panic!("{line}")
        };
        let mut out = Vec::new();
        preview_sample(&args, &renderer(), &policy(known.clone()), &mut out).expect("the preview is printed");
        let text = String::from_utf8(out).expect("output is UTF-8");
        assert!(text.contains(start), "{line}: {text}");
    }
}

#[test]
fn check_shows_every_problem_of_templates_that_do_not_load() {
    let broken = |path: &str| TemplateSource { path: path.into(), text: "{{ nothing }}".into() };
    let problems = Renderer::new(vec![broken("a/sms.en.txt"), broken("b/sms.en.txt")]).expect_err("broken");
    let mut out = Vec::new();
    let Ok(Line { command: TemplateCommand::Check(args) }) = Line::try_parse_from(["dueherald", "check"]) else {
        panic!("this is the check command");
    };
    let verdict = check(&args, Err(&problems), &policy(merchants()), &|_| None, &mut out).expect("a vector takes all");
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
        "there is no template overdeu; there are before-due, entry-moved, in-grace, last-call, on-due, opted-out, overdue"
    );
    assert!(matches!(run("preview --merchant nobody"), Err(TemplateCommandError::NoMerchant(_))));
}

/// A preview of what is never sent would mislead.
#[rstest]
#[case::too_early(
    "before-due --offset 3",
    "before-due is not sent 3 days from the due date; write --offset -3, or name overdue"
)]
#[case::too_late(
    "overdue --offset -1",
    "overdue is not sent -1 days from the due date; write --offset 5, or name before-due"
)]
#[case::not_on_the_day(
    "on-due --offset 1",
    "on-due is not sent 1 days from the due date; write --offset 0, or name overdue"
)]
#[case::no_language("--locale xx-YY", "there is no text in xx-YY; there are en, zh-CN, zh-TW")]
#[case::no_mail(
    "opted-out --channel email",
    "opted-out has no text for email; the message is not sent on that channel. There are opted-out/sms.en.txt, "
)]
#[case::no_mail_of_a_notice(
    "last-call --channel email --locale en --merchant example",
    "last-call has no text for email"
)]
fn preview_refuses_what_is_not_sent(#[case] line: &str, #[case] refusal: &str) {
    let error = run(&format!("preview {line}")).expect_err(line).to_string();
    assert!(error.starts_with(refusal), "{error}");
}

#[rstest]
#[case::the_phase_of_the_day("--offset 2 --locale en", "overdue/sms.en.txt")]
#[case::a_variant("--locale en-AU", "before-due/sms.en.txt")]
#[case::a_script("--locale zh-HK", "before-due/sms.zh-TW.txt")]
#[case::no_phase("entry-moved --offset 4", "entry-moved/sms.zh-CN.txt")]
fn preview_shows_what_is_sent_then(#[case] line: &str, #[case] file: &str) {
    let text = printed(&format!("preview {line}"));
    assert!(text.starts_with(&format!("template: {file}")), "{text}");
}

#[test]
fn preview_shows_a_discreet_message() {
    let amount = "$1,000.00";
    for line in ["--locale en", "--locale en --channel email", "overdue --locale en"] {
        let shown = printed(&format!("preview {line}"));
        assert!(shown.contains(amount), "{shown}");
        let discreet = printed(&format!("preview {line} --discreet"));
        let on_the_lock_screen = discreet.lines().find(|line| line.starts_with("subject:")).unwrap_or(&discreet);
        assert!(!on_the_lock_screen.contains(amount), "{discreet}");
    }
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
