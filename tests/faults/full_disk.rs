//! SQLite on a disk that is full.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dueherald::domain::Channel;
use tempfile::TempDir;

use crate::bench::{Bench, IN_FLIGHT, QUICK, sqlite_in};
use crate::chance::tell;
use crate::daemon::Daemon;
use crate::patience::{until, until_lasting};
use crate::sink::Reply;

/// A small file system of its own in memory, for those who may mount one.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self { folder })
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }

    /// Leaves nothing free.
    fn fill(&self) {
        let mut filler = File::create(self.filler()).expect("there is room for an empty file");
        for size in [65_536, 4_096, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn clear(&self) {
        fs::remove_file(self.filler()).expect("it is there");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.folder.path()).status();
    }
}

async fn bench_in(folder: &Path) -> Bench {
    let mut bench = Bench::on(&sqlite_in(folder), Channel::Sms, QUICK).await;
    bench.plan(400).await;
    bench.sink.behave(|_, _| Reply::Accept(Duration::from_millis(5)));
    bench
}

/// That it stands still, and that all that left had been recorded as claimed.
async fn assert_nothing_unrecorded(bench: &Bench, daemon: &Daemon) {
    until("the daemon sees that it cannot write", async || daemon.said("the store failed")).await;
    let mut last = None;
    until_lasting("nothing leaves any more", Duration::from_secs(2), async || {
        let total = bench.sink.total();
        last.replace(total) == Some(total)
    })
    .await;
    let claimed = bench.views().await.values().filter(|view| view.attempts > 0).count();
    let sent = bench.sink.total();
    tell(&format!("disk full: {sent} sent, {claimed} claimed"));
    assert!(sent <= claimed, "{sent} were sent and only {claimed} claims recorded");
    assert!(sent < bench.planned(), "the disk was full before all was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_that_a_full_disk_cannot_record() {
    let Some(disk) = SmallDisk::mount() else {
        tell("not allowed to mount a small disk; the quota of the other case stands for it");
        return;
    };
    let bench = bench_in(disk.folder.path()).await;
    let mut daemon = bench.start_daemon();
    until("it is sending", async || bench.sink.total() >= 20).await;
    disk.fill();
    assert_nothing_unrecorded(&bench, &daemon).await;
    disk.clear();
    bench.drained().await;
    assert!(!daemon.is_gone(), "the daemon goes on");
    bench.assert_once_each(IN_FLIGHT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_that_a_quota_keeps_from_being_recorded() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let bench = bench_in(folder.path()).await;
    let used = ["dueherald.db", "dueherald.db-wal"]
        .map(|file| fs::metadata(folder.path().join(file)).map_or(0, |file| file.len()));
    let kib = usize::try_from(used.into_iter().max().unwrap_or_default() / 1024).expect("small") + 256;
    let mut daemon = Daemon::start_with_quota(&bench.config(), &bench.log(), kib);
    assert_nothing_unrecorded(&bench, &daemon).await;
    let lifted = Command::new("prlimit").arg(format!("--pid={}", daemon.pid())).arg("--fsize=unlimited").status();
    assert!(lifted.expect("prlimit can be run").success());
    bench.drained().await;
    assert!(!daemon.is_gone(), "the daemon goes on");
    bench.assert_once_each(IN_FLIGHT).await;
}
