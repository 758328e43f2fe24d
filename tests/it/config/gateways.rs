//! Accounts at providers: what they need, and what is told when a rule sends what they cannot carry.

use dueherald::cli::template::lint;
use dueherald::domain::{Channel, GatewayName, LinkMode};
use dueherald::render::Renderer;
use rstest::rstest;

use super::{changed, load, told};

const SMS: &str = "gateways = [\"capture-sms\"]";
const ALIYUN: &str = r#"
[gateways.aliyun]
kind = "aliyun"
account = { access_key_id = "LTAI-fake", access_key_secret = { env = "ALIYUN_SECRET" } }
sign_names = { mall = "示例金融" }
callback_secret = "0123456789abcdef01234567"
banned_words = ["催收"]
price = { per_segment = "0.045", currency = "CNY" }

[gateways.aliyun.templates.before-due]
code = "SMS_1"
text = "您${count}笔共${amount}的账单将于${date}到期，请登录${app}还款，客服${phone}"
parameters = { count = "{{ count }}", amount = "{{ total }}", date = "{{ due_date }}", app = "{{ merchant.app_name }}", phone = "{{ merchant.support.phone or merchant.support.email }}" }

[gateways.aliyun.templates.on-due]
code = "SMS_2"
text = "您${amount}的账单今天到期"
parameters = { amount = "{{ total }}" }

[gateways.aliyun.templates.before-due-harbour]
template = "before-due"
merchant = "harbour"
locale = "en"
code = "SMS_3"
text = "${amount} is due on ${date}."
parameters = { amount = "{{ total }}", date = "{{ due_date }}" }
"#;
const SECRET: &[(&str, &str)] = &[("ALIYUN_SECRET", "sesame")];

/// The sound config with Aliyun as its second gateway of SMS, and some of Aliyun's text changed.
fn config(changes: &[(&str, &str)]) -> String {
    let base = changed(&[
        (SMS, "gateways = [\"capture-sms\", \"aliyun\"]"),
        ("[[links.keys]]", "[links]\nbase = \"https://pay.mall.example\"\n[[links.keys]]"),
    ]);
    changes.iter().fold(base + ALIYUN, |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is there");
        text.replacen(from, to, 1)
    })
}

#[test]
fn an_account_with_approved_templates_is_sound() {
    let config = load(&config(&[]), SECRET).expect("it is sound");
    let name = GatewayName::new("aliyun").expect("a name");
    let gateway = &config.gateways[&name];
    assert_eq!((gateway.kind(), gateway.channel()), ("aliyun", Channel::Sms));
    assert_eq!(gateway.registered().expect("approved templates").templates.len(), 3);
    let address = config.callback_address(&name).expect("it is called back");
    assert_eq!(address.as_str(), "https://pay.mall.example/callbacks/aliyun/0123456789abcdef01234567");
    assert_eq!(address.about("ref 1"), format!("{}?reference=ref+1", address.as_str()));
    assert!(!format!("{config:?}").contains("sesame") && !format!("{address:?}").contains("0123"));
}

#[rstest]
#[case::personal_link(
    "sign_names = { mall = \"示例金融\" }",
    "link_mode = \"personal\"",
    "gateways.aliyun.link_mode: is refused by this provider"
)]
#[case::no_place(
    "text = \"您${amount}的账单今天到期\"",
    "text = \"您的账单今天到期\"",
    "gateways.aliyun.templates.on-due: parameters holds a value \"amount\""
)]
#[case::no_value(
    "text = \"您${amount}的账单今天到期\"",
    "text = \"您${amount}的账单${day}到期\"",
    "gateways.aliyun.templates.on-due: its text has a place ${day}"
)]
#[case::no_such_value("\"{{ count }}\"", "\"{{ number }}\"", "gateways.aliyun.templates.before-due.parameters")]
#[case::link("date = \"{{ due_date }}\", app", "date = \"{{ link or 1 }}\", app", "prints link")]
#[case::short_secret(
    "0123456789abcdef01234567",
    "0123",
    "gateways.aliyun.callback_secret: is shorter than 24 characters"
)]
#[case::odd_secret(
    "0123456789abcdef01234567",
    "0123456789abcdef/01234567",
    "gateways.aliyun.callback_secret: holds other"
)]
#[case::no_base("base = \"https://pay.mall.example\"", "", "gateways.aliyun.callback_secret: needs an address")]
#[case::no_template(
    "[gateways.aliyun.templates.on-due]",
    "[gateways.aliyun.templates.another]",
    "rules[due-today]: sends \"on-due\" by gateway \"aliyun\", whose provider has approved no such template for"
)]
#[case::no_merchant(
    "merchant = \"harbour\"\nlocale",
    "merchant = \"harbor\"\nlocale",
    "gateways.aliyun.templates: there is no merchant \"harbor\"; did you mean \"harbour\"?"
)]
#[case::another_language("locale = \"en\"", "locale = \"fr\"", "")]
fn what_cannot_be_carried_is_told_with_its_line(#[case] from: &str, #[case] to: &str, #[case] expected: &str) {
    let text = config(&[(from, to)]);
    if expected.is_empty() {
        // The template for all is in the language of its merchant.
        assert!(load(&text, SECRET).is_ok());
        return;
    }
    let told = told(&text, SECRET);
    assert!(told.contains(expected) && told.starts_with("conf/dueherald.toml:"), "{told}");
    assert!(told.lines().all(|line| line.starts_with("conf/dueherald.toml:")), "{told}");
    assert!(!told.contains("sesame") && !told.contains("0123456789abcdef"), "{told}");
}

#[test]
fn other_providers_are_read_by_their_kinds() {
    let tencent = r#"
[gateways.tencent]
kind = "tencent"
account = { secret_id = "id", secret_key = "key", sdk_app_id = "1400006666" }
link_mode = "fixed"
[gateways.tencent.templates.before-due]
code = "1234567"
text = "账单{1}将于{2}到期"
parameters = ["{{ total }}", "{{ due_date }}"]
[gateways.twilio]
kind = "twilio"
account = { sid = "AC1", token = "token" }
from = { messaging_service = "MG1" }
"#;
    let config = load(&(config(&[]) + tencent), SECRET).expect("it is sound");
    let gateways = dueherald::app::gateways(&config, &(std::sync::Arc::new(dueherald::clock::SystemClock) as _));
    let (gateways, _) = gateways.expect("they can be made");
    let modes: Vec<_> = ["aliyun", "tencent", "twilio"]
        .iter()
        .map(|name| gateways[&GatewayName::new(name).expect("a name")].link_mode())
        .collect();
    assert_eq!(modes, [LinkMode::None, LinkMode::Fixed, LinkMode::Personal]);
}

/// The output of the lint for a config, and its number of warnings.
fn linted(changes: &[(&str, &str)]) -> (String, usize) {
    let config = load(&config(changes), SECRET).expect("it is sound");
    let renderer = Renderer::new(Vec::new()).expect("the built-in templates");
    let mut out = Vec::new();
    let warnings = lint(&config, &renderer, &mut out).expect("a vector takes all");
    (String::from_utf8(out).expect("text"), warnings)
}

#[test]
fn the_lint_knows_what_a_provider_refuses() {
    let (shown, warnings) = linted(&[]);
    assert_eq!(warnings, 0, "{shown}");
    insta::assert_snapshot!("lint", shown);
    let (shown, warnings) = linted(&[
        ("text = \"您${amount}的账单今天到期\"", "text = \"催收：您${amount}的账单今天到期\""),
        ("code = \"SMS_3\"", "code = \"SMS_3\" # and a link in a value"),
        ("date = \"{{ due_date }}\" }", "date = \"www.mall.example and some more, so that it is too long\" }"),
        ("[templates]", "[templates]\nbanned_words = [\"客服\"]"),
    ]);
    assert!(warnings >= 4, "{shown}");
    for expected in [
        "warning: gateways.aliyun.templates.on-due: holds the banned word \"催收\"",
        "warning: gateways.aliyun.templates.before-due: the parameter \"date\" holds a link",
        "characters long with sample data, more than 35",
        "warning: gateways.aliyun.templates.before-due: holds the banned word \"客服\"",
        "sms.zh-CN.txt: holds the word \"客服\", which is banned by gateways.capture-sms",
    ] {
        assert!(shown.contains(expected), "{expected}\n{shown}");
    }
}

#[test]
fn senders_are_of_merchants_that_are_there() {
    const MAIL: &str = r#"
[gateways.mail]
kind = "smtp"
host = "localhost"
security = "none"
from = "no-reply@mall.example"
senders.harbor = { from = "no-reply@harbour.example" }
"#;
    let problem = told(&(changed(&[]) + MAIL), &[]);
    assert!(
        problem.contains("gateways.mail.senders.harbor: there is no merchant \"harbor\"; did you mean \"harbour\"?"),
        "{problem}"
    );
    assert!(load(&(changed(&[]) + &MAIL.replace("harbor ", "harbour ")), &[]).is_ok());
}

#[rstest]
#[case::no_plus("kind = \"twilio\"\naccount = { sid = \"AC1\", token = \"t\" }\nfrom = { number = \"15005550006\" }")]
#[case::empty("kind = \"twilio\"\naccount = { sid = \"AC1\", token = \"t\" }\nfrom = { number = \" \" }")]
#[case::of_a_merchant(
    "kind = \"twilio\"\naccount = { sid = \"AC1\", token = \"t\" }\nfrom = { number = \"MALL\" }\n\
     senders.mall = { number = \"\" }"
)]
fn a_sender_that_twilio_refuses_is_a_mistake(#[case] section: &str) {
    let problem = told(&format!("{}\n[gateways.sms-us]\n{section}\n", changed(&[])), &[]);
    assert!(problem.contains("is no sender; write a number such as \"+15005550006\""), "{problem}");
}

const MANY_MISTAKES: &str = r#"
[gateways.mail]
kind = "smtp"
host = "two words"
security = "none"
max_connections = 5000
from = "no-reply@mall.example"
hello_name = "two words"

[gateways.mail.senders.mall]
from = "bills@mall.example"
dkim = { selector = "s1", domain = "example", key = "x" }

[gateways.mail.senders.harbor]
from = "bills@harbour.example"
reply_to = "nobody"

[gateways.texts]
kind = "http"
url = "https://sms.example.com/send"
method = "GET"
accept = { status = 202 }
body = { form = { to = "{{ to }}" } }
query = { pass = "{{ secrets.pass }}", dlr = "{{ callback }}" }
senders = { mall = " ", harbour = "" }
"#;

#[test]
fn every_mistake_of_a_gateway_is_told_at_once_at_its_line() {
    let text = changed(&[]) + MANY_MISTAKES;
    let line = |found: &str| text.lines().position(|line| line == found).expect("it is there") + 1;
    // Serde's mistakes hide those that compare settings; without them the rest shows.
    let first = told(&text, &[]);
    let at = format!(
        "conf/dueherald.toml:{}: gateways.mail.senders.harbor.reply_to: write an address",
        line("reply_to = \"nobody\"")
    );
    assert!(first.contains(&at), "{first}");
    let mended = text.replace("reply_to = \"nobody\"", "");
    let all = told(&mended, &[]);
    let expected = [
        ("host = \"two words\"", "gateways.mail.host: has to be a host name"),
        ("max_connections = 5000", "gateways.mail.max_connections: has to be between 1 and 1000"),
        ("hello_name = \"two words\"", "gateways.mail.hello_name: has to be a host name"),
        ("security = \"none\"", "gateways.mail.security: lets mail travel in the clear"),
        (
            "dkim = { selector = \"s1\", domain = \"example\", key = \"x\" }",
            "gateways.mail.senders.mall.dkim: dkim.domain belongs to nobody",
        ),
        ("method = \"GET\"", "gateways.texts.method: is GET, which has no body"),
        ("senders = { mall = \" \", harbour = \"\" }", "gateways.texts.senders.mall: is empty"),
        ("senders = { mall = \" \", harbour = \"\" }", "gateways.texts.senders.harbour: is empty"),
        ("[gateways.texts]", "gateways.texts.secrets: has no pass"),
        ("[gateways.texts]", "gateways.texts.callback_secret: is missing: a template names callback"),
    ];
    for (place, problem) in expected {
        let told = format!("conf/dueherald.toml:{}: {problem}", line(place));
        assert!(all.contains(&told), "no {told:?} in\n{all}");
    }
    assert!(!all.contains("struct "), "{all}");
}

#[rstest]
#[case::no_table("senders.mall = \"bills@mall.example\"", "gateways.mail.senders.mall: is text; write a table: { … }")]
#[case::top_level(
    "dkim = { selector = \"s1\", domain = \"cn\", key = \"x\" }",
    "gateways.mail.dkim: dkim.domain belongs to nobody"
)]
#[case::registry(
    "dkim = { selector = \"s1\", domain = \"com.cn\", key = \"x\" }",
    "gateways.mail.dkim: dkim.domain belongs to nobody"
)]
fn a_mistaken_sender_is_told_in_words_of_the_config(#[case] line: &str, #[case] expected: &str) {
    let mail =
        "\n[gateways.mail]\nkind = \"smtp\"\nhost = \"localhost\"\nsecurity = \"none\"\nfrom = \"a@pay.com.cn\"\n";
    let problem = told(&format!("{}{mail}{line}\n", changed(&[])), &[]);
    assert!(problem.contains(expected) && !problem.contains("struct"), "{problem}");
}

const INDIA: &str = r#"
[gateways.india]
kind = "http"
url = "https://sms.example.com/send"
method = "POST"
accept = { status = 200 }
body.form = { to = "{{ to }}", text = "{{ text }}", pe = "{{ dlt_entity_id }}", template = "{{ dlt_template_id }}" }

[gateways.india.dlt]
entity_id = "1101234567890123456"
entity_ids = { harbour = "1101234567890123457" }

[gateways.india.dlt.templates.before-due]
template_id = "1107234567890123456"
text = "{#numeric#} bill(s) of {#alphanumeric#} due on {#alphanumeric#}. Pay: {#url#}"
variables = ["{{ count }}", "{{ total }}", "{{ due_date }}", "{{ link or 'https://pay.mall.example' }}"]

[gateways.india.dlt.templates.on-due]
template_id = "1107234567890123457"
text = "Your bill of {#alphanumeric#} is due today"
variables = ["{{ total }}"]
"#;

/// The sound config with the gateway for India behind its first.
fn india(changes: &[(&str, &str)]) -> String {
    let text = changed(&[(SMS, "gateways = [\"capture-sms\", \"india\"]")]) + INDIA;
    changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is there");
        text.replacen(from, to, 1)
    })
}

#[tokio::test]
async fn registered_texts_of_india_are_tried_with_sample_data() {
    let short =
        [("https://mall.example.com/", "https://m.example.com"), ("http://localhost:8080", "https://h.example.com")];
    let config = load(&india(&short), &[]).expect("it is sound");
    let (_, shown) = super::checked(&config, None).await;
    assert!(!shown.contains("gateways.india.dlt"), "every value fits: {shown}");
    let mut out = Vec::new();
    let renderer = Renderer::new(Vec::new()).expect("the built-in templates are sound");
    lint(&config, &renderer, &mut out).expect("memory can be written");
    let listed = String::from_utf8(out).expect("it is text");
    assert!(
        listed.contains("gateways.india.dlt.templates.before-due") && listed.contains("1107234567890123456"),
        "{listed}"
    );

    let long = load(&india(&[]), &[]).expect("only sample data shows it");
    let (_, shown) = super::checked(&long, None).await;
    let misfit = "gateways.india.dlt.templates.before-due: variable 4 gets more than 40 characters";
    assert!(shown.contains(misfit), "{shown}");
    let wrong = load(&india(&[(short[0]), (short[1]), ("\"{{ count }}\"", "\"{{ count }} of them\"")]), &[]);
    let (_, shown) = super::checked(&wrong.expect("only sample data shows it"), None).await;
    assert!(shown.contains("before-due: variable 1 gets a value that {#numeric#} does not take"), "{shown}");
}

#[rstest]
#[case::short_entity(
    "entity_id = \"1101234567890123456\"",
    "entity_id = \"1101\"",
    "gateways.india.dlt.entity_id: is no number of 19 digits"
)]
#[case::untyped("{#numeric#}", "{#var#}", "its text has a variable without a type, {#var#}, which operators reject")]
#[case::not_sent_along(
    ", template = \"{{ dlt_template_id }}\"",
    "",
    "gateways.india.dlt: reaches nobody: no template names dlt_template_id"
)]
#[case::unknown_entity(
    "entity_ids = { harbour",
    "entity_ids = { harbor",
    "gateways.india.dlt.entity_ids: there is no merchant \"harbor\""
)]
#[case::no_text_for_a_rule(
    "[gateways.india.dlt.templates.on-due]",
    "[gateways.india.dlt.templates.overdue]",
    "write [gateways.india.dlt.templates.on-due]"
)]
fn mistakes_in_a_registration_of_india_are_told(#[case] from: &str, #[case] to: &str, #[case] expected: &str) {
    let problem = told(&india(&[(from, to)]), &[]);
    assert!(problem.contains(expected), "{problem}");
}

#[test]
fn twilio_carries_no_ids_of_india() {
    let twilio = "\n[gateways.us]\nkind = \"twilio\"\naccount = { sid = \"AC1\", token = \"t\" }\n\
                  from = { number = \"MALL\" }\ndlt = { entity_id = \"1101234567890123456\" }\n";
    let problem = told(&(changed(&[]) + twilio), &[]);
    assert!(problem.contains("gateways.us.dlt: cannot be carried: Twilio's message API takes no DLT ids"), "{problem}");
}
