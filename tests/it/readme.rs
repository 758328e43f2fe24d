//! The commands of README.md and of the guides in `docs/`, typed in their order into one shell, in an empty folder:
//! each succeeds and prints something. And every command that a text or a message names exists.

mod names;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};

use assert_cmd::cargo::cargo_bin;
use chrono_tz::Asia::Shanghai;
use dueherald::clock::{Clock, SystemClock};
use tempfile::TempDir;

use crate::daemon::get;

/// Stand-ins for programs that a test has no use for, or that need not be installed.
const PROGRAMS: [(&str, &str); 4] = [
    ("git", "mkdir \"${!#}\""),
    ("cargo", "[ $1 = run ] || exit 0; while [ \"$1\" != -- ]; do shift; done; shift; exec dueherald \"$@\""),
    ("openssl", "[ \"$*\" = 'rand -hex 32' ] || exit 9; printf '%064d\\n' 7"),
    (
        "curl",
        "method=GET head=() body=; while [ $# -gt 0 ]; do case $1 in
            --fail) shift;; -X) method=$2; shift 2;; -H) head+=(\"$2\"); shift 2;; -d) body=$2; shift 2;;
            http://*) url=${1#http://}; shift;; *) exit 2;; esac; done
        host=${url%%/*}; exec 3<>/dev/tcp/${host%:*}/${host#*:} || exit 7
        printf '%s\\r\\n' \"$method /${url#*/} HTTP/1.0\" \"Host: $host\" \"${head[@]}\" \"Content-Length: ${#body}\" \
        '' >&3
        printf '%s' \"$body\" >&3; read -r _ status _ <&3; [ \"${status:0:1}\" = 2 ] || { echo \"curl: $status\" >&2; \
        exit 22; }
        while read -r line && [ \"$line\" != $'\\r' ]; do :; done <&3; cat <&3",
    ),
];

/// The documents with commands, in the order in which a newcomer reads them.
const GUIDES: [&str; 9] = [
    "README.md",
    "docs/install.md",
    "docs/configure.md",
    "docs/import.md",
    "docs/operate.md",
    "docs/staff.md",
    "docs/api.md",
    "docs/routes.md",
    "docs/templates.md",
];

/// The commands of all guides, in their order.
fn documented() -> Vec<String> {
    GUIDES.into_iter().flat_map(commands_of).collect()
}

/// The commands of a document's shell blocks, without comments. What is below "Change it" is the test command itself.
fn commands_of(document: &str) -> Vec<String> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = fs::read_to_string(file).expect("it is there");
    let readme = text.split("\n## Change it").next().unwrap_or_default();
    let blocks = readme.split("```sh\n").skip(1).map(|rest| rest.split_once("```").expect("the block ends").0);
    let lines = blocks.flat_map(|block| block.replace("\\\n", " ").lines().map(str::to_owned).collect::<Vec<_>>());
    let commands = lines.map(|line| line.split(" # ").next().unwrap_or_default().trim().to_owned());
    commands.filter(|command| !command.is_empty()).collect()
}

/// A shell that is typed into.
struct Shell {
    shell: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    folder: TempDir,
    typed: usize,
    /// The address of the API of the daemon in the background, and whoever reads its log.
    background: Option<(String, JoinHandle<()>)>,
}

impl Drop for Shell {
    fn drop(&mut self) {
        // A test that failed may have left jobs; the shell ends them as a terminal that closes would.
        _ = writeln!(self.input, "kill $(jobs -p); exit");
        _ = self.shell.wait();
    }
}

impl Shell {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder can be made");
        let programs = folder.path().join("programs");
        fs::create_dir_all(folder.path().join("empty")).expect("a folder can be made");
        fs::create_dir(&programs).expect("a folder can be made");
        let today = SystemClock.now().with_timezone(&Shanghai).date_naive();
        let date = ("date", format!("[ \"$*\" = +%F ] || exit 9; echo {today}"));
        let scripts = PROGRAMS.map(|(name, script)| (name, script.to_owned())).into_iter().chain([date]);
        for (name, script) in scripts {
            let program = programs.join(name);
            fs::write(&program, format!("#!/bin/bash\n{script}\n")).expect("a script can be written");
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
        }
        std::os::unix::fs::symlink(cargo_bin!("dueherald"), programs.join("dueherald")).expect("a link can be made");
        let mut shell = Command::new("bash");
        shell.env("PATH", format!("{}:/usr/bin:/bin", programs.display())).env_remove("DUEHERALD_CONFIG");
        for name in ["HTTP__PUBLIC", "HTTP__OPS", "API__LISTEN"] {
            shell.env(format!("DUEHERALD__{name}"), "127.0.0.1:0");
        }
        shell
            .current_dir(folder.path().join("empty"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut shell = shell.spawn().expect("bash can be run");
        let mut input = shell.stdin.take().expect("it is piped");
        // Jobs of their own, as in a terminal.
        writeln!(input, "set -m").expect("it reads");
        let output = BufReader::new(shell.stdout.take().expect("it is piped"));
        Self { shell, input, output, folder, typed: 0, background: None }
    }

    fn file(&self, kind: &str) -> PathBuf {
        self.folder.path().join(format!("{}.{kind}", self.typed))
    }

    /// The shell's own answer to a line.
    fn ask(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}").expect("it reads");
        let mut answer = String::new();
        assert_ne!(self.output.read_line(&mut answer).expect("text"), 0, "the shell ended at {line}");
        answer.trim().to_owned()
    }

    /// Runs a command that ends; gives what it printed.
    fn run(&mut self, command: &str) -> String {
        let (out, err) = (self.file("out"), self.file("err"));
        // Whoever adds a user types a password.
        let typed = if command.starts_with("dueherald user ") { "<<<'correct horse battery'" } else { "</dev/null" };
        let code = self.ask(&format!("{{ {command}\n}} >{} 2>{} {typed}; echo $?", out.display(), err.display()));
        let [printed, told] = [out, err].map(|file| fs::read_to_string(file).expect("text"));
        assert_eq!(code, "0", "`{command}` ended with {code}: {printed}{told}");
        printed
    }

    /// Starts a command that serves, as a job. Gives its log so far, up to the line that says that it is up, and the
    /// rest of it.
    fn start(&mut self, command: &str) -> (String, BufReader<File>) {
        let fifo = self.file("log");
        self.run(&format!("mkfifo {}", fifo.display()));
        writeln!(self.input, "{command} >{0} 2>&1 </dev/null & pid=$!", fifo.display()).expect("it reads");
        let mut log = BufReader::new(File::open(&fifo).expect("it is ours"));
        let mut told = String::new();
        while !told.lines().last().is_some_and(|line| line.contains("Look at them") || line.contains("running")) {
            assert_ne!(log.read_line(&mut told).expect("text"), 0, "`{command}` ended: {told}");
        }
        (told, log)
    }

    /// A command that serves until Ctrl-C: what it serves is there, and Ctrl-C ends it well.
    async fn serve(&mut self, command: &str) {
        let (told, mut log) = self.start(command);
        let (address, path) = match addresses(&told).first() {
            Some(ops) => (ops.clone(), "/readyz"),
            None => {
                (told.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect(&told).to_owned(), "/")
            }
        };
        assert_eq!(get(&address, path).await.0, 200, "`{command}`: {told}");
        writeln!(self.input, "kill -INT $pid").expect("it reads");
        std::io::copy(&mut log, &mut std::io::sink()).expect("text");
        assert_eq!(self.ask("wait $pid; echo $?"), "0", "`{command}` ends well");
    }

    async fn step(&mut self, command: &str) {
        self.typed += 1;
        if let Some(command) = command.strip_suffix('&') {
            let (told, mut log) = self.start(command);
            let api = addresses(&told).pop().expect("it listens");
            let reader = thread::spawn(move || {
                // The log ends with the daemon.
                std::io::copy(&mut log, &mut std::io::sink()).expect("text");
            });
            self.background = Some((api, reader));
        } else if command.starts_with("dueherald run") || (command.contains(" demo") && !command.contains("--once")) {
            self.serve(command).await;
        } else if command.starts_with("kill ") {
            self.run(command);
            let (_, reader) = self.background.take().expect("something runs in the background");
            reader.join().expect("the daemon ended");
            assert_eq!(self.ask("wait $pid; echo $?"), "0", "the daemon ends well");
        } else {
            let api = self.background.as_ref().map_or("", |(api, _)| api);
            let command =
                command.replace("127.0.0.1:8081", api).replace("<this repository>", "https://mall.example.com");
            let printed = self.run(&command);
            self.expect_news(&command, &printed);
        }
    }

    /// Of a command that has something to say, that it says it.
    fn expect_news(&mut self, command: &str, printed: &str) {
        if ["cd ", "cp ", "export ", "mkdir ", "git ", "cargo install "].iter().any(|quiet| command.starts_with(quiet))
        {
            return;
        }
        let printed = match command.split_once(" > ") {
            Some((_, file)) => self.run(&format!("cat {file}")),
            None => printed.to_owned(),
        };
        // Before ten o'clock nothing is due, and a rehearsal at night puts off: then it says so, and till when.
        let excused = ["the next reminder is due at", "put off to a decent hour, 0 newly held"];
        let says_nothing =
            printed.trim().is_empty() || printed.starts_with("nothing to show") || printed.starts_with("0 ");
        assert!(
            !says_nothing || excused.iter().any(|text| printed.contains(text)),
            "`{command}` says nothing: {printed}"
        );
    }
}

/// Where a daemon listens, by its log.
fn addresses(log: &str) -> Vec<String> {
    let plain = log.lines().filter(|line| line.contains("listening"));
    plain.filter_map(|line| Some(line.split("address=").nth(1)?.split(' ').next()?.to_owned())).collect()
}

#[tokio::test]
async fn the_commands_of_the_guides_do_in_their_order_what_they_say() {
    _ = rustls::crypto::ring::default_provider().install_default();
    let commands = documented();
    let programs = ["demo", "init", "run", "explain", "suppress", "curl", "route", "notice", "template"];
    assert!(programs.iter().all(|name| commands.iter().any(|command| command.contains(name))), "{commands:?}");
    let mut shell = Shell::new();
    for command in commands {
        shell.step(&command).await;
    }
}

#[tokio::test]
async fn a_command_that_fails_says_nothing_or_serves_nothing_is_found() {
    for command in ["dueherald scan", "true", "curl --fail http://127.0.0.1:1/", "dueherald demo --days 0"] {
        let step = tokio::spawn(async move { Shell::new().step(command).await });
        assert!(step.await.expect_err("it is found").is_panic(), "{command}");
    }
}
