//! `[api]`: who may ask and say.

use rstest::rstest;
use secrecy::ExposeSecret;

use super::{changed, load, told};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn with_api(section: &str) -> String {
    changed(&[("[templates]", &format!("[api]\n{section}\n[templates]"))])
}

#[test]
fn a_token_has_a_name_and_may_come_from_the_environment() {
    let text = with_api("tokens = [{ name = \"crm\", token = { env = \"CRM_TOKEN\" } }]");
    let api = load(&text, &[("CRM_TOKEN", TOKEN)]).expect("it is sound").api;
    let tokens: Vec<_> = api.tokens.iter().map(|one| (one.name.as_str(), one.token.expose_secret())).collect();
    assert_eq!((tokens.as_slice(), api.listen.to_string().as_str()), ([("crm", TOKEN)].as_slice(), "127.0.0.1:8081"));
    assert!(!format!("{api:?}").contains(TOKEN), "a token is no text for a log");
}

#[rstest]
#[case::short(
    "tokens = [{ name = \"crm\", token = \"short\" }]",
    "tokens[crm].token: is shorter than 32 characters, or holds others"
)]
#[case::nameless("tokens = [{ token = \"T\" }]", "name: is missing")]
#[case::twice(
    "tokens = [{ name = \"crm\", token = \"T\" }, { name = \"crm\", token = \"T\" }]",
    "is the name of another token already"
)]
#[case::public(
    "listen = \"127.0.0.1:8080\"\ntokens = [{ name = \"crm\", token = \"T\" }]",
    "api.listen: is an address of [http] as well"
)]
fn a_mistaken_token_is_told(#[case] section: &str, #[case] expected: &str) {
    let told = told(&with_api(&section.replace("\"T\"", &format!("{TOKEN:?}"))), &[]);
    assert!(told.contains(expected), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(!told.contains(TOKEN) && !told.contains("\"short\""), "{told}");
}
