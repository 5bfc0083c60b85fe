//! What the machine did besides.

use std::{fmt, fs};

use xvrrp_tests::referee::Referee;

/// Time of all CPUs since boot, in ticks, from the first line of `/proc/stat`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Ticks {
    all: u64,
    idle: u64,
    /// Taken by other virtual machines.
    stolen: u64,
}

impl Ticks {
    pub(crate) fn now() -> Self {
        Self::read(&fs::read_to_string("/proc/stat").unwrap_or_default())
    }

    /// `cpu user nice system idle iowait irq softirq steal guest guest_nice`; the
    /// guests' are in user's already.
    fn read(text: &str) -> Self {
        let line = text.lines().next().unwrap_or_default();
        let ticks: Vec<u64> = line
            .split_whitespace()
            .skip(1)
            .take(8)
            .filter_map(|field| field.parse().ok())
            .collect();
        let at = |index: usize| ticks.get(index).copied().unwrap_or(0);
        Self {
            all: ticks.iter().sum(),
            idle: at(3) + at(4),
            stolen: at(7),
        }
    }

    pub(crate) fn since(self, earlier: &Self) -> Self {
        Self {
            all: self.all.saturating_sub(earlier.all),
            idle: self.idle.saturating_sub(earlier.idle),
            stolen: self.stolen.saturating_sub(earlier.stolen),
        }
    }

    pub(crate) fn stolen_share(self) -> f64 {
        share(self.stolen, self.all)
    }

    fn busy_share(self) -> f64 {
        share(self.all - self.idle, self.all)
    }
}

#[allow(clippy::cast_precision_loss, reason = "a share, to be printed")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// From its start to the moment it is printed.
pub(crate) struct Noise {
    pub(crate) referee: Referee,
    ticks: Ticks,
    load: String,
}

impl Noise {
    pub(crate) fn start() -> Self {
        Self {
            referee: Referee::start(),
            ticks: Ticks::now(),
            load: load(),
        }
    }
}

impl fmt::Display for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spent = Ticks::now().since(&self.ticks);
        write!(
            f,
            "machine: {:.2} % stolen, {:.0} % busy (this included), load average {} before, {} after; ",
            spent.stolen_share() * 100.0,
            spent.busy_share() * 100.0,
            self.load,
            load(),
        )?;
        let stalls = self.referee.stalls();
        let longest = stalls.iter().map(|stall| stall.length()).max();
        match longest {
            _ if !self.referee.is_watching() => write!(f, "its stalls were not watched"),
            None => write!(f, "it never stood still for a millisecond"),
            Some(longest) => write!(
                f,
                "it stood still {} times for a millisecond or more, for {:.1} ms at most",
                stalls.len(),
                longest.as_secs_f64() * 1e3
            ),
        }
    }
}

/// Over the last minute.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("?").to_owned()
}

/// Kernel and processors.
pub(crate) fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("processors", |(_, model)| model);
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("Linux {}, {cpus} x {model}", kernel.trim())
}

#[cfg(test)]
mod tests {
    use super::Ticks;

    #[test]
    fn reads_the_first_line() {
        let earlier = Ticks::read("cpu  10 0 10 70 5 0 0 5 3 0\ncpu0 1 1 1 1");
        assert_eq!(
            earlier,
            Ticks {
                all: 100,
                idle: 75,
                stolen: 5
            }
        );
        let spent = Ticks::read("cpu  20 0 20 120 5 0 0 35 3 0").since(&earlier);
        assert!((spent.stolen_share() - 0.3).abs() < 1e-9);
        assert!((spent.busy_share() - 0.5).abs() < 1e-9);
        assert!(Ticks::read("").stolen_share() < 1e-9);
    }
}
