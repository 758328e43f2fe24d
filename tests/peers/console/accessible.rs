//! Every page of the console by the rules of axe-core, in both languages, light and dark, on both screens.

use std::fs;
use std::process::Command;

use dueherald::http::console::pages;

use super::{BORROWER, Clerk, DESK, Desk, PASSWORD, PHONE};
use crate::api::installed;

/// Runs axe-core; each finding is one line.
const RUN: &str = "axe.run(document, { iframes: false, resultTypes: ['violations'] }).then(found => found.violations
    .flatMap(one => one.nodes.map(node => `${one.id}: ${node.html} ${node.failureSummary}`)))";

fn axe() -> String {
    let folder = installed("axe", &["axe-core@4.14.1"], |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(folder);
        npm
    });
    fs::read_to_string(folder.join("node_modules/axe-core/axe.min.js")).expect("npm brought it")
}

/// The paths of all pages that axe-core checks, with a name each.
fn paths(desk: &Desk) -> Vec<String> {
    let (reminder, today) = (desk.reminder(), desk.daemon.today());
    // These are shown in frames: the page of a borrower and the HTML of an e-mail, in which no script runs.
    let is_looked_at =
        |path: &str| !path.starts_with("/console/oidc/") && !path.ends_with("/frame") && !path.ends_with("/{attempt}");
    let of_table = pages().into_iter().filter(|page| page.method == "GET" && is_looked_at(page.path));
    let path = |path: &str| {
        let path = path.replace("{merchant}", "mall").replace("{borrower}", "B1").replace("{id}", &reminder);
        let path = path.replace("{name}", "moved");
        assert!(!path.contains('{'), "say what stands in {path}");
        if path.ends_with("/preview") { format!("{path}?channel=sms&due_date={today}") } else { path }
    };
    let more = ["/console/nowhere".to_owned(), format!("{BORROWER}?done=resent")];
    of_table.map(|page| path(page.path)).chain(more).collect()
}

impl Clerk<'_> {
    /// The findings on this page, light and dark, on both screens. Whatever they are, it has to fit.
    fn judge(&mut self, axe: &str, name: &str, findings: &mut Vec<String>) {
        for screen in [DESK, PHONE] {
            self.browser.resize(screen);
            if self.browser.is_too_wide() {
                findings.push(format!("{name} on {}: wider than the screen", screen.name));
            }
            for is_dark in [false, true] {
                self.browser.dark(is_dark);
                if self.browser.evaluate("typeof window.axe") == "undefined" {
                    self.browser.evaluate(axe);
                }
                let found = self.browser.evaluate(RUN);
                let found = found.as_array().expect("a list").iter().filter_map(|one| one.as_str());
                findings.extend(found.map(|one| format!("{name} on {}, dark {is_dark}: {one}", screen.name)));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_on_any_page_in_any_language() {
    let (axe, desk) = (axe(), Desk::open().await);
    let mut findings = Vec::new();
    desk.make_notice();
    let mut clerk = Clerk::new(&desk, DESK);
    clerk.browser.run_scripts();
    for (user, language) in [("admin", "en"), ("admin-zh", "zh-CN")] {
        clerk.browser.forget_cookies();
        clerk.browser.language(language);
        clerk.open("/console/login");
        assert_eq!(clerk.browser.evaluate("document.documentElement.lang"), language);
        clerk.judge(&axe, &format!("{language} login"), &mut findings);
        clerk.browser.write("input[name=name]", user);
        clerk.browser.write("input[name=password]", &PASSWORD[1..]);
        clerk.browser.follow("form[action='/console/login'] button");
        clerk.judge(&axe, &format!("{language} failed login"), &mut findings);
        clerk.log_in(user);
        for path in paths(&desk) {
            clerk.open(&path);
            clerk.judge(&axe, &format!("{language} {path}"), &mut findings);
        }
        // Some parts are there only after a click: the lists behind summaries, results, a hold, a refusal.
        clerk.open(BORROWER);
        clerk.unfold();
        clerk.judge(&axe, &format!("{language} opened details"), &mut findings);
        clerk.open(BORROWER);
        clerk.browser.follow("form[action$='/reveal'] button");
        clerk.judge(&axe, &format!("{language} revealed"), &mut findings);
        clerk.open("/console");
        clerk.browser.write("#search", "nobody");
        clerk.browser.follow("form.search button");
        clerk.judge(&axe, &format!("{language} nobody found"), &mut findings);
    }
    desk.daemon.told(&[
        "suppress",
        "hold",
        "--merchant",
        "mall",
        "--borrower",
        "B1",
        "--reason",
        "dispute: amount",
        "--actor",
        "root",
    ]);
    let phone = ["suppress", "add", "13800138000", "--merchant", "mall", "--actor", "root", "--reason", "opted_out"];
    desk.daemon.told(&phone);
    for path in [BORROWER.to_owned(), format!("{BORROWER}/preview?channel=sms&due_date={}", desk.daemon.today())] {
        clerk.open(&path);
        clerk.judge(&axe, &format!("held {path}"), &mut findings);
    }
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}
