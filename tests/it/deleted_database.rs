//! A SQLite file that somebody deletes, to begin anew, and one that is put back: with the real binary.

use std::fs;

use dueherald::clock::{Clock, SystemClock};

use crate::commands::{Desk, write_private};
use crate::noon::where_it_is_noon;

/// A desk whose merchants are where it is noon: its messages leave at once.
fn desk_at_noon() -> Desk {
    let desk = Desk::new(None);
    let file = desk.path("dueherald.toml");
    let config = fs::read_to_string(&file).expect("init wrote it");
    write_private(&file, &config.replace("Asia/Shanghai", where_it_is_noon(SystemClock.now()).name()));
    desk
}

/// The database and the files that SQLite keeps beside it.
const FILES: [&str; 3] = ["dueherald.db", "dueherald.db-wal", "dueherald.db-shm"];

/// Deletes the database, with what SQLite keeps beside it.
fn delete(desk: &Desk) {
    for name in FILES {
        // The last one who closes the file takes those beside it away.
        let _ = fs::remove_file(desk.path(name));
    }
}

/// The folders of former databases.
fn moved_away(desk: &Desk) -> Vec<String> {
    let files = fs::read_dir(desk.path("")).expect("the folder is there");
    let names = files.filter_map(|file| file.expect("it is readable").file_name().into_string().ok());
    names.filter(|name| name.contains(".old-")).collect()
}

/// Imports the sample, plans, and sends what is due now. Gives the output of the last step.
fn send(desk: &Desk) -> crate::commands::Done {
    desk.run(&["import", "sample.csv"]).went_well();
    // Without `--at`: a trial of another time keeps no record.
    desk.run(&["scan"]).went_well();
    desk.run(&["dispatch", "--drain"])
}

#[test]
fn a_database_that_was_deleted_and_made_anew_is_sent_from() {
    let desk = desk_at_noon();
    desk.run(&["migrate"]).went_well();
    send(&desk).went_well();
    assert_eq!(moved_away(&desk), Vec::<String>::new());
    delete(&desk);
    let told = desk.run(&["migrate"]).went_well();
    assert!(told.contains("the database is new"), "{told}");
    assert_eq!(moved_away(&desk).len(), 1, "{told}");
    send(&desk).went_well();
    assert!(!desk.run(&["database", "status"]).went_well().contains("disarmed"));
    // A second time: what was set aside before stays.
    delete(&desk);
    desk.run(&["migrate"]).went_well();
    assert_eq!(moved_away(&desk).len(), 2);
    send(&desk).went_well();
}

#[test]
fn an_older_file_that_is_put_back_is_held_and_its_record_stays() {
    let desk = desk_at_noon();
    desk.run(&["migrate"]).went_well();
    let backup = FILES.map(|name| fs::read(desk.path(name)).ok());
    send(&desk).went_well();
    delete(&desk);
    for (name, bytes) in FILES.into_iter().zip(backup) {
        let Some(bytes) = bytes else { continue };
        fs::write(desk.path(name), bytes).expect("it can be put back");
        fs::set_permissions(desk.path(name), std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("ours");
    }
    let told = desk.run(&["migrate"]).went_well();
    assert!(!told.contains("the database is new"), "{told}");
    assert_eq!(moved_away(&desk), Vec::<String>::new());
    let held = send(&desk);
    assert_ne!(held.code, 0, "{}{}", held.out, held.err);
    assert!(format!("{}{}", held.out, held.err).contains("went back in time"), "{}{}", held.out, held.err);
}
