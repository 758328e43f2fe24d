//! The documented way to run dueherald with systemd, played step by step on a folder that stands for the root of an empty machine.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use assert_cmd::cargo::cargo_bin;
use tempfile::TempDir;

use crate::daemon::{Daemon, get};

/// What stands for the programs of a machine: they do as much as a folder allows. Owners and groups are left as they are.
const PROGRAMS: [(&str, &str); 7] = [
    ("cargo", "exit 0"),
    ("systemd-sysusers", "exit 0"),
    ("systemctl", "exit 0"),
    ("chgrp", "exit 0"),
    ("sudo", "exec \"$@\""),
    (
        "install",
        "words=(); while [ $# -gt 0 ]; do case $1 in -o|-g) shift 2;; *) words+=(\"$1\"); shift;; esac; done; \
         exec /usr/bin/install \"${words[@]}\"",
    ),
    (
        "systemd-run",
        "while [ $# -gt 0 ]; do case $1 in
            -p) case $2 in EnvironmentFile=-*) file=${2#*=-}; [ -e \"$file\" ] && export $(cat \"$file\");; esac; shift 2;;
            -E) export \"$2\"; shift 2;; --*) shift;; *) exec \"$@\";; esac; done",
    ),
];

/// The first shell block below a heading of `deploy/README.md`.
fn documented(heading: &str) -> String {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/README.md")).expect("it is there");
    let below = readme.split_once(heading).expect("the heading is there").1;
    let block = below.split_once("```sh\n").expect("a block follows").1;
    block.split_once("```").expect("it ends").0.to_owned()
}

/// Paths of the machine as paths below `root`.
fn below(root: &Path, text: &str) -> String {
    let root = root.display();
    ["/etc/", "/usr/local/bin/", "/var/lib/"]
        .into_iter()
        .fold(text.to_owned(), |text, folder| text.replace(folder, &format!("{root}{folder}")))
}

struct Machine {
    root: TempDir,
}

impl Machine {
    fn new() -> Self {
        let root = TempDir::new().expect("a folder can be made");
        let at = |name: &str| root.path().join(name);
        for folder in
            ["programs", "checkout/target/dist", "etc/sysusers.d", "etc/systemd/system", "usr/local/bin", "var/lib"]
        {
            fs::create_dir_all(at(folder)).expect("a folder can be made");
        }
        for (name, script) in PROGRAMS {
            let program = at("programs").join(name);
            fs::write(&program, format!("#!/bin/bash\n{script}\n")).expect("a script can be written");
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
        }
        symlink(cargo_bin!("dueherald"), at("checkout/target/dist/dueherald")).expect("a link can be made");
        symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy"), at("checkout/deploy")).expect("a link can be made");
        Self { root }
    }

    /// Plays a block, each command of which has to succeed.
    fn play(&self, block: &str) -> String {
        let path = |name: &str| self.root.path().join(name).display().to_string();
        let mut shell = Command::new("bash");
        shell.arg("-euc").arg(below(self.root.path(), block)).current_dir(path("checkout"));
        shell.env("PATH", format!("{}:{}:/usr/bin:/bin", path("programs"), path("usr/local/bin")));
        let done = shell.env_remove("DUEHERALD_CONFIG").output().expect("bash can be run");
        let text = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{text}");
        text
    }

    /// The command of the unit, with its environment and folder.
    fn service(&self) -> Command {
        let unit = fs::read_to_string(self.root.path().join("etc/systemd/system/dueherald.service"));
        let unit = below(self.root.path(), &unit.expect("it is installed").replace("%S", "/var/lib"));
        let all = |key: &str| {
            let key = format!("{key}=");
            unit.lines().filter_map(|line| line.strip_prefix(&key)).map(str::to_owned).collect::<Vec<_>>()
        };
        let start = all("ExecStart").pop().expect("it starts something");
        let mut words = start.split(' ');
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).current_dir(all("WorkingDirectory").pop().expect("a folder"));
        command.env_clear().stdin(Stdio::null());
        let files = all("EnvironmentFile");
        let files = files.iter().filter_map(|file| fs::read_to_string(file.trim_start_matches('-')).ok());
        let lines = all("Environment")
            .into_iter()
            .chain(files.flat_map(|file| file.lines().map(str::to_owned).collect::<Vec<_>>()));
        for line in lines {
            let (name, value) = line.split_once('=').expect("a name and a value");
            command.env(name, value);
        }
        command
    }
}

#[tokio::test]
async fn the_documented_steps_lead_from_an_empty_machine_to_a_running_daemon() {
    _ = rustls::crypto::ring::default_provider().install_default();
    let machine = Machine::new();
    let block = documented("## systemd");
    // A secret and a setting of the environment file count for commands and daemon alike.
    let (before, after) = block.split_once("as_daemon()").expect("commands run as the daemon");
    let ports = "DUEHERALD__HTTP__OPS=127.0.0.1:0\nDUEHERALD__HTTP__PUBLIC=127.0.0.1:0\nDUEHERALD__LOG__FORMAT=json\nPASSWORD=p\n";
    let secret = format!("printf '{}' > /etc/dueherald/environment\n", ports.replace('\n', "\\n"));
    machine.play(&format!("{before}{secret}as_daemon(){after}"));

    let config = machine.root.path().join("etc/dueherald");
    for entry in ["", "dueherald.toml", "link.key", "templates", "templates/README.md"] {
        let mode = fs::metadata(config.join(entry)).expect("it is there").permissions().mode() & 0o777;
        let expected = if entry.is_empty() || entry == "templates" { 0o750 } else { 0o640 };
        assert_eq!(mode, expected, "{entry:?}: the group reads it, nobody else does");
    }
    assert!(
        machine.root.path().join("var/lib/dueherald/dueherald.db").exists(),
        "the database lies where the daemon may write"
    );
    let service = machine.service();
    let mut daemon = Daemon::start_in(machine.root, service);
    let ops = daemon.address();
    daemon.until_it_says("running");
    assert_eq!(get(&ops, "/readyz").await, (200, "ready\n".into()));
}

#[test]
fn the_documented_mounts_of_the_container_hold_what_it_needs() {
    let block = documented("## Container");
    let machine = Machine::new();
    // The image is the binary; its folders are those of the machine. What a container mounts is laid where it would be.
    let docker = "
        [ $1 = run ] || exit 0; shift; root=ROOT
        while [ $# -gt 0 ]; do case $1 in
            -v) from=${2%%:*}; to=${2#*:}; to=${to%:ro}
                case $from in /*) mkdir -p \"$from\";; *) mkdir -p \"$root/volumes/$from\"; from=$root/volumes/$from;; esac
                [ $to = /work ] && work=$from; [ $to = $root/etc/dueherald ] && { rm -rf $to; ln -s \"$from\" $to; }
                [ $to = $root/var/lib/dueherald ] && { rm -rf $to; ln -s \"$from\" $to; }; shift 2;;
            -e) export \"$2\"; shift 2;; --user|--name|--stop-timeout|--cap-drop) shift 2;; --detach) exit 0;; --*) shift;;
            dueherald) shift; break;; *) exit 9;; esac; done
        export DUEHERALD_CONFIG=$root/etc/dueherald/dueherald.toml
        exec $root/checkout/target/dist/dueherald \"${@//\\/work\\//$work/}\"";
    let program = machine.root.path().join("programs/docker");
    let script = docker.replace("ROOT", &machine.root.path().display().to_string());
    fs::write(&program, format!("#!/bin/bash\n{script}\n")).expect("a script can be written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let told = machine.play(&block);
    assert!(told.contains("database: ready") || told.contains("schema is up to date"), "{told}");
    let mode =
        fs::metadata(machine.root.path().join("checkout/config/link.key")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o004, 0o004, "the container's user reads the key");
    assert!(machine.root.path().join("volumes/dueherald/dueherald.db").exists(), "the database lies in the volume");
}
