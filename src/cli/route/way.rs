//! Turns the arguments of `dueherald route set` into one kind of route; an option that is left out keeps its old value.

use clap::Args;

use super::{RouteKindArg, SetArgs};
use crate::cli::CliError;
use crate::domain::{AppGuide, AppSteps, EmailAddress, RouteKind, Support, SupportHours};
use crate::render::page_languages;

#[derive(Debug, Args)]
pub(super) struct GuideArgs {
    /// App store page; may be repeated [default: unchanged]
    #[arg(long = "store", value_name = "URL")]
    stores: Vec<String>,
    /// Step in the app, as zh-CN=TEXT or en=TEXT; repeat for each [default: unchanged]
    #[arg(long = "step", value_name = "LANGUAGE=TEXT")]
    steps: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct ContactArgs {
    /// Phone number of support [default: the merchant's customer service]
    #[arg(long)]
    phone: Option<String>,
    /// E-mail address of support
    #[arg(long)]
    email: Option<String>,
    /// Opening hours of support, such as "mon-fri 09:00-18:00; sat 10:00-14:00 Asia/Shanghai"
    #[arg(long)]
    hours: Option<SupportHours>,
}

/// The kind that is said, or else the known one, with what is said of it.
pub(super) fn kind(
    args: &SetArgs,
    known: Option<&RouteKind>,
    lacks: &dyn Fn(&str) -> CliError,
) -> Result<RouteKind, CliError> {
    let kind = args.kind.or_else(|| known.map(kind_of)).ok_or_else(|| lacks("--kind"))?;
    let known_url = known.and_then(RouteKind::url).map(str::to_owned);
    let url = || args.url.clone().or(known_url).ok_or_else(|| lacks("--url"));
    args.only_what_fits(kind)?;
    Ok(match (kind, known) {
        (RouteKindArg::Web, _) => RouteKind::Web { url: url()? },
        (RouteKindArg::App, Some(RouteKind::App { guide, .. })) => {
            RouteKind::App { url: url()?, guide: args.guide.over(guide.clone())? }
        }
        (RouteKindArg::App, _) => RouteKind::App { url: url()?, guide: args.guide.over(AppGuide::default())? },
        (RouteKindArg::Support, Some(RouteKind::Support { contact })) if args.contact.is_empty() => {
            RouteKind::Support { contact: contact.clone() }
        }
        (RouteKindArg::Support, _) => RouteKind::Support { contact: args.contact.read()? },
    })
}

/// The details of a route other than its address.
pub(super) fn tells(kind: &RouteKind) -> Vec<String> {
    match kind {
        RouteKind::Web { .. } | RouteKind::Support { contact: None } => Vec::new(),
        RouteKind::App { guide: AppGuide { stores, steps }, .. } => {
            stores.iter().chain(steps.iter()).cloned().collect()
        }
        RouteKind::Support { contact: Some(Support { phone, email, hours }) } => {
            let email = email.as_ref().map(|email| email.as_str().to_owned());
            [phone.clone(), email, hours.as_ref().map(ToString::to_string)].into_iter().flatten().collect()
        }
    }
}

fn kind_of(known: &RouteKind) -> RouteKindArg {
    match known {
        RouteKind::Web { .. } => RouteKindArg::Web,
        RouteKind::App { .. } => RouteKindArg::App,
        RouteKind::Support { .. } => RouteKindArg::Support,
    }
}

impl SetArgs {
    fn only_what_fits(&self, kind: RouteKindArg) -> Result<(), CliError> {
        let refused = |what: &str, of: &str| Err(CliError::Use(format!("{what} is for {of} only; leave it out")));
        match kind {
            RouteKindArg::Support if self.url.is_some() => refused("--url", "routes of kind web and app"),
            RouteKindArg::Web | RouteKindArg::Support if !self.guide.is_empty() => {
                refused("--store or --step", "routes of kind app")
            }
            RouteKindArg::Web | RouteKindArg::App if !self.contact.is_empty() => {
                refused("--phone, --email or --hours", "routes of kind support")
            }
            _ => Ok(()),
        }
    }
}

impl GuideArgs {
    fn is_empty(&self) -> bool {
        self.stores.is_empty() && self.steps.is_empty()
    }

    fn over(&self, mut guide: AppGuide) -> Result<AppGuide, CliError> {
        if !self.stores.is_empty() {
            guide.stores.clone_from(&self.stores);
        }
        if !self.steps.is_empty() {
            guide.steps = AppSteps::default();
        }
        for said in &self.steps {
            let step = said.split_once('=').filter(|(tag, _)| page_languages().any(|known| known == *tag));
            let sound = |text: &str| !text.trim().is_empty() && !text.chars().any(char::is_control);
            let Some((tag, text)) = step.filter(|(_, text)| sound(text)) else {
                let forms: Vec<_> = page_languages().map(|tag| format!("{tag}=TEXT")).collect();
                return Err(CliError::Use(format!("--step {said:?} is no step; write {}", forms.join(" or "))));
            };
            guide.steps.push(tag, text.trim().to_owned());
        }
        Ok(guide)
    }
}

impl ContactArgs {
    fn is_empty(&self) -> bool {
        self.phone.is_none() && self.email.is_none() && self.hours.is_none()
    }

    fn read(&self) -> Result<Option<Support>, CliError> {
        if self.is_empty() {
            return Ok(None);
        }
        if self.phone.is_none() && self.email.is_none() {
            return Err(CliError::Use("--hours are of nobody; say --phone or --email as well".to_owned()));
        }
        let wrong =
            |_| CliError::Use("--email is no e-mail address; write for example service@mall.example".to_owned());
        let email = self.email.as_deref().map(EmailAddress::new).transpose().map_err(wrong)?;
        Ok(Some(Support { phone: self.phone.clone(), email, hours: self.hours.clone() }))
    }
}
