//! Time that grows with the size of an input and no faster: each parser reads a hostile shape in two sizes.
//!
//! No clock of the wall is asked: what counts is the processor time of this thread, the least of several runs of the
//! large size beside the most of several runs of the small one. A busy machine only makes the small one slower, which
//! can hide a fault but never invent one; a parser that looks at every byte once for each other byte is beyond the
//! bound by a factor of four.

use std::thread;
use std::time::Duration;

use dueherald::gateway::Gateway;
use dueherald::gateway::mail::returned;
use dueherald::plan::intent;
use dueherald::source::{Format, Rows};

use super::{MERCHANTS, TABLES, processor_time};
use crate::gateway::callbacks::{kannel_gateway, mapped_gateway, read};
use crate::gateway::clock;
use crate::gateway::vendors::Vendor;

/// How much larger the large size is. What takes the square of it takes 256 times as long, and at most 64 are allowed.
const LARGER: usize = 16;

const ALLOWED: u32 = 64;

/// Below this much time nothing can be said, and nothing needs to be: no stranger keeps a processor busy with it.
const NOTHING: Duration = Duration::from_millis(20);

/// On a stack that suits every parser.
fn took(parse: impl FnOnce() + Send) -> Duration {
    let measured = || {
        let begun = processor_time();
        parse();
        processor_time() - begun
    };
    thread::scope(|scope| {
        let parser = thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, measured).expect("a thread");
        parser.join().expect("no parser panics")
    })
}

/// Reads `head`, then `unit` until that size is reached, in both sizes.
fn grows_with_its_size(what: &str, small: usize, shape: &dyn Fn(usize) -> Vec<u8>, parse: &(dyn Fn(&[u8]) + Sync)) {
    let (few, many) = (shape(small), shape(small * LARGER));
    let little = (0..3).map(|_| took(|| parse(&few))).max().unwrap_or_default();
    let bound = (little * ALLOWED).max(NOTHING);
    let mut much = Duration::MAX;
    for _ in 0..5 {
        much = much.min(took(|| parse(&many)));
        if much <= bound {
            break;
        }
    }
    assert!(much <= bound, "{what}: {} bytes take {little:?}, {} bytes {much:?}", few.len(), many.len());
}

/// A beginning, then a piece as often as there is room for.
fn repeated(head: &str, unit: &str) -> impl Fn(usize) -> Vec<u8> {
    move |size| {
        let mut bytes = head.as_bytes().to_vec();
        let times = size.saturating_sub(bytes.len()) / unit.len();
        bytes.extend(unit.as_bytes().repeat(times));
        bytes
    }
}

/// Mails that a stranger may send to the mailbox of bounces: a beginning, and a part that is repeated.
const MAILS: &[(&str, &str, &str)] = &[
    ("at signs in an address", "To: ", "@"),
    ("at signs in a body", "From: mailer-daemon@x\n\n", "@"),
    ("at signs in many fields", "", "To: @@@@@@@@@@@@@@@@\n"),
    ("folds", "To: a@b\n", " @\n"),
    ("colons", "", ":\n"),
    ("fields without a value", "", "a:\n"),
    ("open brackets", "To: ", "<"),
    ("open comments", "To: ", "("),
    ("open quotes", "To: ", "\""),
    ("backslashes", "To: \"", "\\"),
    ("commas", "To: ", "a@b,"),
    ("groups", "To: ", "a:b;"),
    ("encoded words", "Subject: ", "=?utf-8?Q?=41?= "),
    ("half encoded words", "Subject: ", "=?utf-8?Q?"),
    ("encoded words of base64", "Subject: ", "=?utf-8?B?QQ==?="),
    ("percent signs in parameters", "Content-Type: text/plain", "; a*0*=%41"),
    ("parameters", "Content-Type: text/plain", "; a=b"),
    ("parameters in pieces", "Content-Type: text/plain; ", "a*1=\"b\"; "),
    ("dates", "", "Date: Fri, 99 Foo 99999\n"),
    ("message ids", "Message-ID: ", "<a@b> "),
    ("references", "References: ", "<a@b> "),
    (
        "received lines",
        "",
        "Received: from a (b [1.2.3.4]) by c with d id e for <f@g>; Fri, 1 Jan 2026 00:00:00 +0000\n",
    ),
    ("parts within parts", "", "Content-Type: multipart/mixed; boundary=x\n\n--x\n"),
    ("messages within messages", "", "Content-Type: message/rfc822\n\n"),
    ("messages within parts", "", "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: message/rfc822\n\n"),
    ("messages in base64", "", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"),
    ("empty parts", "Content-Type: multipart/mixed; boundary=x\n\n", "--x\n\n"),
    ("parts that end", "Content-Type: multipart/mixed; boundary=x\n\n", "--x--\n"),
    (
        "almost a boundary",
        "Content-Type: multipart/mixed; \
         boundary=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy\n\n--xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy\n\n",
        "--xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
    ),
    ("dashes", "Content-Type: multipart/mixed; boundary=x\n\n--x\n\n", "-"),
    ("parts of HTML", "Content-Type: text/html\n\n", "<a>&amp;"),
    ("open tags", "From: mailer-daemon@x\nContent-Type: text/html\n\n", "<"),
    ("open comments of HTML", "From: mailer-daemon@x\nContent-Type: text/html\n\n", "<!--"),
    ("entities", "From: mailer-daemon@x\nContent-Type: text/html\n\n", "&#x41;"),
    ("quoted printable", "Content-Transfer-Encoding: quoted-printable\n\n", "=4"),
    ("base64", "Content-Transfer-Encoding: base64\n\n", "QQ=="),
    ("uuencode", "Content-Transfer-Encoding: uuencode\n\n", "begin 644 a\n"),
    (
        "groups of a report",
        "Content-Type: message/delivery-status\n\n",
        "Final-Recipient: rfc822; a@b\nAction: failed\n\n",
    ),
    ("fields of a report", "Content-Type: message/delivery-status\n\n", "Action: failed\n"),
    ("folds of a report", "Content-Type: message/delivery-status\n\nDiagnostic-Code: a\n", " b\n"),
    ("statuses of a report", "Content-Type: message/delivery-status\n\nAction: failed\nDiagnostic-Code: ", "5.1.1 "),
    ("half statuses", "From: mailer-daemon@x\n\n", "5.1."),
    ("digits", "From: mailer-daemon@x\n\n", "5"),
    ("recipients of a complaint", "Content-Type: message/feedback-report\n\n", "Original-Rcpt-To: a@b\n"),
    ("failed recipients", "X-Failed-Recipients: ", "a@b,"),
    ("charsets", "Content-Type: text/plain; charset=utf-7\n\n", "+AEA-"),
    ("gb18030", "Content-Type: text/plain; charset=gb18030\n\n", "\u{fffd}"),
    ("nothing", "", "\n"),
    ("zeros", "", "\0"),
];

#[test]
fn fuzz_mail_takes_time_by_its_size() {
    for (what, head, unit) in MAILS {
        grows_with_its_size(what, 1 << 16, &repeated(head, unit), &|mail| drop(returned::read_on_ample_stack(mail)));
    }
}

/// The repeated part of a file, after its header.
const CELLS: &[&str] = &[
    ",",
    "\"",
    "\"\"",
    "\"\n",
    "\n",
    "\r",
    "\r\n",
    "a,b\n",
    "\"a\nb\",",
    ";",
    "\t",
    "\u{0}",
    "\u{feff}",
    "example,b1,\n",
    "example,\"b1,\n",
    "=",
    "é",
];

const LINES: &[&str] =
    &["{}\n", "{", "[", "{\"a\":", "\"", "\\u0000", "{\"merchant\":\"x\",", "9", "\"a\":1,", " ", "\n", "[{}\n"];

#[test]
fn fuzz_files_take_time_by_their_size() {
    let through = |format| move |file: &[u8]| drop(Rows::open(file, Some(format), &MERCHANTS).map(Iterator::count));
    let header = TABLES[0].split_inclusive('\n').next().expect("a header");
    for unit in CELLS {
        grows_with_its_size(unit, 1 << 14, &repeated(header, unit), &through(Format::Csv));
    }
    for unit in LINES {
        grows_with_its_size(unit, 1 << 14, &repeated("", unit), &through(Format::JsonLines));
    }
}

/// The repeated part of a callback or an answer, up to the largest body allowed.
const BODIES: &[(&str, &str)] = &[
    ("", "["),
    ("", "{"),
    ("[", "{},"),
    ("[", "0,"),
    ("[\"", "\\u0041"),
    ("[\"", "\\\\"),
    ("{", "\"a\":1,"),
    ("{\"reports\":[", "{\"id\":1,\"state\":\"ok\"},"),
    ("", "&"),
    ("", "="),
    ("", "a=b&"),
    ("", "words=a&"),
    ("words=", "%41"),
    ("words=", "%"),
    ("words=", "+"),
    ("MessageSid=1&", "Body=a&"),
    ("", "\u{feff}"),
    ("", "\u{0}"),
    ("", "退订"),
    ("", "【"),
    ("", "stop "),
];

#[test]
fn fuzz_callbacks_and_answers_take_time_by_their_size() {
    let vendors = [Vendor::Aliyun, Vendor::Tencent, Vendor::Twilio, Vendor::Generic];
    let gateways = vendors.map(|vendor| vendor.gateway(1, "", &clock()));
    let others: [&(dyn Gateway + Sync); 2] = [&kannel_gateway(), &mapped_gateway()];
    for (head, unit) in BODIES {
        let shape = repeated(head, unit);
        for (gateway, vendor) in gateways.iter().zip(vendors) {
            let what = format!("{vendor:?}: {head}{unit}");
            if gateway.callbacks().is_some() {
                grows_with_its_size(&what, 1 << 14, &shape, &|body| drop(read(gateway, "", &[], body)));
            }
            grows_with_its_size(&what, 1 << 14, &shape, &|body| drop(gateway.outcome_of(200, None, body)));
        }
        for gateway in others {
            grows_with_its_size(unit, 1 << 14, &shape, &|body| drop(read(gateway, "from=1", &[], body)));
        }
        let of_text = |body: &[u8]| _ = intent("+8613800138000", &String::from_utf8_lossy(body));
        grows_with_its_size(unit, 1 << 12, &shape, &of_text);
    }
}

/// Messages within messages are dropped by recursion: an ordinary stack overflowed at some thousand, and the process
/// was gone.
#[test]
fn fuzz_no_mail_is_nested_too_deep() {
    for unit in ["Content-Type:message/rfc822\n\n", "Content-Type:multipart/digest;boundary=x\n\n--x\n\n"] {
        let mail = unit.repeat(returned::LOOKED_AT / unit.len());
        assert!(returned::read(mail.as_bytes()).is_err(), "{unit}");
    }
}
