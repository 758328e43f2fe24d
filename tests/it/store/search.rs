//! Staff find borrowers by name and by the end of their phone number.

use dueherald::clock::SimClock;
use dueherald::domain::{EmailAddress, FieldUpdate, LedgerRow, NameKey, PersonName, Phone, PhoneTail};
use dueherald::store::{BorrowerSearch, Store};

use super::sample::{import, merchant, row};

fn named(borrower: &str, name: &str, phone: &str) -> LedgerRow {
    LedgerRow {
        name: FieldUpdate::Set(PersonName::new(name).ok()),
        phone: FieldUpdate::Set(Phone::new(phone).ok()),
        ..row(borrower, borrower)
    }
}

/// The numbers of the borrowers of a merchant that are found by what somebody types.
pub(super) async fn found(store: &dyn Store, shop: &str, name: Option<&str>, tail: Option<&str>) -> Vec<String> {
    let search = BorrowerSearch {
        name: name.map(|name| NameKey::read(name).expect("a name")),
        phone_tail: tail.map(|tail| PhoneTail::read(tail).expect("four digits")),
        ..BorrowerSearch::of(merchant(shop), 2)
    };
    let found = store.find_borrowers(&search).await.expect("searched");
    found.iter().map(|borrower| borrower.key.id.to_string()).collect()
}

pub(super) async fn borrowers_are_found_by_name_and_end_of_phone(store: &dyn Store, _: &SimClock) {
    let mut elsewhere = named("b5", "欧阳晓雯", "+8613800138000");
    elsewhere.borrower.merchant = merchant("harbour");
    let rows = [
        named("b2", "欧阳晓雯", "+8613800138000"),
        named("b1", "欧阳 晓雯", "+8613911110013"),
        named("b3", "Zoë O'Neil", "+8613700138000"),
        named("b4", "欧阳晓", "+8613600130000"),
        elsewhere,
    ];
    import(store, &rows).await;
    assert_eq!(found(store, "mall", Some("欧阳晓雯"), None).await, ["b1", "b2"], "in the order of their numbers");
    assert_eq!(found(store, "mall", Some("ZOE ONEIL"), None).await, ["b3"]);
    assert_eq!(found(store, "mall", None, Some("８０００")).await, ["b2", "b3"]);
    assert_eq!(found(store, "mall", Some("欧阳晓雯"), Some("0013")).await, ["b1"], "both at once");
    assert_eq!(found(store, "harbour", Some("欧阳晓雯"), None).await, ["b5"], "another merchant's is not seen");
    assert_eq!(found(store, "mall", Some("欧阳"), None).await, [""; 0], "a name is found as a whole");
    assert_eq!(found(store, "mall", None, None).await, [""; 0], "who asks for nothing is shown nobody");
}

pub(super) async fn borrowers_are_found_by_phone_and_address(store: &dyn Store, _: &SimClock) {
    let with_mail = |borrower: &str, phone: &str, email: &str| LedgerRow {
        email: FieldUpdate::Set(EmailAddress::new(email).ok()),
        ..named(borrower, "Ann", phone)
    };
    let rows = [
        with_mail("b1", "+8613800138000", "Ann.Lee@Example.com"),
        with_mail("b2", "+8613800138000", "ann@example.com"),
        with_mail("b3", "+8613900138000", "ann.lee@example.com"),
    ];
    import(store, &rows).await;
    let mall = || BorrowerSearch::of(merchant("mall"), 9);
    let by_phone = |phone: &str| BorrowerSearch { phone: Phone::new(phone).ok(), ..mall() };
    let by_email = |email: &str| BorrowerSearch { email: EmailAddress::new(email).ok(), ..mall() };
    let find = async |search: BorrowerSearch| -> Vec<String> {
        let found = store.find_borrowers(&search).await.expect("searched");
        found.iter().map(|borrower| borrower.key.id.to_string()).collect()
    };
    assert_eq!(find(by_phone("+8613800138000")).await, ["b1", "b2"]);
    assert_eq!(find(by_phone("+8613800138001")).await, [""; 0]);
    assert_eq!(find(by_email("ANN.LEE@example.com")).await, ["b1", "b3"], "capitals do not matter");
    let both = BorrowerSearch { email: EmailAddress::new("ann@example.com").ok(), ..by_phone("+8613800138000") };
    assert_eq!(find(both).await, ["b2"]);
    assert_eq!(find(BorrowerSearch { merchant: merchant("harbour"), ..by_phone("+8613800138000") }).await, [""; 0]);
}

pub(super) async fn a_borrower_is_found_by_what_is_known_now(store: &dyn Store, _: &SimClock) {
    import(store, &[named("b1", "李伟", "+8613800138000")]).await;
    import(store, &[named("b1", "李玮", "+8613800130013")]).await;
    assert_eq!(found(store, "mall", Some("李伟"), None).await, [""; 0]);
    assert_eq!(found(store, "mall", Some("李玮"), Some("0013")).await, ["b1"]);
    let gone = LedgerRow { name: FieldUpdate::Set(None), phone: FieldUpdate::Set(None), ..row("b1", "b1") };
    import(store, &[gone]).await;
    assert_eq!(found(store, "mall", Some("李玮"), None).await, [""; 0]);
    assert_eq!(found(store, "mall", None, Some("0013")).await, [""; 0]);
}
