//! The table of hostile inputs: what a stranger or a careless person hands in, and the refusal that it gets. What comes
//! over HTTP is in `web/hostile.rs`.

use std::collections::BTreeMap;

use dueherald::domain::{
    Address, Locale, Merchant, MerchantId, Phone, ReminderId, RouteKind, Suppression, SuppressionReason, check_form,
    clean,
};
use dueherald::gateway::mail::returned;
use dueherald::render::{LinkKeys, Purpose, Renderer, TemplateSource, sample_merchant};
use dueherald::source::{Format, Record, RejectsWriter, Rows, SuppressionsWriter};
use serde_json::{Value, json};

/// A hostile input: its description, the field that it arrives in, its value, and the expected result.
type Row = (&'static str, &'static str, &'static str, &'static str);

/// Cells that decide about a debt: the row is refused as a whole.
const REFUSED_ROWS: &[Row] = &[
    ("no number", "amount", "NaN", "amount is not a plain decimal number"),
    ("an exponent", "amount", "1e309", "amount is not a plain decimal number"),
    ("a debt of less than nothing", "amount", "-1", "amount is negative"),
    ("a number with groups", "amount", "1,280.50", "amount is not a plain decimal number"),
    ("more than a bank holds", "amount", "99999999999999999999", "amount is larger than"),
    ("a formula as an amount", "amount", "=1+1", "amount is not a plain decimal number"),
    ("a hexadecimal number", "amount", "0x10", "amount is not a plain decimal number"),
    ("a fraction of a cent", "amount", "0.001", "amount has more than 2 decimals"),
    ("no currency of this world", "currency", "XYZ1", "currency is not a currency code"),
    ("a day that does not exist", "due_date", "2026-02-30", "due_date is not a day of the calendar"),
    ("the end of time", "due_date", "9999-12-31", "due_date is not a day of the calendar"),
    ("a status with SQL behind it", "status", "paid'; drop table queue;--", "status is not one of"),
    ("a formula that starts a program", "installment_id", "=cmd|' /C calc'!A0", "begins with a mark of a spreadsheet"),
    ("a number that looks like another", "installment_id", "I\u{200b}1", "has a character that nobody sees"),
    ("a number that a spreadsheet rounded", "installment_id", "1.23457E+17", "a spreadsheet has rounded"),
    ("an error of a spreadsheet", "borrower_id", "#REF!", "is an error of a spreadsheet"),
    ("a bell in a number", "borrower_id", "a\u{7}b", "contains a control character"),
    ("a path as a merchant", "merchant", "../../etc/passwd", "merchant is unknown; configured: "),
];

/// Cells that only describe: the cell is lost, the row is taken.
const LOST_CELLS: &[Row] = &[
    ("a name that is a link", "name", "https://evil.example/win", "name holds nothing but"),
    ("a name that nobody sees", "name", "\u{202e}\u{200b}\u{3164}", "name holds nothing but"),
    ("a name with half an encoded word", "name", "=?utf-8?B?eA", "name holds a web or e-mail address"),
    ("a product that is a domain in punycode", "product", "xn--fiqs8s.xn--55qx5d", "product holds nothing but"),
    ("an order number that is a mailbox", "order_ref", "a@evil.example", "order_ref holds nothing but"),
    ("a second header in an address", "email", "a@b.example\r\nBcc: c@d.example", "email is not an e-mail address"),
    ("an address of this machine", "email", "root@localhost", "email is not an e-mail address"),
    ("an address with a script in it", "email", "<script>@b.example", "email is not an e-mail address"),
    ("an emergency number", "phone", "110", "phone is not a valid phone number"),
    ("a number with an extension", "phone", "010-65529988;ext=1", "phone is not a valid phone number"),
    ("two numbers in one cell", "phone", "13800138000/13900139000", "phone is not a valid phone number"),
    ("a path as a language", "locale", "../../en", "locale"),
    ("a zone of another planet", "time_zone", "Mars/Olympus", "time_zone"),
    ("a bell in a route", "route", "web\u{7}", "route"),
    ("an instalment of less than nothing", "sequence", "-1", "sequence is not a whole number"),
];

/// Parts that are removed from a name, so that the name which a borrower reads contains no link.
const CLEANED: &[Row] = &[
    ("a link behind a name", "name", "张三 http://evil.example/x", "张三"),
    ("a domain in full-width letters", "name", "ｅｖｉｌ．ｃｏｍ Li", "Li"),
    ("a domain with a dot of Chinese", "name", "evil。com Li", "Li"),
    ("a name that turns the line", "name", "gpj\u{202e}exe", "gpjexe"),
    ("a header behind a name", "name", "Li\r\nBcc: all", "Li Bcc: all"),
    ("an encoded word", "name", "=?utf-8?Q?=0ABcc?= Li", "Li"),
];

/// Templates that a careless or bought person puts into the folder.
const TEMPLATES: &[Row] = &[
    ("ten megabytes", "sms", "{{ 'x' * 10000000 }}", "too much work"),
    ("a little too much", "sms", "{{ 'x' * 5000 }}", "more than a message may hold"),
    ("five parts", "sms", "{{ 'x' * 700 }}", "an SMS of 5 parts"),
    (
        "loops within loops",
        "sms",
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "too much work",
    ),
    ("itself within itself", "sms", "{% include 'a/sms.en.txt' %}", "cannot be done"),
    ("all that the engine knows", "sms", "{{ debug() }}", "does not exist"),
    ("all of a borrower", "sms", "{{ borrower|tojson }}", "does not exist"),
    ("a phone number", "sms", "{{ borrower.phone }}", "uses `borrower.phone`, which does not exist"),
    ("escaping taken off", "sms", "{{ merchant.name|safe }}", "does not exist"),
    ("a file of the machine", "sms", "{% include '/etc/passwd' %}", "which does not exist"),
];

/// Where a way to repay may not lead.
const ADDRESSES: &[Row] = &[
    ("a script", "route", "javascript:alert(1)//pay.example", "javascript"),
    ("data", "route", "data:text/html,x", "data"),
    ("a file", "route", "file:///etc/passwd", "file"),
    ("plain HTTP", "route", "http://pay.example/", "http"),
    ("no scheme", "route", "//evil.example/", ""),
    ("a user before the host", "route", "https://pay.example@evil.example/", ""),
    ("a backslash for a slash", "route", "https://evil.example\\.pay.example/", ""),
    ("a second header", "route", "https://pay.example/\r\nSet-Cookie: a=b", ""),
    ("a host that is filled in", "route", "https://{order}.pay.example/", ""),
    ("a number for a host", "route", "https://192.0.2.1/", ""),
];

/// Files that are no ledger.
const FILES: &[(&str, &[u8])] = &[
    ("nothing", b""),
    ("a workbook", b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00\n"),
    ("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\n"),
    ("a program", b"\x7fELF\x02\x01\x01\0\0\0\0\n"),
    ("other columns", b"a,b\n1,2\n"),
    ("a column twice", b"merchant,merchant,borrower_id,installment_id,amount,currency,due_date\nexample,example,b1,i1,1.50,CNY,2026-12-01\n"),
];

fn merchants() -> BTreeMap<MerchantId, Merchant> {
    let merchant = sample_merchant(&Locale::new("zh-CN").expect("a language tag"));
    [(merchant.id.clone(), merchant)].into()
}

/// A sound record with one cell of its own.
fn record(column: &str, cell: &str) -> Record {
    let mut object = json!({
        "merchant": "example", "borrower_id": "b1", "installment_id": "i1", "amount": "1.50", "currency": "CNY",
        "due_date": "2026-12-01", "of": "12",
    });
    object[column] = Value::from(cell);
    let line = format!("{object}\n");
    let mut rows = Rows::open(line.as_bytes(), Some(Format::JsonLines), &merchants()).expect("it is JSON");
    rows.next().expect("one record").expect("it can be read")
}

#[test]
fn a_hostile_cell_refuses_its_row_or_is_lost() {
    for (what, column, cell, refusal) in REFUSED_ROWS {
        let reason = record(column, cell).read.expect_err(what).reason();
        assert!(reason.contains(refusal), "{what}: {reason}");
        assert!(!reason.contains(cell), "{what}: the reason repeats the cell: {reason}");
    }
    for (what, column, cell, refusal) in LOST_CELLS {
        let record = record(column, cell);
        assert!(record.read.is_ok(), "{what}: the row is lost too");
        let reason = record.left_out.expect(what).reason();
        assert!(reason.contains(refusal), "{what}: {reason}");
    }
    for (what, _, given, kept) in CLEANED {
        assert_eq!(clean(given, 80).as_deref(), Ok(*kept), "{what}");
    }
}

#[test]
fn a_hostile_template_is_refused_at_load() {
    let sound = "{{ merchant.app_name }} {{ merchant.support.phone or merchant.support.email }}";
    for (what, _, text, refusal) in TEMPLATES {
        let source = TemplateSource { path: "a/sms.en.txt".into(), text: format!("{sound}\n{text}") };
        let problems = Renderer::new(vec![source]).expect_err(what);
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|problem| problem.contains(refusal)), "{what}: {told:?}");
    }
}

#[test]
fn a_hostile_address_is_no_way_to_repay() {
    for (what, _, url, named) in ADDRESSES {
        let refusal = check_form(&RouteKind::Web { url: (*url).to_owned() }).expect_err(what).to_string();
        assert!(refusal.contains(named), "{what}: {refusal}");
    }
}

#[test]
fn a_file_that_is_no_ledger_is_refused_as_a_whole() {
    for (what, bytes) in FILES {
        assert!(Rows::open(*bytes, None, &merchants()).is_err(), "{what} is opened");
    }
}

/// A token opens for its own purpose and under its own key, and for nothing else.
#[test]
fn a_token_is_of_one_purpose_and_one_key() {
    const PURPOSES: [Purpose; 3] = [Purpose::Landing, Purpose::Unsubscribe, Purpose::Reference];
    let keys = LinkKeys::new([(1, [7; 32])]).expect("a key");
    let stranger = LinkKeys::new([(1, [8; 32])]).expect("a key");
    for purpose in PURPOSES {
        let token = keys.seal(purpose, ReminderId(7));
        for other in PURPOSES {
            assert_eq!(
                keys.open(other, &token),
                (other == purpose).then_some(ReminderId(7)),
                "{purpose:?} as {other:?}"
            );
        }
        assert_eq!(stranger.open(purpose, &token), None, "{purpose:?} under another key");
        assert_eq!(keys.open(purpose, &stranger.seal(purpose, ReminderId(7))), None, "{purpose:?} by a stranger");
    }
}

/// A forged bounce names no message: whoever does not know a reference cannot make one.
#[test]
fn a_forged_report_is_about_nothing() {
    const BOUNCE: &str = include_str!("gateway/returned/postfix-1.eml");
    const REFERENCE: &str = "a4q7sth2ei5rv5gqg66t7mfmrlmxlnovdrxevqt7";
    assert!(BOUNCE.contains(REFERENCE) && returned::read(BOUNCE.as_bytes()).is_ok());
    let forged = [
        ("a reference that is guessed", BOUNCE.replace(REFERENCE, "guess")),
        ("a reference of another length", BOUNCE.replace(REFERENCE, &REFERENCE[1..])),
        ("no reference", BOUNCE.replace("bounce+", "nobody-")),
        ("a megabyte of @", format!("To: {}\n\n", "@".repeat(1 << 20))),
    ];
    for (what, message) in forged {
        // The daemon's own Message-ID in the returned part must not count instead.
        let message = message.replace("Message-ID:", "X-Old:").replace("Message-Id:", "X-Old:");
        assert!(returned::read(message.as_bytes()).is_err(), "{what}");
    }
}

/// Text chosen by somebody else that a spreadsheet would run as a formula.
const FORMULAS: &[&str] = &[
    "=HYPERLINK(\"https://evil.example\",\"pay\")",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(1)",
];

/// Each file that we write, with a formula as the value of somebody else's: whoever opens it sees text.
#[test]
fn no_export_holds_a_formula() {
    let merchants = merchants();
    for formula in FORMULAS {
        let cell = format!("\"{}\"", formula.replace('"', "\"\""));
        let file = format!(
            "merchant,borrower_id,installment_id,amount,currency,due_date,name\nexample,b,i,none,CNY,2026-12-01,{cell}\n"
        );
        let rows = Rows::open(file.as_bytes(), Some(Format::Csv), &merchants).expect("it is CSV");
        let (layout, mut written) = (rows.rejects_layout(), Vec::new());
        let mut writer = RejectsWriter::new(&mut written, &layout).expect("written");
        for record in rows {
            writer.write(&record.expect("it is read").read.expect_err("no amount")).expect("written");
        }
        writer.finish().expect("written");
        drop(writer);
        is_harmless(&written, formula);

        let suppression = Suppression {
            merchant: None,
            address: Address::Phone(Phone::new("+8613800138000").expect("a phone")).into(),
            reason: SuppressionReason::Manual,
            source: (*formula).to_owned(),
            since: "2026-11-22T02:00:00Z".parse().expect("an instant"),
            until: None,
        };
        let mut written = Vec::new();
        let mut writer = SuppressionsWriter::new(&mut written).expect("written");
        writer.write(&suppression).expect("written");
        writer.finish().expect("written");
        is_harmless(&written, formula);
    }
}

/// No cell begins with what a spreadsheet takes for a formula; the address of a suppression is a number with its own
/// sign.
fn is_harmless(file: &[u8], formula: &str) {
    let mut cells = 0;
    for record in csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file).records() {
        for cell in &record.expect("it is CSV") {
            cells += 1;
            let is_number = cell.trim_start_matches('+').bytes().all(|byte| byte.is_ascii_digit());
            let marks = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];
            assert!(is_number || !cell.starts_with(marks), "{formula:?} is written as {cell:?}");
        }
    }
    assert!(cells > 6, "{formula:?}: nothing was written");
}

/// The table stays one: who takes rows out sees it here.
#[test]
fn the_table_has_seventy_five_rows_without_those_of_the_web() {
    let rows = [REFUSED_ROWS, LOST_CELLS, CLEANED, TEMPLATES, ADDRESSES].iter().map(|rows| rows.len()).sum::<usize>();
    assert!(rows + FILES.len() + FORMULAS.len() >= 75, "{rows}");
}
