//! `dueherald evidence`, and the options that name a borrower.

use std::fs;
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta};
use dueherald::domain::{Click, EvidenceDocument, EvidenceEntry, GatewayName, Intent, Message, ReminderId, SmsText};
use dueherald::store::{IncomingReply, ReportBatch, Sender, Subject};
use serde_json::Value;

use crate::proof::{Desk, send_all};

const BORROWERS: usize = 4;

/// B1 of the mall got four messages, answered one, followed a link, and was on hold for a while.
struct Case {
    desk: Desk,
    sms: (ReminderId, String),
}

impl Case {
    async fn new() -> Self {
        let desk = Desk::new().await;
        let app = desk.app().await;
        send_all(&app, &desk.clock, BORROWERS).await;
        let of_b1 = |id: &ReminderId| {
            let (_, told) = desk.run(&["reminders", "show", &id.to_string(), "--format", "json"]);
            serde_json::from_str::<Value>(&told).expect("JSON")["reminder"]["borrower"] == "B1"
        };
        let sms = desk.decoded(&app).into_iter().find_map(|(id, message)| match message {
            Message::Sms(SmsText(text)) if of_b1(&id) => Some((id, text)),
            _ => None,
        });
        let sms = sms.expect("an SMS to B1");
        let at = dueherald::clock::Clock::now(&desk.clock) + TimeDelta::minutes(5);
        let gateway: GatewayName = "kannel".parse().expect("a name");
        let from = dueherald::source::read_address("+8613800100001", None).expect("a number");
        let reply = IncomingReply {
            from: Sender::Known(from.into()),
            about: Some(Subject::Reminder(sms.0)),
            said: "我已经还了 <b>".to_owned(),
            intent: Intent::Other,
            at,
            provider_id: None,
        };
        let batch = ReportBatch { gateway, fates: Vec::new(), replies: vec![reply], confirm: Default::default() };
        app.store.take_in(&batch).await.expect("taken in");
        let click = Click { at, reminder: sms.0, route: "bill".parse().expect("a key") };
        app.store.add_click(&click).await.expect("added");
        let case = Self { desk, sms };
        case.went_well(&["suppress", "hold", "--borrower", "B1", "--reason", "dispute: wrong", "--actor", "li"]);
        case.went_well(&["suppress", "release", "--phone", "13800100001", "--actor", "li"]);
        case
    }

    #[track_caller]
    fn went_well(&self, args: &[&str]) -> String {
        let (code, printed) = self.desk.run(args);
        assert_eq!(code, 0, "{args:?}: {printed}");
        printed
    }

    fn make(&self, more: &[&str]) -> String {
        self.went_well(&[&["evidence", "--borrower", "B1", "--actor", "li", "--reason", "court"], more].concat())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.desk.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    }

    fn verify(&self, name: &str, text: &str, more: &[&str]) -> (i32, String) {
        let path = self.file(name, text).display().to_string();
        self.desk.run(&[&["evidence", "verify", &path], more].concat())
    }
}

fn of_kind(json: &Value, kind: &str) -> Vec<Value> {
    let entries = json["entries"].as_array().expect("entries").iter().map(|entry| &entry["fields"]);
    entries.filter(|fields| fields["kind"] == kind).cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_has_every_message_with_its_reasons() {
    let case = Case::new().await;
    let json: Value = serde_json::from_str(&case.make(&["--format", "json"])).expect("JSON");
    let messages = of_kind(&json, "message");
    assert_eq!(messages.len(), 4);
    let sms = messages.iter().find(|one| one["reminder"] == case.sms.0.to_string()).expect("the SMS");
    let (before, _) = case.sms.1.split_once("https://").expect("a link");
    assert!(sms["text"].as_str().is_some_and(|text| text.starts_with(before) && text.contains("/[token]")), "{sms}");
    for (field, value) in [
        ("at", "2026-11-22T10:00:00+08:00"),
        ("cause", "rule"),
        ("offset", "-3"),
        ("event", "accepted"),
        ("contact_hours", "08:00-22:00"),
        ("clause", "no collection between 22:00 and 8:00 without the debtor's consent"),
        ("basis", "confirmed"),
        ("suppressions_then", "none"),
        // The hold came later: the change found none.
        ("preferences_then", "hold none, language none, channel none, hours none"),
    ] {
        assert_eq!(sms[field], value, "{field}");
    }
    assert_eq!(of_kind(&json, "reply")[0]["text"], "我已经还了 <b>");
    assert_eq!(of_kind(&json, "click")[0]["route"], "bill");
    let acts: Vec<_> = of_kind(&json, "act").iter().map(|act| act["action"].clone()).collect();
    assert_eq!(acts, ["hold", "release"]);
    assert_eq!(of_kind(&json, "installment")[0]["left"], "137.01 CNY");
    assert_eq!(of_kind(&json, "document")[0]["phone"], "+8613800100001");

    // That it was made is an act too, and a later document holds it.
    let json: Value = serde_json::from_str(&case.make(&["--format", "json"])).expect("JSON");
    assert_eq!(of_kind(&json, "act").last().expect("acts")["action"], "evidence");
    let later = case.make(&["--format", "json", "--from", "2026-11-23", "--to", "2026-11-23"]);
    let later: Value = serde_json::from_str(&later).expect("JSON");
    assert!(of_kind(&later, "message").is_empty() && of_kind(&later, "act").is_empty(), "{later}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_languages_name_every_field() {
    let case = Case::new().await;
    for (language, title) in [("en", "Evidence of contact"), ("zh-CN", "联系记录证据")] {
        let html = case.make(&["--format", "html", "--language", language]);
        assert!(html.contains(title) && html.contains("我已经还了 &lt;b&gt;"), "{html}");
        for field in html.split("<dt>").skip(1) {
            let (label, rest) = field.split_once("</dt>").expect("a label");
            let name = rest.split_once("data-field=\"").and_then(|(_, rest)| rest.split_once('"')).expect("a name").0;
            assert_ne!(label, name, "{language}");
        }
        for title in html.split("</span> ").skip(1) {
            let title = title.split_once("</h2>").expect("a title").0;
            let is_word = title.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            assert!(!is_word, "{language}: {title}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_found_and_so_is_a_document_that_was_made_anew() {
    let case = Case::new().await;
    let folder = case.desk.path().join("court").display().to_string();
    let printed = case.make(&["--out", &folder]);
    assert!(printed.contains("entries about B1 of mall, head "), "{printed}");
    for end in ["html", "json"] {
        let file = format!("{folder}/evidence-mall-B1.{end}");
        let printed = case.went_well(&["evidence", "verify", &file, "--on-record"]);
        assert!(printed.contains("all hashes are right") && printed.contains("on record: entry 3"), "{printed}");
        let text = fs::read_to_string(&file).expect("text");
        let (code, printed) = case.verify("changed", &text.replacen("137.01", "37.01", 1), &[]);
        assert!(code == 1 && printed.contains("entry 2 was changed"), "{printed}");
        let mode = fs::metadata(&file).map(|about| std::os::unix::fs::PermissionsExt::mode(&about.permissions()));
        assert_eq!(mode.expect("it is there") & 0o777, 0o600);
    }
    let html = fs::read_to_string(format!("{folder}/evidence-mall-B1.html")).expect("text");
    let (code, printed) = case.verify("around", &html.replacen("<footer>", "<footer>All paid.", 1), &[]);
    assert!(code == 1 && printed.contains("the file around them was changed"), "{printed}");

    let json = fs::read_to_string(format!("{folder}/evidence-mall-B1.json")).expect("text");
    let document = EvidenceDocument::from_json(&json).expect("it is whole");
    let forge = |(entry, _): &(EvidenceEntry, _)| {
        let fields = entry.fields().iter().map(|(name, value)| (name.clone(), value.replace("137.01", "37.01")));
        EvidenceEntry::of(fields.collect())
    };
    let forged = EvidenceDocument::chain(document.entries().iter().map(forge).collect()).to_json("");
    assert_eq!(case.verify("forged", &forged, &[]).0, 0, "by itself it is sound");
    let (code, printed) = case.verify("forged", &forged, &["--on-record"]);
    assert!(code == 1 && printed.contains("does not know its head"), "{printed}");
    for (name, text) in [("empty", ""), ("other", "{}"), ("page", "<html></html>")] {
        let (code, printed) = case.verify(name, text, &[]);
        assert!(code == 1 && printed.contains("it is no evidence"), "{printed}");
    }
    let made = DateTime::parse_from_rfc3339(document.about("made_at").expect("a time"));
    assert!(made.is_ok_and(|at| at.offset().local_minus_utc() == 8 * 3_600));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_about_a_borrower_finds_it_by_what_the_caller_says() {
    let case = Case::new().await;
    let (id, text) = &case.sms;
    let link: String =
        text.split_once("https://").expect("a link").1.chars().take_while(char::is_ascii_graphic).collect();
    let app = case.desk.app().await;
    let code = app.composer.links.check_code(*id).expect("a code");
    for whom in [
        ["--borrower", "B1"],
        ["--phone", "138 0010 0001"],
        ["--phone", "0001"],
        ["--email", "B1@example.com"],
        ["--order", "I1"],
        ["--link", &link],
        ["--link", &code],
    ] {
        let explained = case.went_well(&["explain", whom[0], whom[1]]);
        assert!(explained.starts_with("B1 of mall"), "{whom:?}: {explained}");
        let listed = case.went_well(&["reminders", "list", whom[0], whom[1], "--format", "json"]);
        let listed: Value = serde_json::from_str(&listed).expect("JSON");
        let listed = listed.as_array().expect("a list");
        assert!(listed.len() == 4 && listed.iter().all(|one| one["borrower"] == "B1"), "{whom:?}");
        let audited = case.went_well(&["audit", "list", whom[0], whom[1], "--format", "json"]);
        assert!(audited.contains("\"borrower\": \"B1\"") && !audited.contains("\"borrower\": null"), "{audited}");
        let made = ["evidence", whom[0], whom[1], "--format", "json", "--actor", "li", "--reason", "court"];
        assert!(case.went_well(&made).contains("\"borrower\": \"B1\""), "{whom:?}");
        case.went_well(&["suppress", "hold", whom[0], whom[1], "--reason", "deceased", "--actor", "li"]);
        let release = ["suppress", "release", whom[0], whom[1], "--actor", "li"];
        let (code, refused) = case.desk.run(&release);
        assert!(code == 1 && refused.contains("on hold for deceased: a supervisor"), "{refused}");
        case.went_well(&[&release[..], &["--override"]].concat());
        let resend = "resend --channel sms --actor li --reason asked --due-date 2026-11-25 --dry-run";
        let resend: Vec<_> = resend.split(' ').chain(whom).collect();
        let (_, previewed) = case.desk.run(&resend);
        assert!(previewed.contains("about       what is due on 2026-11-25, by sms"), "{whom:?}: {previewed}");
    }
    let held = case.went_well(&["suppress", "hold", "--borrower", "B1", "--reason", "says_paid", "--actor", "li"]);
    assert!(held.contains("on hold until 20"), "it ends by itself: {held}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_that_name_nobody_or_several_say_so() {
    let case = Case::new().await;
    let more = "merchant,borrower_id,installment_id,phone,currency,amount,due_date,status\n\
        mall,C1,J1,13900100001,CNY,12.00,2027-01-25,open\n";
    fs::write(case.desk.path().join("more.csv"), more).expect("a file");
    case.went_well(&["import", "more.csv"]);
    let (code, printed) = case.desk.run(&["explain", "--phone", "0001"]);
    let listed = "--phone names several borrowers; name one of them:\n  --merchant mall --borrower B1\n  --merchant mall \
        --borrower C1\n";
    assert!(code == 2 && printed.contains(listed), "{printed}");
    for (args, expected, told) in [
        (["explain", "--phone", "13700000000"], 1, "--phone names no borrower"),
        (["explain", "--link", "https://pay.example.com/r/AdcbRzwq-uXlAmkR"], 1, "--link names no borrower"),
        // A number of another kind is not taken for an order.
        (["explain", "--order", "B1"], 1, "--order names no borrower"),
        (["reminders", "list", "--phone=13700000000"], 1, "--phone names no borrower"),
        (["explain", "--merchant", "mall"], 2, "required"),
        (["explain", "--borrower=B1", "--phone=0001"], 2, "cannot be used with"),
        (["evidence", "--borrower=B9", "--format=json"], 2, "--actor"),
    ] {
        let (code, printed) = case.desk.run(&args);
        assert!(code == expected && printed.contains(told), "{args:?}: {code} {printed}");
    }
    let nobody =
        ["evidence", "--borrower", "B9", "--merchant", "mall", "--format", "json", "--actor", "a", "--reason", "b"];
    let (code, printed) = case.desk.run(&nobody);
    assert!(code == 1 && printed.contains("neither the ledger nor the outbox knows"), "{printed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_see_a_borrower_and_record_wishes_by_command() {
    let case = Case::new().await;
    let shown = case.went_well(&["borrowers", "show", "--phone", "13800100001"]);
    assert!(shown.contains("phone       …0001") && !shown.contains("13800100001"), "{shown}");
    assert_eq!(
        case.desk.run(&["borrowers", "show", "--borrower", "B1", "--reveal"]).0,
        2,
        "a look needs a name and a reason"
    );
    let reveal = ["borrowers", "show", "--borrower", "B1", "--reveal", "--by", "li", "--reason", "call"];
    assert!(case.went_well(&reveal).contains("phone       +8613800100001"));
    let audited = case.went_well(&["audit", "list", "--borrower", "B1", "--action", "reveal", "--format", "json"]);
    assert!(audited.contains("\"action\": \"reveal\""), "{audited}");
    let prefer = ["borrowers", "prefer", "--borrower", "B1", "--actor", "li"];
    case.went_well(&[&prefer[..], &["--hours", "18:00-21:00", "--language", "en"]].concat());
    case.went_well(&[&prefer[..], &["--hours", "none"]].concat());
    let json: Value =
        serde_json::from_str(&case.went_well(&["borrowers", "show", "--borrower=B1", "--format=json"])).expect("JSON");
    assert_eq!((&json["language"], &json["preferred_hours"]), (&"en".into(), &Value::Null));
    assert_eq!(json["installments"][0]["outstanding"], "137.01");
    for (wish, told) in [("--hours=9", "is not a span of hours"), ("--channel=fax", "--channel fax"), ("--actor=x", "")]
    {
        let (code, printed) = case.desk.run(&[&prefer[..4], &["--actor=li", wish]].concat());
        assert!(code == 2 && printed.contains(told), "{wish}: {printed}");
    }
}
