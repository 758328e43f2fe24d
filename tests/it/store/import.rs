//! The rows that an import writes.

use dueherald::clock::SimClock;
use dueherald::domain::{Channel, EmailAddress, InstallmentStatus, PersonName};
use dueherald::store::{Change, FieldUpdate, LedgerRow, Store, WriteMode};

use super::sample::{DUE, PHONE, date, import, installments, key, money, phone, row, row_with_phone, said};

fn name(text: &str) -> FieldUpdate<PersonName> {
    FieldUpdate::Set(Some(PersonName::new(text).expect("a name")))
}

/// The stored borrower.
async fn borrower(store: &dyn Store, id: &str) -> dueherald::domain::Borrower {
    let account = store.account(&key(id), date(DUE), Channel::Sms).await.expect("the account is read");
    account.borrower.expect("the borrower is known")
}

pub(super) async fn new_changed_and_same_rows_are_told_apart(store: &dyn Store, _: &SimClock) {
    let first = row_with_phone("b1", "i1");
    assert_eq!(import(store, &[first.clone(), row("b2", "i2")]).await, [Change::New, Change::New]);
    assert_eq!(import(store, &[first.clone(), row("b2", "i2")]).await, [Change::Same, Change::Same]);
    let dearer = LedgerRow { amount: money("130", "CNY"), ..first.clone() };
    assert_eq!(import(store, &[dearer.clone(), row("b2", "i2")]).await, [Change::Changed, Change::Same]);
    let renamed = LedgerRow { name: name("王小明"), ..dearer };
    assert_eq!(import(store, &[renamed]).await, [Change::Changed], "a change of the borrower alone counts");
    assert_eq!(
        import(store, &[row("b1", "i3")]).await,
        [Change::New],
        "a further instalment of a known borrower is new"
    );
    assert_eq!(import(store, &[]).await, []);

    let held = installments(store).await;
    let amounts: Vec<_> = held.iter().map(|held| (held.id.as_str(), held.amount.amount().to_string())).collect();
    assert_eq!(amounts, [("i1", "130.00".into()), ("i2", "128.50".into()), ("i3", "128.50".into())]);
    assert_eq!(borrower(store, "b1").await.name.expect("a name").as_str(), "王小明");
}

pub(super) async fn a_dry_run_keeps_nothing(store: &dyn Store, _: &SimClock) {
    import(store, &[row("b1", "i1")]).await;
    let rows =
        [row("b1", "i1"), row_with_phone("b1", "i2"), LedgerRow { amount: money("1", "CNY"), ..row("b1", "i1") }];
    let changes = store.import(&rows, WriteMode::DryRun).await.expect("the rows are compared");
    assert_eq!(changes, [Change::Same, Change::New, Change::Changed]);
    assert_eq!(installments(store).await.len(), 1);
    assert_eq!(installments(store).await[0].amount, money("128.50", "CNY"));
    assert_eq!(borrower(store, "b1").await.phone, None);
}

pub(super) async fn what_is_not_said_stays_and_an_empty_cell_clears(store: &dyn Store, _: &SimClock) {
    let email = |text| FieldUpdate::Set(Some(EmailAddress::new(text).expect("an address")));
    let full = LedgerRow {
        name: name("O'Neil \"the\" 王"),
        phone: phone(PHONE),
        email: email("wang@example.com"),
        locale: said("zh-CN"),
        time_zone: said("Asia/Shanghai"),
        account_phone: phone("+8613900139000"),
        order_ref: said("order-7"),
        product: said("phone"),
        sequence: said("3"),
        of: said("12"),
        paid_amount: FieldUpdate::Set(Some(money("28.5", "CNY"))),
        status: said("open"),
        route: said("web"),
        tags: said("vip;furniture"),
        ..row("b1", "i1")
    };
    import(store, std::slice::from_ref(&full)).await;
    let (known, held) = (borrower(store, "b1").await, installments(store).await);
    assert_eq!(known.time_zone.map(|zone| zone.name()), Some("Asia/Shanghai"));
    assert_eq!(known.account_phone.as_ref().map(|phone| phone.as_e164()), Some("+8613900139000"));
    assert_eq!((held[0].sequence, held[0].of), (Some(3), Some(12)));
    assert_eq!((held[0].order_ref.as_deref(), held[0].product.as_deref()), (Some("order-7"), Some("phone")));
    assert_eq!(held[0].route.as_ref().map(|route| route.as_str()), Some("web"));
    assert_eq!(held[0].tags.to_string(), "furniture;vip");
    assert_eq!(held[0].paid_amount, money("28.50", "CNY"));

    assert_eq!(import(store, &[row("b1", "i1")]).await, [Change::Same], "what a row does not say stays");
    assert_eq!((borrower(store, "b1").await, installments(store).await), (known.clone(), held));

    let other = LedgerRow {
        name: name("Wang"),
        phone: phone("+8613800138001"),
        email: email("other@example.com"),
        locale: said("en"),
        time_zone: said("Europe/Berlin"),
        account_phone: phone("+8613900139001"),
        order_ref: said("order-8"),
        product: said("sofa"),
        sequence: said("4"),
        of: said("13"),
        paid_amount: FieldUpdate::Set(Some(money("1", "CNY"))),
        status: said("cancelled"),
        route: said("app"),
        tags: said("late payer"),
        amount: money("2", "CNY"),
        due_date: date("2026-11-26"),
        ..row("b1", "i1")
    };
    assert_eq!(import(store, std::slice::from_ref(&other)).await, [Change::Changed]);
    assert_eq!(import(store, &[other]).await, [Change::Same], "every field took its new value");
    assert_eq!(import(store, std::slice::from_ref(&full)).await, [Change::Changed]);

    let emptied = LedgerRow {
        phone: FieldUpdate::Set(None),
        time_zone: FieldUpdate::Set(None),
        product: FieldUpdate::Set(None),
        sequence: FieldUpdate::Set(None),
        tags: FieldUpdate::Set(None),
        paid_amount: FieldUpdate::Set(None),
        ..full
    };
    assert_eq!(import(store, &[emptied]).await, [Change::Changed]);
    let (after, held) = (borrower(store, "b1").await, installments(store).await);
    assert_eq!((after.phone, after.time_zone, after.email), (None, None, known.email));
    assert_eq!((held[0].product.as_deref(), held[0].sequence, held[0].of), (None, None, Some(12)));
    assert!(held[0].tags.is_empty());
    assert_eq!(held[0].paid_amount, money("0", "CNY"));
}

pub(super) async fn rows_of_one_batch_build_on_each_other(store: &dyn Store, _: &SimClock) {
    let rows = [
        LedgerRow { name: name("Wang"), ..row("b1", "i1") },
        LedgerRow { phone: phone(PHONE), ..row("b1", "i2") },
        LedgerRow { status: said("paid"), ..row("b1", "i1") },
        LedgerRow { status: said("paid"), ..row("b1", "i1") },
    ];
    assert_eq!(import(store, &rows).await, [Change::New, Change::New, Change::Changed, Change::Same]);
    let known = borrower(store, "b1").await;
    assert!(known.name.is_some() && known.phone.is_some(), "the second row does not undo the first");
    let statuses: Vec<_> = installments(store).await.into_iter().map(|held| held.status).collect();
    assert_eq!(statuses, [InstallmentStatus::Paid, InstallmentStatus::Open]);
}

pub(super) async fn an_installment_may_move(store: &dyn Store, _: &SimClock) {
    import(store, &[row("b1", "i1"), row("b2", "i2")]).await;
    let moved = LedgerRow { due_date: date("2026-12-25"), ..row("b2", "i1") };
    assert_eq!(import(store, &[moved]).await, [Change::Changed]);
    let of = |id: &'static str, day: &'static str| async move {
        let account = store.account(&key(id), date(day), Channel::Sms).await.expect("the account is read");
        account.installments.into_iter().map(|held| held.id.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert!(of("b1", DUE).await.is_empty());
    assert_eq!(of("b2", DUE).await, ["i2"]);
    assert_eq!(of("b2", "2026-12-25").await, ["i1"]);
}

pub(super) async fn money_is_exact(store: &dyn Store, _: &SimClock) {
    let amounts = [
        ("i1", "99999999999999.99", "CNY"),
        ("i2", "0.01", "CNY"),
        ("i3", "1.005", "KWD"),
        ("i4", "99999999999999", "JPY"),
        ("i5", "0.10", "USD"),
        ("i6", "0", "CNY"),
    ];
    let rows: Vec<_> = amounts
        .iter()
        .map(|(id, amount, code)| LedgerRow {
            amount: money(amount, code),
            paid_amount: FieldUpdate::Set(Some(money(amount, code))),
            ..row("b1", id)
        })
        .collect();
    import(store, &rows).await;
    assert_eq!(import(store, &rows).await, vec![Change::Same; rows.len()], "they compare as equal when read back");
    let held = installments(store).await;
    for ((id, amount, code), held) in amounts.iter().zip(&held) {
        assert_eq!(held.id.as_str(), *id);
        assert_eq!((held.amount, held.paid_amount), (money(amount, code), money(amount, code)), "{amount} {code}");
        assert_eq!(held.amount.amount().to_string(), money(amount, code).amount().to_string());
    }
}

pub(super) async fn a_paid_amount_does_not_outlive_its_currency(store: &dyn Store, _: &SimClock) {
    import(store, &[LedgerRow { paid_amount: FieldUpdate::Set(Some(money("28.50", "CNY"))), ..row("b1", "i1") }]).await;
    let in_yen = LedgerRow { amount: money("2000", "JPY"), ..row("b1", "i1") };
    assert_eq!(import(store, std::slice::from_ref(&in_yen)).await, [Change::Changed]);
    assert_eq!(installments(store).await[0].paid_amount, money("0", "JPY"));
    assert_eq!(import(store, &[in_yen]).await, [Change::Same]);
}

pub(super) async fn odd_text_comes_back_as_it_went_in(store: &dyn Store, _: &SimClock) {
    let long = "数".repeat(128);
    let odd = [
        "it's \"quoted\", \\back\\slashed",
        "{\"json\": [1, null]}",
        "{curly,\"array\"}",
        "NULL",
        "👩‍👩‍👧‍👦 zero\u{200d}width \u{202e}rtl",
        "100%_like$1?",
        &long,
    ];
    for text in odd {
        // No name has more than 80 letters.
        let called = name(&text.chars().take(80).collect::<String>());
        let row = LedgerRow { order_ref: said(text), name: called.clone(), ..row(text, text) };
        assert_eq!(import(store, std::slice::from_ref(&row)).await, [Change::New], "{text}");
        assert_eq!(import(store, &[row]).await, [Change::Same], "{text}");
        assert_eq!(FieldUpdate::Set(borrower(store, text).await.name), called);
    }
    let mut held: Vec<_> = installments(store).await.into_iter().filter_map(|held| held.order_ref).collect();
    let mut expected = Vec::from_iter(odd.map(str::to_owned));
    held.sort();
    expected.sort();
    assert_eq!(held, expected);
}
