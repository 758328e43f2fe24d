//! Texts that the law of a jurisdiction demands of every message.

use serde::Deserialize;

/// A text that a clause of a jurisdiction demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequiredText {
    /// How to opt out: by an answer to an SMS, by a link in an e-mail.
    OptOut,
    /// That independent debt advice exists, in e-mails about what is overdue.
    DebtAdvice,
}

/// The word that an SMS names where [`RequiredText::OptOut`] is demanded; answers that say it are taken as opt-outs.
pub const OPT_OUT_WORD: &str = "STOP";

/// The texts that a message has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequiredTexts {
    /// See [`RequiredText::OptOut`].
    pub opt_out: bool,
    /// See [`RequiredText::DebtAdvice`].
    pub debt_advice: bool,
}

impl FromIterator<RequiredText> for RequiredTexts {
    fn from_iter<I: IntoIterator<Item = RequiredText>>(texts: I) -> Self {
        texts.into_iter().fold(Self::default(), |known, text| match text {
            RequiredText::OptOut => Self { opt_out: true, ..known },
            RequiredText::DebtAdvice => Self { debt_advice: true, ..known },
        })
    }
}
