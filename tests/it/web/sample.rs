//! A merchant, an instalment and routes for pages to be about.

use chrono::{DateTime, NaiveDate, Utc};
use dueherald::config::Http;
use dueherald::domain::{
    AppGuide, BorrowerId, BorrowerKey, Currency, EmailAddress, Installment, InstallmentId, Locale, Merchant,
    MerchantId, Money, Route, RouteKey, RouteKind, Support,
};

pub(super) fn merchant() -> Merchant {
    Merchant {
        id: merchant_id(),
        name: "云帆商城".into(),
        signature: "云帆商城".into(),
        app_name: "云帆金融".into(),
        locale: Locale::new("zh-CN").expect("a tag"),
        time_zone: chrono_tz::Asia::Shanghai,
        country: "CN".into(),
        countries: Vec::new(),
        jurisdiction: "cn".parse().expect("a jurisdiction"),
        discreet: false,
        amount_unit: Default::default(),
        stopped: false,
        link_base: "https://l.yunfan.example".into(),
        bare_links: false,
        support: Support {
            phone: Some("400-820-8820".into()),
            email: EmailAddress::new("help@yunfan.example").ok(),
            hours: "daily 09:00-21:00 Asia/Shanghai".parse().ok(),
        },
    }
}

pub(super) fn merchant_id() -> MerchantId {
    MerchantId::new("yunfan").expect("sound")
}

pub(crate) fn installment(id: &str, product: Option<&str>) -> Installment {
    let cny = |amount| Money::parse(amount, Currency::new("CNY").expect("a code")).expect("an amount");
    let borrower = BorrowerKey { merchant: merchant_id(), id: BorrowerId::new("B-1001").expect("sound") };
    Installment {
        order_ref: Some("ORDER-778899".into()),
        product: product.map(str::to_owned),
        sequence: Some(2),
        of: Some(6),
        ..Installment::new(borrower, InstallmentId::new(id).expect("sound"), cny("1288.66"), date("2026-11-25"))
    }
}

pub(crate) fn web(key: &str, product: Option<&str>, url: &str) -> Route {
    route(key, product, RouteKind::Web { url: url.into() })
}

pub(crate) fn app(key: &str, url: &str) -> Route {
    route(key, None, RouteKind::App { url: url.into(), guide: AppGuide::default() })
}

pub(crate) fn route(key: &str, product: Option<&str>, kind: RouteKind) -> Route {
    let key = RouteKey::new(key).expect("sound");
    Route {
        key,
        merchant: merchant_id(),
        product: product.map(str::to_owned),
        kind,
        valid_from: None,
        valid_until: None,
        closed: false,
        replaced_by: None,
    }
}

pub(crate) fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

pub(crate) fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

/// Addresses that nobody listens on, and the usual limits.
pub(crate) fn http() -> Http {
    Http {
        public: ([127, 0, 0, 1], 0).into(),
        ops: ([127, 0, 0, 1], 0).into(),
        requests_per_minute: 60,
        max_connections: 100,
        connections_per_client: 100,
        client_header: None,
        unlimited_clients: false,
    }
}
