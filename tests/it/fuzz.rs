//! Input from strangers that the crate's own code reads, with hostile values drawn by proptest: nothing panics, no
//! result grows beyond its input, and no input is mistaken for something else.
//!
//! Every such test has `fuzz` in its name, in whichever file it is; `cargo test --test it -- fuzz` plays them all.
//! `./tests/run faults` plays the long form, a million cases of each (fewer where each case renders a page), and prints
//! the slowest input of each parser. (Other tests, beside the readers, show that an endless line of an import and an
//! endless e-mail are not kept in memory.)

mod answers;
mod growth;
mod replies;
mod tokens;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use dueherald::domain::{Locale, Merchant, MerchantId, Report, ReportSubject};
use dueherald::gateway::mail::returned;
use dueherald::render::sample_merchant;
use dueherald::source::{Format, Rows};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Whether this is the long form.
static IS_LONG: LazyLock<bool> = LazyLock::new(|| std::env::var("DUEHERALD_FUZZ").is_ok_and(|form| form == "long"));

/// So many cases in CI; in the long form a million, or a hundred times as many where each takes long.
pub(crate) fn cases(in_ci: u32) -> ProptestConfig {
    let cases = if *IS_LONG { in_ci.saturating_mul(100).min(1_000_000) } else { in_ci };
    // A case that failed is in the output, with all that is needed to repeat it.
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Runs a parser. The long form prints each input that took it more than twice as long as all before.
pub(crate) fn watched<T>(parser: &'static str, size: usize, parse: impl FnOnce() -> T) -> T {
    static SLOWEST: Mutex<BTreeMap<&str, Duration>> = Mutex::new(BTreeMap::new());
    if !*IS_LONG {
        return parse();
    }
    let begun = processor_time();
    let parsed = parse();
    let took = processor_time() - begun;
    let mut slowest = SLOWEST.lock().unwrap_or_else(PoisonError::into_inner);
    let known = slowest.entry(parser).or_default();
    if took > *known * 2 {
        *known = took;
        let _ = writeln!(std::io::stdout(), "fuzz: {parser}: {took:?} for {size} bytes");
    }
    parsed
}

/// The processor time that this thread has used.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// A file with some of its pieces cut out, doubled, or replaced.
pub(crate) fn damaged(
    files: &'static [&'static str],
    words: &'static [&'static str],
) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![3 => select(words).prop_map(|word| word.as_bytes().to_vec()), 1 => proptest::collection::vec(any::<u8>(), 0..6)];
    let blow = (any::<Index>(), 0..40_usize, piece);
    (select(files), proptest::collection::vec(blow, 0..5)).prop_map(|(file, blows)| {
        let mut bytes = file.as_bytes().to_vec();
        for (at, length, piece) in blows {
            let from = at.index(bytes.len() + 1);
            let to = (from + length).min(bytes.len());
            bytes.splice(from..to, piece);
        }
        bytes
    })
}

const RETURNED: &[&str] = &[
    include_str!("gateway/returned/postfix-1.eml"),
    include_str!("gateway/returned/postfix-2.eml"),
    include_str!("gateway/returned/complaint.eml"),
    include_str!("gateway/returned/qmail.eml"),
    include_str!("gateway/returned/exim.eml"),
    include_str!("gateway/returned/exchange.eml"),
    include_str!("gateway/returned/qq.eml"),
    include_str!("gateway/returned/delayed.eml"),
    include_str!("gateway/returned/holiday.eml"),
];

const OF_MAIL: &[&str] = &[
    "\r\n",
    "\n",
    "\n\n",
    "--",
    ":",
    ";",
    "<",
    ">",
    "@",
    "+",
    "=",
    "\"",
    "\\",
    "(",
    "boundary=\"\"",
    "Content-Type: multipart/mixed; boundary=x\n\n--x\n",
    "Content-Type: message/rfc822\n\n",
    "Content-Type: message/delivery-status\n\n",
    "Content-Transfer-Encoding: base64\n",
    "Action: failed\n",
    "Action:",
    "Status: 5.1.1\n",
    "Status: 99999999999.1.1\n",
    "5.",
    "5.1.",
    "=?utf-8?B?",
    "=?gb18030?Q?=FF?=",
    "charset=utf-7",
    "Date: Fri, 99 Foo 99999\n",
    "Auto-Submitted: auto-replied\n",
    "ByH5TPoiOxr00De9P7Csitl1tdUcbkrCfw@",
    "\u{0}",
    "退信",
    "é",
];

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn fuzz_returned_mail(message in damaged(RETURNED, OF_MAIL)) {
        // The report names only references that the message contains, in one of their two forms.
        if let Ok(Report::Fate { about: ReportSubject::Reference(reference) | ReportSubject::Copy { reference, .. }, .. }) = watched("bounces", message.len(), || returned::read(&message)) {
            prop_assert_eq!(reference.len(), 34);
        }
    }

    #[test]
    fn fuzz_imports(file in damaged(TABLES, OF_TABLES), format in select(&[None, Some(Format::Csv), Some(Format::JsonLines)][..])) {
        let (lines, length) = (file.iter().filter(|byte| **byte == b'\n').count() + 1, file.len());
        let read = |rows: Rows<&[u8]>| rows.map_while(Result::ok).map(|record| record.read).collect::<Vec<_>>();
        let records = watched("imports", length, || Rows::open(file.as_slice(), format, &MERCHANTS).map(read)).unwrap_or_default();
        prop_assert!(records.len() <= lines, "{} records in {} lines", records.len(), lines);
        for rejected in records.into_iter().filter_map(Result::err) {
            let kept = rejected.reason().len();
            prop_assert!(kept <= 4096 + length, "a reason of {} bytes for a file of {}", kept, length);
        }
    }
}

const TABLES: &[&str] = &[
    "merchant,borrower_id,name,phone,email,locale,time_zone,account_phone,installment_id,order_ref,product,sequence,of,currency,amount,\
     paid_amount,due_date,status,route\n\
     example,b1,李伟,+8613800138000,li.wei@example.com,zh-CN,Asia/Shanghai,13800138000,i1,o1,空调,3,12,CNY,128.50,0,2026-03-31,open,app\n\
     example,b2,\"O'Neil, \"\"Al\"\"\",,,,,,i2,,,,,USD,5,,2026-04-30,,\n",
    "{\"merchant\":\"example\",\"borrower_id\":\"b\",\"installment_id\":\"i\",\"amount\":\"1.50\",\"currency\":\"CNY\",\"due_date\":\"2026-03-31\"}\n",
];

const OF_TABLES: &[&str] = &[
    "\n",
    "\r\n",
    "\r",
    ",",
    ",,",
    "\"",
    "\"\"",
    "\"\n",
    "{",
    "}",
    "[",
    "null",
    "-1",
    "1e309",
    "0.005",
    "99999999999999999999999999999.99",
    "2026-02-30",
    "9999-12-31",
    "0000-00-00",
    "\u{feff}",
    "\u{0}",
    "é",
    "\\u0000",
    "\\ud800",
    "merchant,",
    "example,b1",
    ":",
    "true",
];

static MERCHANTS: LazyLock<BTreeMap<MerchantId, Merchant>> = LazyLock::new(|| {
    let merchant = sample_merchant(&Locale::new("en").expect("a locale"));
    [(merchant.id.clone(), merchant)].into()
});
