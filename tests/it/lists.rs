//! Lists fit a terminal, print local times with their zone, and print JSON.

use serde_json::Value;

use crate::commands::{Desk, today};

const LISTS: [&str; 18] = [
    "reminders list",
    "reminders show 1",
    "find B1002",
    "borrowers show --borrower B1002",
    "audit list",
    "replies list",
    "rejects list",
    "rejects list --dropped",
    "suppress list",
    "suppress stops",
    "suppress history",
    "route list",
    "route show mall-web",
    "token list",
    "user list",
    "gateway list",
    "template list",
    "forecast",
];

fn desk() -> Desk {
    let desk = Desk::new(None);
    let (_, at) = today();
    let faulty = "merchant,borrower_id,installment_id,currency,amount,due_date\n\
        mall,B1,I-of-a-rather-long-number-1,CNY,much,2999-01-25\nmall,B1,I2,CNY,much,2999-01-25\n";
    std::fs::write(desk.path("faulty.csv"), faulty).expect("a file");
    for line in [
        "migrate",
        "import sample.csv",
        &format!("scan --at {at}"),
        &format!("dispatch --drain --at {at}"),
        "suppress add +8613800138000 --merchant mall --actor li --until 2999-01-01",
        "suppress stop --all --actor a.rather.long.name --reason an-even-longer-reason-that-nobody-breaks-into-words",
        "token create --name crm-of-the-whole-group --merchant mall --allow resend --allow read_ledger",
        "user add li.na.of.the.second.floor --role agent --merchant mall --oidc 1 --issuer https://login.example",
        "borrowers prefer --borrower B1002 --channel sms --hours 18:00-21:00 --language none --actor li",
        "route set web-2 --merchant mall --kind web --url https://pay.mall.example.com/n --actor li --reason trial",
    ] {
        desk.run(&line.split(' ').collect::<Vec<_>>()).went_well();
    }
    assert_eq!(desk.run(&["import", "faulty.csv"]).code, 3);
    desk.run(&["rejects", "drop", "2", "--actor", "li", "--reason", "twice"]).went_well();
    desk
}

#[test]
fn every_list_fits_80_columns_and_a_wide_one_has_more() {
    let desk = desk();
    for line in LISTS {
        let args: Vec<_> = line.split(' ').collect();
        let narrow = desk.run(&args).went_well();
        let rows = narrow.lines().filter(|line| !line.starts_with("note: "));
        let longest = rows.map(|line| line.trim_end().chars().count()).max().unwrap_or_default();
        assert!(longest <= 80, "{line}: {longest}\n{narrow}");
        let wide = desk.run(&[&args[..], &["--wide"]].concat()).went_well();
        assert!(wide.lines().count() <= narrow.lines().count(), "{line}: a wide row is one line\n{wide}");
        let json = desk.run(&[&args[..], &["--format", "json"]].concat()).went_well();
        let json: Value = serde_json::from_str(&json).expect("JSON");
        let is_one = line.contains(" show 1") || line.contains("borrowers") || line == "forecast";
        assert_eq!(json.is_array(), !is_one, "{line}: {json}");
    }
    let notice = "notice create moved --template entry-moved --merchant mall --actor li --reason moved --dry-run";
    let notice: Vec<_> = notice.split(' ').collect();
    let narrow = desk.run(&notice).went_well();
    let table = |text: &str| {
        text.lines().skip_while(|line| !line.starts_with("CHANNEL")).take(3).collect::<Vec<_>>().join("\n")
    };
    let longest = table(&narrow).lines().map(|line| line.trim_end().chars().count()).max().unwrap_or_default();
    assert!((1..=80).contains(&longest), "{narrow}");
    assert!(table(&desk.run(&[&notice[..], &["--wide"]].concat()).went_well()).starts_with("CHANNEL"));
}

#[test]
fn times_name_the_zone_of_the_merchant_or_of_the_machine() {
    let desk = desk();
    let times = |line: &str, zone: &str| {
        let mut command = desk.command(&line.split(' ').collect::<Vec<_>>());
        let output = command.env("TZ", zone).output().expect("it starts");
        String::from_utf8(output.stdout).expect("text")
    };
    for line in ["reminders list --wide", "reminders show 1 --wide", "suppress list --wide", "rejects list --wide"] {
        let printed = times(line, "America/New_York");
        assert!(printed.contains(" +08:00") && !printed.contains("UTC"), "{line}: {printed}");
    }
    for line in ["suppress history --wide", "suppress stops --wide"] {
        let printed = times(line, "Asia/Kolkata");
        assert!(printed.contains(" +05:30") && !printed.contains("UTC"), "{line}: {printed}");
    }
    assert!(times("suppress stops --wide", "Mars").contains(" +00:00"));
    let json = times("suppress stops --format json", "Asia/Kolkata");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let since = json[0]["since"].as_str().expect("a time");
    assert!(chrono::DateTime::parse_from_rfc3339(since).is_ok() && since.ends_with('Z'), "{since}");
}
