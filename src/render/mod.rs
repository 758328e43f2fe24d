//! Level 1: from facts to a message. Pure: templates are handed in as text, nothing is read from a folder here.

mod link;

use chrono::NaiveDate;

use crate::domain::{Borrower, Channel, Installment, Locale, Merchant, Message, TemplateName};

pub use link::{LinkKeys, Purpose};

/// Why a message could not be rendered, or a template not be taken. Names the template and the line, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template {template}: {problem}")]
pub struct RenderError {
    /// Which template, as its path below the template folder.
    pub template: String,
    /// What is wrong, with the line where there is one.
    pub problem: String,
}

/// Templates, parsed once.
#[derive(Debug)]
pub struct Renderer {}

impl Renderer {
    /// Renders one message.
    ///
    /// # Errors
    /// When the template names something that is not there, runs away, or yields an empty or broken message.
    pub fn render(&self, request: &RenderRequest<'_>) -> Result<Message, RenderError> {
        let _ = request;
        Err(RenderError { template: String::new(), problem: "not built yet".into() })
    }
}

/// What is to be rendered.
#[derive(Debug, Clone, Copy)]
pub struct RenderRequest<'a> {
    /// In whose name.
    pub merchant: &'a Merchant,
    /// To whom; a name and the bound number are used if known.
    pub borrower: &'a Borrower,
    /// What is due: one at least, all open, all on one due date.
    pub installments: &'a [Installment],
    /// The rule's own template, if it names one.
    pub template: Option<&'a TemplateName>,
    /// For which channel.
    pub channel: Channel,
    /// In which language.
    pub locale: &'a Locale,
    /// The borrower's local date: decides between before, on and after the due date.
    pub today: NaiveDate,
    /// The link, in the form that the gateway lets through; `None` where it lets none through.
    pub link: Option<&'a str>,
}
