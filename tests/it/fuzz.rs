//! A hundred thousand of each: what comes from outside and is read by code of ours never panics, and nothing that it makes grows beyond
//! what came. (That an endless line of an import and an endless e-mail are not kept is shown where they are read.)

use std::collections::BTreeMap;
use std::sync::LazyLock;

use dueherald::domain::{About, Locale, Merchant, MerchantId, ReminderId, Report};
use dueherald::gateway::mail::returned;
use dueherald::render::{LinkKeys, Purpose, sample_merchant};
use dueherald::source::{Format, Rows};
use proptest::prelude::*;
use proptest::sample::{Index, select};

fn config() -> ProptestConfig {
    // A case that failed is in the output, with all that is needed to repeat it.
    ProptestConfig { cases: 100_000, failure_persistence: None, ..ProptestConfig::default() }
}

/// A file with some of its pieces cut out, doubled, or replaced.
fn damaged(files: &'static [&'static str], words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
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
    #![proptest_config(config())]

    #[test]
    fn returned_mail(message in damaged(RETURNED, OF_MAIL)) {
        // Only a reference that stands in the message, in one of its two forms, is ever named.
        if let Ok(Report::Fate { about: About::Reference(reference) | About::Copy { reference, .. }, .. }) = returned::read(&message) {
            prop_assert_eq!(reference.len(), 34);
        }
    }

    #[test]
    fn imports(file in damaged(TABLES, OF_TABLES), format in select(&[None, Some(Format::Csv), Some(Format::JsonLines)][..])) {
        let (lines, length) = (file.iter().filter(|byte| **byte == b'\n').count() + 1, file.len());
        if let Ok(rows) = Rows::open(file.as_slice(), format, &MERCHANTS) {
            let mut read = 0;
            for row in rows {
                let Ok(record) = row else { break };
                read += 1;
                let kept = record.read.err().map_or(0, |rejected| rejected.reason().len());
                prop_assert!(kept <= 4096 + length, "a reason of {} bytes for a file of {}", kept, length);
            }
            prop_assert!(read <= lines, "{} records in {} lines", read, lines);
        }
    }

    #[test]
    fn tokens(id: i64, at: Index, byte: u8, noise in "[-A-Za-z0-9_=.~%é]{0,60}", key in 1_u8..3) {
        let keys = LinkKeys::new([(1, [7; 32]), (2, [9; 32])]).unwrap();
        prop_assert_eq!(keys.open(Purpose::Landing, &noise), None);
        let sealer = LinkKeys::new([(key, [if key == 1 { 7 } else { 9 }; 32])]).unwrap();
        let token = sealer.seal(Purpose::Unsubscribe, ReminderId(id));
        prop_assert_eq!(keys.open(Purpose::Unsubscribe, &token), Some(ReminderId(id)));
        let mut changed = token.clone().into_bytes();
        let place = at.index(changed.len());
        changed[place] = byte;
        let changed = String::from_utf8_lossy(&changed).into_owned();
        prop_assert_eq!(keys.open(Purpose::Unsubscribe, &changed).is_some(), changed == token);
        let cut = &token[..place];
        prop_assert_eq!(keys.open(Purpose::Unsubscribe, cut), None);
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
