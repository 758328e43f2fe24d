//! The triggers of `0100_first.sql` hold a database as a whole encrypted or not by what the table `encryption`
//! says: nothing is to be changed when it is encrypted.

pub(super) const OF_PLAIN: &[&str] = &[];
pub(super) const OF_ENCRYPTED: &[&str] = &[];
