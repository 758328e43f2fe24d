//! Which columns hold a borrower's address on a channel: the one place in SQL, as [`crate::domain::Borrower::address`]
//! is in Rust.
//!
//! The SQL and a function over [`Channel`] are made from one table. A channel that is not in the table does not
//! compile: without this, a suppression of an address on a new channel would be compared with another channel's
//! address, in silence.

use crate::domain::Channel;

/// The table: a channel, its word in the database, the column of `borrower b` with its address, and the one in the form
/// in which addresses are compared.
macro_rules! with_channels {
    ($use:ident $(, $more:tt)*) => {
        $crate::store::sql::channel::$use! {
            [$($more),*]
            Sms "sms" "b.phone" "b.phone",
            Email "email" "b.email" "b.email_key"
        }
    };
}
pub(in crate::store) use with_channels;

macro_rules! key_cases {
    ([] $($variant:ident $word:literal $clear:literal $key:literal),+) => {
        concat!("case r.channel", $(" when '", $word, "' then ", $key,)+ " end")
    };
}
pub(in crate::store) use key_cases;

macro_rules! clear_cases {
    ([] $($variant:ident $word:literal $clear:literal $key:literal),+) => {
        concat!("case r.channel", $(" when '", $word, "' then ", $clear,)+ " end")
    };
}
pub(in crate::store) use clear_cases;

macro_rules! suppressed_cases {
    ([$now:tt] $($variant:ident $word:literal $clear:literal $key:literal),+) => {
        concat!($(
            "case when exists (select 1 from suppression s where s.channel = '", $word, "' and s.address = ", $key,
            " and coalesce(s.merchant, b.merchant) = b.merchant and coalesce(s.until > ", $now, ", true)) then \
                '", $word,
            " ' else '' end || ",
        )+ "''")
    };
}
pub(in crate::store) use suppressed_cases;

/// The address of borrower `b` on the channel of `r`, in the form in which addresses are compared.
macro_rules! address_key {
    () => {
        $crate::store::sql::channel::with_channels!(key_cases)
    };
}
pub(in crate::store) use address_key;

/// The address of borrower `b` on the channel of `r`, as it is spelled.
macro_rules! address {
    () => {
        $crate::store::sql::channel::with_channels!(clear_cases)
    };
}
pub(in crate::store) use address;

/// The channels on which borrower `b` is suppressed as of `$now`: their words, each with a space behind it.
macro_rules! suppressed_channels {
    ($now:tt) => {
        $crate::store::sql::channel::with_channels!(suppressed_cases, $now)
    };
}
pub(in crate::store) use suppressed_channels;

macro_rules! functions {
    ([] $($variant:ident $word:literal $clear:literal $key:literal),+) => {
        /// The latest reminder that went to an address of a channel; see [`crate::store::sql::report::last_sent`].
        pub(in crate::store) fn last_sent(channel: Channel) -> &'static str {
            match channel { $(Channel::$variant => $crate::store::sql::report::last_sent!($key)),+ }
        }

        /// Records who is opted out by an address of a channel; see [`crate::store::sql::webhook::opted_out`].
        pub(in crate::store) fn opted_out(channel: Channel) -> &'static str {
            match channel { $(Channel::$variant => $crate::store::sql::webhook::opted_out!($key)),+ }
        }

        #[cfg(test)]
        const WORDS: &[(Channel, &str)] = &[$((Channel::$variant, $word)),+];
    };
}
use functions;

with_channels!(functions);

/// Of the personal data of a borrower, the address on a channel.
pub(in crate::store) fn of_personal(channel: Channel, phone: Option<String>, email: Option<String>) -> Option<String> {
    match channel {
        Channel::Sms => phone,
        Channel::Email => email,
    }
}

#[cfg(test)]
mod tests {
    use super::WORDS;
    use crate::domain::Channel;

    #[test]
    fn the_table_has_each_channel_by_its_word() {
        let words: Vec<_> = Channel::ALL.iter().map(|channel| (*channel, channel.as_str())).collect();
        assert_eq!(WORDS, words);
        assert_eq!(address_key!(), "case r.channel when 'sms' then b.phone when 'email' then b.email_key end");
    }
}
