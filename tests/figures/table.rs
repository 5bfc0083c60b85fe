//! Medians, with how many samples there were and how far they lie apart.

use std::{fmt, time::Duration};

use xvrrp_tests::{daemon::Daemon, trial::Profile};

/// Samples by what they are of, in the order first seen.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

struct Row {
    profile: Profile,
    what: &'static str,
    daemon: Daemon,
    samples: Vec<Duration>,
}

impl Table {
    pub(crate) fn add(
        &mut self,
        daemon: Daemon,
        profile: Profile,
        what: &'static str,
        sample: Duration,
    ) {
        let found = self
            .rows
            .iter_mut()
            .find(|row| (row.profile, row.what, row.daemon) == (profile, what, daemon));
        match found {
            Some(row) => row.samples.push(sample),
            None => self.rows.push(Row {
                profile,
                what,
                daemon,
                samples: vec![sample],
            }),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<10} {:<34} {:<11} {:>9} {:>9} {:>9} {:>4}",
            "interval", "", "", "median", "least", "most", "n"
        )?;
        for row in &self.rows {
            let mut sorted = row.samples.clone();
            sorted.sort_unstable();
            let ms = |sample: Duration| format!("{:.1} ms", sample.as_secs_f64() * 1e3);
            let fine = |sample: Duration| format!("{:.2} ms", sample.as_secs_f64() * 1e3);
            let show = |sample| {
                if sorted[0].as_millis() < 10 {
                    fine(sample)
                } else {
                    ms(sample)
                }
            };
            writeln!(
                f,
                "{:<10} {:<34} {:<11} {:>9} {:>9} {:>9} {:>4}",
                format!("{:?}", row.profile.interval()),
                row.what,
                format!("{:?}", row.daemon),
                show(median(&sorted)),
                show(sorted[0]),
                show(sorted[sorted.len() - 1]),
                sorted.len(),
            )?;
        }
        Ok(())
    }
}

/// The middle one, or the mean of the two in the middle.
fn median(sorted: &[Duration]) -> Duration {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        (sorted[middle - 1] + sorted[middle]) / 2
    }
}

#[cfg(test)]
mod tests {
    use super::median;
    use std::time::Duration;

    #[test]
    fn median_is_in_the_middle() {
        let ms = |list: &[u64]| {
            list.iter()
                .map(|n| Duration::from_millis(*n))
                .collect::<Vec<_>>()
        };
        assert_eq!(median(&ms(&[1, 2, 9])), Duration::from_millis(2));
        assert_eq!(median(&ms(&[1, 2, 4, 9])), Duration::from_millis(3));
    }
}
