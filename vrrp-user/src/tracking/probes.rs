//! `vrrp_track_tcp` and `vrrp_track_http`: what their answers make of them.

use super::checks::{Check, Checks};
use crate::config::model::{Probe, TrackerKind};
use core::{fmt, time::Duration};

/// Every service that something tracks.
pub type Probes = Checks<Probe>;

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It took the connection, or gave a page with a good status.
    Good,
    /// It gave a page with another status.
    Status(u16),
    /// No answer in time.
    TimedOut,
    /// It cannot be asked, or what it said is no answer; with the reason.
    Failed(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("answers"),
            Self::Status(code) => write!(f, "status {code}"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl Check for Probe {
    type Name = (TrackerKind, String);
    type Result = Answer;

    fn name(&self) -> Self::Name {
        (self.kind(), self.name.clone())
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    fn rise(&self) -> u32 {
        self.rise
    }

    fn fall(&self) -> u32 {
        self.fall
    }

    fn init_fail(&self) -> bool {
        self.init_fail
    }

    fn same_subject(&self, other: &Self) -> bool {
        let subject = |it: &Self| (it.address, it.port, it.request.clone());
        subject(self) == subject(other)
    }

    fn succeeded(answer: &Answer) -> bool {
        *answer == Answer::Good
    }

    fn line(&self, answer: &Answer) -> String {
        let kind = match self.kind() {
            TrackerKind::Http => "HTTP",
            _ => "TCP",
        };
        let name = &self.name;
        match answer {
            Answer::Good => format!("VRRP_{kind}({name}) succeeded"),
            Answer::TimedOut => format!("VRRP_{kind}({name}) timed_out"),
            other => format!("VRRP_{kind}({name}) failed ({other})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::model::HttpRequest, time::Instant, tracking::effective::Standing};

    fn probe(fall: u32, request: Option<HttpRequest>) -> Probe {
        Probe {
            name: "web".into(),
            address: [192, 0, 2, 1].into(),
            port: 80,
            request,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            rise: 1,
            fall,
            init_fail: false,
        }
    }

    fn at(s: u64) -> Instant {
        Instant::from_ns(s * 1_000_000_000)
    }

    #[test]
    fn answers_turn_a_service_as_results_turn_a_script() {
        let mut probes = Probes::default();
        probes.configure(vec![probe(2, None)], at(0));
        let tcp = (TrackerKind::Tcp, "web".to_owned());
        let mut said = Vec::new();
        let answers = [
            Answer::Good,
            Answer::TimedOut,
            Answer::Failed("Connection refused".into()),
            Answer::Good,
        ];
        for (second, answer) in (0..).zip(answers) {
            probes.start_due(at(second));
            let changed = probes.done(&tcp, answer).expect("news");
            said.push((changed.line, probes.standing(&tcp)));
        }
        let said: Vec<_> = said.iter().map(|(line, is)| (line.as_str(), *is)).collect();
        assert_eq!(
            said,
            [
                ("VRRP_TCP(web) succeeded", Standing::Up),
                ("VRRP_TCP(web) timed_out", Standing::Up),
                ("VRRP_TCP(web) failed (Connection refused)", Standing::Down),
                ("VRRP_TCP(web) succeeded", Standing::Up),
            ]
        );
    }

    #[test]
    fn a_reload_keeps_what_is_known_and_the_kinds_apart() {
        let page = HttpRequest {
            host: "h".into(),
            path: "/".into(),
            good: vec![(200, 299)],
        };
        let (tcp, http) = (probe(1, None), probe(1, Some(page.clone())));
        let mut probes = Probes::default();
        probes.configure(vec![tcp.clone(), http.clone()], at(0));
        assert_eq!(probes.start_due(at(0)).len(), 2);
        probes.done(&tcp.name(), Answer::Good);
        probes.done(&http.name(), Answer::Status(503));
        assert_eq!(probes.standing(&tcp.name()), Standing::Up);
        assert_eq!(probes.standing(&http.name()), Standing::Down);
        let elsewhere = HttpRequest {
            path: "/up".into(),
            ..page
        };
        probes.configure(vec![probe(3, None), probe(1, Some(elsewhere))], at(1));
        assert_eq!(probes.standing(&tcp.name()), Standing::Up);
        // Another page is asked for: what is known of it holds until that has answered.
        assert_eq!(probes.standing(&http.name()), Standing::Down);
        probes.start_due(at(1));
        probes.done(&http.name(), Answer::Good);
        assert_eq!(probes.standing(&http.name()), Standing::Up);
    }
}
