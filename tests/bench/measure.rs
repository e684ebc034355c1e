//! What a run cost: wall time, processor time, peak memory.

use std::fmt;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Clock ticks of /proc/PID/stat per second; 100 on every Linux we know of.
const TICKS_PER_SECOND: u64 = 100;

/// The size of the store's file once the gateway has ended.
#[derive(Clone, Copy, Debug)]
pub struct StoreFile {
    /// Bytes up to its end.
    pub length: u64,
    /// Bytes it takes on the disk; the file may have holes.
    pub allocated: u64,
}

/// One contestant's turn.
pub struct Run {
    pub mails: usize,
    pub wall: Duration,
    pub cpu: Duration,
    pub peak_bytes: u64,
    /// What it keeps the mails in, when that is one file.
    pub store: Option<StoreFile>,
}

impl Run {
    pub fn rate(&self) -> f64 {
        self.mails as f64 / self.wall.as_secs_f64()
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>6.2} s  {:>6.0} mails/s  CPU {:>5.2} s  peak {:>4} MB",
            self.wall.as_secs_f64(),
            self.rate(),
            self.cpu.as_secs_f64(),
            self.peak_bytes / 1_000_000
        )
    }
}

/// Runs a command to its end; panics when it fails.
pub fn run_command(command: &Command, mails: impl FnOnce() -> usize) -> Run {
    let report = tempfile::NamedTempFile::new().unwrap();
    let start = Instant::now();
    let status = Command::new("/usr/bin/time")
        .args(["-f", "%U %S %M", "-o"])
        .arg(report.path())
        .arg(command.get_program())
        .args(command.get_args())
        .stdout(Stdio::null())
        .status()
        .expect("/usr/bin/time is not installed: tests/run bench installs it");
    let wall = start.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    let report = fs::read_to_string(report.path()).unwrap();
    let figures: Vec<f64> = report
        .split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    let [user, system, peak_kibibytes] = figures[..] else {
        panic!("what does {report:?} mean?");
    };
    Run {
        mails: mails(),
        wall,
        cpu: Duration::from_secs_f64(user + system),
        peak_bytes: peak_kibibytes as u64 * 1024,
        store: None,
    }
}

/// Processor time of a process so far, its threads included (proc(5)).
pub fn cpu_of(process: &str) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name in parentheses may contain spaces; fields are counted after it.
    let after = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks: u64 = [11, 12]
        .map(|at| fields[at].parse::<u64>().unwrap())
        .iter()
        .sum();
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}

/// Peak resident memory of a process so far.
pub fn peak_of(process: &str) -> u64 {
    bytes_of(process, "VmHWM:")
}

/// Resident memory of a process now.
pub fn resident_of(process: &str) -> u64 {
    bytes_of(process, "VmRSS:")
}

/// What else the machine does: its load over the last minute.
pub fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap();
    load.split(' ').next().unwrap().to_owned()
}

fn bytes_of(process: &str, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name));
    let kibibytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kibibytes.parse::<u64>().unwrap() * 1024
}
