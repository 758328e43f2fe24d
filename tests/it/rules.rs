//! Which steps a rule calls for, and why not the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{TimeDelta, Weekday, WeekdaySet};
use dueherald::domain::{Channel, Currency, InstallmentStatus, MerchantId, Money};
use dueherald::plan::{
    AmountRange, Calendar, ChannelMode, Days, Due, Filters, Horizon, Mismatch, NotPlannedReason, OnHoliday, Policy,
    Rule, RuleWarning, RulesMatch, Terms, TimeOfDay, consider, due_dates, plan, rule_warnings,
};
use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};
use rstest::rstest;

use crate::fixtures::{at, borrower, day, installment, policy, rule};

/// A Wednesday.
const DUE: &str = "2026-11-25";

fn due() -> Due {
    let mut one = installment("i1", "b1", DUE);
    one.tags = "vip;furniture".parse().expect("tags");
    let mut other = installment("i2", "b1", DUE);
    (other.product, other.sequence) = (Some("Loan".into()), Some(1));
    Due { borrower: borrower("b1"), due_date: day(DUE), installments: vec![one, other], suppressed: Vec::new() }
}

fn one_rule(name: &str, offsets: &[i32]) -> Rule {
    rule(name, offsets, ChannelMode::All, &[Channel::Sms])
}

fn with(rules: Vec<Rule>) -> Policy {
    Policy { rules, ..policy() }
}

fn around(due: &str) -> Horizon {
    let due = day(due).and_time(chrono::NaiveTime::MIN).and_utc();
    Horizon { now: due - TimeDelta::days(40), until: due + TimeDelta::days(40) }
}

/// The result of every rule and step: its local day in Shanghai, or the reason why not.
fn told(policy: &Policy, due: &Due, horizon: Horizon) -> Vec<String> {
    let line = |one: dueherald::plan::RuleEvaluation<'_>| {
        let step = one.offset.map(|offset| format!("/{offset}")).unwrap_or_default();
        let verdict = match one.verdict {
            Ok(planned) => {
                planned[0].not_before.with_timezone(&chrono_tz::Asia::Shanghai).format("%a %d %H:%M").to_string()
            }
            Err(NotPlannedReason::Filter(mismatch)) => format!("{mismatch:?}"),
            Err(why_not) => format!("{why_not:?}"),
        };
        format!("{}{step} {verdict}", one.rule.name)
    };
    consider(policy, due, horizon).into_iter().map(line).collect()
}

fn only(change: impl FnOnce(&mut Rule)) -> Policy {
    let mut rule = one_rule("due", &[1]);
    change(&mut rule);
    with(vec![rule])
}

fn cny(at_least: Option<i64>, at_most: Option<i64>) -> Option<AmountRange> {
    let currency = Currency::new("CNY").expect("a currency");
    Some(AmountRange { currency, at_least: at_least.map(Into::into), at_most: at_most.map(Into::into) })
}

#[rstest]
#[case::other_merchant(only(|r| r.merchants = vec![MerchantId::new("bank").expect("an \
    id")]), NotPlannedReason::Merchant)]
#[case::product(only(|r| r.filters.products = vec!["Sofa".into()]), NotPlannedReason::Filter(Mismatch::Product))]
#[case::sequence(only(|r| r.filters.sequence = Some(4..=5)), NotPlannedReason::Filter(Mismatch::Sequence))]
#[case::tag(only(|r| r.filters.tags = vec!["late".into()]), NotPlannedReason::Filter(Mismatch::Tag))]
#[case::left_out(only(|r| r.filters.not_tags = vec!["new".into(), "furniture".into()]), NotPlannedReason::Filter(Mismatch::NotTag))]
#[case::too_little(only(|r| r.filters.amount = cny(Some(2_562), None)), NotPlannedReason::Filter(Mismatch::Amount))]
#[case::too_much(only(|r| r.filters.amount = cny(None, Some(2_560))), NotPlannedReason::Filter(Mismatch::Amount))]
#[case::of_one_instalment(only(|r| {
    r.filters.products = vec!["Loan".into()];
    r.filters.tags = vec!["vip".into()];
}), NotPlannedReason::Filter(Mismatch::Tag))]
#[case::overdue(only(|r| r.overdue_days = Some(2..=9)), NotPlannedReason::OverdueDays)]
#[case::stopped(only(|r| r.stop_after = Some(0)), NotPlannedReason::StoppedAfter(0))]
fn a_rule_that_does_not_fit_says_why(#[case] policy: Policy, #[case] why_not: NotPlannedReason) {
    let considered = consider(&policy, &due(), around(DUE));
    assert_eq!(considered.into_iter().map(|one| one.verdict).collect::<Vec<_>>(), [Err(why_not)]);
    assert_eq!(plan(&policy, &due(), around(DUE)), []);
}

#[rstest]
#[case::product(|f: &mut Filters| f.products = vec!["Sofa".into(), "Loan".into()])]
#[case::sequence(|f: &mut Filters| f.sequence = Some(3..=3))]
#[case::tag(|f: &mut Filters| f.tags = vec!["vip".into()])]
#[case::left_out_is_another_tag(|f: &mut Filters| f.not_tags = vec!["late".into()])]
#[case::all_that_is_open_together(|f: &mut Filters| f.amount = cny(Some(2_561), Some(2_561)))]
fn a_rule_that_fits_plans(#[case] change: fn(&mut Filters)) {
    assert_eq!(plan(&only(|rule| change(&mut rule.filters)), &due(), around(DUE)).len(), 1);
}

#[test]
fn only_what_is_still_to_be_paid_counts_as_amount() {
    let mut due = due();
    due.installments[0].paid_amount = Money::parse("1000", Currency::new("CNY").expect("a currency")).expect("money");
    assert!(due.installments.iter().all(|one| one.status == InstallmentStatus::Open));
    assert_eq!(plan(&only(|rule| rule.filters.amount = cny(Some(1_561), Some(1_561))), &due, around(DUE)).len(), 1);
}

#[test]
fn the_first_rule_that_matches_may_be_the_only_one() {
    let vip = Rule { filters: Filters { tags: vec!["vip".into()], ..Filters::default() }, ..one_rule("vip", &[0]) };
    let mut policy = with(vec![one_rule("others", &[0, 1]), one_rule("rest", &[0])]);
    policy.rules.insert(0, vip);
    policy.rules_match = RulesMatch::First;
    let rest = ["others EarlierRule(RuleName(\"vip\"))", "rest EarlierRule(RuleName(\"vip\"))"];
    assert_eq!(told(&policy, &due(), around(DUE)), [["vip/0 Wed 25 10:00"].as_slice(), &rest].concat());
    let mut plain = due();
    plain.installments.remove(0);
    let told = told(&policy, &plain, around(DUE));
    let rest = "rest EarlierRule(RuleName(\"others\"))";
    assert_eq!(told, ["vip Tag", "others/0 Wed 25 10:00", "others/1 Thu 26 10:00", rest]);
}

#[test]
fn weekdays_remind_until_the_ladder_ends() {
    let days = WeekdaySet::from_array([Weekday::Mon, Weekday::Thu]);
    let policy = only(|rule| {
        rule.days = Days::Weekdays { days, span: 1..=30 };
        rule.stop_after = Some(8);
    });
    let told = told(&policy, &due(), around(DUE));
    assert_eq!(told[..3], ["due/1 Thu 26 10:00", "due/5 Mon 30 10:00", "due/8 Thu 03 10:00"]);
    assert!(told[3..].iter().all(|line| line.ends_with("StoppedAfter(8)")) && told.len() == 9, "{told:?}");
}

/// Off from Thursday 26 to Sunday 29 November; Saturday 21 is worked.
fn with_holidays(on_holiday: OnHoliday, offsets: &[i32]) -> Policy {
    let weekend = WeekdaySet::from_array([Weekday::Sat, Weekday::Sun]);
    let calendar = Calendar::new(weekend, [day("2026-11-26"), day("2026-11-27")].into(), [day("2026-11-21")].into());
    let mut policy = with(vec![Rule { on_holiday, ..one_rule("due", offsets) }]);
    let terms = Terms { calendar: Some(Arc::new(calendar)), ..Terms::default() };
    policy.terms.extend(policy.merchants.keys().map(|merchant| (merchant.clone(), terms.clone())));
    policy
}

#[rstest]
#[case::send(OnHoliday::Send, &["due/-4 Sat 21 10:00", "due/-3 Sun 22 10:00", "due/1 Thu 26 10:00",
    "due/2 Fri 27 10:00", "due/5 Mon 30 10:00"])]
#[case::next(OnHoliday::NextWorkingDay, &["due/-4 Sat 21 10:00", "due/-3 Mon 23 10:00", "due/1 Superseded { by: 5 }",
    "due/2 Superseded { by: 5 }", "due/5 Mon 30 10:00"])]
#[case::previous(OnHoliday::PreviousWorkingDay, &["due/-4 Superseded { by: -3 }", "due/-3 Sat 21 10:00",
    "due/1 Superseded { by: 2 }", "due/2 Wed 25 10:00", "due/5 Mon 30 10:00"])]
fn days_off_move_steps_and_two_on_one_day_become_one(#[case] on_holiday: OnHoliday, #[case] lines: &[&str]) {
    let policy = with_holidays(on_holiday, &[-4, -3, 1, 2, 5]);
    assert_eq!(told(&policy, &due(), around(DUE)), lines);
}

#[test]
fn what_is_put_off_over_a_holiday_waits_for_a_working_day() {
    use dueherald::plan::{Account, Decision, DeferReason, decide};
    let mut policy = with_holidays(OnHoliday::NextWorkingDay, &[0]);
    policy.rules[0].max_lateness = TimeDelta::days(6);
    let planned = plan(&policy, &due(), around(DUE)).remove(0);
    let due = due();
    let account = Account { borrower: Some(due.borrower), installments: due.installments, ..Account::default() };
    let decision = decide(&policy, &planned, &account, at("2026-11-26T02:00:00Z"));
    assert_eq!(decision, Decision::Defer { until: at("2026-11-30T00:00:00Z"), reason: DeferReason::Holiday });
}

#[test]
fn far_steps_are_told_too() {
    let policy = with(vec![one_rule("due", &[-3, 0, 60])]);
    let horizon = Horizon { now: at("2026-11-24T00:00:00Z"), until: at("2026-11-26T00:00:00Z") };
    let lines = ["due/-3 Expired { day: 2026-11-22 }", "due/0 Wed 25 10:00", "due/60 NotYet { day: 2027-01-24 }"];
    assert_eq!(told(&policy, &due(), horizon), lines);
    assert_eq!(told(&Policy::default(), &due(), horizon), Vec::<String>::new());
    let nobody = Policy { rules: policy.rules, ..Policy::default() };
    assert_eq!(told(&nobody, &due(), horizon), ["due UnknownMerchant"]);
}

fn names(rule_warnings: &[RuleWarning]) -> Vec<String> {
    let word = |doubt: &RuleWarning| match doubt {
        RuleWarning::Overlap { rule, earlier, offset, .. } => format!("{rule} overlaps {earlier} at {offset}"),
        RuleWarning::NoDay { rule } => format!("{rule} has no day"),
        RuleWarning::Behind { rule, earlier } => format!("{rule} is behind {earlier}"),
    };
    rule_warnings.iter().map(word).collect()
}

#[test]
fn rules_that_overlap_or_never_fire_are_told() {
    let vip = Filters { tags: vec!["vip".into()], ..Filters::default() };
    let weekly = Days::Weekdays { days: WeekdaySet::single(Weekday::Mon), span: 1..=9 };
    let mut policy = with(vec![
        one_rule("a", &[-3, 1]),
        Rule { filters: vip.clone(), ..one_rule("b", &[-2, 1]) },
        Rule { filters: Filters { tags: vec!["new".into()], ..Filters::default() }, ..one_rule("c", &[-2]) },
        Rule { days: weekly, ..one_rule("d", &[]) },
        Rule { stop_after: Some(5), overdue_days: Some(6..=9), ..one_rule("e", &[1, 7]) },
        rule("f", &[-3], ChannelMode::All, &[Channel::Email]),
    ]);
    let overlaps = ["b overlaps a at 1", "d overlaps a at 1", "d overlaps b at 1", "e has no day"];
    assert_eq!(names(&rule_warnings(&policy)), overlaps);
    policy.rules_match = RulesMatch::First;
    assert_eq!(
        names(&rule_warnings(&policy)),
        ["b is behind a", "c is behind a", "d is behind a", "e has no day", "f is behind a"]
    );
    policy.rules.remove(0);
    assert_eq!(names(&rule_warnings(&policy)), ["e has no day", "f is behind d"]);
}

#[test]
fn a_tag_that_is_left_out_keeps_two_rules_apart() {
    let of = |tags: &[&str], not_tags: &[&str]| {
        let own = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
        Filters { tags: own(tags), not_tags: own(not_tags), ..Filters::default() }
    };
    let vip = Rule { filters: of(&["vip"], &[]), ..one_rule("vip", &[0]) };
    let others = Rule { filters: of(&[], &["vip"]), ..one_rule("others", &[0]) };
    let few = Rule { filters: of(&[], &["vip", "new"]), ..one_rule("few", &[0]) };
    let mut policy = with(vec![vip, others, few]);
    assert_eq!(names(&rule_warnings(&policy)), ["few overlaps others at 0"]);
    policy.rules_match = RulesMatch::First;
    assert_eq!(names(&rule_warnings(&policy)), ["few is behind others"]);
    policy.rules.swap(1, 2);
    assert!(rule_warnings(&policy).is_empty(), "what is new is left to the last rule");
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let offsets = proptest::collection::btree_set(-20..20, 1..6).prop_map(Days::Offsets);
    let weekdays = (0_u8..7, -20..0, 0..40).prop_map(|(day, from, to)| {
        let day = Weekday::try_from(day).expect("a weekday");
        Days::Weekdays { days: WeekdaySet::single(day), span: from..=to }
    });
    let holiday =
        prop_oneof![Just(OnHoliday::Send), Just(OnHoliday::NextWorkingDay), Just(OnHoliday::PreviousWorkingDay)];
    let time = (0_u32..24, 0_u32..60).prop_map(|(hour, minute)| chrono::NaiveTime::from_hms_opt(hour, minute, 0));
    (prop_oneof![offsets, weekdays], holiday, time, 1..100_i64).prop_map(|(days, on_holiday, time, hours)| Rule {
        days,
        on_holiday,
        at: TimeOfDay::At(time.expect("a time")),
        max_lateness: TimeDelta::hours(hours),
        ..one_rule("due", &[])
    })
}

proptest! {
    #[test]
    fn no_two_steps_on_one_day_and_every_planned_one_is_looked_at(
        rule in any_rule(), days in 0..800_i64, zone in 0..chrono_tz::TZ_VARIANTS.len(), ahead in 1..200_i64,
        off in proptest::collection::btree_set(0..800_i64, 0..60),
    ) {
        let zone = chrono_tz::TZ_VARIANTS[zone];
        let first = day("2026-01-01");
        let mut due = due();
        due.borrower.time_zone = Some(zone);
        due.due_date = first + TimeDelta::days(days);
        let holidays = off.into_iter().map(|days| first + TimeDelta::days(days)).collect();
        let calendar = Calendar::new(WeekdaySet::single(Weekday::Sun), holidays, BTreeSet::new());
        let policy = with(vec![Rule { calendar: Some(Arc::new(calendar)), ..rule }]);
        let now = (first + TimeDelta::days(days + 3)).and_time(chrono::NaiveTime::MIN).and_utc();
        let horizon = Horizon { now, until: now + TimeDelta::hours(ahead) };
        let planned = plan(&policy, &due, horizon);
        let local: BTreeSet<_> = planned.iter().map(|one| one.not_before.with_timezone(&zone).date_naive()).collect();
        prop_assert_eq!(local.len(), planned.len(), "two steps on one day");
        let span = due_dates(&policy, horizon);
        prop_assert!(planned.is_empty() || span.is_some_and(|span| span.contains(&due.due_date)));
        let told: Vec<_> = consider(&policy, &due, horizon).into_iter().filter_map(|one| one.verdict.ok()).flatten().collect();
        prop_assert_eq!(told, planned, "what is told is what is planned");
        let whole = Horizon { now: now - TimeDelta::days(400), until: now + TimeDelta::days(400) };
        let all = plan(&policy, &due, whole);
        let in_view = |one: &&dueherald::domain::NewReminder| one.not_before < horizon.until && one.expires_at > horizon.now;
        let part: Vec<_> = all.iter().filter(in_view).cloned().collect();
        prop_assert_eq!(part, plan(&policy, &due, horizon), "a horizon is a part of the whole");
    }
}
