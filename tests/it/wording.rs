//! The words of the built-in messages: discreet ones, what the law demands, names, and the variants of English.

use dueherald::domain::{Channel, EmailParts, Locale, Message, RequiredTexts};
use dueherald::render::{Phase, RenderRequest, Renderer, Sample, page_languages, sample_merchant};

fn locale(tag: &str) -> Locale {
    Locale::new(tag).expect("a language tag")
}

fn built_in() -> Renderer {
    Renderer::new(Vec::new()).expect("the built-in templates are sound")
}

fn sample(tag: &str, phase: Phase, count: u32) -> Sample {
    Sample::new(&sample_merchant(&locale(tag)), &locale(tag), phase, count)
}

fn sms(renderer: &Renderer, request: &RenderRequest<'_>) -> String {
    match renderer.render(&RenderRequest { channel: Channel::Sms, ..*request }) {
        Ok(Message::Sms(sms)) => sms.0,
        other => panic!("an SMS was asked for: {other:?}"),
    }
}

fn email(renderer: &Renderer, request: &RenderRequest<'_>) -> EmailParts {
    match renderer.render(&RenderRequest { channel: Channel::Email, ..*request }) {
        Ok(Message::Email(mail)) => mail,
        other => panic!("an e-mail was asked for: {other:?}"),
    }
}

/// The part of a message on a locked screen (an SMS, or the subject and first words of an e-mail) tells no bystander of
/// a debt.
#[test]
fn a_discreet_message_keeps_the_debt_off_the_lock_screen() {
    let renderer = built_in();
    for (tag, phase) in page_languages().flat_map(|tag| Phase::ALL.map(|phase| (tag, phase))) {
        let mut sample = sample(tag, phase, 3);
        sample.merchant.discreet = true;
        let request = sample.request(Channel::Email, &sample.merchant.locale);
        let (text, mail) = (sms(&renderer, &request), email(&renderer, &request));
        let hidden = mail.html.split("<table").next().and_then(|head| head.split("<body").nth(1)).expect("a body");
        for shown in [&text, &mail.subject, hidden] {
            for telling in
                ["348", "账单", "还款", "到期", "帳單", "繳款", "stal", "due", "pay ", "paid", "Nov", "月", "8000"]
            {
                assert!(!shown.contains(telling), "{tag} {phase:?} tells {telling}: {shown}");
            }
        }
        let link = sample.link.as_deref().expect("a sample has a link");
        let phone = sample.merchant.support.phone.as_deref().expect("a sample has a phone");
        assert!(text.contains(link) && text.contains(phone) && text.contains(&sample.merchant.signature), "{text}");
        assert!(mail.text.contains("1,348"), "inside, the e-mail says all: {}", mail.text);
    }
}

/// Built-in messages hold every text that the law demands on their channel.
#[test]
fn built_in_messages_say_what_the_law_demands() {
    let renderer = built_in();
    for (tag, phase) in page_languages().flat_map(|tag| Phase::ALL.map(|phase| (tag, phase))) {
        let mut sample = sample(tag, phase, 1);
        let text = sms(&renderer, &sample.request(Channel::Sms, &locale(tag)));
        assert!(!text.contains("STOP"), "{tag}: only where it is demanded");
        sample.required = RequiredTexts { opt_out: true, debt_advice: true };
        let request = sample.request(Channel::Email, &sample.merchant.locale);
        assert!(sms(&renderer, &request).contains("STOP"), "{tag}");
        let mail = email(&renderer, &request);
        let link = sample.unsubscribe.as_deref().expect("a sample has one");
        assert!(mail.text.contains(link) && mail.html.contains(link));
    }
}

/// Latin names stand apart from the characters around them.
#[test]
fn a_latin_name_in_chinese_has_spaces_around_it() {
    let mut sample = sample("zh-CN", Phase::Before, 1);
    (sample.merchant.app_name, sample.merchant.name) = ("Harbor Pay".into(), "Harbor".into());
    let request = sample.request(Channel::Sms, &sample.merchant.locale);
    let (text, mail) = (sms(&built_in(), &request), email(&built_in(), &request));
    assert!(text.contains("登录 Harbor Pay App 或点击"), "{text}");
    assert!(mail.text.contains("用您在 Harbor 账号上绑定的手机号"), "{}", mail.text);
    assert!(mail.text.contains("登录 Harbor Pay App 查看账单并还款"), "{}", mail.text);
    assert!(mail.subject.starts_with("Harbor 还款提醒："), "{}", mail.subject);
}

/// A person in Britain reads the same templates in British English.
#[test]
fn english_is_american_or_british_as_the_reader_is() {
    let sample = sample("en", Phase::After, 1);
    let text = |tag: &str| sms(&built_in(), &sample.request(Channel::Sms, &locale(tag)));
    assert!(
        text("en-US").contains("$1,280.50 installment. The remaining $1,000.00 was due on Nov 25, 2026."),
        "{}",
        text("en-US")
    );
    assert!(
        text("en-GB").contains("$1,280.50 instalment. The remaining $1,000.00 was due on 25 Nov 2026."),
        "{}",
        text("en-GB")
    );
}
