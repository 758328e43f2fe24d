//! Processes as the kernel sees them: how long they ran, what CPU they took, how large they grew.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dueherald::clock::{Clock, SystemClock};

use crate::Anyhow;

/// Ticks of /proc in a second: the same on every Linux that matters.
const TICKS: f64 = 100.0;

/// The measurements of a process from its start to its end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ran {
    /// From spawn to exit.
    pub(crate) seconds: f64,
    /// User and system time.
    pub(crate) cpu: f64,
    /// The most memory that was resident, in MB.
    pub(crate) peak_mb: f64,
    /// The standard output of the process.
    pub(crate) output: String,
}

/// The measured binary, with its config.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binary<'a> {
    pub(crate) config: &'a Path,
}

/// The benchmark reads the memory peak of a process once in this many checks of whether it has ended.
const LOOKS: u32 = 25;

impl Binary<'_> {
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dueherald"));
        command.arg("--config").arg(self.config).args(args);
        command
    }

    /// Runs a command to its end, which must be a good one.
    pub(crate) async fn run(&self, args: &[&str]) -> Anyhow<Ran> {
        self.run_for(args, None).await
    }

    /// The same, but asks it to stop after `limit`.
    pub(crate) async fn run_for(&self, args: &[&str], limit: Option<Duration>) -> Anyhow<Ran> {
        let before = reaped_cpu()?;
        let begun = SystemClock.elapsed();
        let mut child = self.command(args).stdout(Stdio::piped()).spawn()?;
        let mut peak_mb = 0.0_f64;
        let mut limit = limit;
        let mut looks = 0_u32..;
        let status = loop {
            // The system keeps the peak: a look now and then finds it, and takes less from what is measured.
            if looks.next().is_some_and(|look| look % LOOKS == 0) {
                peak_mb = peak_mb.max(resident(child.id(), "VmHWM:").unwrap_or_default());
            }
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if limit.is_some_and(|limit| SystemClock.elapsed() - begun > limit) {
                limit = None;
                ask_to_stop(&child)?;
            }
            SystemClock.sleep(Duration::from_millis(2)).await;
        };
        let seconds = (SystemClock.elapsed() - begun).as_secs_f64();
        let output = std::io::read_to_string(child.stdout.take().ok_or("no output")?)?;
        if !status.success() {
            return Err(format!("dueherald {args:?}: {status}\n{output}").into());
        }
        Ok(Ran { seconds, cpu: reaped_cpu()? - before, peak_mb, output })
    }
}

/// SIGTERM, by the system's own command: it asks for no code of ours.
pub(crate) fn ask_to_stop(child: &Child) -> Anyhow<()> {
    Command::new("kill").arg(child.id().to_string()).status()?;
    Ok(())
}

/// CPU seconds of the children that have ended.
fn reaped_cpu() -> Anyhow<f64> {
    let stat = Stat::of("self").ok_or("no /proc/self/stat")?;
    Ok(stat.of_children)
}

/// CPU seconds of a process and of all its children, ended or not.
pub(crate) fn family_cpu(parent: u32) -> f64 {
    let own = Stat::of(&parent.to_string()).map_or(0.0, |stat| stat.own + stat.of_children);
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let children = processes.filter_map(|entry| Stat::of(entry.file_name().to_str()?));
    own + children.filter(|stat| stat.parent == parent).map(|stat| stat.own).sum::<f64>()
}

struct Stat {
    parent: u32,
    own: f64,
    of_children: f64,
}

impl Stat {
    /// proc(5): the name may hold spaces, so what counts stands after its last bracket.
    fn of(process: &str) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |field: usize| fields.get(field).and_then(|text| text.parse::<f64>().ok());
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            own: (ticks(11)? + ticks(12)?) / TICKS,
            of_children: (ticks(13)? + ticks(14)?) / TICKS,
        })
    }
}

/// The resident memory of a process in MB: `VmRSS:` of now, `VmHWM:` the most so far.
pub(crate) fn resident(process: u32, line: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let figure = status.lines().find_map(|text| text.strip_prefix(line))?;
    Some(figure.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}
