//! What a client sees of an address that changes hands: who answers for it, who
//! takes traffic to it, and who sends in its name.
//!
//! `harness.rs` shows that all of this sees a router that does not let go.

use std::{net::IpAddr, time::Duration};

use xvrrp_tests::{
    capture::{Seen, Stamp},
    emitter::Emitter,
    frame::Mac,
    probe::{Kind, Probe},
    question::{Question, assert_silent},
    trial::{PATIENCE, Trial},
    wait::eventually,
};

/// How often a program on each router sends from the address.
const EMIT_EVERY: Duration = Duration::from_millis(2);
/// Of each kind, before anything is concluded.
const ENOUGH: usize = 50;

/// What goes on while a trial does: questions of the client, and programs on both
/// routers that send from the address as long as their router has it.
pub(crate) struct Probes {
    who: Probe,
    each: Probe,
    emitters: [Emitter; 2],
    vip: IpAddr,
    old: Mac,
    new: Mac,
}

impl Probes {
    /// Starts all of it.
    pub(crate) fn unheard(trial: &Trial, vip: IpAddr) -> Self {
        let lab = &trial.lab;
        Self {
            who: Probe::start(lab, Kind::Resolve, vip, Duration::from_millis(5)),
            each: Probe::start(lab, Kind::EchoEach, vip, Duration::from_millis(2)),
            emitters: [0, 1].map(|router| Emitter::start(lab, router, vip, EMIT_EVERY)),
            vip,
            old: lab.router(0).mac,
            new: lab.router(1).mac,
        }
    }

    /// Starts all of it, and sees the first router answer both ways, and send.
    pub(crate) fn start(trial: &Trial, vip: IpAddr) -> Self {
        let since = Stamp::now();
        let probes = Self::unheard(trial, vip);
        eventually(PATIENCE, "the owner answers both probes and sends", || {
            let answered = |questions: &[Question]| questions.iter().any(|q| q.answerers() == [0]);
            match (
                answered(&probes.who(trial, since)),
                answered(&probes.each(trial, since)),
                datagrams(&probes.in_its_name(trial, 0, since)),
            ) {
                (true, true, 1..) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        probes
    }

    pub(crate) fn who(&self, trial: &Trial, since: Stamp) -> Vec<Question> {
        self.who.questions(&trial.tap, since)
    }

    pub(crate) fn each(&self, trial: &Trial, since: Stamp) -> Vec<Question> {
        self.each.questions(&trial.tap, since)
    }

    /// Frames a router has sent in the name of the address: answers, datagrams,
    /// announcements.
    pub(crate) fn in_its_name(&self, trial: &Trial, router: usize, since: Stamp) -> Vec<Seen> {
        trial.tap.with(|seen| {
            let first = seen.partition_point(|s| s.at < since);
            seen[first..]
                .iter()
                .filter(|s| s.node == router && s.speaks_for(self.vip))
                .cloned()
                .collect()
        })
    }

    /// Routers in the order in which they spoke for the address, each stretch once.
    pub(crate) fn speakers(&self, trial: &Trial, since: Stamp) -> Vec<(Stamp, usize)> {
        let mut speakers: Vec<(Stamp, usize)> = Vec::new();
        trial.tap.with(|seen| {
            let first = seen.partition_point(|s| s.at < since);
            for s in &seen[first..] {
                let next = s.node < 2 && s.speaks_for(self.vip);
                if next && speakers.last().is_none_or(|(_, node)| *node != s.node) {
                    speakers.push((s.at, s.node));
                }
            }
        });
        speakers
    }

    /// Waits until the new owner first speaks for the address; gives the moment.
    pub(crate) fn await_new_speaker(&self, trial: &Trial, since: Stamp) -> Stamp {
        let what = "the new owner speaks for the address";
        trial.tap.wait(PATIENCE, what, since, |seen| {
            (seen.node == 1 && seen.speaks_for(self.vip)).then_some(seen.at)
        })
    }

    /// The new owner answers and sends, and has done so for a while.
    pub(crate) fn await_new_owner(&self, trial: &Trial, since: Stamp) {
        eventually(PATIENCE, "the new owner answers and sends", || {
            let count = |questions: Vec<Question>| {
                questions
                    .iter()
                    .filter(|q| q.answerers().contains(&1))
                    .count()
            };
            let counts = [
                count(self.who(trial, since)),
                count(self.each(trial, since)),
                datagrams(&self.in_its_name(trial, 1, since)),
            ];
            if counts.iter().all(|count| *count >= ENOUGH) {
                Ok(())
            } else {
                Err(format!("answers, replies, datagrams: {counts:?}"))
            }
        });
    }

    /// Since `since` the old owner has not spoken for the address; it was asked.
    pub(crate) fn assert_old_silent(&self, trial: &Trial, since: Stamp) {
        let (who, each) = (self.who(trial, since), self.each(trial, since));
        assert!(
            each.iter().filter(|q| q.to == self.old).count() >= ENOUGH,
            "nobody asked it"
        );
        assert!(
            each.iter().any(|q| q.to == self.new),
            "nobody asked the new one"
        );
        assert_silent(&who, 0);
        assert_silent(&each, 0);
        let sent = self.in_its_name(trial, 0, since);
        assert!(
            sent.is_empty(),
            "{} frames in the name of {} from the old owner, the first {:?} after: {:?}",
            sent.len(),
            self.vip,
            sent[0].at.since(since),
            sent[0].frame,
        );
    }

    /// And a program there tried to send, without its router's stack objecting.
    /// (True of a router that still has the address.)
    pub(crate) fn assert_old_tried(&self, since: Stamp) {
        let tried = self.emitters[0].handed_over(since);
        assert!(
            tried >= ENOUGH,
            "only {tried} datagrams for the gate to stop"
        );
    }
}

/// What a program sent.
pub(crate) fn datagrams(frames: &[Seen]) -> usize {
    let other = |seen: &&Seen| seen.frame.packet == xvrrp_tests::frame::Packet::Other;
    frames.iter().filter(other).count()
}
