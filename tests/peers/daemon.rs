//! The real binary, with a config and a database of the test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use chrono::NaiveDate;
use chrono_tz::Tz;
use dueherald::clock::{Clock, SystemClock};
use dueherald::plan::local_date;
use serde_json::Value;
use tempfile::TempDir;

use crate::noon::where_it_is_noon;
use crate::process::{Process, free_ports};

/// A dueherald with one merchant, `mall`, whose reminders are due at once.
pub(crate) struct Daemon {
    folder: TempDir,
    zone: Tz,
    public: u16,
}

impl Daemon {
    /// With these gateways, which are sections of the config, and the channel that they carry. `{public}` in them
    /// stands for the port where callbacks come in.
    pub(crate) fn new(channel: &str, gateways: &str) -> Self {
        Self::over(None, channel, gateways)
    }

    /// The same over a database that is there; by default it is an SQLite file.
    pub(crate) fn over(database: Option<&str>, channel: &str, gateways: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let [public, ops] = free_ports();
        let zone = where_it_is_noon(SystemClock.now());
        let name = gateways.split(['.', ']']).nth(1).expect("a section [gateways.NAME]");
        let file = folder.path().join("dueherald.db");
        let database = database.map_or_else(|| format!("sqlite:{}", file.display()), str::to_owned);
        let config = format!(
            r#"
            [database]
            url = "{database}"
            [schedule]
            cron = "0 0 1 1 *"
            time_zone = "UTC"
            [merchants.mall]
            name = "示例商城"
            app_name = "示例金融"
            locale = "zh-CN"
            time_zone = "{zone}"
            country = "CN"
            countries = ["CN", "US"]
            jurisdiction = "cn"
            link_base = "https://mall.example"
            route_hosts = [".mall.example"]
            support = {{ phone = "400-000-0000" }}
            [routes.web]
            merchant = "mall"
            kind = "web"
            url = "https://pay.mall.example/bill"
            [[rules]]
            name = "due"
            offsets = [0]
            at = "12:00"
            channels = {{ mode = "all", order = ["{channel}"] }}
            [channels.{channel}]
            gateways = ["{name}"]
            [http]
            public = "127.0.0.1:{public}"
            ops = "127.0.0.1:{ops}"
            unlimited_clients = true
            [links]
            base = "http://127.0.0.1:{public}"
            [[links.keys]]
            id = 1
            key = "0123456789abcdef0123456789abcdef"
            [dispatch]
            lease = "8s"
            idle = "100ms"
            {gateways}
            "#,
            gateways = gateways.replace("{public}", &public.to_string()),
        );
        let file = folder.path().join("dueherald.toml");
        fs::write(&file, config).expect("the config can be written");
        // The file contains secrets.
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("it is ours");
        let it = Self { folder, zone, public };
        it.told(&["check"]);
        it.told(&["migrate"]);
        it
    }

    /// The port where callbacks come in.
    pub(crate) fn public(&self) -> u16 {
        self.public
    }

    /// The folder of the test.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn log(&self) -> PathBuf {
        self.folder().join("dueherald.log")
    }

    /// Today, where it is noon.
    pub(crate) fn today(&self) -> NaiveDate {
        local_date(self.zone, SystemClock.now())
    }

    /// Imports instalments that are due today where it is noon: lines of `borrower_id,locale,phone,email`.
    pub(crate) fn import(&self, borrowers: &[&str]) {
        // A number abroad would say otherwise where the borrower lives, and there it may be night.
        let (due, zone) = (self.today(), self.zone);
        let mut csv =
            String::from("merchant,borrower_id,locale,phone,email,time_zone,installment_id,amount,currency,due_date\n");
        for (number, borrower) in borrowers.iter().enumerate() {
            csv.push_str(&format!("mall,{borrower},{zone},i{number},128.50,CNY,{due}\n"));
        }
        let file = self.folder().join("due.csv");
        fs::write(&file, csv).expect("the file can be written");
        self.told(&["import", file.to_str().expect("a path")]);
    }

    /// Runs the background job until the value is dropped.
    pub(crate) fn run(&self) -> Process {
        Process::start(self.command(&["run"]).env_remove("RUST_LOG"), &self.log())
    }

    /// The output of a command, which must succeed.
    pub(crate) fn told(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("the binary can be started");
        let said = String::from_utf8(output.stdout).expect("it is text");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "dueherald {args:?}: {said}{error}{}", self.logged());
        said
    }

    /// The JSON output of a list command.
    pub(crate) fn listed(&self, args: &[&str]) -> Vec<Value> {
        let said = self.told(&[args, &["--format", "json"]].concat());
        serde_json::from_str(&said).expect("a list is a JSON array")
    }

    /// The log of the background job.
    pub(crate) fn logged(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// A command that is still to be run.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dueherald"));
        command.arg("--config").arg(self.folder().join("dueherald.toml")).args(args);
        command
    }
}
