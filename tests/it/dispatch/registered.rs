//! Registered texts with typed variables: what does not fit is not sent, and stops nobody else's message.

use std::collections::BTreeMap;

use dueherald::domain::State;
use dueherald::render::{LONGEST_VARIABLE, Phrase, RegisteredTemplate, RegisteredTemplates, Wording};

use super::bench::{Bench, Setup};

/// One text for what is due soon, with one variable.
fn text(variable: &str, value: &str) -> RegisteredTemplates {
    let value = Phrase::try_from(value.to_owned()).expect("a phrase");
    let wording = Wording::typed("1107234567890123456".into(), format!("Due: {variable}"), vec![value]);
    let template = RegisteredTemplate {
        template: "before-due".parse().expect("a name"),
        merchant: None,
        locale: None,
        wording: wording.expect("it is registered so"),
    };
    RegisteredTemplates { templates: vec![template], sign_names: BTreeMap::new(), max_parameter: LONGEST_VARIABLE }
}

#[tokio::test]
async fn a_value_that_does_not_fit_fails_its_own_message_alone() {
    let bench = Bench::of(Setup::default());
    bench.gateway("script").takes_only(text("{#numeric#}", "{{ borrower.name or 1 }}"));
    bench.add(7).await;
    let tally = bench.drain().await;
    assert_eq!((tally.failed, tally.held, tally.accepted), (7, 0, 0), "{tally:?}");
    assert!(bench.gateway("script").seen().is_empty(), "nothing left");
    assert_eq!(bench.view(1).await.state, State::Failed);
    assert_eq!(bench.story(1).await, ["1 failed bad_template"]);
}

#[tokio::test]
async fn what_fits_leaves_word_for_word_as_it_is_registered() {
    let bench = Bench::of(Setup::default());
    bench.gateway("script").takes_only(text("{#alphanumeric#}", "{{ due_date }}"));
    bench.add(1).await;
    assert_eq!(bench.drain().await.accepted, 1);
    assert_eq!(bench.gateway("script").seen()[0].text, "Due: 11月25日");
}
