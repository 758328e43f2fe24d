//! The texts that borrowers read: every built-in message as it leaves, and the abilities and limits of templates of a
//! folder.

use chrono::NaiveDate;
use dueherald::domain::{
    Channel, EmailParts, Locale, Merchant, MerchantId, Message, Money, PersonName, Phone, TemplateName,
};
use dueherald::render::{
    MessageLimits, Phase, RenderCause, RenderError, RenderRequest, Renderer, Sample, TemplateOrigin, TemplateSource,
    builtin_templates, page_languages, sample_merchant, segments,
};
use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_assert, proptest};
use rstest::rstest;

fn locale(tag: &str) -> Locale {
    Locale::new(tag).expect("a language tag")
}

fn built_in() -> Renderer {
    Renderer::new(Vec::new()).expect("the built-in templates are sound")
}

fn with(files: &[(&str, &str)]) -> Result<Renderer, Vec<RenderError>> {
    let source = |(path, text): &(&str, &str)| TemplateSource { path: (*path).into(), text: (*text).into() };
    Renderer::new(files.iter().map(source).collect())
}

/// The problems of a folder, as they are printed.
fn problems(files: &[(&str, &str)]) -> Vec<String> {
    with(files).expect_err("the folder is not sound").iter().map(ToString::to_string).collect()
}

fn sample(tag: &str, phase: Phase, count: u32) -> Sample {
    Sample::new(&sample_merchant(&locale(tag)), &locale(tag), phase, count)
}

fn sms(renderer: &Renderer, request: &RenderRequest<'_>) -> String {
    let request = RenderRequest { channel: Channel::Sms, ..*request };
    match renderer.render(&request).expect("the SMS renders") {
        Message::Sms(sms) => sms.0,
        other => panic!("an SMS was asked for: {other:?}"),
    }
}

fn email(renderer: &Renderer, request: &RenderRequest<'_>) -> EmailParts {
    let request = RenderRequest { channel: Channel::Email, ..*request };
    match renderer.render(&request).expect("the e-mail renders") {
        Message::Email(mail) => mail,
        other => panic!("an e-mail was asked for: {other:?}"),
    }
}

/// A complete SMS template that passes the checks.
const SOUND: &str = "{{ merchant.app_name }} {% if merchant.support.phone %}{{ merchant.support.phone }}{% else %}\
    {{ merchant.support.email }}{% endif %}";

fn marked(mark: &str) -> String {
    format!("{mark} {SOUND}")
}

#[test]
fn built_in_messages_read_well() {
    let renderer = built_in();
    for (tag, phase) in page_languages().flat_map(|tag| Phase::ALL.map(|phase| (tag, phase))) {
        for count in [1, 3] {
            let sample = sample(tag, phase, count);
            let request = sample.request(Channel::Sms, &sample.merchant.locale);
            let text = sms(&renderer, &request);
            let length = segments(&text);
            let name = |kind: &str| format!("{}-{tag}-{count}-{kind}", phase.as_str());
            let cost = format!("{}, {} units, {} parts", length.encoding, length.units, length.parts);
            insta::assert_snapshot!(name("sms"), format!("{cost}\n\n{text}"));
            let mail = email(&renderer, &request);
            insta::assert_snapshot!(name("email"), format!("{}\n\n{}\n{}", mail.subject, mail.text, mail.html));
        }
    }
}

#[test]
fn an_sms_is_as_short_as_promised() {
    let renderer = built_in();
    for (tag, phase) in page_languages().flat_map(|tag| Phase::ALL.map(|phase| (tag, phase))) {
        for count in [1, 2, 3, 12] {
            let mut sample = sample(tag, phase, count);
            for _ in 0..2 {
                let text = sms(&renderer, &sample.request(Channel::Sms, &sample.merchant.locale));
                assert!(segments(&text).parts <= 2, "{tag} {phase:?} {count}: {text}");
                sample.link = None;
            }
        }
    }
}

#[test]
fn every_message_holds_the_three_ways_to_repay_and_what_is_owed() {
    let renderer = built_in();
    for tag in page_languages() {
        for phase in Phase::ALL {
            let sample = sample(tag, phase, 3);
            let request = sample.request(Channel::Sms, &sample.merchant.locale);
            let mail = email(&renderer, &request);
            for text in [&sms(&renderer, &request), &mail.text, &mail.html] {
                let link = sample.link.as_deref().expect("a sample has a link");
                let support = sample.merchant.support.phone.as_deref().expect("a sample has a phone");
                for part in [sample.merchant.app_name.as_str(), link, support, "1,348.99"] {
                    assert!(text.contains(part), "{tag} {phase:?} lacks {part}: {text}");
                }
                assert!(!text.contains("138001"), "the whole number bound to the account is nobody's to read");
            }
            // An SMS leaves the number out where it would take a third part.
            assert!(mail.text.contains("8000") && mail.html.contains("8000"), "{tag} {phase:?}: {}", mail.text);
            for product in sample.installments.iter().filter_map(|installment| installment.product.as_deref()) {
                assert!(mail.text.contains(product) && mail.html.contains(product), "{tag} {phase:?} lacks {product}");
            }
        }
    }
}

#[test]
fn what_is_not_known_leaves_no_trace() {
    let renderer = built_in();
    for tag in page_languages() {
        let mut sample = sample(tag, Phase::After, 2);
        sample.borrower.name = None;
        sample.borrower.account_phone = None;
        sample.link = None;
        sample.merchant.support.phone = None;
        sample.merchant.support.hours = None;
        for installment in &mut sample.installments {
            (installment.order_ref, installment.product) = (None, None);
            (installment.sequence, installment.of) = (None, None);
        }
        let request = sample.request(Channel::Sms, &sample.merchant.locale);
        let mail = email(&renderer, &request);
        insta::assert_snapshot!(
            format!("bare-{tag}"),
            format!("{}\n\n{}\n\n{}", sms(&renderer, &request), mail.subject, mail.text)
        );
        for trace in ["none", "undefined", "http", "()", "（）", " ,", "href"] {
            assert!(!mail.text.contains(trace) && !sms(&renderer, &request).contains(trace), "{tag}: {trace}");
        }
        assert!(!mail.html.contains("http"), "no link, no button");
    }
}

#[test]
fn currencies_are_summed_apart_and_partial_payments_count() {
    let mut sample = sample("zh-CN", Phase::Before, 2);
    let dollars = dueherald::domain::Currency::new("USD").expect("a code");
    sample.installments[1].amount = Money::parse("20", dollars).expect("an amount");
    sample.installments[1].paid_amount = Money::parse("0", dollars).expect("an amount");
    let text = sms(&built_in(), &sample.request(Channel::Sms, &locale("zh-CN")));
    assert!(text.contains("共1,000.00元和20.00美元将于"), "{text}");
}

#[test]
fn data_is_escaped_in_html_and_is_no_template() {
    let mut sample = sample("en", Phase::Before, 1);
    sample.borrower.name = Some(PersonName::new("<script>alert(1)</script> & \"O'Hara\" {{ total }}").expect("a name"));
    sample.installments[0].product = Some("<img src=x onerror=y>{% include 'x' %}".into());
    sample.installments[0].order_ref = Some("<img src=z>".into());
    sample.link = Some("https://pay.example.com/r/a\"><b>?a=1&b=2".into());
    let mail = email(&built_in(), &sample.request(Channel::Email, &locale("en")));
    for raw in ["<script", "<img", "<b>", "O'Hara"] {
        assert!(!mail.html.contains(raw), "{raw} stands in the HTML");
    }
    assert!(mail.html.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;O&#39;Hara&quot; {{ total }}"));
    assert!(mail.html.contains("href=\"https://pay.example.com/r/a&quot;&gt;&lt;b&gt;?a=1&amp;b=2\""), "slashes stay");
    assert!(mail.text.contains("<script>alert(1)</script> & \"O'Hara\" {{ total }}"), "text is not escaped");
}

#[test]
fn line_breaks_in_data_cannot_forge_a_line_or_a_header() {
    let mut sample = sample("en", Phase::Before, 1);
    sample.merchant.name = "Mall\r\nBcc: all@example.com\u{2028}x\u{85}y".into();
    sample.installments[0].product = Some("a\nTotal: $0\u{0}\u{202e}b".into());
    let mail = email(&built_in(), &sample.request(Channel::Email, &locale("en")));
    assert_eq!(mail.subject, "Mall Bcc: all@example.com x y: $1,000.00 is due on Nov 25, 2026");
    assert!(mail.text.contains("1. a Total: $0 b (order A1001"), "{}", mail.text);
}

#[test]
fn a_mail_of_a_thousand_instalments_is_refused_unless_the_limit_is_raised() {
    let sample = sample("zh-CN", Phase::Before, 1_000);
    let (zh, large) = (locale("zh-CN"), MessageLimits { email_bytes: 1_000_000, ..MessageLimits::default() });
    let mail = email(&Renderer::with_limits(Vec::new(), large).expect("sound"), &sample.request(Channel::Email, &zh));
    assert!(mail.text.contains("\n1000. 蓝牙耳机"));
    let error = built_in().render(&sample.request(Channel::Email, &zh)).expect_err("it is longer than 200 KB");
    assert!(error.cause == RenderCause::Size && error.problem.contains("max_email_bytes"), "{error}");
    let fits = Sample::new(&sample.merchant, &zh, Phase::Before, 200);
    assert!(email(&built_in(), &fits.request(Channel::Email, &zh)).text.contains("\n200. "));
}

/// An SMS of one letter more than four parts hold leaves the hours of customer service out; of many more it is refused,
/// never cut.
#[test]
fn an_sms_is_never_longer_than_four_parts() {
    let padding =
        |count: usize| format!("{}{{{{ ' ' ~ merchant.support.hours if merchant.support.hours }}}}", "x".repeat(count));
    let made = |count: usize| {
        let text = format!("{SOUND}{{% if borrower.account_phone_tail == '4321' %}}{}{{% endif %}}", padding(count));
        let renderer = with(&[("on-due/sms.en.txt", &text)]).expect("no sample is that long");
        let mut sample = sample("en", Phase::On, 1);
        sample.borrower.account_phone = Phone::new("+8613800134321").ok();
        renderer.render(&sample.request(Channel::Sms, &locale("en")))
    };
    let text = |count| match made(count).expect("it fits") {
        Message::Sms(sms) => sms.0,
        other => panic!("{other:?}"),
    };
    let bare = text(0).len();
    let hours = " daily 9 AM-9 PM".len();
    let room = 4 * 153 - bare;
    assert!(segments(&text(room)).parts == 4 && text(room).ends_with("PM"));
    assert!(segments(&text(room + 1)).parts == 4 && text(room + 1).ends_with('x'));
    assert!(text(room + hours).ends_with('x'));
    for length in [room + hours + 1, 9_000_000 / 64, 9_000_000] {
        let error = made(length).expect_err("five parts");
        assert_eq!(error.cause, RenderCause::Size, "{error}");
    }
}

/// The attempts of a careless or hostile template, and the error that each gets when it is loaded.
#[rstest]
#[case::a_huge_text("{{ 'x' * 10000000 }}", "too much work")]
#[case::a_text_over_the_limit("{{ 'x' * 5000 }}", "more than a message may hold")]
#[case::five_parts("{{ 'x' * 700 }}", "an SMS of 5 parts")]
#[case::a_text_that_doubles(
    "{% set n = namespace(t='x') %}{% for i in range(40) %}{% set n.t = n.t ~ n.t %}{% endfor %}{{ n.t }}",
    "too much work"
)]
#[case::a_text_that_multiplies("{% set a = 'x' * 5000 %}{{ a|replace('x', a) }}", "too much work")]
#[case::an_endless_join("{{ range(100000)|join(', ') }}", "more than a message may hold")]
#[case::nested_loops("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", "too much work")]
#[case::itself("{% include 'a/sms.en.txt' %}", "cannot be done")]
#[case::the_state("{{ debug() }}", "does not exist")]
#[case::the_state_as_json("{{ borrower|tojson }}", "does not exist")]
#[case::the_state_printed("{{ merchant|pprint }}", "does not exist")]
#[case::padding("{{ '%9999999d'|format(1) }}", "does not exist")]
#[case::unescaped("{{ merchant.name|safe }}", "does not exist")]
#[case::an_attribute_by_name("{{ merchant|attr('name') }}", "does not exist")]
#[case::a_new_object("{{ dict(a=1) }}", "does not exist")]
fn a_hostile_template_is_refused_when_it_is_loaded(#[case] text: &str, #[case] refusal: &str) {
    let found = problems(&[("a/sms.en.txt", &format!("{SOUND} {text}"))]);
    assert!(found.iter().any(|problem| problem.contains(refusal)), "{found:?}");
}

#[test]
fn an_endless_product_name_stays_a_line() {
    let mut sample = sample("en", Phase::Before, 1);
    sample.installments[0].product = Some("长".repeat(60_000));
    let mail = email(&built_in(), &sample.request(Channel::Email, &locale("en")));
    assert!(mail.text.contains(&format!("{}...", "长".repeat(80))) && mail.text.len() < 2_000);
}

#[test]
fn a_language_falls_back_to_its_own_before_another() {
    let renderer = with(&[("overdue/sms.fr.txt", &marked("fr")), ("overdue/sms.zh-Hant.txt", &marked("hant"))]);
    let renderer = renderer.expect("sound");
    let files = |asked: &str, merchant: &str| {
        let sample = sample(merchant, Phase::After, 1);
        let asked = locale(asked);
        renderer.find(&sample.request(Channel::Sms, &asked)).map(|info| info.files[0].clone())
    };
    for (asked, merchant, file) in [
        ("zh-Hant-HK", "en", "overdue/sms.zh-Hant.txt"),
        ("zh-SG", "en", "overdue/sms.zh-CN.txt"),
        ("zh", "en", "overdue/sms.zh-CN.txt"),
        ("en-GB", "zh-CN", "overdue/sms.en.txt"),
        ("fr-CA", "zh-CN", "overdue/sms.fr.txt"),
        ("de", "zh", "overdue/sms.zh-CN.txt"),
        ("de", "fr-CH", "overdue/sms.fr.txt"),
        ("de", "it", "overdue/sms.en.txt"),
    ] {
        assert_eq!(files(asked, merchant).as_deref(), Some(file), "{asked} for a merchant who speaks {merchant}");
    }
    let sample = sample("zh-CN", Phase::After, 1);
    let text = sms(&renderer, &sample.request(Channel::Sms, &locale("de")));
    assert!(text.contains("11月25日"), "dates are in the language of the text, not of the request: {text}");
}

#[test]
fn the_nearest_template_wins() {
    let general = marked("general");
    let files = [
        ("overdue/sms.en.txt", general.as_str()),
        ("merchants/acme/overdue/sms.en.txt", &marked("acme")),
        ("last-call/sms.en.txt", &marked("rule")),
        ("merchants/acme/last-call/sms.en.txt", &marked("acme-rule")),
        ("merchants/acme/last-call/sms.zh-CN.txt", &marked("acme-rule-zh")),
    ];
    let first_word = |used: usize, merchant: &str, template: Option<&str>, tag: &str| {
        let renderer = with(&files[..used]).expect("sound");
        let mut sample = sample("en", Phase::After, 1);
        sample.merchant.id = MerchantId::new(merchant).expect("an id");
        let (template, tag) = (template.map(|name| TemplateName::new(name).expect("a name")), locale(tag));
        let request = RenderRequest { template: template.as_ref(), ..sample.request(Channel::Sms, &tag) };
        sms(&renderer, &request).split(' ').next().map(str::to_owned).unwrap_or_default()
    };
    assert_eq!(first_word(0, "acme", None, "en"), "Example", "built in");
    assert_eq!(first_word(1, "acme", None, "en"), "general");
    assert_eq!(first_word(2, "acme", None, "en"), "acme");
    assert_eq!(first_word(5, "other", None, "en"), "general");
    assert_eq!(first_word(3, "acme", Some("last-call"), "en"), "rule");
    assert_eq!(first_word(4, "acme", Some("last-call"), "en"), "acme-rule");
    assert_eq!(first_word(5, "other", Some("last-call"), "en"), "rule");
    assert_eq!(first_word(5, "acme", Some("last-call"), "zh-CN"), "acme-rule-zh");
    assert!(first_word(5, "other", Some("last-call"), "zh-CN").starts_with("【"), "the right language comes first");
    assert_eq!(first_word(5, "acme", Some("gone"), "en"), "acme", "a rule's template that is gone gives the phase's");
}

#[test]
fn an_email_is_replaced_as_a_whole() {
    let html = ("overdue/email.en.html", SOUND);
    assert_eq!(
        problems(&[html]),
        ["template overdue/email.en.html: is an e-mail without all its parts; \
            put email.en.subject.txt and email.en.txt beside it"]
    );
    let whole =
        with(&[html, ("overdue/email.en.txt", SOUND), ("overdue/email.en.subject.txt", "A subject\nof\t two lines\n")]);
    let sample = sample("en", Phase::After, 1);
    assert_eq!(
        email(&whole.expect("sound"), &sample.request(Channel::Email, &locale("en"))).subject,
        "A subject of two lines"
    );
}

#[test]
fn a_folder_can_replace_the_frame_of_built_in_mails() {
    let frame = "<p>OUR FRAME {% block way_app %}{% endblock %}{% block way_support %}{% endblock %}</p>";
    let renderer = with(&[("_layout.html", frame)]).expect("sound");
    let sample = sample("en", Phase::After, 1);
    assert!(email(&renderer, &sample.request(Channel::Email, &locale("en"))).html.starts_with("<p>OUR FRAME Open the"));
}

#[test]
fn what_init_writes_out_is_sound_and_the_same() {
    let renderer = Renderer::new(builtin_templates().collect()).expect("sound");
    assert!(renderer.templates().iter().all(|info| info.origin == TemplateOrigin::Folder));
    assert_eq!(renderer.templates().len(), built_in().templates().len());
}

#[test]
fn every_problem_is_told_at_once_with_its_line() {
    let found = problems(&[
        ("a/sms.en.txt", &format!("{SOUND}\n{{% if days > 400 %}}{{{{ merchant.nam }}}}{{% endif %}}\n{{{{ totl }}}}")),
        (
            "b/sms.en.txt",
            &format!(
                "{SOUND}\n\n{{% for one in installments %}}{{% if count > 99 %}}{{{{ one.amuont }}}}{{% endif %}}{{% \
                 endfor %}}"
            ),
        ),
        ("c/sms.en.txt", &format!("{SOUND}\n{{% if total %}}")),
        ("d/sms.en.txt", &format!("{SOUND}\nDear {{{{ borrower.name }}}}")),
        ("e/sms.en.txt", &format!("{SOUND}{{% if days > 400 %}}{{{{ total|shout }}}}{{% endif %}}")),
        ("f/sms.en.txt", &format!("{SOUND}{{% if days > 400 %}}{{% include \"_none.txt\" %}}{{% endif %}}")),
        ("g/sms.en.txt", "   \n"),
        ("h/sms.en.txt", "pay up"),
        (
            "i/sms.en.txt",
            &format!("{SOUND}{{% for a in range(9999) %}}{{% for b in range(9999) %}}{{% endfor %}}{{% endfor %}}"),
        ),
        ("j/sms.en.txt", &format!("{SOUND}{{{{ installments }}}}")),
        ("k.txt", "x"),
        ("l/sms.en_US.txt", SOUND),
    ]);
    insta::assert_snapshot!(found.join("\n"));
}

#[test]
fn sound_templates_are_not_refused() {
    let text = format!(
        "\u{feff}{SOUND}\r\n{{% set who = borrower.name if borrower.name else 'x' %}}{{% if link %}}{{% set way = \
         link %}}\
         {{% else %}}{{% set way = total %}}{{% endif %}}{{{{ way }}}} {{% for one in installments %}}{{{{ loop.index \
         }}}}\
         {{{{ one.amount }}}}{{{{ loop.index is divisibleby 2 }}}}{{% endfor %}}{{% macro m(a) %}}{{{{ a|upper \
         }}}}{{% endmacro %}}\
         {{{{ m(who) }}}}{{% with z = 1 %}}{{{{ z }}}}{{% endwith %}}{{{{ installments[0].amount }}}}\
         {{{{ installments|map(attribute='amount')|join(', ') }}}}{{% raw %}}{{{{ nothing }}}}{{% endraw %}}\
         {{{{ borrower['name'] or 'x' }}}}{{% include 'maybe.txt' ignore missing %}}"
    );
    let found = with(&[("a/sms.en.txt", &text)]);
    // The only mistake in it, so that the test sees that the check read the template.
    let found: Vec<_> = found.expect_err("one problem").iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        ["template a/sms.en.txt:2: includes or extends `maybe.txt`, which does not exist; paths begin at the \
             message folder"]
    );
}

#[test]
fn an_error_at_the_send_instant_tells_no_data() {
    let text = format!("{SOUND}{{{{ 1 + borrower.name if borrower.name == 'Secret Name' }}}}");
    let renderer = with(&[("overdue/sms.en.txt", &text)]).expect("no sample reaches it");
    let mut sample = sample("en", Phase::After, 1);
    sample.borrower.name = Some(PersonName::new("Secret Name").expect("a name"));
    let error = renderer.render(&sample.request(Channel::Sms, &locale("en"))).expect_err("a name is no number");
    assert_eq!(error.to_string(), "template overdue/sms.en.txt:1: asks for something that cannot be done");
    sample.installments.clear();
    assert!(renderer.render(&sample.request(Channel::Sms, &locale("en"))).is_err());
}

fn any_text() -> impl Strategy<Value = String> {
    prop::string::string_regex("(?s).{0,40}").expect("a regular expression")
}

fn merchant_of(texts: &[String]) -> Merchant {
    let mut merchant = sample_merchant(&locale("en"));
    merchant.name.clone_from(&texts[0]);
    merchant.signature.clone_from(&texts[1]);
    merchant.app_name.clone_from(&texts[2]);
    merchant.support.phone = Some(texts[3].clone());
    merchant
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn no_data_breaks_a_message(
        texts in prop::collection::vec(any_text(), 8),
        chinese in any::<bool>(),
        days in -400_i64..400,
        count in 1_u32..5,
        known in any::<bool>(),
    ) {
        use std::sync::OnceLock;
        static RENDERER: OnceLock<Renderer> = OnceLock::new();
        // Random names may be long; how long a message gets is not what this is about.
        let limits = MessageLimits { sms_parts: 20, ..MessageLimits::default() };
        let renderer = RENDERER.get_or_init(|| Renderer::with_limits(Vec::new(), limits).expect("sound"));
        let asked = locale(if chinese { "zh-CN" } else { "en" });
        let mut sample = Sample::new(&merchant_of(&texts), &asked, Phase::On, count);
        sample.today = NaiveDate::from_ymd_opt(2026, 11, 25).expect("a date") + chrono::TimeDelta::days(days);
        sample.borrower.name = PersonName::new(&texts[5]).ok();
        sample.borrower.account_phone = known.then(|| Phone::new("+8613800138000").expect("a phone"));
        sample.link = known.then(|| texts[6].clone());
        for installment in &mut sample.installments {
            installment.product = Some(texts[7].clone());
            installment.order_ref = known.then(|| texts[0].clone());
        }
        let broken = |text: &str| text.chars().any(|c| c.is_control() && c != '\n' || matches!(c, '\u{2028}' | '\u{2029}'));
        for channel in [Channel::Sms, Channel::Email] {
            match renderer.render(&sample.request(channel, &asked)) {
                Ok(Message::Registered(_)) => prop_assert!(false, "templates make none"),
                Ok(Message::Sms(sms)) => prop_assert!(!broken(&sms.0) && !sms.0.contains('\n')),
                Ok(Message::Email(mail)) => {
                    prop_assert!(!broken(&mail.subject) && !mail.subject.contains('\n'), "{:?}", mail.subject);
                    prop_assert!(!broken(&mail.text) && !broken(&mail.html));
                }
                // A phone that is blank counts as none, and there is an e-mail address beside it.
                Err(error) => prop_assert!(false, "{error}"),
            }
        }
    }
}
