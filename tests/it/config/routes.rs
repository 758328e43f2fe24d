//! Routes and what may stand in their addresses.

use dueherald::config::Config;
use dueherald::domain::{AppGuide, RouteKind};
use rstest::rstest;
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
            "kind = \"app\"\nurl = \"mallfinance://bill/{installment}\"\nstores = \
             [\"https://apps.apple.com/cn/app/id1\", \"https://pay.mall.example.com/app.apk\"]\nsteps = { zh-CN = \
             [\"打开 App\", \"还款\"] }\n[routes.mall-care]\nmerchant = \"mall\"\nkind = \"support\"\nproduct = \"教育分期\"\nphone = \"95000\"\n[routes.mall-desk]\nmerchant = \"mall\"\nkind = \"support\"",
        ),
    ]);
    // route_hosts follow from the config; an app's scheme names none.
    let config = load(&text, &[]).unwrap_or_else(|told| panic!("{told}"));
    let mall = config.routes.0[0].merchant.clone();
    let key = config.route_keys[&mall].in_use(chrono::DateTime::UNIX_EPOCH).expect("it signs at any time");
    assert_eq!(key.expose_secret(), "0123456789abcdef0123456789abcdef");
    assert!(kind(&config, "mall-web").is_signed() && kind(&config, "mall-web").fixed_page().is_none());
    let RouteKind::App { guide: AppGuide { stores, steps }, .. } = kind(&config, "mall-app") else { panic!("an app") };
    assert_eq!(
        (stores.len(), steps.in_language("zh-CN"), steps.in_language("en").len()),
        (2, &["打开 App".into(), "还款".into()][..], 0)
    );
    let RouteKind::Support { contact: Some(contact) } = kind(&config, "mall-care") else { panic!("a person") };
    assert_eq!(contact.phone.as_deref(), Some("95000"));
    assert_eq!(*kind(&config, "mall-desk"), RouteKind::Support { contact: None });
}

#[test]
fn a_route_key_is_replaced_at_a_moment_of_its_own() {
    let keys = |keys: &str| changed(&[(LINK_BASE, &KEY.replace("{ file = \"link.key\" }", keys))]);
    let new = "{ key = { env = \"NEW\" }, valid_from = 2026-12-01T00:00:00+08:00 }";
    let environment = [("NEW", "fedcba9876543210fedcba9876543210")];
    let old = "{ file = \"link.key\", since = \"2026-01-01\" }";
    for old in [old.to_owned(), format!("{{ key = {old} }}")] {
        let config = load(&keys(&format!("[{new}, {old}]")), &environment).unwrap_or_else(|told| panic!("{told}"));
        let mall = config.routes.0[0].merchant.clone();
        let at = |instant: &str| config.route_keys[&mall].in_use(instant.parse().expect("an instant"));
        assert_eq!(at("2026-11-30T15:59:59Z").map(|key| &key.expose_secret()[..4]), Some("0123"));
        assert_eq!(at("2026-11-30T16:00:00Z").map(|key| &key.expose_secret()[..4]), Some("fedc"));
        let ages: Vec<_> = config.secrets.iter().filter(|secret| secret.key.contains("route_key")).collect();
        assert_eq!((ages.len(), ages[1].since), (2, "2026-01-01".parse().ok()), "{ages:?}");
    }
    insta::assert_snapshot!(told(&keys(&format!("[{new}]")), &environment), @"conf/dueherald.toml:16: merchants.mall.route_key: has a valid_from in its last entry: nothing would be signed before; take it away, or put the key in use behind it");
    insta::assert_snapshot!(told(&keys("[{ valid_form = 2026-12-01T00:00:00+08:00 }, { file = \"link.key\" }]"), &[]), @r#"
    conf/dueherald.toml:16: merchants.mall.route_key.key: is missing; write for example key = { file = "route.key" }
    conf/dueherald.toml:16: merchants.mall.route_key.valid_form: is no key of the config; did you mean valid_from?
    "#);
    insta::assert_snapshot!(told(&keys(&format!("[{new}, {{ file = \"link.key\" }}]")), &[]), @"conf/dueherald.toml:16: merchants.mall.route_key.key: the environment variable NEW is not set; set it, or name another");
    insta::assert_snapshot!(told(&keys("[]"), &[]), @"conf/dueherald.toml:16: merchants.mall.route_key: is an empty list; write the value that is used");
}

#[test]
fn an_address_that_cannot_be_filled_shows_with_its_line() {
    let address = |url: &str| changed(&[(WEB, &format!("url = \"{url}\""))]);
    insta::assert_snapshot!(told(&address("https://pay.mall.example.com/{phone}"), &[]), @r#"conf/dueherald.toml:31: routes.mall-web.url: has {phone} in it, which is unknown; here you can write {installment}, {order}, {amount}, {currency} and {signature}"#);
    insta::assert_snapshot!(told(&address("https://{order}.mall.example.com/"), &[]), @r#"conf/dueherald.toml:31: routes.mall-web.url: has a brace before its path; placeholders are allowed only after the host"#);
    insta::assert_snapshot!(told(&address("https://pay.mall.example.com/{order"), &[]), @r#"conf/dueherald.toml:31: routes.mall-web.url: has a brace that belongs to no placeholder; write a brace as %7B or %7D"#);
    insta::assert_snapshot!(told(&address("https://pay.mall.example.com/?s={signature}"), &[]), @r#"conf/dueherald.toml:31: routes.mall-web.url: has {signature} in it; write route_key in [merchants.mall] to sign with"#);
    insta::assert_snapshot!(told(&changed(&[(LINK_BASE, &KEY.replace("link.key", "short.key"))]), &[]), @r#"conf/dueherald.toml:16: merchants.mall.route_key: is shorter than 32 bytes; make one with `openssl rand -hex 32`"#);
}

#[test]
fn what_does_not_fit_the_kind_shows_with_its_line() {
    let app = |more: &str| changed(&[(APP, &format!("{APP}\n{more}"))]);
    insta::assert_snapshot!(told(&app("stores = [\"https://apps.example.org/\", \"http://apps.apple.com/\"]"), &[]), @r#"
    conf/dueherald.toml:37: routes.mall-app.stores: names an address that begins with http:, which no such route may; write https:// (an app may have a scheme of its own)
    conf/dueherald.toml:37: routes.mall-app.stores: names an address that leads to apps.example.org, which is not on the merchant's list; write it into route_hosts if it is right
    "#);
    let text = told(&app("steps = { fr = [\"Ouvrir\"] }\nphone = \"95000\""), &[]);
    let languages = "routes.mall-app.steps.fr: is no key of the config; here you can write \"zh-";
    assert!(text.contains(languages) && text.contains("\"zh-CN\""), "{text}");
    assert!(text.contains("routes.mall-app.phone: is no key of the config; here you can write \"merchant\""), "{text}");
    let support = "kind = \"support\"\nhours = { from = \"09:00\", to = \"21:00\", zone = \"Asia/Shanghai\" }\nurl = \"https://pay.mall.example.com/\"";
    insta::assert_snapshot!(told(&changed(&[(APP, support)]), &[]), @r#"
    conf/dueherald.toml:36: routes.mall-app.hours: are of nobody; write phone or email as well, or leave it out for the merchant's customer service
    conf/dueherald.toml:37: routes.mall-app.url: is no key of the config; here you can write "merchant", "kind", "phone", "email", "hours", "product", "valid_from", "valid_until", "closed", "replaced_by" or "probe"
    "#);
}

/// Customer service that works on Saturday mornings too, and to the end of the day.
#[test]
fn hours_of_customer_service_are_one_span_or_several() {
    let with = |hours: &str| changed(&[(APP, &format!("kind = \"support\"\nphone = \"95000\"\nhours = {hours}"))]);
    let week = r#"{ days = "mon-fri", from = "09:00", to = "24:00", zone = "Asia/Shanghai" }"#;
    let saturday = |zone: &str| format!(r#"{{ days = "sat", from = "10:00", to = "14:00", zone = "{zone}" }}"#);
    let config = load(&with(&format!("[{week}, {}]", saturday("Asia/Shanghai"))), &[]).expect("it is sound");
    let RouteKind::Support { contact: Some(contact) } = kind(&config, "mall-app") else { panic!("it is a person") };
    let hours = contact.hours.as_ref().map(ToString::to_string);
    assert_eq!(hours.as_deref(), Some("mon-fri 09:00-00:00; sat 10:00-14:00 Asia/Shanghai"));
    let other = format!("[{week}, {}, {{ from = \"21:00\", to = \"09:00\" }}]", saturday("Asia/Taipei"));
    insta::assert_snapshot!(told(&with(&other), &[]), @r#"
    conf/dueherald.toml:37: routes.mall-app.hours[2].zone: is not that of the first entry, Asia/Shanghai; write all hours in one time zone
    conf/dueherald.toml:37: routes.mall-app.hours[3].to: does not come after `from`; write for example from = "09:00", to = "21:00"
    conf/dueherald.toml:37: routes.mall-app.hours[3].zone: is missing; write for example zone = "Asia/Shanghai"
    "#);
}

#[rstest]
#[case::none("[]", "hours: is an empty list; write for example hours = {")]
#[case::twice(
    r#"[{ from = "09:00", to = "18:00", zone = "UTC" }, { days = "fri", from = "17:00", to = "20:00", zone = "UTC" }]"#,
    "hours[2]: names hours that routes.mall-app.hours[1] names already; write each hour of a day once"
)]
#[case::to_the_end_of_the_day(
    r#"[{ days = "sat", from = "22:00", to = "23:00", zone = "UTC" }, { from = "20:00", to = "24:00", zone = "UTC" }]"#,
    "hours[2]: names hours that routes.mall-app.hours[1] names already"
)]
#[case::seconds(
    r#"{ from = "09:00:30", to = "18:00", zone = "UTC" }"#,
    "hours.from: has seconds, which no message shows; write for example \"09:00\""
)]
#[case::seconds_of_toml(
    r#"[{ from = 09:00:00, to = 18:00:01, zone = "UTC" }]"#,
    "hours[1].to: has seconds, which no message shows"
)]
#[case::no_days(
    r#"[{ from = "09:00", to = "18:00", zone = "UTC" }, { days = "someday", from = "9:00", to = "18:00" }]"#,
    "hours[2].days: \"someday\" is no days of the week"
)]
fn mistakes_in_hours_name_the_entry(#[case] hours: &str, #[case] mistake: &str) {
    let told = told(&changed(&[(APP, &format!("kind = \"support\"\nphone = \"95000\"\nhours = {hours}"))]), &[]);
    let expected = format!("conf/dueherald.toml:37: routes.mall-app.{mistake}");
    assert!(told.starts_with(&expected), "{told}");
}

#[test]
fn a_person_alone_is_no_way_to_repay() {
    let text = changed(&[(&format!("kind = \"web\"\n{WEB}"), "kind = \"support\""), (APP, "kind = \"support\"")]);
    insta::assert_snapshot!(told(&text, &[]), @r#"conf/dueherald.toml:8: merchants.mall: has no open way to repay for every product; write a section [routes.…] with merchant = "mall" that is neither closed nor for one product"#);
}
