//! Addresses that must not be contacted, as staff put them in and take them out; the real binary, on SQLite and
//! PostgreSQL.

use dueherald::source::{Defaults, SuppressionLines, SuppressionsWriter};
use proptest::prelude::*;

use crate::commands::{Desk, today};
use crate::fixtures::{at, merchant};

const FILE: &str = "merchant,address,reason,source,since,until\r
mall,138 0013 8000,opted_out,call centre,2026-01-02T03:04:05Z,\r
,Li.Wei@Mail.Example,,,2026-01-02T03:04:05.123456Z,2999-12-31T18:00:00+08:00\r
mall,12345,,,,\r
nowhere,+8613900139000,,,,\r
mall,+8613900139000,fancy,,,\r
mall,+8613700137000\r
,,,\r
mall,+8613900139000,,,,,more\r
,\"+1 (202) 555-0123\",complained,\"a, \"\"b\"\"\",,\r
";

const SIGNED: [&str; 4] = ["--actor", "wang", "--reason", "their letter of May"];

fn import(file: &str) -> Vec<&str> {
    [&["suppress", "import", file][..], &SIGNED].concat()
}

fn tell(desk: &Desk) {
    std::fs::write(desk.path("list.csv"), format!("\u{feff}{FILE}")).expect("the file can be written");
    let tried = desk.run(&["suppress", "import", "list.csv", "--dry-run"]);
    assert_eq!(tried.code, 3, "{}{}", tried.out, tried.err);
    assert_eq!(desk.run(&["suppress", "list"]).went_well(), "nothing to show\n");
    let done = desk.run(&import("list.csv"));
    let told = [
        "line 4: address: is not a valid phone number in CN; one of another country begins with + and the country's \
         code",
        "line 5: merchant: the config has none of that name",
        "line 6: reason: is not one of opted_out bounced complained manual",
        "line 9: the record has 7 fields, the header has 6",
        "4 taken, 4 rejected",
    ];
    assert_eq!(done.out.lines().collect::<Vec<_>>(), told);
    assert_eq!(done.code, 3);

    let exported = desk.run(&["suppress", "export"]).went_well();
    let lines: Vec<_> = exported.lines().collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[0], "merchant,address,reason,source,since,until");
    let mail = ",li.wei@mail.example,manual,import,2026-01-02T03:04:05.123456Z,2999-12-31T10:00:00Z";
    assert!(exported.contains(mail), "{exported}");
    assert!(exported.contains("mall,'+8613800138000,opted_out,call centre,2026-01-02T03:04:05Z,\n"), "{exported}");
    assert!(exported.contains(r#",'+12025550123,complained,"a, ""b""","#), "{exported}");
    std::fs::write(desk.path("again.csv"), &exported).expect("the file can be written");
    assert_eq!(desk.run(&import("again.csv")).went_well(), "4 taken, 0 rejected\n");
    assert_eq!(desk.run(&["suppress", "export"]).went_well(), exported, "what is written is what is read");

    let add = ["suppress", "add", "13900139000", "--merchant", "mall", "--actor", "wang", "--until", "2999-01-01"];
    let added = desk.run(&add).went_well();
    assert_eq!(added, "…9000 is suppressed for mall until 2999-01-02 00:00 +08:00\n");
    let listed = desk.run(&["suppress", "list", "--merchant", "mall", "--channel", "sms", "--wide"]).went_well();
    assert_eq!(listed.lines().count(), 4, "{listed}");
    assert!(listed.contains("…9000") && listed.contains("wang") && !listed.contains("13900139000"), "{listed}");
    let found = desk.run(&["suppress", "list", "--address", "+8613900139000", "--reveal", "--wide"]).went_well();
    assert!(found.lines().count() == 2 && found.contains("+8613900139000"), "{found}");
    let removed =
        desk.run(&[&["suppress", "remove", "13900139000", "--merchant", "mall"][..], &SIGNED].concat()).went_well();
    assert_eq!(removed, "…9000 is no longer suppressed for mall\n");
    let again = desk.run(&[&["suppress", "remove", "+8613900139000", "--all"][..], &SIGNED].concat());
    assert_eq!(again.code, 1, "{}", again.err);
    let until = ["--merchant", "mall", "--actor", "wang", "--until", "2999-01-01"];
    let shortened = desk.run(&[&["suppress", "add", "13800138000"], &until[..]].concat()).went_well();
    assert!(shortened.starts_with("…8000 stays suppressed for mall without an end, as it was;"), "{shortened}");
    let wrong = desk.run(&["suppress", "add", "13900139000", "--all", "--actor", "wang"]);
    assert_eq!(wrong.code, 2, "which country's number it is cannot be known: {}", wrong.err);
    assert!(!wrong.err.contains("13900139000"), "{}", wrong.err);
    assert_eq!(desk.run(&["suppress", "add", "+8613900139000", "--actor", "wang"]).code, 2, "for whom has to be said");

    let history = desk.run(&["suppress", "history", "--wide"]).went_well();
    let whats: Vec<_> = history.lines().skip(1).map(|line| line.split("+00:00").nth(1).unwrap_or_default()).collect();
    let expected = [
        "add     …8000 for mall  wang  manual",
        "remove  …9000 for mall  wang  their letter of May",
        "add     …9000 for mall  wang  manual",
        "add     4 addresses     wang  their letter of May",
        "add     4 addresses     wang  their letter of May",
    ];
    assert_eq!(whats.iter().map(|what| what.trim()).collect::<Vec<_>>(), expected, "{history}");
    let of = ["suppress", "history", "--address", "13900139000", "--merchant", "mall", "--format", "json"];
    let of: serde_json::Value = serde_json::from_str(&desk.run(&of).went_well()).expect("JSON");
    let of: Vec<_> = of.as_array().expect("a list").iter().map(|one| (&one["action"], &one["scope"])).collect();
    assert_eq!(of, [(&"remove".into(), &"…9000 for mall".into()), (&"add".into(), &"…9000 for mall".into())]);

    let opted_out =
        ["suppress", "add", "13900139000", "--merchant", "mall", "--actor", "wang", "--reason", "opted_out"];
    desk.run(&opted_out).went_well();
    let remove = |actor: &'static str| {
        desk.run(&["suppress", "remove", "13900139000", "--merchant", "mall", "--reason", "asked", "--actor", actor])
    };
    for actor in ["wang", "WANG"] {
        let noted = remove(actor).went_well();
        assert!(noted.starts_with("noted: …9000 opted out, so a second person has to order it as well"), "{noted}");
    }
    assert_eq!(remove("li").went_well(), "…9000 is no longer suppressed for mall\n");

    std::fs::write(desk.path("slip.csv"), "merchnt,address\nmall,+8613900139000\n").expect("written");
    let slip = desk.run(&import("slip.csv"));
    assert_eq!(slip.code, 2, "{}", slip.out);
    assert!(slip.err.contains("its first line is no header for suppressions"), "{}", slip.err);
    assert_eq!(desk.run(&["suppress", "export"]).went_well(), exported);
}

fn migrated(database: Option<String>) -> Desk {
    let desk = Desk::new(database);
    desk.run(&["migrate"]).went_well();
    desk
}

#[test]
fn a_list_is_kept_on_sqlite() {
    tell(&migrated(None));
}

#[tokio::test]
async fn a_list_is_kept_on_postgres() {
    let database = crate::postgres::database().await;
    tell(&migrated(Some(database.url())));
}

#[test]
fn a_drain_under_a_stop_is_done_in_part_until_the_stop_is_lifted() {
    let desk = migrated(None);
    // Tomorrow: what a stop held is due at the time at which it is lifted, by the real clock.
    let at = format!("{}T10:30:00+08:00", today().0 + chrono::Days::new(1));
    desk.run(&["import", "sample.csv"]).went_well();
    desk.run(&["scan", "--at", &at]).went_well();
    let drain = || desk.run(&["dispatch", "--drain", "--at", &at]);
    let stop =
        |scope: &[&str]| desk.run(&[&["suppress", "stop", "--actor", "li", "--reason", "amounts"], scope].concat());
    stop(&["--merchant", "mall", "--channel", "email"]).went_well();
    let partly = drain();
    assert_eq!(partly.code, 3, "part of it is held: {}", partly.out);
    assert!(partly.out.starts_with("stopped: everything of mall on email, by li: amounts\n"), "{}", partly.out);
    let sent = desk.captured().len();
    assert!(sent > 0 && !partly.out.contains("\n0 sent"), "{}", partly.out);
    stop(&["--all"]).went_well();
    let again = drain();
    assert_eq!((again.code, desk.captured().len()), (3, sent), "what is held stays held: {}", again.out);
    assert!(again.out.contains("are held: "), "{}", again.out);
    let held = |channel: &str| desk.reminders(&["--state", "held", "--channel", channel]);
    assert!(
        held("email").iter().all(|one| one["detail"] == "stopped: everything of mall on email"),
        "{:?}",
        held("email")
    );
    assert!(held("sms").iter().all(|one| one["detail"] == "stopped: everything"), "{:?}", held("sms"));

    let lift = |scope: &[&str]| desk.run(&[&["suppress", "lift"], scope, &SIGNED].concat()).went_well();
    lift(&["--all"]);
    assert_eq!(drain().code, 3, "the other stop holds on");
    lift(&["--merchant", "mall", "--channel", "email"]);
    drain().went_well();
    assert!(desk.captured().len() > sent && desk.reminders(&["--state", "held"]).is_empty());
}

fn merchants() -> std::collections::BTreeMap<dueherald::domain::MerchantId, dueherald::domain::Merchant> {
    [(merchant().id, merchant())].into()
}

fn defaults() -> Defaults {
    Defaults { merchant: None, source: "import".to_owned(), since: at("2026-11-22T02:00:00Z") }
}

fn likely() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => Just(b"mall,+8613800138000,manual,x,,".to_vec()),
        2 => Just(b"\n".to_vec()),
        2 => Just(b",".to_vec()),
        2 => Just(b"\"".to_vec()),
        1 => Just("mall,１３８００１３８０００,,,2026-01-02T03:04:05Z,9999-12-31T23:59:59-23:59".as_bytes().to_vec()),
        1 => Just(b",li@mall.example,,,,0001-01-01T00:00:00Z".to_vec()),
        2 => proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(crate::fuzz::cases(10_000))]
    #[test]
    fn fuzz_any_list_is_read_to_its_end_or_refused(input in likely(), headed in any::<bool>()) {
        let header: &[u8] = if headed { b"merchant,address,reason,source,since,until\n" } else { b"" };
        let (whole, merchants) = ([header, &input].concat(), merchants());
        if let Ok(lines) = SuppressionLines::open(&whole[..], &merchants, defaults()) {
            let mut written = Vec::new();
            let mut writer = SuppressionsWriter::new(&mut written).unwrap();
            let mut sound = Vec::new();
            // Bytes that are no text end it.
            for line in lines.map_while(Result::ok) {
                if let Ok(one) = line.read {
                    writer.write(&one).unwrap();
                    sound.push(one);
                }
            }
            writer.finish().unwrap();
            let again = SuppressionLines::open(&written[..], &merchants, defaults()).unwrap();
            let again: Vec<_> = again.map(|line| line.unwrap().read.unwrap()).collect();
            prop_assert_eq!(again, sound);
        }
    }
}

/// A nightly job that was written before there was anything to sign.
#[test]
fn an_import_that_signs_nothing_is_on_record_by_user_and_file() {
    let desk = Desk::new(None);
    desk.run(&["migrate"]).went_well();
    std::fs::write(desk.path("list.csv"), "address\n+8613900139000\n").expect("the file can be written");
    let mut command = desk.command(&["suppress", "import", "list.csv"]);
    let done = command.env("SUDO_USER", "").env("LOGNAME", "night.job").output().expect("the binary starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let history = desk.run(&["suppress", "history", "--wide"]).went_well();
    assert!(history.contains("night.job") && history.contains("import of list.csv"), "{history}");
}
