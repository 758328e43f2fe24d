//! Routes and what may stand in their addresses.

use dueherald::config::Config;
use dueherald::domain::{AppGuide, RouteKind};
use secrecy::ExposeSecret;

use super::{changed, load, told};

const APP: &str = "kind = \"app\"\nurl = \"mallfinance://bill\"";
const WEB: &str = "url = \"https://pay.mall.example.com/bill\"";
const LINK_BASE: &str = "link_base = \"https://mall.example.com/\"";
const KEY: &str = "link_base = \"https://mall.example.com/\"\nroute_key = { file = \"link.key\" }";

fn kind<'c>(config: &'c Config, key: &str) -> &'c RouteKind {
    &config.routes.0.iter().find(|route| route.key.as_str() == key).expect("it is there").kind
}

#[test]
fn a_route_is_a_page_an_app_with_its_stores_and_steps_or_a_person() {
    let text = changed(&[
        (LINK_BASE, KEY),
        (WEB, "url = \"https://pay.mall.example.com/{installment}?o={order}&a={amount}&c={currency}&s={signature}\""),
        (
            APP,
            "kind = \"app\"\nurl = \"mallfinance://bill/{installment}\"\nstores = [\"https://apps.apple.com/cn/app/id1\", \"https://pay.mall.example.com/app.apk\"]\nsteps = { zh-CN = [\"打开 App\", \"还款\"] }\n[routes.mall-care]\nmerchant = \"mall\"\nkind = \"support\"\nproduct = \"教育分期\"\nphone = \"95000\"\n[routes.mall-desk]\nmerchant = \"mall\"\nkind = \"support\"",
        ),
    ]);
    // route_hosts follow from the config; an app's scheme names none.
    let config = load(&text, &[]).unwrap_or_else(|told| panic!("{told}"));
    let mall = config.routes.0[0].merchant.clone();
    assert_eq!(config.route_keys[&mall].expose_secret(), "0123456789abcdef0123456789abcdef");
    assert!(kind(&config, "mall-web").is_signed() && kind(&config, "mall-web").fixed_page().is_none());
    let RouteKind::App { guide: AppGuide { stores, steps }, .. } = kind(&config, "mall-app") else { panic!("an app") };
    assert_eq!(
        (stores.len(), &steps.chinese[..], steps.english.len()),
        (2, &["打开 App".into(), "还款".into()][..], 0)
    );
    let RouteKind::Support { contact: Some(contact) } = kind(&config, "mall-care") else { panic!("a person") };
    assert_eq!(contact.phone.as_deref(), Some("95000"));
    assert_eq!(*kind(&config, "mall-desk"), RouteKind::Support { contact: None });
}

#[test]
fn an_address_that_cannot_be_filled_shows_with_its_line() {
    let address = |url: &str| changed(&[(WEB, &format!("url = \"{url}\""))]);
    insta::assert_snapshot!(told(&address("https://pay.mall.example.com/{phone}"), &[]), @"");
    insta::assert_snapshot!(told(&address("https://{order}.mall.example.com/"), &[]), @"");
    insta::assert_snapshot!(told(&address("https://pay.mall.example.com/{order"), &[]), @"");
    insta::assert_snapshot!(told(&address("https://pay.mall.example.com/?s={signature}"), &[]), @"");
    insta::assert_snapshot!(told(&changed(&[(LINK_BASE, &KEY.replace("link.key", "short.key"))]), &[]), @"");
}

#[test]
fn what_does_not_fit_the_kind_shows_with_its_line() {
    let app = |more: &str| changed(&[(APP, &format!("{APP}\n{more}"))]);
    insta::assert_snapshot!(told(&app("stores = [\"https://apps.example.org/\", \"http://apps.apple.com/\"]"), &[]), @"");
    insta::assert_snapshot!(told(&app("steps = { fr = [\"Ouvrir\"] }\nphone = \"95000\""), &[]), @"");
    let support = "kind = \"support\"\nhours = \"9–21\"\nurl = \"https://pay.mall.example.com/\"";
    insta::assert_snapshot!(told(&changed(&[(APP, support)]), &[]), @"");
}

#[test]
fn a_person_alone_is_no_way_to_repay() {
    let text = changed(&[(&format!("kind = \"web\"\n{WEB}"), "kind = \"support\""), (APP, "kind = \"support\"")]);
    insta::assert_snapshot!(told(&text, &[]), @"");
}
