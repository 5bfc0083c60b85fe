//! What is to be measured, and how often.

use std::time::Duration;

use clap::{Parser, ValueEnum};
use xvrrp_tests::daemon::Daemon::{self, Keepalived, Xvrrpd};

/// Measure xvrrpd beside keepalived, alternating; needs root and a machine with
/// nothing else to do.
#[derive(Parser)]
#[command(name = "xvrrp-bench", bin_name = "cargo xtask bench")]
pub(crate) struct Arguments {
    /// What to measure; everything unless named.
    #[arg(value_enum)]
    suites: Vec<Suite>,
    /// Samples of each kind (failover, fence, restart, reload).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    samples: Option<u32>,
    /// Minutes beside busy processes, for each daemon.
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..))]
    minutes: Option<u32>,
    /// Few samples, short spans, fewer kinds of floods: minutes instead of an hour.
    #[arg(long)]
    quick: bool,
    /// One daemon alone.
    #[arg(long, value_enum)]
    only: Option<Make>,
}

/// A subject.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Suite {
    /// How long takeovers take.
    Failover,
    /// What a killed, a stopped owner answers after the takeover.
    Fence,
    /// Adverts every 10 ms beside four busy processes.
    Busy,
    /// Floods of bad and of losing adverts.
    Flood,
    /// The owner's daemon is restarted.
    Restart,
    /// The owner's daemon reads a configuration with one more virtual router.
    Reload,
}

impl Suite {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Failover => "failover: how long takeovers take",
            Self::Fence => "fence: what the old owner answers after the takeover",
            Self::Busy => "busy: adverts every 10 ms beside four busy processes",
            Self::Flood => "flood: bad and losing adverts",
            Self::Restart => "restart: the owner's daemon is ended and started again",
            Self::Reload => "reload: the owner reads a configuration with one more virtual router",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Make {
    Xvrrpd,
    Keepalived,
}

impl Arguments {
    pub(crate) fn suites(&self) -> Vec<Suite> {
        if self.suites.is_empty() {
            Suite::value_variants().to_vec()
        } else {
            self.suites.clone()
        }
    }
}

/// How much of everything.
pub(crate) struct Plan {
    pub(crate) quick: bool,
    pub(crate) daemons: Vec<Daemon>,
    samples: Option<u32>,
    /// Beside busy processes, for each daemon.
    pub(crate) busy_span: Duration,
    /// Of each flood.
    pub(crate) flood_span: Duration,
}

impl Plan {
    pub(crate) fn of(arguments: &Arguments) -> Self {
        let minutes = |n: u32| Duration::from_mins(1) * n;
        let quick = arguments.quick;
        let (busy_span, flood_span) = if quick {
            (Duration::from_secs(20), Duration::from_secs(4))
        } else {
            (minutes(10), Duration::from_secs(10))
        };
        Self {
            quick,
            daemons: match arguments.only {
                None => vec![Xvrrpd, Keepalived],
                Some(Make::Xvrrpd) => vec![Xvrrpd],
                Some(Make::Keepalived) => vec![Keepalived],
            },
            samples: arguments.samples,
            busy_span: arguments.minutes.map_or(busy_span, minutes),
            flood_span,
        }
    }

    /// As asked for, or as usual.
    pub(crate) fn samples(&self, usual: u32) -> u32 {
        self.samples
            .unwrap_or(if self.quick { usual.min(4) } else { usual })
    }
}
