//! Several due dates of one borrower in one message.

use crate::fixtures::{at, borrower, day, installment, policy, reminder, rule};
use dueherald::domain::{Channel, Installment, InstallmentStatus, Locale, Message, ReminderId, SkipReason};
use dueherald::plan::{Account, ChannelMode, Contact, Decision, Policy, Progress, Rule, SendPlan, decide};
use dueherald::render::{Phase, Renderer, Sample, page_languages, sample_merchant};
use rstest::rstest;

const TEN: &str = "2026-11-22T02:00:00Z";

fn joining(mode: ChannelMode) -> Policy {
    let rule = Rule { digest: Some(3), ..rule("due", &[-3], mode, &[Channel::Sms, Channel::Email]) };
    Policy { rules: vec![rule], ..policy() }
}

/// The borrower owes something on each of these days of November, and was reminded about others.
fn account(due: u32, following: &[u32], sent: &[(u32, Channel)]) -> Account {
    let owed = |day: u32| installment(&format!("i{day}"), "b1", &format!("2026-11-{day}"));
    let contact = |(about, channel): &(u32, Channel)| {
        let mut key = reminder("b1", &format!("2026-11-{about}"), "due/-3", TEN).key;
        key.channel = *channel;
        Contact { id: ReminderId(i64::from(*about)), key, progress: Progress::Sent(at(TEN)) }
    };
    Account {
        borrower: Some(borrower("b1")),
        installments: vec![owed(due)],
        following: following.iter().map(|day| owed(*day)).collect(),
        contacts: sent.iter().map(contact).collect(),
        ..Account::default()
    }
}

fn decided(mode: ChannelMode, about: u32, channel: Channel, account: &Account) -> Result<Vec<String>, SkipReason> {
    let mut one = reminder("b1", &format!("2026-11-{about}"), "due/-3", TEN);
    one.key.channel = channel;
    // Its step is so many days before its own due date.
    let now = at(TEN) + chrono::TimeDelta::days(i64::from(about) - 25);
    match decide(&joining(mode), &one, account, now) {
        Decision::Send(SendPlan { installments, .. }) => {
            Ok(installments.iter().map(|one| one.id.to_string()).collect())
        }
        Decision::Skip(reason) | Decision::Switch { reason, .. } => Err(reason),
        Decision::Defer { .. } | Decision::Hold(_) | Decision::PassOn { .. } => panic!("it is ten in the morning"),
    }
}

#[rstest]
#[case::what_falls_due_within_the_span(&[26, 28, 29], &[], Ok(vec!["i25", "i26", "i28"]))]
#[case::what_was_told_before_is_left_out(&[26, 28], &[(26, Channel::Sms)], Ok(vec!["i25"]))]
#[case::a_digest_has_spoken_of_it(&[26], &[(23, Channel::Sms)], Err(SkipReason::Superseded))]
#[case::a_message_of_long_before_has_not(&[26], &[(21, Channel::Sms)], Ok(vec!["i25", "i26"]))]
fn the_earliest_takes_the_others_with_it(
    #[case] following: &[u32],
    #[case] sent: &[(u32, Channel)],
    #[case] expected: Result<Vec<&str>, SkipReason>,
) {
    let told = decided(ChannelMode::FirstAvailable, 25, Channel::Sms, &account(25, following, sent));
    assert_eq!(told, expected.map(|ids| ids.into_iter().map(str::to_owned).collect()));
}

#[test]
fn what_is_paid_meanwhile_is_not_joined_and_a_paid_leader_leads_nothing() {
    let mut paid = account(25, &[26, 27], &[]);
    let pay = |one: &mut Installment| one.status = InstallmentStatus::Paid;
    pay(&mut paid.following[0]);
    assert_eq!(decided(ChannelMode::All, 25, Channel::Sms, &paid), Ok(vec!["i25".into(), "i27".into()]));
    pay(&mut paid.installments[0]);
    assert_eq!(decided(ChannelMode::All, 25, Channel::Sms, &paid), Err(SkipReason::Paid));
    let alone = decided(ChannelMode::All, 26, Channel::Sms, &account(26, &[27], &[]));
    assert_eq!(alone, Ok(vec!["i26".into(), "i27".into()]), "the next one leads");
}

#[test]
fn a_channel_beside_or_instead_is_no_other_message() {
    let both = vec!["i25".to_owned(), "i26".to_owned()];
    let same_date = account(25, &[26], &[(25, Channel::Sms)]);
    assert_eq!(decided(ChannelMode::All, 25, Channel::Email, &same_date), Ok(both.clone()));
    let after = chrono::TimeDelta::minutes(30);
    assert_eq!(decided(ChannelMode::Fallback { after }, 25, Channel::Email, &same_date), Ok(both));
    let other_date = account(26, &[], &[(25, Channel::Sms)]);
    assert_eq!(decided(ChannelMode::All, 26, Channel::Email, &other_date), Ok(vec!["i26".into()]));
    let told = decided(ChannelMode::FirstAvailable, 26, Channel::Email, &other_date);
    assert_eq!(told, Err(SkipReason::Superseded), "the SMS spoke of it");
}

#[test]
fn only_the_same_step_of_the_same_rule_joins() {
    let mut account = account(25, &[], &[(24, Channel::Sms)]);
    account.contacts[0].key.step = "due/-1".parse().expect("a step");
    assert_eq!(decided(ChannelMode::All, 25, Channel::Sms, &account), Ok(vec!["i25".into()]));
    let plain = Policy { rules: vec![rule("due", &[-3], ChannelMode::All, &[Channel::Sms])], ..policy() };
    let one = reminder("b1", "2026-11-25", "due/-3", TEN);
    let Decision::Send(sent) = decide(&plain, &one, &self::account(25, &[26], &[(24, Channel::Sms)]), at(TEN)) else {
        panic!("it is no digest")
    };
    assert_eq!(sent.installments.iter().map(|one| one.due_date).collect::<Vec<_>>(), [day("2026-11-25")]);
}

#[test]
fn each_line_of_a_digest_has_its_date() {
    let renderer = Renderer::new(Vec::new()).expect("the built-in templates are sound");
    for (tag, phase) in page_languages().flat_map(|tag| Phase::ALL.map(|phase| (tag, phase))) {
        let locale = Locale::new(tag).expect("a language tag");
        let mut sample = Sample::new(&sample_merchant(&locale), &locale, phase, 3);
        sample.spread();
        let rendered = |channel| match renderer.render(&sample.request(channel, &locale)).expect("it renders") {
            Message::Sms(sms) => sms.0,
            Message::Registered(_) => unreachable!("templates make none"),
            Message::Email(mail) => {
                let dated = sample.installments.len();
                let lines = mail.html.matches("<div style=\"font-size:13px").count();
                assert!(lines >= 2 * dated, "each row says its plan and its date: {}", mail.html);
                format!("{}\n\n{}", mail.subject, mail.text)
            }
        };
        let name = format!("digest-{}-{tag}", phase.as_str());
        insta::assert_snapshot!(name, format!("{}\n\n{}", rendered(Channel::Sms), rendered(Channel::Email)));
    }
}
