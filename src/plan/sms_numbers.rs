//! Which phone numbers take SMS.

use phonenumber::Type;
use phonenumber::metadata::{DATABASE, Metadata};

use super::address;
use crate::domain::{Address, Borrower, Channel, Phone};

/// Whether a number may take SMS: `false` for those that its country's numbering plan knows as landlines, free, shared-cost or
/// premium numbers, company numbers (400 in China) and voice mail. What the plan cannot tell from a mobile number, as in the US, may.
///
/// This is worked out from the number each time, not kept in the ledger: it is a property of the number alone, a newer plan applies at
/// once, and no import has to be repeated for it. A look at the plan costs a microsecond, and the numbers of China and North America,
/// where the first digits tell, cost nothing; the library's own parser, 9 µs, is not needed for what is in E.164 form already.
#[must_use]
pub fn takes_sms(phone: &Phone) -> bool {
    let digits = &phone.as_e164()[1..];
    match digits.as_bytes() {
        // The metadata have no mobile number of China that begins otherwise, and only mobile ones of eleven digits that begin so.
        [b'8', b'6', b'1', b'3'..=b'9', ..] if digits.len() == 13 => true,
        // 800, 833, 844, 855, 866, 877, 888 and 900: all others count as landlines and mobiles alike, those of the islands too.
        [b'1', b'8', one, other, ..] => !(one == other && matches!(one, b'0' | b'3'..=b'8')),
        [b'1', b'9', b'0', b'0', ..] => false,
        [b'1', ..] => true,
        _ => plan_of(digits).is_none_or(|(plan, national)| !is_known_otherwise(plan, national)),
    }
}

/// The borrower's address on a channel, if a message can reach it.
#[must_use]
pub fn reachable_address(borrower: &Borrower, channel: Channel) -> Option<Address> {
    address(borrower, channel).filter(|address| match address {
        Address::Phone(phone) => takes_sms(phone),
        Address::Email(_) => true,
    })
}

/// The plan that a number is of, and its national part. Some countries share a code: the first whose plan has such a number.
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

/// The kinds of numbers in the order in which the library asks for them, a mobile one before a landline, as some plans cannot tell them apart.
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

fn is_known_otherwise(plan: &Metadata, national: &str) -> bool {
    let kind = KINDS.into_iter().find(|kind| is(plan, *kind, national));
    matches!(
        kind,
        Some(Type::PremiumRate | Type::TollFree | Type::SharedCost | Type::Uan | Type::Voicemail | Type::FixedLine)
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::takes_sms;
    use crate::domain::Phone;

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
