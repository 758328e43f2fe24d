//! Merchants, their support contacts and jurisdictions.

use chrono_tz::Tz;

use super::{AmountUnit, EmailAddress, Jurisdiction, Locale, MerchantId, SupportHours};

/// Where a borrower can ask a person. At least one of the two ways is known: a message without any is refused at load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Support {
    /// The number to call, as it is to be printed: may be a short or national number such as `95188`.
    pub phone: Option<String>,
    /// The address to write to.
    pub email: Option<EmailAddress>,
    /// When somebody answers; each reader's language writes it its own way.
    pub hours: Option<SupportHours>,
}

impl Support {
    /// The digits that a phone dials for the number as it is printed; what follows them (an extension, a remark) is
    /// left out.
    #[must_use]
    pub fn dial(&self) -> Option<String> {
        let number = |c: &char| c.is_ascii_digit() || matches!(c, '+' | '-' | ' ' | '(' | ')' | '.' | '\u{a0}' | '–');
        let printed = self.phone.as_deref()?.chars().take_while(number);
        let digits: String = printed.filter(|c| c.is_ascii_digit() || *c == '+').collect();
        digits.chars().any(|c| c.is_ascii_digit()).then_some(digits)
    }
}

/// The brand in whose name a message goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// The key of `[merchants.*]`.
    pub id: MerchantId,
    /// The name by which borrowers know it.
    pub name: String,
    /// The signature at the beginning of an SMS, without brackets; the name, if the config gives none.
    pub signature: String,
    /// The finance app to open: the first of the three ways to repay.
    pub app_name: String,
    /// The language of messages to borrowers who named none.
    pub locale: Locale,
    /// The time zone of borrowers who named none.
    pub time_zone: Tz,
    /// The country, two letters by ISO 3166, whose national phone numbers are normalised to E.164.
    pub country: String,
    /// The countries whose numbers may be contacted by SMS; if it is empty, its own.
    pub countries: Vec<String>,
    /// The jurisdiction whose rules of contact apply.
    pub jurisdiction: Jurisdiction,
    /// The https address below which personal links live: `{link_base}/r/{token}`. Without a slash at its end.
    pub link_base: String,
    /// Its host serves nothing else, so that links leave the `/r` out.
    pub bare_links: bool,
    /// The third of the three ways.
    pub support: Support,
    /// An SMS and the subject of an e-mail name no debt and no amount, as others may read a locked screen.
    pub discreet: bool,
    /// The unit of amounts in its files and API requests, and in rows of sources that do not name one.
    pub amount_unit: AmountUnit,
    /// Nothing is sent in its name: its reminders are skipped, not kept for later.
    pub stopped: bool,
}

impl Merchant {
    /// The address of the landing page that a token opens.
    #[must_use]
    pub fn landing_link(&self, token: &str) -> String {
        format!("{}{}/{token}", self.link_base, if self.bare_links { "" } else { "/r" })
    }

    /// Whether numbers of a country, two letters by ISO 3166, may be contacted.
    #[must_use]
    pub fn contacts(&self, country: &str) -> bool {
        match self.countries.as_slice() {
            [] => self.country == country,
            countries => countries.iter().any(|one| one == country),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Support;
    use rstest::rstest;

    #[rstest]
    #[case::short("95188", Some("95188"))]
    #[case::national("400-820-8820", Some("4008208820"))]
    #[case::international("+44 (20) 7946 0000", Some("+442079460000"))]
    #[case::extension("021-5555 0100 转 8", Some("02155550100"))]
    #[case::words("see the app", None)]
    fn a_printed_number_is_dialled_by_its_digits(#[case] printed: &str, #[case] dialled: Option<&str>) {
        let support = Support { phone: Some(printed.to_owned()), email: None, hours: None };
        assert_eq!(support.dial().as_deref(), dialled);
    }
}
