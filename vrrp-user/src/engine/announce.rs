//! When to announce the addresses, and how often (`garp_*`).

use super::action::Announcement;
use crate::{config::model::Garp, ownership::command::VrId, time::Instant};
use core::{net::IpAddr, time::Duration};
use std::collections::{BTreeMap, VecDeque};

/// What a loser may take to hear our answer and fall silent; until then it may
/// answer, and hosts believe it once more.
const LOSER_LEAVES: Duration = Duration::from_millis(50);

/// Announcements that keep a distance from one another (`garp_interval`,
/// `gna_interval`): those on one interface, or on the interfaces of a `garp_group`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    Interface(String),
    /// By its place in the file.
    Group(u32),
}

/// When the last announcement left on each lane: ARP, and ND beside it.
#[derive(Clone, Debug, Default)]
pub(super) struct Paces(BTreeMap<(Lane, Kind), Instant>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Arp,
    Nd,
}

impl Paces {
    /// When the next one may leave; none: at any time.
    fn free_at(&self, lane: &(Lane, Kind), pace: Duration) -> Option<Instant> {
        self.0.get(lane).map(|&last| last + pace)
    }

    fn is_free(&self, lane: &(Lane, Kind), pace: Duration, now: Instant) -> bool {
        self.free_at(lane, pace).is_none_or(|at| at <= now)
    }

    fn left(&mut self, lane: &(Lane, Kind), now: Instant) {
        match self.0.get_mut(lane) {
            Some(last) => *last = now,
            None => drop(self.0.insert(lane.clone(), now)),
        }
    }
}

/// One instance's part in its group's announcements.
#[derive(Clone, Debug)]
pub(super) struct Share {
    pub(super) vr: VrId,
    pub(super) lane: Lane,
    pub(super) garp: Garp,
    /// One for each address.
    pub(super) announcements: Vec<Announcement>,
    /// One on each interface for which `garp_extra_if` is.
    pub(super) extra: Vec<Announcement>,
}

impl Share {
    fn kind(&self) -> Kind {
        match self.announcements.first().map(|first| first.address) {
            Some(IpAddr::V6(_)) => Kind::Nd,
            Some(IpAddr::V4(_)) | None => Kind::Arp,
        }
    }

    fn pace(&self) -> Duration {
        match self.kind() {
            Kind::Arp => self.garp.arp_interval,
            Kind::Nd => self.garp.na_interval,
        }
    }

    /// What comes again and again, and how often.
    fn periodic(&self) -> impl Iterator<Item = (Duration, Burst)> {
        let extra = Some(self.garp.extra).filter(|_| !self.extra.is_empty());
        [
            (self.garp.refresh, Burst::Refresh),
            (extra.unwrap_or_default(), Burst::Extra),
        ]
        .into_iter()
        .filter(|(every, _)| !every.is_zero())
    }

    fn lane(&self) -> (Lane, Kind) {
        (self.lane.clone(), self.kind())
    }

    /// Rounds over all addresses, as keepalived sends them.
    fn rounds(&self, repeat: u32) -> impl Iterator<Item = &Announcement> {
        (0..repeat).flat_map(|_| &self.announcements)
    }
}

/// What one group still has to announce.
#[derive(Clone, Debug, Default)]
pub(super) struct Announcer {
    /// Bursts to come: (when, of which instance, which kind).
    bursts: Vec<(Instant, VrId, Burst)>,
    /// Announcements held back by the pace of their lane.
    paced: BTreeMap<(Lane, Kind), Queue>,
}

/// What waits for its turn on a lane.
#[derive(Clone, Debug)]
struct Queue {
    pace: Duration,
    waiting: VecDeque<Announcement>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Burst {
    Second,
    Refresh,
    Extra,
    LowerPriority,
    LoserGone,
}

impl Announcer {
    /// The burst a claim carries for its opening; what the pace holds back of it
    /// follows, and so do the second burst and the refreshes.
    pub(super) fn first_burst(shares: &[Share]) -> Vec<Announcement> {
        let at_once = |share: &Share| -> Vec<Announcement> {
            let all = share.rounds(share.garp.repeat).cloned();
            if share.pace().is_zero() {
                all.collect()
            } else {
                all.take(1).collect()
            }
        };
        shares.iter().flat_map(at_once).collect()
    }

    /// The gate opened at `now`, and the claim's burst left with it.
    pub(super) fn opened(&mut self, shares: &[Share], paces: &mut Paces, now: Instant) {
        self.clear();
        for share in shares {
            if !share.pace().is_zero() {
                paces.left(&share.lane(), now);
                self.hold(share, share.rounds(share.garp.repeat).skip(1));
            }
            if !share.garp.delay.is_zero() {
                self.bursts
                    .push((now + share.garp.delay, share.vr, Burst::Second));
            }
            for (every, burst) in share.periodic() {
                self.bursts.push((now + every, share.vr, burst));
            }
        }
    }

    /// Settings changed while Active: refreshing begins, ends or comes sooner, and of what
    /// waits its turn only that is announced which is still there.
    pub(super) fn reconfigure(&mut self, shares: &[Share], now: Instant) {
        let is_there = |it: &Announcement| shares.iter().any(|of| of.announcements.contains(it));
        for queue in self.paced.values_mut() {
            queue.waiting.retain(is_there);
        }
        self.paced.retain(|_, queue| !queue.waiting.is_empty());
        for share in shares {
            for kind in [Burst::Refresh, Burst::Extra] {
                let of_kind =
                    |burst: &(Instant, VrId, Burst)| burst.1 == share.vr && burst.2 == kind;
                let pending = self.bursts.iter().find(|burst| of_kind(burst));
                let at = pending.map(|(at, ..)| *at);
                self.bursts.retain(|burst| !of_kind(burst));
                for (every, _) in share.periodic().filter(|(_, burst)| *burst == kind) {
                    let latest = now + every;
                    let at = at.map_or(latest, |at| at.min(latest));
                    self.bursts.push((at, share.vr, kind));
                }
            }
        }
    }

    /// A losing advert was heard: neighbours may have believed its sender. One
    /// burst at once, one round when its sender has given up, and one burst after the
    /// delay; until then further ones add nothing, but for the `first` after a silence.
    pub(super) fn lower_priority(
        &mut self,
        share: &Share,
        first: bool,
        paces: &mut Paces,
        now: Instant,
    ) -> Vec<Announcement> {
        let pending =
            |burst: &(Instant, VrId, Burst)| burst.1 == share.vr && burst.2 == Burst::LowerPriority;
        let known = self.bursts.iter().any(pending) && !first;
        if share.garp.lower_prio_repeat == 0 || known {
            return Vec::new();
        }
        self.bursts.retain(|burst| !pending(burst));
        self.bursts
            .push((now + LOSER_LEAVES, share.vr, Burst::LoserGone));
        let again = share.garp.lower_prio_delay.max(Duration::from_secs(1));
        self.bursts
            .push((now + again, share.vr, Burst::LowerPriority));
        self.start(share, share.garp.lower_prio_repeat, paces, now)
    }

    /// All addresses once more, at once: another host claimed one of them.
    pub(super) fn again(
        &mut self,
        share: &Share,
        paces: &mut Paces,
        now: Instant,
    ) -> Vec<Announcement> {
        self.start(share, 1, paces, now)
    }

    /// What is due. `shares` are those of the group as it is now.
    pub(super) fn due(
        &mut self,
        shares: &[Share],
        paces: &mut Paces,
        now: Instant,
    ) -> Vec<Announcement> {
        let mut due = self.released(paces, now);
        let (ready, later): (Vec<_>, Vec<_>) = core::mem::take(&mut self.bursts)
            .into_iter()
            .partition(|(at, ..)| *at <= now);
        self.bursts = later;
        for (at, vr, burst) in ready {
            let Some(share) = shares.iter().find(|share| share.vr == vr) else {
                continue;
            };
            let repeat = match burst {
                Burst::Second => share.garp.repeat,
                Burst::LowerPriority if share.garp.lower_prio_delay.is_zero() => 0,
                Burst::LowerPriority => share.garp.lower_prio_repeat,
                Burst::LoserGone => 1,
                Burst::Refresh | Burst::Extra => {
                    let every = share.periodic().find(|(_, kind)| *kind == burst);
                    let Some((every, _)) = every else {
                        // Turned off since.
                        continue;
                    };
                    let next = at + every;
                    let next = if next > now { next } else { now + every };
                    self.bursts.push((next, vr, burst));
                    if burst == Burst::Extra {
                        due.extend(share.extra.iter().cloned());
                        continue;
                    }
                    share.garp.refresh_repeat
                }
            };
            due.extend(self.start(share, repeat, paces, now));
        }
        due
    }

    pub(super) fn next(&self, paces: &Paces) -> Option<Instant> {
        let burst = self.bursts.iter().map(|(at, ..)| *at).min();
        let lanes = self.paced.iter();
        let paced = lanes
            .filter_map(|(lane, queue)| paces.free_at(lane, queue.pace))
            .min();
        [burst, paced].into_iter().flatten().min()
    }

    pub(super) fn clear(&mut self) {
        self.bursts.clear();
        self.paced.clear();
    }

    fn start(
        &mut self,
        share: &Share,
        repeat: u32,
        paces: &mut Paces,
        now: Instant,
    ) -> Vec<Announcement> {
        if share.pace().is_zero() {
            return share.rounds(repeat).cloned().collect();
        }
        self.hold(share, share.rounds(repeat));
        self.released(paces, now)
    }

    fn hold<'a>(&mut self, share: &Share, more: impl Iterator<Item = &'a Announcement>) {
        let mut more = more.cloned().peekable();
        if more.peek().is_none() {
            return;
        }
        let queue = self.paced.entry(share.lane()).or_insert_with(|| Queue {
            pace: share.pace(),
            waiting: VecDeque::new(),
        });
        queue.pace = share.pace();
        queue.waiting.extend(more);
    }

    /// What may leave now, which then has.
    fn released(&mut self, paces: &mut Paces, now: Instant) -> Vec<Announcement> {
        let mut released = Vec::new();
        for (lane, queue) in &mut self.paced {
            while paces.is_free(lane, queue.pace, now)
                && let Some(next) = queue.waiting.pop_front()
            {
                paces.left(lane, now);
                released.push(next);
            }
        }
        self.paced.retain(|_, queue| !queue.waiting.is_empty());
        released
    }
}
