//! Changes that people make to routes at run time.

use dueherald::clock::SimClock;
use dueherald::domain::{AppGuide, AppSteps, EmailAddress, Route, RouteHealth, RouteKind, RouteVersion, Support};
use dueherald::store::Store;

use super::sample::{instant, merchant};

fn version(key: &str, url: &str, at: &str) -> RouteVersion {
    let route = Route {
        key: key.parse().expect("a key"),
        merchant: merchant("mall"),
        product: None,
        kind: RouteKind::Web { url: url.into() },
        valid_from: None,
        valid_until: None,
        closed: false,
        replaced_by: None,
    };
    RouteVersion { route, at: instant(at), actor: "wang".into(), reason: "搬家".into() }
}

pub(super) async fn versions_are_kept_and_the_newest_is_told(store: &dyn Store, _: &SimClock) {
    let first = version("web", "https://a.mall.example/", "2026-11-22T01:00:00Z");
    // Made on a machine whose clock is behind: what was said last holds.
    let mut second = version("web", "https://b.mall.example/", "2026-11-22T00:59:00Z");
    second.route.product = Some("随心分".into());
    second.route.valid_from = Some(instant("2026-12-01T00:00:00.000001Z"));
    second.route.valid_until = Some(instant("2026-12-02T00:00:00Z"));
    second.route.closed = true;
    second.route.replaced_by = "app".parse().ok();
    let mut app = version("app", "mallpay://bill", "2026-11-22T02:00:00Z");
    let mut steps = AppSteps::default();
    for step in ["打开 App", "“还款”"] {
        steps.push("zh-CN", step.into());
    }
    let guide = AppGuide { stores: vec!["https://apps.apple.com/cn/app/id1".into()], steps };
    app.route.kind = RouteKind::App { url: "mallpay://bill/{installment}".into(), guide };
    let mut support = version("zz", "", "2026-11-22T02:00:00Z");
    support.route.kind = RouteKind::Support { contact: None };
    let mut own = support.clone();
    let email = EmailAddress::new("help@mall.example").ok();
    own.route.kind = RouteKind::Support {
        contact: Some(Support { phone: None, email, hours: "mon-sat 09:00-21:00 Asia/Shanghai".parse().ok() }),
    };
    assert_eq!(store.route_versions(None).await.expect("read"), []);
    for one in [&first, &app, &second, &support, &own] {
        store.add_route_version(one).await.expect("written");
    }
    assert_eq!(store.route_versions(None).await.expect("read"), [app.clone(), second.clone(), own.clone()]);
    assert_eq!(store.route_versions(Some(&first.route.key)).await.expect("read"), [first, second]);
    assert_eq!(store.route_versions(Some(&support.route.key)).await.expect("read"), [support, own]);
    assert_eq!(store.route_versions(Some(&"none".parse().expect("a key"))).await.expect("read"), []);
}

pub(super) async fn how_a_route_does_is_the_last_word(store: &dyn Store, _: &SimClock) {
    let degraded = RouteHealth {
        key: "web".parse().expect("a key"),
        url: "https://a.mall.example/{order}".into(),
        degraded: true,
        since: instant("2026-11-22T01:00:00.000001Z"),
        failures: 3,
        successes: 0,
        last_fault: Some("it answers with status 500".into()),
        probed_at: instant("2026-11-22T01:03:00Z"),
    };
    let other = RouteHealth { key: "app".parse().expect("a key"), last_fault: None, ..degraded.clone() };
    let well = RouteHealth { degraded: false, failures: 0, successes: u32::MAX, ..degraded.clone() };
    assert_eq!(store.route_health().await.expect("read"), []);
    for one in [&degraded, &other] {
        store.note_route_health(one, &merchant("mall")).await.expect("written");
    }
    assert_eq!(store.route_health().await.expect("read"), [other.clone(), degraded]);
    store.note_route_health(&well, &merchant("mall")).await.expect("written");
    assert_eq!(store.route_health().await.expect("read"), [other, well]);
}
