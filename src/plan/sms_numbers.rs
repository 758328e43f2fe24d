//! Which phone numbers take SMS.

use phonenumber::Type;
use phonenumber::metadata::{DATABASE, Metadata};

use super::zones::countries_of;
use crate::domain::{Address, Borrower, Channel, Merchant, Phone, SkipReason};

/// Whether a number may take SMS: `false` for those that its country's numbering plan knows as landlines, free,
/// shared-cost or premium numbers, company numbers (400 in China) and voice mail. What the plan cannot tell from a
/// mobile number, as in the US, may.
///
/// This is worked out from the number each time, not kept in the ledger: it is a property of the number alone, a newer
/// plan applies at once, and no import has to be repeated for it. A look at the plan costs a microsecond, and the
/// numbers of China and North America, where the first digits tell, cost nothing; the library's own parser, 9 µs, is
/// not needed for what is in E.164 form already.
#[must_use]
pub fn takes_sms(phone: &Phone) -> bool {
    let digits = &phone.as_e164()[1..];
    match digits.as_bytes() {
        // The metadata have no mobile number of China that begins otherwise, and only mobile ones of eleven digits that
        // begin so.
        [b'8', b'6', b'1', b'3'..=b'9', ..] if digits.len() == 13 => true,
        // 800, 833, 844, 855, 866, 877, 888 and 900: all others count as landlines and mobiles alike, those of the
        // islands too.
        [b'1', b'8', one, other, ..] => !(one == other && matches!(one, b'0' | b'3'..=b'8')),
        [b'1', b'9', b'0', b'0', ..] => false,
        [b'1', ..] => true,
        _ => plan_of(digits).is_none_or(|(plan, national)| !is_known_otherwise(plan, national)),
    }
}

/// The borrower's address on a channel, if a message may go to it and can reach it.
#[must_use]
pub fn reachable_address(merchant: &Merchant, borrower: &Borrower, channel: Channel) -> Option<Address> {
    usable_address(merchant, borrower, channel).ok()
}

/// The same, or why not.
///
/// # Errors
/// [`SkipReason::NotAllowed`] or [`SkipReason::NoContact`].
pub(super) fn usable_address(
    merchant: &Merchant,
    borrower: &Borrower,
    channel: Channel,
) -> Result<Address, SkipReason> {
    let address = borrower.address(channel).ok_or(SkipReason::NoContact)?;
    match &address {
        Address::Phone(phone) if !may_contact(merchant, phone) => Err(SkipReason::NotAllowed),
        Address::Phone(phone) if !takes_sms(phone) => Err(SkipReason::NoContact),
        _ => Ok(address),
    }
}

/// Whether a merchant may contact a number: it is of one of the merchant's countries, and neither a premium or
/// shared-cost number nor one of a satellite network, which cost whoever calls or answers them, or us, a multiple.
#[must_use]
pub fn may_contact(merchant: &Merchant, phone: &Phone) -> bool {
    is_allowed(phone, |country| merchant.contacts(country))
}

fn is_allowed(phone: &Phone, contacts: impl Fn(&str) -> bool) -> bool {
    let digits = &phone.as_e164()[1..];
    let of_satellite = || SATELLITE.iter().any(|prefix| digits.starts_with(prefix));
    countries_of(phone).iter().any(|country| contacts(country)) && !of_satellite() && !is_costly(digits)
}

/// Satellite networks with numbers of a country: China Satcom and Tiantong (MIIT's plan of 2017: 1349, 1740),
/// Australia's (ACMA: 0147). Those with codes of their own (ITU: 870, 881 to 883) are of no country, and so never
/// contacted.
const SATELLITE: [&str; 3] = ["861349", "861740", "61147"];

/// Whether a number costs who calls it, or who answers a message of it, more than usual.
fn is_costly(digits: &str) -> bool {
    match digits.as_bytes() {
        [b'8', b'6', b'1', b'3'..=b'9', ..] if digits.len() == 13 => false,
        [b'1', b'9', b'0', b'0', ..] => true,
        [b'1', ..] => false,
        _ => plan_of(digits).is_some_and(|(plan, national)| {
            matches!(kind_of(plan, national), Some(Type::PremiumRate | Type::SharedCost))
        }),
    }
}

/// The plan that a number is of, and its national part. Some countries share a code: the first whose plan has such a
/// number.
fn plan_of(digits: &str) -> Option<(&'static Metadata, &str)> {
    let (code, national) =
        (1..=3).filter_map(|length| digits.split_at_checked(length)).find_map(|(code, national)| {
            let code: u16 = code.parse().ok()?;
            DATABASE.region(&code).map(|_| (code, national))
        })?;
    let plans = DATABASE.by_code(&code)?;
    let leads = |plan: &&Metadata| {
        plan.leading_digits().is_some_and(|leading| leading.find(national).is_some_and(|found| found.start() == 0))
    };
    let has = |plan: &&Metadata| plan.leading_digits().is_none() && KINDS.iter().any(|kind| is(plan, *kind, national));
    let plan = plans.iter().copied().find(leads).or_else(|| plans.iter().copied().find(has))?;
    Some((plan, national))
}

/// The kinds of numbers in the order in which the library asks for them, a mobile one before a landline, as some plans
/// cannot tell them apart.
const KINDS: [Type; 10] = [
    Type::PremiumRate,
    Type::TollFree,
    Type::SharedCost,
    Type::Voip,
    Type::PersonalNumber,
    Type::Pager,
    Type::Uan,
    Type::Voicemail,
    Type::Mobile,
    Type::FixedLine,
];

fn is(plan: &Metadata, kind: Type, national: &str) -> bool {
    plan.descriptors().get(kind).is_some_and(|kind| kind.is_match(national))
}

fn kind_of(plan: &Metadata, national: &str) -> Option<Type> {
    KINDS.into_iter().find(|kind| is(plan, *kind, national))
}

fn is_known_otherwise(plan: &Metadata, national: &str) -> bool {
    matches!(
        kind_of(plan, national),
        Some(Type::PremiumRate | Type::TollFree | Type::SharedCost | Type::Uan | Type::Voicemail | Type::FixedLine)
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{is_allowed, takes_sms};
    use crate::domain::Phone;

    #[rstest]
    #[case::at_home("+8613800138000", &["CN"], true)]
    #[case::landline("+861065529988", &["CN"], true)]
    #[case::hong_kong("+85291234567", &["CN"], false)]
    #[case::hong_kong_in_the_list("+85291234567", &["CN", "HK"], true)]
    #[case::home_not_in_the_list("+8613800138000", &["HK"], false)]
    #[case::canada_is_not_the_states("+14165552671", &["US"], false)]
    #[case::jamaica_is_not_the_states("+18765552671", &["US"], false)]
    #[case::the_states("+14155552671", &["US"], true)]
    #[case::premium_america("+19005551234", &["US"], false)]
    #[case::premium_britain("+449098790123", &["GB"], false)]
    #[case::shared_cost_britain("+448431234567", &["GB"], false)]
    #[case::premium_germany("+499001234567", &["DE"], false)]
    #[case::inmarsat("+870773111632", &["CN", "US", "GB"], false)]
    #[case::iridium("+881612345678", &["CN", "US"], false)]
    #[case::tiantong("+8617400012345", &["CN"], false)]
    #[case::china_satcom("+8613491234567", &["CN"], false)]
    #[case::international_premium("+979123456789", &["US"], false)]
    #[case::of_no_plan("+999123456789", &["US"], false)]
    fn only_countries_of_the_list_are_contacted_and_costly_numbers_never(
        #[case] number: &str,
        #[case] countries: &[&str],
        #[case] may: bool,
    ) {
        let is_in_list = |country: &str| countries.contains(&country);
        assert_eq!(is_allowed(&Phone::new(number).unwrap(), is_in_list), may);
    }

    #[rstest]
    #[case::china_mobile("+8613800138000", true)]
    #[case::china_newer_mobile("+8619912345678", true)]
    #[case::beijing("+861065529988", false)]
    #[case::shandong("+865398123456", false)]
    #[case::company_number("+864008001234", false)]
    #[case::china_free("+868008108888", false)]
    #[case::us_cannot_be_told("+14155552671", true)]
    #[case::us_free("+18005551234", false)]
    #[case::us_newer_free("+18335551234", false)]
    #[case::us_premium("+19005551234", false)]
    #[case::us_800_is_no_prefix_of_all("+18015551234", true)]
    #[case::uk_mobile("+447911123456", true)]
    #[case::uk_landline("+442079460958", false)]
    #[case::uk_shared_cost("+448431234567", false)]
    #[case::german_mobile("+4915123456789", true)]
    #[case::german_landline("+49301234567", false)]
    #[case::french_mobile("+33612345678", true)]
    #[case::french_landline("+33145678901", false)]
    #[case::italian_mobile("+393471234567", true)]
    #[case::italian_landline("+390236618300", false)]
    #[case::indonesian_mobile("+62812007996", true)]
    #[case::hong_kong_mobile("+85291234567", true)]
    #[case::hong_kong_landline("+85225221234", false)]
    #[case::singapore_mobile("+6591234567", true)]
    #[case::singapore_landline("+6561234567", false)]
    #[case::kazakh_mobile("+77012345678", true)]
    #[case::russian_mobile("+79123456789", true)]
    #[case::russian_landline("+74951234567", false)]
    #[case::of_no_plan("+999123456789", true)]
    fn landlines_and_service_numbers_take_no_sms(#[case] number: &str, #[case] takes: bool) {
        assert_eq!(takes_sms(&Phone::new(number).unwrap()), takes);
    }

    /// The numbers that the library has as an example of each kind, of every country.
    #[test]
    fn the_examples_of_every_plan_are_told_as_the_library_tells_them() {
        use phonenumber::Type::{FixedLine, Mobile, PremiumRate, SharedCost, TollFree};
        let mut wrong = Vec::new();
        for plan in phonenumber::metadata::DATABASE.iter() {
            for kind in [Mobile, FixedLine, PremiumRate, SharedCost, TollFree] {
                let example = plan.descriptors().get(kind).and_then(|known| known.example());
                let Some(number) =
                    example.and_then(|example| Phone::new(&format!("+{}{example}", plan.country_code())).ok())
                else {
                    continue;
                };
                let parsed = phonenumber::parse(None, number.as_e164()).unwrap();
                let told = parsed.number_type(&phonenumber::metadata::DATABASE);
                let is_known = matches!(told, FixedLine | PremiumRate | SharedCost | TollFree);
                let is_mobile = matches!(told, Mobile);
                let can_be_told = plan.country_code() != 1;
                if (is_known && can_be_told && takes_sms(&number)) || (is_mobile && !takes_sms(&number)) {
                    wrong.push((plan.id().to_owned(), told, number.as_e164().to_owned()));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}
