//! Whether the routes are looked after, and what their probes are to find.

use std::time::Duration;

use dueherald::domain::{Patience, RouteKey};

use super::{SAMPLE, SOUND, changed, load, told};

const WEB: &str = "url = \"https://pay.mall.example.com/bill\"\n";

#[test]
fn routes_are_probed_only_if_the_config_says_so_and_as_the_sample_says() {
    assert!(load(SOUND, &[]).expect("it is sound").probes.is_none());
    let commented = SAMPLE.lines().skip_while(|line| *line != "# [probe]").take_while(|line| line.starts_with("# "));
    let example: String = commented.map(|line| line.trim_start_matches("# ").to_owned() + "\n").collect();
    assert_eq!(example.lines().count(), 6, "{example}");
    for text in [format!("{SOUND}\n[probe]\n"), format!("{SOUND}\n{example}")] {
        let probes = load(&text, &[]).expect("it is sound").probes.expect("it says so");
        assert_eq!((probes.schedule.expression(), probes.timeout), ("* * * * *", Duration::from_secs(10)));
        assert_eq!(probes.patience, Patience { fail_after: 3, well_after: 2 });
    }
    let probe = format!("{WEB}probe = {{ expect = \"还款\", url = \"https://pay.mall.example.com/health\" }}\n");
    let config = load(&changed(&[(WEB, &probe)]), &[]).expect("it is sound");
    let expected = &config.expected[&"mall-web".parse::<RouteKey>().expect("a key")];
    assert_eq!(expected.text.as_deref(), Some("还款"));
    assert_eq!(expected.url.as_deref(), Some("https://pay.mall.example.com/health"));
}

#[test]
fn every_mistake_about_probes_is_told() {
    let probe =
        format!("{WEB}probe = {{ expect = \" \", url = \"http://pay.mall.example.com/health\", text = \"x\" }}\n");
    let rule = ("offsets = [0]\n", "offsets = [0]\nsecond_route = \"mall-wib\"\n");
    let section = "\n[probe]\ncron = \"* * *\"\nfail_after = 0\nwell_after = \"two\"\ntimeout = \"0s\"\nurl = \"x\"\n";
    let told = told(&(changed(&[(WEB, &probe), rule]) + section), &[]);
    for mistake in [
        "probe.expect: is empty",
        "probe.url: begins with http:",
        "probe.text: is no key",
        "second_route: there is no route \"mall-wib\"; did you mean \"mall-web\"?",
        "probe.cron: has 3 fields",
        "probe.fail_after: is out of range",
        "probe.well_after: is text",
        "probe.timeout: is no time at all",
        "probe.url: is no key",
    ] {
        assert!(told.contains(mistake), "{mistake}: {told}");
    }
}
