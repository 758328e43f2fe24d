//! Staff find a borrower by anything that they may say.

use dueherald::domain::{Message, SmsText};
use serde_json::Value;

use crate::proof::{Desk, send_all};

const BORROWERS: usize = 12;

impl Desk {
    /// Each as `borrower, by what`.
    fn found(&self, text: &str) -> Vec<String> {
        let (code, printed) = self.run(&["find", text, "--format", "json"]);
        assert_eq!(code, 0, "{printed}");
        let found: Vec<Value> = serde_json::from_str(&printed).expect("JSON");
        let word = |one: &Value, key: &str| one[key].as_str().expect("a text").to_owned();
        found.iter().map(|one| format!("{}, {}", word(one, "borrower"), word(one, "matched"))).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_borrower_is_found_by_whatever_was_pasted() {
    let desk = Desk::new().await;
    let app = desk.app().await;
    send_all(&app, &desk.clock, BORROWERS).await;
    let order = "merchant,borrower_id,installment_id,order_ref,product,currency,amount,due_date,status\n\
        mall,B3,I3b,ORD-2026/77,手机分期,CNY,12.00,2027-01-25,open\n";
    std::fs::write(desk.path().join("order.csv"), order).expect("a file");
    let (code, printed) = desk.run(&["import", "order.csv"]);
    assert_eq!(code, 0, "{printed}");

    for phone in ["13800100003", "+86 138 0010 0003", "138-0010-0003"] {
        assert_eq!(desk.found(phone), ["B3, phone"], "{phone}");
    }
    assert_eq!(desk.found("0003"), ["B3, phone-tail"]);
    assert_eq!(desk.found(" B3@Example.COM"), ["B3, email"]);
    assert_eq!(desk.found("emma  zhao"), ["B11, name", "B3, name", "B7, name"]);
    assert_eq!(desk.found("Emma"), [""; 0], "a name is found as a whole");
    assert_eq!(desk.found("B3"), ["B3, borrower"]);
    assert_eq!(desk.found("I3"), ["B3, installment"]);
    assert_eq!(desk.found("ORD-2026/77"), ["B3, order"]);

    let (id, text) = desk
        .decoded(&app)
        .into_iter()
        .find_map(|(id, message)| match message {
            Message::Sms(SmsText(text)) => Some((id, text)),
            _ => None,
        })
        .expect("an SMS");
    let (_, told) = desk.run(&["reminders", "show", &id.to_string(), "--format", "json"]);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let recipient = told["reminder"]["borrower"].as_str().expect("a number");
    let (_, link) = text.split_once("https://").expect("a link");
    let link: String = link.chars().take_while(|letter| letter.is_ascii_graphic()).collect();
    let token = link.rsplit('/').next().expect("a token");
    for pasted in [&format!("https://{link}"), &link, &format!(" https://{link}?utm=x "), token] {
        assert_eq!(desk.found(pasted), [format!("{recipient}, link")], "{pasted}");
    }
    assert_eq!(desk.found(&app.composer.reference(id)), [format!("{recipient}, link")]);
    let code = app.composer.links.check_code(id).expect("a code");
    assert_eq!(desk.found(&code), [format!("{recipient}, check-code")]);
    assert!(desk.found(&id.to_string()).contains(&format!("{recipient}, reminder")));

    let (code, printed) = desk.run(&["find", "Emma Zhao", "--limit", "2"]);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("Emma Zhao") && printed.contains("more than 2 match"), "{printed}");
    let (code, printed) = desk.run(&["find", "nobody at all"]);
    assert!(code == 0 && printed.contains("nobody matches"), "{printed}");
    let (code, printed) = desk.run(&["find", ""]);
    assert!(code == 2 && printed.contains("a value is required"), "{printed}");
    let (code, printed) = desk.run(&["find", "B3", "--merchant", "harbour"]);
    assert!(code == 2 && printed.contains("unknown merchant harbour; configured: mall"), "{printed}");
}
