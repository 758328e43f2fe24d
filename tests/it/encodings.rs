//! Text files that people hand in or name in the config, in the encodings of their programs: one rule for all. UTF-8
//! and UTF-16 are read; GBK is refused as a whole, unless `--encoding` names it.

use std::fs;

use encoding_rs::GBK;
use rstest::rstest;

use crate::commands::Desk;

fn desk() -> Desk {
    let desk = Desk::new(None);
    desk.run(&["migrate"]).went_well();
    desk.run(&["import", "sample.csv"]).went_well();
    desk
}

/// As Windows calls "Unicode".
fn utf16(text: &str) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn gbk(text: &str) -> Vec<u8> {
    let (bytes, _, has_failed) = GBK.encode(text);
    assert!(!has_failed, "the text has an equivalent in GBK");
    bytes.into_owned()
}

const INSTALLMENT: &str = "merchant,borrower_id,name,installment_id,amount,currency,due_date
mall,B9,王小明,I9,1.00,CNY,2099-12-31
";

#[rstest]
#[case::installments("import", INSTALLMENT, "1 row")]
#[case::suppressions(
    "suppress import --actor li --reason list",
    "address,source\nli@mail.example,客服\n",
    "1 taken, 0 rejected"
)]
#[case::recipients(
    "notice create n --merchant mall --template entry-moved --actor li --reason moved --dry-run --borrowers",
    "borrower_id,姓名\nB1001,王小明\n",
    "1 recipients"
)]
#[case::report_of_a_provider(
    "reminders resolve --actor li --reason report --file",
    "reminder,outcome,备注\n1,sent,已发送\n",
    "0 settled, 1 not"
)]
#[case::demo("demo --once --input", INSTALLMENT, "1 instalments taken in")]
fn a_file_that_is_handed_in(#[case] command: &str, #[case] text: &str, #[case] expected: &str) {
    let desk = desk();
    let run = |bytes: &[u8], more: &[&str]| {
        fs::write(desk.path("list.csv"), bytes).expect("a file");
        let done = desk.run(&[&command.split(' ').collect::<Vec<_>>(), &["list.csv"][..], more].concat());
        (done.code, done.out + &done.err)
    };
    let (code, told) = run(&gbk(text), &[]);
    assert!(matches!(code, 1 | 2) && !told.contains(expected), "nothing is taken: {told}");
    assert!(
        told.contains("list.csv: ") && told.contains("is not UTF-8 text") && told.contains("pass --encoding gb18030"),
        "{told}"
    );
    assert!(!told.contains('王'), "{told}");
    for (bytes, more) in [(gbk(text), &["--encoding", "gb18030"][..]), (utf16(text), &[]), (text.into(), &[])] {
        let (_, told) = run(&bytes, more);
        assert!(told.contains(expected), "{more:?}: {told}");
    }
}

const TEMPLATE: &str = "before-due/sms.zh-CN.txt";

#[test]
fn a_template() {
    let desk = Desk::new(None);
    let text = "{% include \"_sms_debt.zh-CN.txt\" %}将于{{ due_date }}到期。{% include \"_sms_repay.zh-CN.txt\" %}\
        {% if required.opt_out %}{{ required.opt_out }}{% endif %}\n";
    fs::create_dir(desk.path("templates/before-due")).expect("a folder");
    let check = |bytes: &[u8]| {
        fs::write(desk.path("templates").join(TEMPLATE), bytes).expect("a file");
        desk.run(&["template", "check"])
    };
    // The second is valid UTF-8 as it stands, and would be sent as "л…" to everybody.
    for (text, expected) in
        [(text, "line 1 is not UTF-8 text; save the file as UTF-8"), ("谢小\n", "it seems to be GBK")]
    {
        let refused = check(&gbk(text));
        assert_ne!(refused.code, 0, "{}", refused.out);
        assert!(refused.err.contains(&format!("{TEMPLATE}: {expected}")), "{}", refused.err);
        assert!(!refused.err.contains("--encoding"), "no such option can be given: {}", refused.err);
    }
    for bytes in [utf16(text), format!("\u{feff}{text}").into_bytes()] {
        check(&bytes).went_well();
        let shown = desk.run(&["template", "preview", "before-due", "--merchant", "mall"]).went_well();
        assert!(shown.contains("将于") && !shown.contains('\u{feff}'), "{shown}");
    }
}

/// A holiday, and a Saturday that is worked.
const HOLIDAYS: &str = "BEGIN:VCALENDAR\r
VERSION:2.0\r
BEGIN:VEVENT\r
DTSTART;VALUE=DATE:20270101\r
SUMMARY:元旦（休）\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART;VALUE=DATE:20270102\r
SUMMARY:元旦（班）\r
END:VEVENT\r
END:VCALENDAR\r
";

#[test]
fn a_calendar() {
    let desk = Desk::new(None);
    let config = fs::read_to_string(desk.path("dueherald.toml")).expect("text");
    let config = config.replace("# [calendars.cn]\n# file =", "[calendars.cn]\nfile =");
    fs::write(desk.path("dueherald.toml"), config).expect("a file");
    let check = |bytes: &[u8]| {
        fs::write(desk.path("holidays.ics"), bytes).expect("a file");
        let done = desk.run(&["check"]);
        (done.code, done.out + &done.err)
    };
    for bytes in [HOLIDAYS.as_bytes().to_vec(), utf16(HOLIDAYS)] {
        let (code, told) = check(&bytes);
        assert_eq!(code, 0, "{told}");
    }
    let (code, told) = check(&gbk(HOLIDAYS));
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("holidays.ics cannot be read (line 5 is not UTF-8 text; save the file as UTF-8)"), "{told}");
    // Cut off after any line, and within the last: a holiday may be missing, and people would be reminded on it.
    let lines: Vec<_> = HOLIDAYS.split_inclusive('\n').collect();
    let parts = (1..lines.len()).map(|whole| lines[..whole].concat());
    for part in parts.chain([HOLIDAYS.replace("END:VCALENDAR\r\n", "END:VCAL")]) {
        let (code, told) = check(part.as_bytes());
        assert_eq!(code, 2, "{part:?} is refused: {told}");
        assert!(told.contains("without END:VEVENT") || told.contains("so the file may be cut off"), "{told}");
    }
}

#[test]
fn the_config_and_its_secrets() {
    let desk = Desk::new(None);
    let config = fs::read_to_string(desk.path("dueherald.toml")).expect("text");
    let key = fs::read_to_string(desk.path("link.key")).expect("text");
    let check = |config: &[u8], key: &[u8]| {
        fs::write(desk.path("dueherald.toml"), config).expect("a file");
        fs::write(desk.path("link.key"), key).expect("a file");
        desk.run(&["check"])
    };
    check(&utf16(&config), &utf16(&key)).went_well();
    // The name of the first merchant alone is not ASCII.
    let plain = config.replace(|letter: char| !letter.is_ascii(), "x");
    let in_gbk = plain.replacen("name = \"xxxx\"", "name = \"示例商城\"", 1);
    let refused = check(&gbk(&in_gbk), key.as_bytes());
    assert_eq!(refused.code, 2, "{}", refused.out);
    let line = in_gbk.lines().position(|line| line.contains("示例商城")).expect("it is there") + 1;
    let expected = format!("dueherald.toml cannot be read: line {line} is not UTF-8 text; save the file as UTF-8");
    assert!(refused.err.contains(&expected), "{}", refused.err);
}
