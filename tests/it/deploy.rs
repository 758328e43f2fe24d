//! The documented ways to run dueherald, with systemd and in a container, played step by step on a folder that
//! represents the root of an empty machine. As root, owners and users are real as well; else only modes are.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use assert_cmd::cargo::cargo_bin;
use rustix::process::{getegid, geteuid};
use tempfile::TempDir;

use crate::daemon::{Daemon, get};

/// The number of the user and the group `dueherald`.
const DAEMON: u32 = 64_999;

/// Somebody else on the machine.
const STRANGER: u32 = 64_998;

/// Stand-ins for the programs of a machine: they do as much as a folder allows. `$DAEMON` is the daemon's number where
/// the test runs as root, and empty where nobody can become another user.
const PROGRAMS: [(&str, &str); 7] = [
    ("cargo", "exit 0"),
    ("systemd-sysusers", "exit 0"),
    ("systemctl", "exit 0"),
    (
        "chgrp",
        "[ \"$DAEMON\" ] || exit 0; words=(); for word; do [ \"$word\" = dueherald ] && word=$DAEMON; \
         words+=(\"$word\"); done
        exec /usr/bin/chgrp \"${words[@]}\"",
    ),
    // As sudo does with its secure_path: no /usr/local/bin.
    ("sudo", "export PATH=${0%/*}:/usr/bin:/bin; exec \"$@\""),
    (
        "install",
        "words=(); while [ $# -gt 0 ]; do case $1 in
            -o|-g) [ \"$DAEMON\" ] && words+=(\"$1\" \"${2/#dueherald/$DAEMON}\"); shift 2;; *) words+=(\"$1\"); \
            shift;; esac; done
        exec /usr/bin/install \"${words[@]}\"",
    ),
    // A command gets nothing of the caller's environment.
    (
        "systemd-run",
        "become=() environment=(); while [ $# -gt 0 ]; do case $1 in
            -p) case $2 in
                EnvironmentFile=-*) file=${2#*=-}; [ -e \"$file\" ] && mapfile -t -O ${#environment[@]} environment \
                <\"$file\";;
                User=dueherald) [ \"$DAEMON\" ] && become+=(setpriv --clear-groups --reuid=$DAEMON --regid=$DAEMON);;
                UMask=*) umask ${2#*=};; Group=dueherald) ;; *) exit 9;; esac; shift 2;;
            -E) environment+=(\"$2\"); shift 2;; --*) shift;;
            *) exec \"${become[@]}\" env -i \"${environment[@]}\" \"$@\";; esac; done",
    ),
];

/// `docker`: the image is the binary, and its folders are those of the machine. Mounts are links. A detached container
/// is only written down, with the ports that it publishes.
const DOCKER: &str = "
    [ $1 = run ] || exit 0; shift
    root=ROOT user=65532:65532 groups=--clear-groups detached= \
    environment=(DUEHERALD_CONFIG=ROOT/etc/dueherald/dueherald.toml)
    while [ $# -gt 0 ]; do case $1 in
        -v) from=${2%%:*}; to=${2#*:}; to=${to%:ro}
            case $from in
                /*) mkdir -p \"$from\";;
                *) from=$root/volumes/$from; [ -e \"$from\" ] || install -d -m 755 ${DAEMON:+-o 65532 -g 65532} \"$from\";; esac
            case $to in /data) data=$from;; *) rm -rf \"$to\"; ln -s \"$from\" \"$to\";; esac; shift 2;;
        -e) environment+=(\"$2\"); shift 2;; --user) user=$2; shift 2;; --group-add) groups=--groups=$2; shift 2;;
        -p) echo \"$2\" >> $root/published; shift 2;; --name|--restart|--stop-timeout|--cap-drop) shift 2;;
        --detach) detached=1; shift;; --rm|--read-only) shift;; dueherald) shift; break;; *) exit 9;; esac; done
    [ $# -gt 0 ] || set -- COMMAND
    words=(env -i \"${environment[@]}\" $root/checkout/target/dist/dueherald \"${@//\\/data\\//$data/}\")
    [ \"$DAEMON\" ] && words=(setpriv $groups --reuid=${user%:*} --regid=${user#*:} \"${words[@]}\")
    [ ! $detached ] || { printf '%q ' \"${words[@]}\" > $root/detached; exit; }
    exec \"${words[@]}\"";

/// The first shell block below a heading of `deploy/README.md`.
fn documented(heading: &str) -> String {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/README.md")).expect("it is there");
    let below = readme.split_once(heading).expect("the heading is there").1;
    let block = below.split_once("```sh\n").expect("a block follows").1;
    block.split_once("```").expect("it ends").0.to_owned()
}

/// The command that the image runs by default. Its other settings are those of the stand-in.
fn command_of_the_image() -> String {
    let file = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/container/Dockerfile")).expect("text");
    for setting in ["USER 65532:65532", "ENV DUEHERALD_CONFIG=/etc/dueherald/dueherald.toml"] {
        assert!(file.lines().any(|line| line == setting), "the stand-in for docker differs from the image: {setting}");
    }
    let words = file.lines().find_map(|line| line.strip_prefix("CMD ")).expect("the image has a command");
    serde_json::from_str::<Vec<String>>(words).expect("a list of words").join(" ")
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
        let machine = Self { root };
        fs::set_permissions(machine.root.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        for folder in ["programs", "checkout/target/dist", "etc/systemd/system", "usr/local/bin", "var/lib"] {
            fs::create_dir_all(machine.at(folder)).expect("a folder can be made");
        }
        for (name, script) in PROGRAMS.into_iter().chain([("docker", DOCKER)]) {
            let program = machine.at("programs").join(name);
            let script = script.replace("ROOT", &machine.root.path().display().to_string());
            let script = script.replace("COMMAND", &command_of_the_image());
            fs::write(&program, format!("#!/bin/bash\n{script}\n")).expect("a script can be written");
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
        }
        // No link: other users may not get at the folder of the build.
        let (built, dist) = (cargo_bin!("dueherald"), machine.at("checkout/target/dist/dueherald"));
        fs::hard_link(built, &dist).or_else(|_| fs::copy(built, &dist).map(drop)).expect("the binary is built");
        symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy"), machine.at("checkout/deploy")).expect("a link");
        machine
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Plays a block, each command of which has to succeed.
    fn play(&self, block: &str) -> String {
        let path = |name: &str| self.at(name).display().to_string();
        let mut shell = Command::new("bash");
        shell.arg("-euc").arg(format!("umask 022\n{}", below(self.root.path(), block))).current_dir(path("checkout"));
        shell.env("PATH", format!("{}:{}:/usr/bin:/bin", path("programs"), path("usr/local/bin")));
        shell.env("DAEMON", if geteuid().is_root() { DAEMON.to_string() } else { String::new() });
        let done = shell.env_remove("DUEHERALD_CONFIG").output().expect("bash can be run");
        let text = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{text}");
        text
    }

    /// Checks the mode of a file, and as root its owner and group.
    #[track_caller]
    fn expect(&self, name: &str, mode: u32, owner: u32, group: u32) {
        let about = fs::metadata(self.at(name)).expect("it is there");
        assert_eq!(format!("{:o}", about.mode() & 0o777), format!("{mode:o}"), "the mode of {name}");
        if geteuid().is_root() {
            assert_eq!((about.uid(), about.gid()), (owner, group), "owner and group of {name}");
        }
    }

    /// Whether `user`, who is in no group but its own, may do `what` (r or w) with a file. Nobody else's rights can be
    /// tried but as root.
    fn may(&self, user: u32, what: &str, name: &str) -> bool {
        let [user, group] = ["reuid", "regid"].map(|which| format!("--{which}={user}"));
        let mut test = Command::new("setpriv");
        test.args(["--clear-groups", &user, &group, "test", &format!("-{what}")]).arg(self.at(name));
        test.status().expect("setpriv is part of every Linux").success()
    }

    /// The command of the unit, with its environment and folder.
    fn service(&self) -> Command {
        let unit = fs::read_to_string(self.root.path().join("etc/systemd/system/dueherald.service"));
        let unit = below(self.root.path(), &unit.expect("it is installed").replace("%S", "/var/lib"));
        let all = |key: &str| {
            let key = format!("{key}=");
            unit.lines().filter_map(|line| line.strip_prefix(&key)).map(str::to_owned).collect::<Vec<_>>()
        };
        let one = |key: &str| all(key).pop().unwrap_or_else(|| panic!("the unit has no {key}"));
        assert_eq!((one("User"), one("Group")), ("dueherald".to_owned(), "dueherald".to_owned()));
        let [user, group] = ["reuid", "regid"].map(|which| format!("--{which}={DAEMON}"));
        let become_user =
            if geteuid().is_root() { format!("setpriv --clear-groups {user} {group} ") } else { String::new() };
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(format!("umask {}; exec {become_user}{}", one("UMask"), one("ExecStart")));
        command.current_dir(one("WorkingDirectory")).env_clear().stdin(Stdio::null());
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

    machine.expect("etc/sysusers.d/dueherald.conf", 0o644, 0, 0);
    machine.expect("etc/dueherald", 0o750, 0, DAEMON);
    machine.expect("etc/dueherald/templates", 0o750, 0, DAEMON);
    for name in ["dueherald.toml", "link.key", "templates/README.md"] {
        machine.expect(&format!("etc/dueherald/{name}"), 0o640, 0, DAEMON);
    }
    machine.expect("etc/dueherald/environment", 0o600, 0, 0);
    machine.expect("var/lib/dueherald", 0o700, DAEMON, DAEMON);
    // Made by a command of the documented steps, with the daemon's umask.
    machine.expect("var/lib/dueherald/dueherald.db", 0o600, DAEMON, DAEMON);
    if geteuid().is_root() {
        assert!(
            machine.may(DAEMON, "r", "etc/dueherald/link.key") && !machine.may(DAEMON, "w", "etc/dueherald/link.key")
        );
        assert!(!machine.may(DAEMON, "w", "etc/dueherald"), "the daemon cannot write its config");
        assert!(!machine.may(STRANGER, "r", "etc/dueherald/link.key"), "the key is a secret");
    }
    let service = machine.service();
    let mut daemon = Daemon::start_in(machine.root, service);
    let ops = daemon.address();
    daemon.until_it_says("running");
    assert_eq!(get(&ops, "/readyz").await, (200, "ready\n".into()));
}

#[tokio::test]
async fn the_documented_steps_lead_to_a_running_container_whose_ports_answer() {
    _ = rustls::crypto::ring::default_provider().install_default();
    let block = documented("## Container");
    let machine = Machine::new();
    let told = machine.play(&block);
    assert!(told.contains("database: ready") || told.contains("schema is up to date"), "{told}");
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    machine.expect("checkout/config/link.key", 0o640, user, group);
    machine.expect("checkout/config", 0o750, user, group);
    machine.expect("volumes/dueherald/dueherald.db", 0o600, 65_532, 65_532);
    if geteuid().is_root() {
        assert!(!machine.may(STRANGER, "r", "checkout/config/link.key"), "the key is a secret");
    }

    let container = fs::read_to_string(machine.at("detached")).expect("the daemon is started");
    let published = fs::read_to_string(machine.at("published")).expect("ports are published");
    let ports: Vec<_> = published.lines().map(|line| line.rsplit_once(':').expect("two ports").1).collect();
    assert_eq!(ports.len(), 2, "{published}");
    let run = ports.iter().fold(container, |run, port| {
        let listens = format!("=0.0.0.0:{port} ");
        assert!(run.contains(&listens), "port {port} is published, and nothing in the container listens on it: {run}");
        run.replace(&listens, "=0.0.0.0:0 ")
    });
    let mut shell = Command::new("bash");
    shell.arg("-c").arg(format!("exec {}", run.replacen("env -i ", "env -i DUEHERALD__LOG__FORMAT=json ", 1)));
    let mut daemon = Daemon::start_in(machine.root, shell);
    let ops = daemon.address();
    daemon.until_it_says("running");
    let port = ops.strip_prefix("0.0.0.0:").expect("it listens on all addresses of the container");
    assert_eq!(get(&format!("127.0.0.1:{port}"), "/readyz").await, (200, "ready\n".into()));
}

#[test]
fn the_image_is_built_from_all_that_the_build_script_reads() {
    let read = |file: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect(file);
    let (script, ignored) = (read("build.rs"), read(".dockerignore"));
    let taken: Vec<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    // Lines such as `("locales", ".toml", "locales.rs"),`.
    let folders = script.lines().filter_map(|line| line.trim().strip_prefix("(\"")?.split('"').next());
    let needed: Vec<_> = folders.chain(["build.rs", "migrations"]).collect();
    assert!(needed.len() > 4, "{needed:?}");
    for path in needed {
        assert!(taken.iter().any(|folder| path.starts_with(folder)), ".dockerignore leaves {path} out of the image");
    }
}
