//! The API beside tools that read its OpenAPI document: schemathesis sends what the document allows and forbids, and
//! clients that are generated from it make a call. pip and npm install into a folder of `target/`, once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::daemon::Daemon;
use crate::patience::until;
use crate::process::{Process, free_ports};

const TOKEN: &str = "5d0c6d5b6a1e4d6f8b1f0a2c3e4d5f60";

const PYTHON: [&str; 2] = ["schemathesis==4.32.5", "openapi-python-client==0.29.1"];

const NODE: [&str; 3] = ["openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3"];

/// A daemon with an API, in which borrower `B1` owes an instalment.
struct Served {
    daemon: Daemon,
    url: String,
    _running: Process,
}

fn served() -> Served {
    let [port] = free_ports();
    let actions: Vec<_> = dueherald::domain::Action::OF_TOKENS.iter().map(|action| action.as_str()).collect();
    let sections = format!(
        "[gateways.kept]\nkind = \"capture\"\nchannel = \"sms\"\n[api]\nlisten = \"127.0.0.1:{port}\"\n\
         requests_per_minute = 1000000\n[[api.tokens]]\nname = \"peer\"\ntoken = \"{TOKEN}\"\nmerchants = [\"mall\"]\n\
         actions = {actions:?}\n"
    );
    let daemon = Daemon::new("sms", &sections);
    daemon.import(&["B1,en,+8613800138000,"]);
    let running = daemon.run();
    let url = format!("http://127.0.0.1:{port}");
    Served { daemon, url, _running: running }
}

impl Served {
    /// The document, once the daemon answers.
    async fn document(&self) -> PathBuf {
        let file = self.daemon.folder().join("openapi.json");
        let url = format!("{}/api/v1/openapi.json", self.url);
        until("the API answers", async || {
            let fetched = Command::new("curl").args(["-sf", "-o"]).arg(&file).arg(&url).status();
            fetched.is_ok_and(|status| status.success())
        })
        .await;
        file
    }
}

/// A folder of `target/` in which an installer has put these packages.
pub(crate) fn installed(name: &str, packages: &[&str], command: impl Fn(&Path) -> Command) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers").join(name);
    let mark = folder.join("installed");
    if fs::read_to_string(&mark).is_ok_and(|known| known == packages.join(" ")) {
        return folder;
    }
    fs::create_dir_all(&folder).expect("a folder can be made");
    told(command(&folder).args(packages));
    fs::write(&mark, packages.join(" ")).expect("it can be written");
    folder
}

fn python() -> PathBuf {
    installed("python", &PYTHON, pip)
}

pub(crate) fn pip(folder: &Path) -> Command {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]);
    pip.args(["--upgrade", "--target"]).arg(folder);
    pip
}

pub(crate) fn npm(folder: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(folder);
    npm
}

/// The output of a program, which must succeed.
pub(crate) fn told(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}:\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/api").join(name)
}

#[tokio::test]
async fn schemathesis_finds_nothing() {
    let (python, served) = (python(), served());
    served.document().await;
    let mut run = Command::new(python.join("bin/schemathesis"));
    run.args(["--no-color", "run", &format!("{}/api/v1/openapi.json", served.url), "--checks", "all"]);
    run.args(["--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "25", "--seed", "20261123"]);
    run.args(["--generation-database", "none", "--continue-on-failure"]);
    run.env("PYTHONPATH", &python).env("SCHEMATHESIS_HOOKS", source("hooks.py")).env("API_TOKEN", TOKEN);
    run.current_dir(served.daemon.folder());
    let said = told(&mut run);
    let summary = said.split("SUMMARY").last().unwrap_or_default();
    assert!(summary.contains("generated") && !summary.contains("Failures:"), "{said}");
    assert!(!served.daemon.logged().contains(" ERROR "), "{}", served.daemon.logged());
}

#[tokio::test]
async fn a_python_client_is_generated_and_makes_a_call() {
    let (python, served) = (python(), served());
    let (document, client) = (served.document().await, served.daemon.folder().join("dueherald_client"));
    let path = std::env::join_paths([python.join("bin"), "/usr/bin".into(), "/bin".into()]).expect("a path");
    let mut generate = Command::new(python.join("bin/openapi-python-client"));
    generate.args(["generate", "--meta", "none", "--fail-on-warning", "--path"]).arg(document);
    generate.arg("--output-path").arg(client).env("PYTHONPATH", &python).env("PATH", path);
    told(&mut generate);
    let mut call = Command::new("python3");
    call.arg(source("call.py")).env("PYTHONPATH", &python).env("API_CLIENT", served.daemon.folder());
    let said = told(call.env("API_URL", &served.url).env("API_TOKEN", TOKEN));
    assert_eq!(said.trim(), "['B1']");
}

#[tokio::test]
async fn a_typescript_client_is_generated_and_makes_a_call() {
    let served = served();
    let document = served.document().await;
    let node = installed("node", &NODE, npm);
    let bin = node.join("node_modules/.bin");
    fs::copy(source("call.ts"), node.join("call.ts")).expect("it can be copied");
    fs::write(node.join("package.json"), "{\"type\":\"module\"}").expect("it can be written");
    told(Command::new(bin.join("openapi-typescript")).arg(document).arg("-o").arg(node.join("schema.d.ts")));
    fs::copy(source("tsconfig.json"), node.join("tsconfig.json")).expect("it can be copied");
    let mut compile = Command::new(bin.join("tsc"));
    compile.current_dir(&node);
    told(&mut compile);
    let mut call = Command::new("node");
    let said = told(call.arg("call.js").current_dir(&node).env("API_URL", &served.url).env("API_TOKEN", TOKEN));
    assert_eq!(said.trim(), "B1 i0");
}
