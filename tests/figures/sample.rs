//! One sample: the owner killed and brought back, then its cable cut.

use std::{thread, time::Duration};

use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon,
    probe::{Kind, Probe},
    question::{Question, longest_gap},
    trial::{PATIENCE, Profile, Trial},
    wait::eventually,
};

const VRID: u8 = 51;
/// How often the client asks by ARP; the resolution of "first answer".
const ARP_EVERY: Duration = Duration::from_micros(250);
/// How often it sends an echo request; the resolution of its gap.
const ECHO_EVERY: Duration = Duration::from_millis(1);

/// What one round gave.
pub(crate) struct Sample {
    /// Last advert of the killed owner to the first of the new one.
    pub(crate) advert: Duration,
    /// Last advert of the killed owner to the new one's first ARP answer.
    pub(crate) answer: Duration,
    /// Longest gap between echo replies when the owner's cable is cut.
    pub(crate) gap: Duration,
}

/// Two routers of one make.
pub(crate) struct Bench {
    daemon: Daemon,
    profile: Profile,
}

impl Bench {
    pub(crate) fn new(daemon: Daemon, profile: Profile) -> Self {
        Self { daemon, profile }
    }

    /// Each round has a lab of its own: captures stay short, and nothing is left
    /// from the round before.
    /// `phase`, from 0 to 1, is where between two adverts the cable is cut.
    pub(crate) fn sample(&self, phase: f64) -> Sample {
        let (advert, answer) = self.killed();
        Sample {
            advert,
            answer,
            gap: self.cut(self.profile.interval().mul_f64(phase)),
        }
    }

    fn killed(&self) -> (Duration, Duration) {
        let mut trial = Trial::of([self.daemon; 2], self.profile);
        let who = Probe::start(&trial.lab, Kind::Resolve, self.profile.vip(), ARP_EVERY);
        let killed = trial.kill(0);
        let takeover = trial.takeover(VRID, 1, killed);
        let answered = eventually(PATIENCE, "the new owner answers", || {
            let questions = who.questions(&trial.tap, takeover.last);
            let answers = questions.iter().flat_map(|q| &q.answers);
            let first = answers
                .filter(|(_, node)| *node == 1)
                .map(|(at, _)| *at)
                .min();
            first.ok_or_else(|| "not yet".to_owned())
        });
        (
            takeover.first.since(takeover.last),
            answered.since(takeover.last),
        )
    }

    fn cut(&self, after_advert: Duration) -> Duration {
        let trial = Trial::of([self.daemon; 2], self.profile);
        let client = Probe::start(&trial.lab, Kind::Echo, self.profile.vip(), ECHO_EVERY);
        let start = Stamp::now();
        let answers = |since, by| {
            let questions: Vec<Question> = client.questions(&trial.tap, since);
            questions.iter().filter(|q| q.answerers() == [by]).count()
        };
        eventually(PATIENCE, "the client has answers", || {
            match answers(start, 0) {
                0..100 => Err("too few".to_owned()),
                _ => Ok(()),
            }
        });
        let advert = trial.tap.wait(PATIENCE, "an advert", Stamp::now(), |seen| {
            seen.advert_sent().map(|_| seen.at)
        });
        thread::sleep(advert.plus(after_advert).since(Stamp::now()));
        let cut = Stamp::now();
        trial.lab.unplug(0);
        eventually(PATIENCE, "the client has answers again", || {
            match answers(cut, 1) {
                0..20 => Err("too few".to_owned()),
                _ => Ok(()),
            }
        });
        let (gap, _) = longest_gap(&client.questions(&trial.tap, start)).expect("answers");
        gap
    }
}
