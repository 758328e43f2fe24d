//! Warnings about rules that are valid but probably not what was meant.

use std::collections::BTreeSet;

use super::planner::withheld;
use super::{Days, Policy, Rule, RulesMatch};
use crate::domain::{Channel, MerchantId, RuleName};

/// Something about the rules that is no mistake, but may not be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleWarning {
    /// Two rules remind of the same due date on the same day on the same channel.
    Overlap {
        /// The later one in the config.
        rule: RuleName,
        /// The one before it.
        earlier: RuleName,
        /// For this merchant, and maybe for others.
        merchant: MerchantId,
        /// So many days from the due date, the first time.
        offset: i32,
        /// On this channel, and maybe on others.
        channel: Channel,
    },
    /// No day is left to the rule by `overdue_days` and `stop_after`.
    NoDay {
        /// Which.
        rule: RuleName,
    },
    /// Whatever the rule matches, one before it has matched.
    Behind {
        /// Which.
        rule: RuleName,
        /// One of those before it.
        earlier: RuleName,
    },
}

impl RuleWarning {
    /// The rule that it is about.
    #[must_use]
    pub fn rule(&self) -> &RuleName {
        match self {
            Self::Overlap { rule, .. } | Self::NoDay { rule } | Self::Behind { rule, .. } => rule,
        }
    }
}

/// Probable mistakes, in the order of the config: rules that overlap, and rules that can never plan anything.
#[must_use]
pub fn rule_warnings(policy: &Policy) -> Vec<RuleWarning> {
    let mut rule_warnings = Vec::new();
    for (place, rule) in policy.rules.iter().enumerate() {
        let before = &policy.rules[..place];
        if distances(rule).is_empty() {
            rule_warnings.push(RuleWarning::NoDay { rule: rule.name.clone() });
            continue;
        }
        match policy.rules_match {
            RulesMatch::All => rule_warnings.extend(before.iter().filter_map(|earlier| overlap(policy, earlier, rule))),
            RulesMatch::First => rule_warnings.extend(behind(policy, before, rule)),
        }
    }
    rule_warnings
}

fn overlap(policy: &Policy, earlier: &Rule, rule: &Rule) -> Option<RuleWarning> {
    let merchant = policy.merchants.keys().find(|merchant| earlier.is_for(merchant) && rule.is_for(merchant))?;
    let channel = rule.channels.order.iter().find(|channel| earlier.channels.order.contains(channel))?;
    let offset = *distances(earlier).intersection(&distances(rule)).next()?;
    let may_be_one_day = match (&earlier.days, &rule.days) {
        (Days::Weekdays { days: these, .. }, Days::Weekdays { days: those, .. }) => {
            !these.intersection(*those).is_empty()
        }
        _ => true,
    };
    (may_be_one_day && earlier.filters.meet(&rule.filters)).then(|| RuleWarning::Overlap {
        rule: rule.name.clone(),
        earlier: earlier.name.clone(),
        merchant: merchant.clone(),
        offset,
        channel: *channel,
    })
}

/// Whether for every merchant of the rule one before it takes all that it could match.
fn behind(policy: &Policy, before: &[Rule], rule: &Rule) -> Option<RuleWarning> {
    let mut first = None;
    for merchant in policy.merchants.keys().filter(|merchant| rule.is_for(merchant)) {
        let takes_all = |earlier: &&Rule| earlier.is_for(merchant) && earlier.filters.cover(&rule.filters);
        let earlier = before.iter().find(takes_all)?;
        first.get_or_insert(&earlier.name);
    }
    first.map(|earlier| RuleWarning::Behind { rule: rule.name.clone(), earlier: earlier.clone() })
}

/// The days of the rule that nothing holds back, as distances from the due date.
fn distances(rule: &Rule) -> BTreeSet<i32> {
    let all: BTreeSet<i32> = match &rule.days {
        Days::Offsets(offsets) => offsets.clone(),
        Days::Weekdays { span, .. } => span.clone().collect(),
    };
    all.into_iter().filter(|offset| withheld(rule, *offset).is_none()).collect()
}
