//! Making notices: whom they reach, who has to agree, and how they are held.

use super::{SIGNED, change_config, corrected, create, dispatch, fixed_links, import, remind, replace_route, today};
use crate::commands::Desk;

fn desk(borrowers: u32) -> Desk {
    let desk = Desk::new(None);
    desk.run(&["migrate"]).went_well();
    import(&desk, 0..borrowers, |_| "open");
    desk
}

fn act(desk: &Desk, words: &[&str], actor: &str) -> crate::commands::Done {
    desk.run(&[&["notice"], words, &["--actor", actor, "--reason", "gelesen"]].concat())
}

#[test]
fn a_dry_run_tells_whom_it_would_reach_and_what_it_would_say() {
    let desk = desk(10);
    std::fs::write(desk.path("ids.csv"), "borrower_id,note\nB1,x\nB2,y\nnobody,z\n").expect("written");
    let (before, after) = (today().to_string(), (today() + chrono::Days::new(9)).to_string());
    for (narrow, count) in [
        (&[][..], 10),
        (&["--product", "随心分"], 5),
        (&["--product", "no such"], 0),
        (&["--due-from", &before, "--due-to", &after], 10),
        (&["--due-from", &after], 0),
        (&["--due-to", &before], 0),
        (&["--state", "before-due"], 10),
        (&["--state", "overdue"], 0),
        (&["--borrowers", "ids.csv"], 2),
        (&["--channel", "sms"], 10),
    ] {
        let words = create("n", &[&["--merchant", "mall", "--dry-run"], narrow].concat());
        let told = desk.run(&words).went_well();
        assert!(told.starts_with(&format!("{count} recipients")), "{narrow:?}: {told}");
        for own in ["138001", "张三，", "128.50"] {
            assert!(count == 0 || !told.replace("示例商城】张三，", "").contains(own), "{own} is shown: {told}");
        }
    }
    assert_eq!(desk.run(&["notice", "list"]).went_well(), "nothing to show\n");
    let told = desk.run(&create("n", &["--merchant", "mall", "--dry-run"])).went_well();
    for way in ["还款入口已更换", "可在示例金融App内核实", "/r/", "客服400-000-0000"] {
        assert!(told.contains(way), "{way}: {told}");
    }
}

#[test]
fn above_a_number_another_person_has_to_approve() {
    let desk = desk(3);
    change_config(&desk, "# approve_above = 1000", "approve_above = 2");
    let made = desk.run(&create("n", &["--merchant", "mall", "--send"])).went_well();
    assert!(made.contains("awaiting_approval") && made.contains("notice approve n"), "{made}");
    // The approval does not cover a borrower who is imported later.
    import(&desk, 3..4, |_| "open");
    let again = desk.run(&create("n", &["--merchant", "mall", "--send"])).went_well();
    assert!(again.contains("awaiting_approval"), "the same again changes nothing: {again}");
    assert!(dispatch(&desk).starts_with("0 sent"));
    assert_eq!(act(&desk, &["resume", "n"], "li").code, 1, "that is no approval");

    let own = act(&desk, &["approve", "n"], "Wang");
    assert!(own.code == 2 && own.err.contains("another person"), "{}", own.err);
    let sent = act(&desk, &["approve", "n"], "li").went_well();
    assert!(sent.contains("3 recipients; 3 to do"), "{sent}");
    assert_eq!(act(&desk, &["approve", "n"], "li").code, 1, "once");
    dispatch(&desk);
    assert_eq!(corrected(&desk, "n").len(), 3);
    let shown = desk.run(&["notice", "show", "n", "--format", "json"]).went_well();
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    let who: Vec<_> = shown["changes"].as_array().expect("changes").iter().map(|one| &one["actor"]).collect();
    assert_eq!(who, ["wang", "li"]);

    let few = desk.run(&create("few", &["--merchant", "mall", "--product", "随心分", "--send"])).went_well();
    assert!(few.contains("(sending): 2 recipients"), "{few}");
}

#[test]
fn a_pause_and_an_end_hold_at_the_next_claim() {
    let desk = desk(4);
    desk.run(&create("n", &["--merchant", "mall", "--send"])).went_well();
    let paused = act(&desk, &["pause", "n"], "li").went_well();
    assert!(paused.contains("4 wait"), "{paused}");
    let held = desk.run(&["dispatch", "--drain", "--at", &super::half_past_ten(1)]);
    assert!(held.code == 3 && held.out.contains("4 are held: its notice is paused"), "{}", held.out);
    let listed = desk.run(&["reminders", "list", "--state", "held", "--wide"]).went_well();
    assert_eq!(listed.matches("paused:n").count(), 4, "{listed}");
    assert_eq!(corrected(&desk, "n").len(), 0);
    assert_eq!(act(&desk, &["pause", "n"], "li").code, 1, "it is paused already");
    act(&desk, &["resume", "n"], "li").went_well();
    dispatch(&desk);
    assert_eq!(corrected(&desk, "n").len(), 4);

    desk.run(&create("m", &["--merchant", "mall", "--send"])).went_well();
    act(&desk, &["cancel", "m"], "li").went_well();
    assert!(dispatch(&desk).starts_with("0 sent"));
    assert_eq!(corrected(&desk, "m").len(), 0);
    let shown = desk.run(&["notice", "show", "m", "--wide"]).went_well();
    assert!(shown.contains("notice_cancelled"), "{shown}");
    for words in [["resume", "m"], ["cancel", "m"], ["approve", "m"]] {
        assert_eq!(act(&desk, &words, "li").code, 1, "{words:?}");
    }
    let explained = desk.run(&["explain", "--borrower", "B1"]).went_well();
    assert!(explained.contains("notice n") && explained.contains("its notice was cancelled"), "{explained}");
}

#[test]
fn a_notice_that_would_go_wrong_is_refused() {
    let desk = desk(2);
    let merchant = ["--merchant", "mall"];
    let send = [&merchant[..], &["--send"]].concat();
    desk.run(&create("n", &send)).went_well();
    std::fs::write(desk.path("bad.csv"), "id\nB1\n").expect("written");
    for (words, told) in [
        (create("n", &[&send[..], &["--product", "x"]].concat()), "choose another name"),
        (create("m", &["--affected-by-route", "mall-web", "--send"]), "route mall-web is open"),
        (create("m", &["--affected-by-route", "none", "--send"]), "no route none"),
        (create("m", &["--affected-by-route", "mall-web", "--merchant", "harbor", "--send"]), "is open"),
        (create("m", &["--merchant", "mal", "--send"]), "unknown merchant mal"),
        (create("m", &[&send[..], &["--borrowers", "bad.csv"]].concat()), "borrower_id"),
        (create("m", &[&send[..], &["--borrowers", "none.csv"]].concat()), "none.csv"),
        (create("m", &merchant), "--dry-run"),
        (create("m", &["--send"]), "--merchant"),
        (create("m", &[&send[..], &["--dry-run"]].concat()), "cannot be used with"),
        ([&["notice", "create", "m", "--template", "gone"], &send[..], &SIGNED].concat(), "no template gone"),
        (
            [&["notice", "create", "m", "--template", "entry-moved"], &send[..], &["--actor", " ", "--reason", "x"]]
                .concat(),
            "actor",
        ),
    ] {
        let done = desk.run(&words);
        assert_eq!(done.code, 2, "{words:?}: {}{}", done.out, done.err);
        assert!(done.err.contains(told), "{words:?}: {}", done.err);
    }
    assert_eq!(desk.run(&["notice", "show", "m"]).code, 1, "nothing was made");
}

#[test]
fn a_correction_gives_the_new_fixed_link() {
    let desk = Desk::new(None);
    desk.run(&["migrate"]).went_well();
    fixed_links(&desk);
    remind(&desk, 0..2);
    let open = desk.run(&["route", "close", "mall-app", "--actor", "w", "--reason", "x"]).went_well();
    assert!(open.contains("no unpaid borrower holds"), "a page leads them elsewhere: {open}");
    replace_route(&desk);
    desk.run(&create("n", &["--affected-by-route", "mall-web", "--send"])).went_well();
    dispatch(&desk);
    let texts: Vec<_> = desk.captured().into_iter().filter(|text| text.contains("还款入口已更换")).collect();
    assert_eq!(texts.len(), 2);
    assert!(texts.iter().all(|text| text.contains(super::NEW) && !text.contains("/bill")), "{texts:?}");
    // The correction itself is a message that leads somewhere.
    let more = ["route", "close", "moved", "--actor", "w", "--reason", "x"];
    let told = desk.run(&more).went_well();
    assert!(told.lines().any(|line| line.split_whitespace().take(3).eq(["sms", "fixed", "2"])), "{told}");
}
