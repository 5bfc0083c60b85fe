//! Samples to figures: how many, the middle, the worst, and the two daemons'
//! beside one another.

use std::fmt;

use xvrrp_tests::daemon::Daemon::{self, Keepalived, Xvrrpd};

use crate::grid::Grid;

/// With fewer samples the 99th percentile is the maximum by another name.
const PERCENTILE_NEEDS: usize = 100;
/// A figure is withheld if more than one sample in this many failed.
const FAILED_MOST: usize = 5;

/// Samples by what they are of, in the order first seen.
#[derive(Default)]
pub(crate) struct Figures {
    rows: Vec<Row>,
    failures: Vec<Failure>,
}

struct Row {
    group: String,
    what: String,
    daemon: Daemon,
    samples: Vec<f64>,
}

struct Failure {
    group: String,
    daemon: Daemon,
    why: String,
}

/// What is printed of a row.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Summary {
    median: f64,
    p99: Option<f64>,
    least: f64,
    most: f64,
}

impl Figures {
    /// `what` names the unit.
    pub(crate) fn add(&mut self, group: &str, what: &str, daemon: Daemon, sample: f64) {
        let key = (group, what, daemon);
        let found = self
            .rows
            .iter_mut()
            .find(|row| (&*row.group, &*row.what, row.daemon) == key);
        match found {
            Some(row) => row.samples.push(sample),
            None => self.rows.push(Row {
                group: group.to_owned(),
                what: what.to_owned(),
                daemon,
                samples: vec![sample],
            }),
        }
    }

    /// There should have been a sample of everything in this group.
    pub(crate) fn fail(&mut self, group: &str, daemon: Daemon, why: String) {
        self.failures.push(Failure {
            group: group.to_owned(),
            daemon,
            why,
        });
    }

    fn failed(&self, group: &str, daemon: Daemon) -> usize {
        self.failures
            .iter()
            .filter(|failure| failure.group == group && failure.daemon == daemon)
            .count()
    }

    fn row(&self, group: &str, what: &str, daemon: Daemon) -> Option<&Row> {
        let key = (group, what, daemon);
        self.rows
            .iter()
            .find(|row| (&*row.group, &*row.what, row.daemon) == key)
    }

    /// Nothing, if too many of the samples failed.
    fn summary(&self, row: &Row) -> Option<Summary> {
        let failed = self.failed(&row.group, row.daemon);
        if failed * FAILED_MOST > row.samples.len() + failed {
            None
        } else {
            Some(summary(&row.samples))
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = ["", "", "", "n", "median", "p99", "least", "most"];
        let mut grid = Grid::new(3, &header);
        let mut keys: Vec<(&str, &str)> = Vec::new();
        for row in &self.rows {
            if !keys.contains(&(&row.group, &row.what)) {
                keys.push((&row.group, &row.what));
            }
        }
        for (group, what) in keys {
            let mut summaries = [None, None];
            for (index, daemon) in [Xvrrpd, Keepalived].into_iter().enumerate() {
                let Some(row) = self.row(group, what, daemon) else {
                    continue;
                };
                summaries[index] = self.summary(row);
                let n = row.samples.len().to_string();
                let mut cells = vec![group.into(), what.into(), name(daemon).into(), n];
                cells.extend(match &summaries[index] {
                    Some(it) => it.cells(plain),
                    None => vec!["withheld".into(); 4],
                });
                grid.add(cells);
            }
            if let [Some(ours), Some(theirs)] = summaries {
                let mut cells = vec![String::new(), String::new(), "ratio".into(), String::new()];
                cells.extend(ours.over(&theirs));
                grid.add(cells);
            }
        }
        write!(f, "{grid}")?;
        for (index, failure) in self.failures.iter().enumerate() {
            let first = self.failures[..index]
                .iter()
                .all(|it| (&it.group, it.daemon) != (&failure.group, failure.daemon));
            if first {
                writeln!(
                    f,
                    "not counted, {} {}: {} samples, the first because: {}",
                    failure.group,
                    name(failure.daemon),
                    self.failed(&failure.group, failure.daemon),
                    failure.why,
                )?;
            }
        }
        Ok(())
    }
}

impl Summary {
    fn cells(&self, show: impl Fn(f64) -> String) -> Vec<String> {
        let p99 = self.p99.map_or("-".to_owned(), &show);
        vec![show(self.median), p99, show(self.least), show(self.most)]
    }

    /// Each figure as a multiple of the other's; nothing for a multiple of nothing.
    fn over(&self, other: &Self) -> Vec<String> {
        let ratio = |ours: f64, theirs: f64| {
            if theirs > 0.0 {
                format!("{:.2}", ours / theirs)
            } else {
                "-".to_owned()
            }
        };
        let p99 = self.p99.zip(other.p99);
        vec![
            ratio(self.median, other.median),
            p99.map_or("-".to_owned(), |(ours, theirs)| ratio(ours, theirs)),
            ratio(self.least, other.least),
            ratio(self.most, other.most),
        ]
    }
}

/// Three digits that matter, where there are fewer before the point.
fn plain(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        ..10.0 => 2,
        ..1000.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

/// As printed.
pub(crate) fn name(daemon: Daemon) -> &'static str {
    match daemon {
        Daemon::Xvrrpd => "xvrrpd",
        Daemon::Keepalived => "keepalived",
        Daemon::Frr => "FRR",
    }
}

fn summary(samples: &[f64]) -> Summary {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    // The nearest rank: the least value that 99 of 100 do not exceed.
    let rank = (count * 99).div_ceil(100).max(1) - 1;
    Summary {
        median: f64::midpoint(sorted[(count - 1) / 2], sorted[count / 2]),
        p99: (count >= PERCENTILE_NEEDS).then(|| sorted[rank]),
        least: sorted[0],
        most: sorted[count - 1],
    }
}

#[cfg(test)]
mod tests {
    use super::{Figures, Summary, summary};
    use xvrrp_tests::daemon::Daemon::{Keepalived, Xvrrpd};

    #[test]
    fn the_middle_and_the_ends() {
        let few = summary(&[9.0, 1.0, 2.0]);
        let expected = Summary {
            median: 2.0,
            p99: None,
            least: 1.0,
            most: 9.0,
        };
        assert_eq!(few, expected);
        assert!((summary(&[4.0, 1.0, 2.0, 9.0]).median - 3.0).abs() < 1e-9);
        let many: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(summary(&many).p99, Some(198.0));
    }

    #[test]
    fn ratios_stand_below_the_two() {
        let mut figures = Figures::default();
        figures.add("10 ms", "gap, ms", Xvrrpd, 5.0);
        figures.add("10 ms", "gap, ms", Keepalived, 20.0);
        let text = figures.to_string();
        let ratio = text.lines().find(|line| line.contains("ratio"));
        let cells: Vec<_> = ratio.expect("a line").split_whitespace().collect();
        assert_eq!(cells, ["ratio", "0.25", "-", "0.25", "0.25"]);
    }

    #[test]
    fn too_many_failures_and_nothing_is_printed() {
        let mut figures = Figures::default();
        for _ in 0..4 {
            figures.add("10 ms", "gap, ms", Xvrrpd, 5.0);
        }
        figures.fail("10 ms", Xvrrpd, "a timeout".into());
        assert!(!figures.to_string().contains("withheld"), "one in five");
        figures.fail("10 ms", Xvrrpd, "another".into());
        let text = figures.to_string();
        assert!(text.contains("withheld"), "{text}");
        assert!(
            text.contains("2 samples, the first because: a timeout"),
            "{text}"
        );
        // Another daemon's failures are its own.
        figures.add("10 ms", "gap, ms", Keepalived, 20.0);
        assert!(figures.to_string().contains("20.0"));
    }
}
