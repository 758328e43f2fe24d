//! Finds templates that leave out what the law demands of a merchant's messages, and those that show an amount where
//! messages are to be discreet.

use super::context::Brevity;
use super::sample::Sample;
use super::{Phase, RenderCause, RenderError, Renderer, TemplateInfo};
use crate::domain::{Channel, Merchant, Message, OPT_OUT_WORD, OPTED_OUT, RequiredTexts};

impl Renderer {
    /// The texts required by law that the templates used for a merchant's messages leave out. The check is per
    /// merchant, because the law may allow another merchant to leave them out.
    #[must_use]
    pub fn missing_texts(&self, merchant: &Merchant, required: RequiredTexts) -> Vec<RenderError> {
        let is_for = |info: &&TemplateInfo| info.merchant.as_deref().is_none_or(|owner| owner == merchant.id.as_str());
        let messages = self.templates().into_iter().filter(is_for).filter(|info| info.template != OPTED_OUT);
        let mut problems: Vec<_> = messages.flat_map(|info| self.missing_in(info, merchant, required)).collect();
        problems.sort_unstable();
        problems.dedup();
        problems
    }

    /// The templates of a merchant whose SMS or subject shows an amount in a discreet message. A template shows one if
    /// it renders differently once every amount has doubled.
    #[must_use]
    pub fn indiscreet_templates(&self, merchant: &Merchant) -> Vec<RenderError> {
        let merchant = Merchant { discreet: true, ..merchant.clone() };
        let is_for = |info: &TemplateInfo| info.merchant.as_deref().is_none_or(|owner| owner == merchant.id.as_str());
        let mut problems = Vec::new();
        for info in self.templates().into_iter().filter(|info| info.template != OPTED_OUT && is_for(info)) {
            let phases = Phase::ALL.into_iter().flat_map(|phase| [(phase, 1), (phase, 3)]);
            let mut samples = phases.map(|(phase, count)| Sample::new(&merchant, &info.locale, phase, count));
            let shows_amount = samples.any(|mut sample| {
                let visible = self.visible_text(info, &sample);
                sample.double_amounts();
                visible != self.visible_text(info, &sample)
            });
            if shows_amount {
                problems.push(RenderError {
                    template: info.files[0].clone(),
                    line: None,
                    problem: format!(
                        "shows an amount on the lock screen, although messages of {} are discreet; \
                         leave it out {{% if discreet %}}",
                        merchant.id
                    ),
                    cause: RenderCause::Template,
                });
            }
        }
        problems
    }

    /// The part of a message that a lock screen shows: an SMS, or the subject of an e-mail.
    fn visible_text(&self, info: &TemplateInfo, sample: &Sample) -> Option<String> {
        let request = sample.request(info.channel, &info.locale);
        match self.render_whole(info, &request, Brevity::default()).ok()? {
            Message::Sms(text) => Some(text.0),
            Message::Registered(sms) => Some(sms.text),
            Message::Email(mail) => Some(mail.subject),
        }
    }

    fn missing_in(&self, info: &TemplateInfo, merchant: &Merchant, required: RequiredTexts) -> Vec<RenderError> {
        let phase = Phase::ALL.into_iter().find(|phase| phase.as_str() == info.template);
        let mut problems = Vec::new();
        for discreet in [false, true] {
            let merchant = Merchant { discreet, ..merchant.clone() };
            // A duty that only some messages meet is not met.
            for mut sample in Sample::variations(&merchant, &info.locale) {
                let phase_of_sample = Phase::of(sample.today, &sample.installments);
                if phase.is_some() && phase != phase_of_sample {
                    continue;
                }
                sample.required = required;
                let request = sample.request(info.channel, &info.locale);
                for brevity in [Brevity::default(), Brevity::SHORTEST] {
                    // A template that does not render was reported when it was loaded.
                    let Ok(message) = self.render_whole(info, &request, brevity) else { continue };
                    problems.extend(missing(info, &sample, &message, phase == Some(Phase::After)));
                }
            }
        }
        problems
    }
}

/// The texts that a message lacks, each with the file that lacks it.
fn missing(info: &TemplateInfo, sample: &Sample, message: &Message, is_overdue: bool) -> Vec<RenderError> {
    let jurisdiction = sample.merchant.jurisdiction;
    let problem = |file: &str, what: String| RenderError {
        template: file.to_owned(),
        line: None,
        problem: format!("{what}, which {jurisdiction} demands of {}", sample.merchant.id),
        cause: RenderCause::Template,
    };
    match (info.channel, message) {
        (Channel::Sms, Message::Sms(sms)) if sample.required.opt_out && !sms.0.contains(OPT_OUT_WORD) => {
            vec![problem(
                &info.files[0],
                format!(
                    "leaves out how to opt out; print required.opt_out if it is there, or say it with the word \
                     {OPT_OUT_WORD}"
                ),
            )]
        }
        (Channel::Email, Message::Email(mail)) => {
            let parts = [(&info.files[1], &mail.text), (&info.files[2], &mail.html)];
            let link = sample.unsubscribe.as_deref().unwrap_or_default();
            let no_link = |text: &str| sample.required.opt_out && !text.contains(link);
            let advice = super::word(&info.locale, "debt_advice").unwrap_or_default();
            let no_advice = |text: &str| sample.required.debt_advice && is_overdue && !text.contains(advice);
            let mut problems = Vec::new();
            for (file, text) in parts {
                if no_link(text) {
                    problems.push(problem(file, "leaves out how to opt out; print unsubscribe if it is there".into()));
                }
                if no_advice(text) {
                    let what = "leaves out that there is debt advice; print required.debt_advice if it is there";
                    problems.push(problem(file, what.into()));
                }
            }
            problems
        }
        _ => Vec::new(),
    }
}
