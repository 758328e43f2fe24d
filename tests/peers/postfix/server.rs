//! Postfix in a folder of the test's own: its certificate, its one account, its mailboxes.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::patience::until;
use crate::process::free_ports;

/// Debian's `nobody`, who owns the mailboxes.
const NOBODY: u32 = 65_534;

/// Runs until the value is dropped.
pub(super) struct Postfix {
    folder: TempDir,
    port: u16,
}

impl Postfix {
    /// Starts it with these mailboxes, `NAME@borrower.example` and `NAME@mall.example`.
    pub(super) async fn start(mailboxes: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let [port] = free_ports();
        let it = Self { folder, port };
        it.open_folders(mailboxes);
        it.write_config(mailboxes);
        it.make_certificate();
        it.make_account();
        let started = it.postfix("start");
        assert!(started, "{}", it.logged());
        until("Postfix listens", async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
        it
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where mail is handed over, with STARTTLS and AUTH.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn maildir(&self, name: &str) -> PathBuf {
        self.folder().join("mail").join(name)
    }

    fn postfix(&self, word: &str) -> bool {
        let mut command = Command::new("/usr/sbin/postfix");
        command.arg("-c").arg(self.folder().join("etc")).arg(word).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::null()).status().expect("Postfix can be started").success()
    }

    pub(super) fn logged(&self) -> String {
        fs::read_to_string(self.folder().join("mail.log")).unwrap_or_default()
    }

    /// Postfix works as several users, who have to get here.
    fn open_folders(&self, mailboxes: &[&str]) {
        let passable = |path: &Path| {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("the folder is ours");
        };
        passable(self.folder());
        for name in ["etc", "etc/sasl", "queue", "data", "mail"] {
            let path = self.folder().join(name);
            fs::create_dir(&path).expect("a folder can be made");
            passable(&path);
        }
        let owned = Command::new("chown").arg("postfix").arg(self.folder().join("data")).status();
        assert!(owned.expect("chown is there").success(), "run it as root");
        let nobodys = |path: PathBuf| {
            fs::create_dir_all(&path).expect("a folder can be made");
            chown(&path, Some(NOBODY), Some(NOBODY)).expect("run it as root");
        };
        nobodys(self.folder().join("mail"));
        for mailbox in mailboxes {
            for within in ["", "new", "cur", "tmp"] {
                nobodys(self.maildir(mailbox).join(within));
            }
        }
    }

    fn write_config(&self, mailboxes: &[&str]) {
        let write = |name: &str, text: &str| {
            let words = [
                ("@FOLDER@", self.folder().display().to_string()),
                ("@PORT@", self.port.to_string()),
                ("@USER@", NOBODY.to_string()),
            ];
            let text = words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value));
            fs::write(self.folder().join("etc").join(name), text).expect("a file can be written");
        };
        write("main.cf", include_str!("main.cf"));
        write("master.cf", include_str!("master.cf"));
        let lines = ["mall.example", "borrower.example"]
            .map(|domain| mailboxes.iter().map(|name| format!("{name}@{domain} {name}/\n")).collect::<String>());
        write("mailboxes", &lines.concat());
        write(
            "sasl/smtpd.conf",
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: @FOLDER@/etc/sasl/accounts\nmech_list: \
             PLAIN LOGIN\n",
        );
    }

    /// rustls refuses a server that shows a certificate authority's own certificate, so there are two.
    fn make_certificate(&self) {
        let key = || KeyPair::generate().expect("a key");
        let (ca_key, leaf_key) = (key(), key());
        let mut ca = CertificateParams::new(Vec::new()).expect("no names");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&ca_key).expect("self-signed").pem();
        let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
        let leaf = leaf.signed_by(&leaf_key, &Issuer::new(ca, ca_key)).expect("signed");
        for (name, text) in [("ca.pem", ca_pem), ("cert.pem", leaf.pem()), ("key.pem", leaf_key.serialize_pem())] {
            fs::write(self.folder().join("etc").join(name), text).expect("a file can be written");
        }
    }

    fn make_account(&self) {
        let accounts = self.folder().join("etc/sasl/accounts");
        let mut command = Command::new("saslpasswd2");
        command.args(["-p", "-c", "-u", "mall.example", "-f"]).arg(&accounts).arg("mailer").stdin(Stdio::piped());
        let mut child = command.spawn().expect("saslpasswd2 can be started");
        child.stdin.take().expect("it is piped").write_all(b"s3cret").expect("it reads");
        assert!(child.wait().expect("it ends").success());
        let owned = Command::new("chown").arg("postfix").arg(&accounts).status();
        assert!(owned.expect("chown is there").success(), "run it as root");
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // It ends its master, by the pid that this wrote into the folder, and all of its children.
        self.postfix("stop");
    }
}
