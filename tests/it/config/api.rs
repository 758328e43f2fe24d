//! `[api]`: who may ask and say.

use dueherald::domain::Action::{ChangePreferences, ReadPreferences};
use rstest::rstest;
use secrecy::ExposeSecret;

use super::{changed, load, told};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const OLD: &str = "abcdef0123456789abcdef0123456789";

/// The other keys that each token needs.
const REST: &str = "merchants = [\"mall\"], actions = [\"read_preferences\"]";

fn with_api(section: &str) -> String {
    changed(&[("[templates]", &format!("[api]\n{section}\n[templates]"))])
}

#[test]
fn a_token_has_a_name_and_may_come_from_the_environment() {
    let text = with_api(
        "tokens = [{ name = \"crm\", token = [{ env = \"CRM_TOKEN\" }, \"OLD\"], merchants = \
        [\"mall\"], actions = [\"read_preferences\"] }]",
    )
    .replace("OLD", OLD);
    let api = load(&text, &[("CRM_TOKEN", TOKEN)]).expect("it is sound").api;
    let [crm] = &api.tokens[..] else { panic!("one system has a token") };
    let shown: Vec<_> = crm.tokens.iter().map(|token| token.expose_secret()).collect();
    assert_eq!(
        (crm.name.as_str(), shown, api.listen.to_string().as_str()),
        ("crm", vec![TOKEN, OLD], "127.0.0.1:8081")
    );
    let (mall, other) = ("mall".parse().expect("an id"), "other".parse().expect("an id"));
    let may = [(ReadPreferences, &mall), (ChangePreferences, &mall), (ReadPreferences, &other)]
        .map(|(action, of)| crm.may(action, of));
    assert_eq!(may, [true, false, false]);
    assert!(!format!("{api:?}").contains(TOKEN), "a token is no text for a log");
}

#[rstest]
#[case::short(
    "tokens = [{ name = \"crm\", token = \"short\", REST }]",
    "tokens[crm].token: is shorter than 32 characters, or holds others"
)]
#[case::nameless("tokens = [{ token = \"T\", REST }]", "name: is missing")]
#[case::twice(
    "tokens = [{ name = \"crm\", token = \"T\", REST }, { name = \"crm\", token = \"T\", REST }]",
    "is the name of another token already"
)]
#[case::public(
    "listen = \"127.0.0.1:8080\"\ntokens = [{ name = \"crm\", token = \"T\", REST }]",
    "api.listen: is an address of [http] as well"
)]
#[case::of_nobody(
    "tokens = [{ name = \"crm\", token = \"T\", merchants = [\"mal\"], actions = [\"read_preferences\"] }]",
    "tokens[crm].merchants: there is no merchant \"mal\"; did you mean \"mall\"?"
)]
#[case::unbound(
    "tokens = [{ name = \"crm\", token = \"T\", merchants = [\"mall\"] }]",
    "tokens[crm].actions: is missing; write for example actions = "
)]
#[case::of_no_action(
    "tokens = [{ name = \"crm\", token = \"T\", merchants = [\"mall\"], actions = [\"all\"] }]",
    "tokens[crm].actions: \"all\" is unknown; write \"read_ledger\", \"change_ledger\", "
)]
fn a_mistaken_token_is_told(#[case] section: &str, #[case] expected: &str) {
    let told = told(&with_api(&section.replace("\"T\"", &format!("{TOKEN:?}")).replace("REST", REST)), &[]);
    assert!(told.contains(expected), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(!told.contains(TOKEN) && !told.contains("\"short\""), "{told}");
}
