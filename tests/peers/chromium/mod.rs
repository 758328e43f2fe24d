//! Chromium: what a borrower sees and does, on a phone and at a desk. A picture of each page is left in
//! `target/screenshots`.

pub(crate) mod browser;
mod mails;
mod pictures;
mod shop;

use std::fs;
use std::path::{Path, PathBuf};

use rstest::rstest;

use self::browser::{Browser, Screen, runs};
use crate::daemon::Daemon;
use crate::patience::until;

const PHONE: Screen = Screen { name: "phone", width: 390, height: 844, scale: 2, is_phone: true };
const DESK: Screen = Screen { name: "desk", width: 1280, height: 800, scale: 1, is_phone: false };

const SIGNED: [&str; 4] = ["--actor", "wang", "--reason", "入口搬迁"];

/// The languages of the borrowers, each with a word that only its messages hold.
const LANGUAGES: [(&str, &str); 4] =
    [("zh-CN", "还款"), ("zh-TW", "繳款"), ("en-GB", "instalment"), ("en", "installment")];

/// A background job that has sent a message on a channel to a borrower of each language.
struct House {
    daemon: Daemon,
    channel: &'static str,
}

impl House {
    async fn new(channel: &'static str) -> Self {
        let gateway = format!(
            r#"
            [gateways.kept]
            kind = "capture"
            channel = "{channel}"
            folder = "captured"
            [routes.app]
            merchant = "mall"
            kind = "app"
            url = "https://app.mall.example/open"
            stores = ["https://apps.apple.com/cn/app/id1", "https://appgallery.huawei.com/app/C1"]
            "#
        );
        let house = Self { daemon: Daemon::new(channel, &gateway), channel };
        house.import("open");
        house
    }

    /// Says how the instalments of all stand.
    fn import(&self, status: &str) {
        let due = self.daemon.today();
        let csv = format!(
            "merchant,borrower_id,name,locale,phone,account_phone,email,installment_id,order_ref,product,sequence,of,amount,currency,due_date,status\n\
             mall,zhang,欧阳晓雯,zh-CN,13800138000,13911112222,zhang@mail.example,i1,20261122-778899,随心分,2,6,1288.66,CNY,{due},{status}\n\
             mall,jones,Ann \
             Jones,en,13800138001,13911113333,jones@mail.example,i2,20261122-778900,Flexi,1,3,64.20,CNY,{due},{status}\n\
             mall,wang,王小明,zh-TW,13800138002,13911114444,wang@mail.example,i3,20261122-778901,彈性分期,1,3,64.20,CNY,{due},{status}\n\
             mall,smith,Joe \
             Smith,en-GB,13800138003,13911115555,smith@mail.example,i4,20261122-778902,Flexi,1,3,64.20,CNY,{due},{status}\n"
        );
        let file = self.daemon.folder().join("due.csv");
        fs::write(&file, csv).expect("the file can be written");
        self.daemon.told(&["import", file.to_str().expect("a path")]);
    }

    /// The addresses of the pages in the messages, in the order of [`LANGUAGES`]; `mark` is what they begin with.
    async fn links(&self, mark: &str) -> [String; 4] {
        let folder = self.daemon.folder().join("captured");
        let suffix = if self.channel == "sms" { "txt" } else { "html" };
        let texts = || {
            let files = fs::read_dir(&folder).map(|files| files.flatten().collect::<Vec<_>>()).unwrap_or_default();
            let paths = files.into_iter().map(|file| file.path());
            let whole = paths.filter(|path| path.extension().is_some_and(|extension| extension == suffix));
            whole.filter_map(|path| fs::read_to_string(path).ok()).collect::<Vec<_>>()
        };
        until("all messages leave", async || texts().len() == LANGUAGES.len()).await;
        let texts = texts();
        let base = format!("http://127.0.0.1:{}", self.daemon.public());
        let link = |text: &String| {
            let start = text.find(mark).unwrap_or_else(|| panic!("no {mark} in {text}"));
            let part_of_it = |c: char| matches!(c, '/' | '_' | '-') || c.is_ascii_alphanumeric();
            base.clone() + &text[start..].chars().take_while(|c| part_of_it(*c)).collect::<String>()
        };
        LANGUAGES.map(|(tag, word)| {
            link(texts.iter().find(|text| text.contains(word)).unwrap_or_else(|| panic!("no message in {tag}")))
        })
    }
}

/// A browser that visits pages one after the other.
struct Looker {
    browser: Browser,
    folder: PathBuf,
    screen: Screen,
}

impl Looker {
    fn new(screen: Screen, port: u16) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        fs::create_dir_all(&folder).expect("the folder can be made");
        Self { browser: Browser::start(screen, "mall.example", port), folder, screen }
    }

    /// The content of the page, which must fit on the screen; the test keeps a screenshot of it.
    #[track_caller]
    fn sees(&mut self, name: &str, shown: &[&str]) -> String {
        let html = self.browser.html();
        for text in shown {
            assert!(html.contains(text), "{name}: no {text} in {html}");
        }
        assert!(!self.browser.is_too_wide(), "{name} is wider than the screen");
        self.browser.picture(&self.folder.join(format!("{}-{name}.png", self.screen.name)));
        html
    }
}

#[rstest]
#[case::phone(PHONE)]
#[case::desk(DESK)]
#[tokio::test(flavor = "multi_thread")]
async fn a_borrower_repays_from_a_link(#[case] screen: Screen) {
    let house = House::new("sms").await;
    let mut running = house.daemon.run();
    let [chinese, taiwanese, british, english] = house.links("/r/").await;
    let mut looker = Looker::new(screen, shop::open().await);

    looker.browser.open(&chinese);
    let page = looker.sees("landing-zh", &["示例商城", "今天到期", "前往还款页面", "华为应用市场", "查看账单明细"]);
    assert!(!page.contains("欧阳") && !page.contains("778899") && !page.contains("1,288"), "{page}");
    looker.browser.dark(true);
    looker.sees("landing-zh-dark", &[]);
    looker.browser.dark(false);
    looker.browser.open(&english);
    looker.sees("landing-en", &["Due today", "Go to the payment page", "AppGallery", "See the details of your bill"]);
    for (name, link, product) in [("zh-TW", &taiwanese, "彈性分期"), ("en-GB", &british, "Instalment 1 of 3")] {
        looker.browser.open(link);
        looker.sees(&format!("landing-{name}"), &[]);
        looker.browser.write("input[name=digits]", "1111");
        looker.browser.follow("form.check button");
        looker.sees(&format!("bill-{name}"), &[product]);
    }

    // The second factor.
    looker.browser.open(&chinese);
    looker.browser.write("input[name=digits]", "8000");
    looker.browser.follow("form.check button");
    looker.sees("digits-wrong", &["还可以再试4次"]);
    looker.browser.write("input[name=digits]", "1111");
    looker.browser.follow("form.check button");
    looker.sees("bill-zh", &["欧阳晓雯", "20261122-778899", "1,288.66元", "第2期，共6期"]);
    looker.browser.open(&english);
    looker.browser.write("input[name=digits]", "1111");
    looker.browser.follow("form.check button");
    looker.sees("bill-en", &["Ann Jones", "20261122-778900", "CNY 64.20"]);

    // To the merchant's page, which sends on to another of its hosts.
    looker.browser.open(&chinese);
    looker.browser.follow("form[action$='/go'] .button:not(.button-quiet)");
    assert_eq!(looker.browser.url(), "https://login.mall.example/bill");
    looker.sees("go", &["商城收银台", "no referrer"]);

    // An address that tells the order is for who knows the number.
    let url = "https://pay.mall.example/bill?order={order}";
    house.daemon.told(&[&["route", "set", "web", "--url", url], &SIGNED[..]].concat());
    until("the route is known to the daemon", async || {
        looker.browser.open(&chinese);
        looker.browser.html().contains("请先核对")
    })
    .await;
    looker.sees("landing-locked", &["前往前，请先核对手机号中间四位。"]);
    looker.browser.write("input[name=digits]", "1111");
    looker.browser.follow("form.check button");
    looker.browser.follow("form[action$='/go'] .button:not(.button-quiet)");
    assert_eq!(looker.browser.url(), "https://login.mall.example/bill?order=20261122-778899");

    // Too many wrong digits.
    looker.browser.open(&chinese);
    for digits in ["0001", "0002", "0003", "0004", "0005"] {
        looker.browser.open(&chinese);
        looker.browser.write("input[name=digits]", digits);
        looker.browser.follow("form.check button");
    }
    looker.sees("digits-used-up", &["请稍后再试"]);

    house.import("paid");
    looker.browser.open(&chinese);
    looker.sees("paid-zh", &["账单已还清"]);
    looker.browser.open(&english);
    looker.sees("paid-en", &["All paid, thank you"]);

    looker.browser.open(&format!("{}x", chinese));
    looker.sees("not-found", &["链接无效", "This link does not work"]);

    let ended = looker.browser.end();
    until("all processes of the browser end", async || !runs(&ended)).await;
    assert!(!running.is_gone(), "{}", house.daemon.logged());
    let token = chinese.rsplit('/').next().expect("a token");
    assert!(!house.daemon.logged().contains(token), "the token is logged");
}

#[rstest]
#[case::phone(PHONE)]
#[case::desk(DESK)]
#[tokio::test(flavor = "multi_thread")]
async fn a_borrower_unsubscribes_from_an_e_mail(#[case] screen: Screen) {
    let house = House::new("email").await;
    let _running = house.daemon.run();
    let [chinese, taiwanese, british, english] = house.links("/u/").await;
    let mut looker = Looker::new(screen, shop::open().await);
    for (name, link, asked, done) in [
        ("zh", chinese, "不再接收邮件提醒？", "已退订"),
        ("zh-TW", taiwanese, "不再接收電子郵件通知？", "已取消訂閱"),
        ("en-GB", british, "Stop email reminders?", "You are unsubscribed"),
        ("en", english, "Stop email reminders?", "You are unsubscribed"),
    ] {
        looker.browser.open(&link);
        looker.sees(&format!("unsubscribe-{name}"), &[asked]);
        looker.browser.follow("button[name=List-Unsubscribe]");
        looker.sees(&format!("unsubscribed-{name}"), &[done]);
        if name == "en-GB" {
            looker.browser.follow("button[name=resume]");
            looker.sees("resumed-en-GB", &["You will get email reminders again"]);
        }
    }
    let ended = looker.browser.end();
    until("all processes of the browser end", async || !runs(&ended)).await;
    let suppressed = house.daemon.listed(&["suppress", "list", "--merchant", "mall"]);
    assert_eq!(suppressed.len(), 3, "who undid it is not on the list: {suppressed:?}");
}
