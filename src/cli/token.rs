//! `dueherald token create|list|revoke`: who may use the API.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::table::{self, ListFormat, LocalTimes, Row};
use super::{CliError, Exit, merchant};
use crate::clock::{Clock, entropy};
use crate::domain::{Action, Merchant, MerchantId, Token, duration};
use crate::pipeline::AuditNote;
use crate::store::{NewToken, Store, TokenRecord};

/// The most characters of a name, as in the config.
const MAX_NAME: usize = 50;

/// Make tokens for the API, list them, and revoke them.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token and print it, this once
    Create(CreateArgs),
    /// List the tokens of the database; those of the config are in the config
    List {
        #[command(flatten)]
        format: ListFormat,
    },
    /// Revoke a token, from its next request on
    Revoke {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// The system that is to use it (on record for what it does)
    #[arg(long)]
    name: String,
    /// A merchant that it is for; may be repeated
    #[arg(long, required = true)]
    merchant: Vec<MerchantId>,
    /// An action that it allows; may be repeated. See docs/api.md
    #[arg(long, required = true, value_name = "ACTION", value_parser = action_of_token)]
    allow: Vec<Action>,
    /// How long it is valid, for example 90d [default: until it is revoked]
    #[arg(long, value_name = "DURATION")]
    expires: Option<String>,
}

/// Runs it.
pub(super) async fn run(
    args: TokenArgs,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
    clock: &dyn Clock,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    match args.command {
        TokenCommand::Create(args) => create(args, store, merchants, clock.now(), out).await?,
        TokenCommand::List { format } => {
            let now = clock.now();
            let rows: Vec<_> = store.tokens().await?.iter().map(|record| TokenRow::of(record, now)).collect();
            table::print(out, format, &format.times(merchants), &rows)?;
        }
        TokenCommand::Revoke { name } => {
            if !store.revoke_token(&name, clock.now()).await? {
                let text = format!("no valid token is called {name}; `dueherald token list` lists them");
                return Err(CliError::Failed(text));
            }
            writeln!(out, "the token {name} is revoked: its next request is refused")?;
        }
    }
    Ok(Exit::Done)
}

async fn create(
    args: CreateArgs,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    merchant::check_all(merchants, &args.merchant)?;
    let is_short = args.name.trim().chars().count() <= MAX_NAME;
    let name = AuditNote::new(&args.name, "-").ok().filter(|_| is_short).map(|note| note.actor);
    let name =
        name.ok_or_else(|| CliError::Use(format!("--name is no name of 1 to {MAX_NAME} characters in one line")))?;
    let expires_at = args.expires.map(|text| expiry(&text, now)).transpose()?;
    let random = entropy().map_err(|_| CliError::Failed("the operating system gave no randomness".to_owned()))?;
    let token = Token::new(random);
    let new = NewToken {
        name,
        digest: token.digest(),
        merchants: args.merchant.into_iter().collect(),
        actions: args.allow.into_iter().collect(),
        created_at: now,
        expires_at,
    };
    if store.add_token(&new).await?.is_none() {
        let text = format!("there is a token called {} already; revoke it, or choose another name", new.name);
        return Err(CliError::Failed(text));
    }
    writeln!(out, "{}", token.reveal())?;
    writeln!(
        out,
        "Keep it where the system that uses it keeps its secrets: it is not shown again. A daemon without tokens so far \
         serves the API after a restart."
    )?;
    Ok(())
}

fn action_of_token(text: &str) -> Result<Action, String> {
    let known = Action::OF_TOKENS.iter().copied().find(|action| action.as_str() == text);
    known.ok_or_else(|| {
        let words: Vec<_> = Action::OF_TOKENS.iter().map(|action| action.as_str()).collect();
        format!("is not one of {}", words.join(", "))
    })
}

fn expiry(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, CliError> {
    let span = duration::parse(text).filter(|span| !span.is_zero());
    let at = span.and_then(|span| now.checked_add_signed(TimeDelta::from_std(span).ok()?));
    at.ok_or_else(|| CliError::Use(format!("--expires {text} is no duration such as 90d or 12h")))
}

/// A token as it is listed: never itself.
#[derive(Debug, Serialize)]
struct TokenRow {
    name: String,
    state: &'static str,
    merchants: BTreeSet<MerchantId>,
    actions: Vec<&'static str>,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    used_at: Option<DateTime<Utc>>,
}

impl TokenRow {
    fn of(record: &TokenRecord, now: DateTime<Utc>) -> Self {
        let token = &record.token;
        let state = match (record.revoked_at, token.expires_at) {
            (Some(_), _) => "revoked",
            (None, Some(at)) if at <= now => "expired",
            _ => "valid",
        };
        Self {
            name: token.name.clone(),
            state,
            merchants: token.merchants.clone(),
            actions: token.actions.iter().map(|action| action.as_str()).collect(),
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: record.revoked_at,
            used_at: record.used_at,
        }
    }
}

impl Row for TokenRow {
    const TITLES: &'static [&'static str] = &["NAME", "STATE", "MERCHANTS", "ALLOWS", "EXPIRES", "LAST USED"];

    fn cells(&self, times: &LocalTimes) -> Vec<String> {
        let merchants: Vec<_> = self.merchants.iter().map(MerchantId::as_str).collect();
        vec![
            self.name.clone(),
            self.state.to_owned(),
            merchants.join(" "),
            self.actions.join(" "),
            times.maybe(None, self.expires_at),
            times.maybe(None, self.used_at),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::{DateTime, TimeDelta, Utc};
    use clap::Parser;
    use rstest::rstest;

    use super::{TokenArgs, run};
    use crate::cli::CliError;
    use crate::clock::SimClock;
    use crate::domain::{Locale, Token};
    use crate::render::sample_merchant;
    use crate::store::{ApiStore, MemoryStore};

    #[derive(Parser)]
    struct TokenText {
        #[command(flatten)]
        args: TokenArgs,
    }

    async fn told(store: &MemoryStore, clock: &SimClock, line: &str) -> Result<String, String> {
        let merchant = sample_merchant(&Locale::new("en").expect("a locale"));
        let line = line.replace("MERCHANT", merchant.id.as_str());
        let merchants = [(merchant.id.clone(), merchant)].into();
        let parsed = TokenText::try_parse_from(std::iter::once("token").chain(line.split(' ')));
        let args = parsed.map_err(|error| error.to_string())?.args;
        let mut out = Vec::new();
        run(args, store, &merchants, clock, &mut out).await.map_err(|error: CliError| error.to_string())?;
        Ok(String::from_utf8(out).expect("it is text"))
    }

    #[tokio::test]
    async fn a_token_is_shown_once_and_listed_without_itself() {
        let clock = SimClock::at(DateTime::<Utc>::UNIX_EPOCH);
        let store = MemoryStore::new(Arc::new(clock.clone()));
        let create = "create --name crm --merchant MERCHANT --allow resend --allow explain --expires 90d";
        let shown = told(&store, &clock, create).await.expect("it is made");
        let token = shown.lines().next().and_then(Token::read).expect("the first line is the token");
        let at = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::minutes(5);
        let record = store.use_token(&token.digest(), at).await.expect("looked up").expect("it is valid");
        assert_eq!(record.token.name, "crm");
        let again = told(&store, &clock, create).await.expect_err("the name is taken");
        assert_eq!(again, "there is a token called crm already; revoke it, or choose another name");
        let listed = told(&store, &clock, "list --format json").await.expect("listed");
        assert!(
            !listed.contains(token.reveal()) && listed.contains("\"used_at\": \"1970-01-01T00:05:00Z\""),
            "{listed}"
        );
        assert!(listed.contains("\"expires_at\": \"1970-04-01T00:00:00Z\""), "{listed}");
        let told_of = told(&store, &clock, "revoke crm").await.expect("revoked");
        assert_eq!(told_of, "the token crm is revoked: its next request is refused\n");
        assert!(store.use_token(&token.digest(), at).await.expect("looked up").is_none());
        assert!(told(&store, &clock, "list").await.expect("listed").contains("revoked"));
        told(&store, &clock, create).await.expect("the name is free again");
    }

    #[rstest]
    #[case::of_no_action("create --name crm --merchant MERCHANT", "--allow <ACTION>")]
    #[case::of_an_unknown_action("create --name crm --merchant MERCHANT --allow all", "invalid value 'all' for")]
    #[case::of_no_merchant("create --name crm --allow resend", "--merchant <MERCHANT>")]
    #[case::of_an_unknown_merchant("create --name crm --merchant nowhere --allow resend", "unknown merchant nowhere")]
    #[case::for_no_time(
        "create --name crm --merchant MERCHANT --allow resend --expires 0d",
        "is no duration such as 90d"
    )]
    #[case::not_there("revoke crm", "no valid token is called crm")]
    #[tokio::test]
    async fn what_makes_no_token_is_told(#[case] line: &str, #[case] expected: &str) {
        let clock = SimClock::at(DateTime::<Utc>::UNIX_EPOCH);
        let store = MemoryStore::new(Arc::new(clock.clone()));
        let told = told(&store, &clock, line).await.expect_err("nothing is made");
        assert!(told.contains(expected), "{told}");
        assert!(store.tokens().await.expect("listed").is_empty());
    }
}
