//! No core dumps: the memory of a daemon holds secrets, names and addresses, and a core file would hold them too.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Forbids core dumps of this process. Where the system lets us do neither, the process goes on: it works all the same.
pub(super) fn forbid() {
    // A program that the system pipes dumps to ignores this limit, so both are needed.
    _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // Other processes of the same user cannot attach to this one any more either.
    _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
