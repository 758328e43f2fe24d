//! Secrets in the config file itself, which make the file a secret too.

use reqwest::Url;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Inputs;
use super::mistake::{Location, Mistake};
use super::origin::{ByteRange, Origin};
use super::reading::element_path;

/// A value that reads like a secret, by its key or because it is an address with a password in it.
pub(super) struct InlineSecret {
    pub(super) key: String,
    pub(super) span: ByteRange,
}

/// All of the file, in the order of the tree, which is still without the values that references stand for.
pub(super) fn find(tree: &DeTable<'_>) -> Vec<InlineSecret> {
    let mut found = Vec::new();
    in_table(tree, "", &mut found);
    found
}

/// A mistake for each secret in a config file that others can read. Values from the environment do not count: they are
/// in no file.
pub(super) fn mistakes(tree: &DeTable<'_>, origin: &Origin<'_>, inputs: &Inputs<'_>) -> Vec<Mistake> {
    let secrets = find(tree).into_iter().map(|secret| (origin.place(&secret.span), secret.key));
    let mut secrets = secrets.filter(|(place, _)| matches!(place, Location::Line { .. })).peekable();
    if secrets.peek().is_none() {
        return Vec::new();
    }
    let Some(exposure) = (inputs.exposure)(inputs.file) else { return Vec::new() };
    let text = || format!("{exposure}, or write {{ file = \"…\" }} or {{ env = \"…\" }} in its place");
    secrets.map(|(place, key)| Mistake { place, key, text: text() }).collect()
}

fn in_table(table: &DeTable<'_>, path: &str, found: &mut Vec<InlineSecret>) {
    for (key, node) in table {
        let name = key.get_ref().as_ref();
        let below = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        in_node(node, name, &below, found);
    }
}

fn in_node(node: &Spanned<DeValue<'_>>, name: &str, path: &str, found: &mut Vec<InlineSecret>) {
    match node.get_ref() {
        DeValue::Table(table) => in_table(table, path, found),
        DeValue::Array(items) => {
            items.iter().for_each(|item| in_node(item, name, &element_path(path, item.get_ref()), found));
        }
        DeValue::String(text)
            if (is_secret_name(name) || is_in_secrets(path, name)) && !is_placeholder(text) || has_secret(text) =>
        {
            found.push(InlineSecret { key: path.to_owned(), span: node.span() });
        }
        _ => {}
    }
}

/// Whether a key's name ends like that of a secret: `api_key`, `accessKeySecret`, `Authorization`.
fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "passwd", "pass", "pwd", "secret", "token", "key", "authorization"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// Whether the value is one of `[gateways.*.secrets]`, whatever its name.
fn is_in_secrets(path: &str, name: &str) -> bool {
    let is_reference = matches!(name, "file" | "env" | "since");
    path.starts_with("gateways.") && path.contains(".secrets.") && !is_reference
}

/// Whether the value is filled in for each message, or from `[gateways.*.secrets]`.
fn is_placeholder(text: &str) -> bool {
    text.starts_with("{{") && text.ends_with("}}") || text.contains("{{ secrets.")
}

/// Whether it is an address with a password before its host, or with a secret in its query.
fn has_secret(text: &str) -> bool {
    if !text.contains("://") {
        return false;
    }
    let Ok(url) = Url::parse(text) else { return false };
    let in_query = || url.query_pairs().any(|(name, value)| is_secret_name(&name) && !is_placeholder(&value));
    url.password().is_some() || in_query()
}

#[cfg(test)]
mod tests {
    use super::find;
    use rstest::rstest;
    use toml::de::DeTable;

    #[rstest]
    #[case::password("[gateways.a.credentials]\nusername = 'u'\npassword = 'p'", &["gateways.a.credentials.password"])]
    #[case::header("[gateways.a.headers]\nAuthorization = 'Bearer x'", &["gateways.a.headers.Authorization"])]
    #[case::parameter("[gateways.a.query]\napiKey = 'x'\nto = '{{ to }}'\ntoken = '{{ to \
        }}'", &["gateways.a.query.apiKey"])]
    #[case::address("[database]\nurl = 'postgres://u:p@db/x'", &["database.url"])]
    #[case::address_without("[database]\nurl = 'postgres://u@db/x'", &[])]
    #[case::query("[gateways.a]\nurl = 'https://sms.example/send?to={{ to }}&password=x'", &["gateways.a.url"])]
    #[case::list("[api]\ntokens = [{ name = 'crm', token = 'x' }]", &["api.tokens[crm].token"])]
    #[case::several("[gateways.a]\ncallback_secret = ['x', { env = 'Y' }]", &["gateways.a.callback_secret"])]
    #[case::of_a_list_of_secrets("[gateways.a.secrets]\nuser = ['x', \
        'y']", &["gateways.a.secrets.user", "gateways.a.secrets.user"])]
    #[case::kept_elsewhere("[gateways.a.secrets]\nuser = { file = 'x', since = '2026-11-22' }", &[])]
    #[case::names_a_secret("[gateways.a.headers]\nAuthorization = 'Bearer {{ secrets.bearer }}'", &[])]
    #[case::elsewhere("[links]\nkeys = [{ id = 1, key = { file = 'link.key' } }]", &[])]
    #[case::no_secret("[gateways.a.account]\naccess_key_id = 'x'\n[merchants.m]\nsignature = 's'", &[])]
    fn secrets_are_known_by_their_keys_and_addresses(#[case] text: &str, #[case] expected: &[&str]) {
        let tree = DeTable::parse(text).expect("TOML").into_inner();
        let keys: Vec<_> = find(&tree).into_iter().map(|secret| secret.key).collect();
        assert_eq!(keys, expected);
    }
}
