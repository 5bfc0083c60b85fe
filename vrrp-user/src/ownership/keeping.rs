//! One member's adverts: the schedule that never drifts, the change-over between
//! intervals, and what has been sent.

use super::{
    command::Member,
    lease::{History, Sent, entitled_until},
};
use crate::time::Instant;
use core::time::Duration;

/// One member's adverts.
#[derive(Clone, Debug)]
pub(super) struct Keeping<F> {
    pub(super) form: Member<F>,
    pub(super) history: History,
    /// Absolute schedule; never drifts.
    pub(super) next: Instant,
    /// A due advert had no permission: look again then.
    retry_at: Option<Instant>,
    /// V2: this many adverts still leave at this shorter spacing.
    slow_start: Option<(Duration, u8)>,
    /// An advert out of turn is wanted.
    pub(super) extra_at: Option<Instant>,
    /// No other before then.
    pub(super) extra_after: Instant,
    /// The advert that was taken last was out of turn.
    out_of_turn: bool,
    /// An advert with a shorter interval that may have left or not, and how many
    /// must leave until every peer has accepted a later one.
    doubtful: Option<(Sent, u8)>,
    /// Adverts in an updated form until every peer has accepted one.
    unconfirmed: Option<u8>,
    /// V2: what the burst counts with, when the previous owner's interval was shorter.
    burst_interval: Duration,
}

/// V2: a longer interval than the previous owner's is sent N times at the old
/// spacing; a peer may have heard it after our burst.
fn slow_start(
    previous_interval: Duration,
    interval: Duration,
    lease_adverts: u8,
) -> Option<(Duration, u8)> {
    let is_longer = previous_interval < interval && !previous_interval.is_zero();
    is_longer.then_some((previous_interval, lease_adverts))
}

impl<F> Keeping<F> {
    pub(super) fn new(
        form: Member<F>,
        loss_tolerance: u8,
        lease_adverts: u8,
        previous_interval: Duration,
        now: Instant,
    ) -> Self {
        let slow_start = slow_start(previous_interval, form.interval, lease_adverts);
        Self {
            burst_interval: slow_start.map_or(form.interval, |(spacing, _)| spacing),
            history: History::new(loss_tolerance),
            next: now,
            retry_at: None,
            slow_start,
            extra_at: None,
            extra_after: now,
            out_of_turn: false,
            doubtful: None,
            unconfirmed: None,
            form,
        }
    }

    /// Another burst is to come, and nothing that was sent before it counts.
    pub(super) fn begin_again(
        &mut self,
        previous_interval: Duration,
        lease_adverts: u8,
        now: Instant,
    ) {
        let previous = self
            .slow_start
            .map_or(previous_interval, |(spacing, _)| spacing);
        self.slow_start = slow_start(previous, self.form.interval, lease_adverts);
        self.burst_interval = self.spacing();
        self.history.clear();
        self.next = now;
        self.retry_at = None;
        self.extra_at = None;
    }

    /// Between adverts, for now.
    pub(super) fn spacing(&self) -> Duration {
        self.slow_start
            .map_or(self.form.interval, |(spacing, _)| spacing)
    }

    /// When the next advert is wanted.
    pub(super) fn due(&self) -> Instant {
        let regular = self.retry_at.unwrap_or(self.next);
        self.extra_at.map_or(regular, |extra| extra.min(regular))
    }

    /// Takes the advert that is due, if it may be sent.
    pub(super) fn take_due(&mut self, now: Instant, may_send: bool) -> bool {
        if self.due() > now {
            return false;
        }
        let spacing = self.spacing().max(Duration::from_micros(1));
        self.extra_at = None;
        if !may_send {
            self.retry_at = Some(now + spacing / 8);
            return false;
        }
        self.retry_at = None;
        self.out_of_turn = self.next > now;
        if self.next <= now {
            // Late adverts are skipped, not sent in a burst.
            let missed = now.since(self.next).as_nanos() / spacing.as_nanos();
            self.next = self.next + spacing * u32::try_from(missed + 1).unwrap_or(u32::MAX);
            self.slow_start = match self.slow_start {
                Some((spacing, left)) if left > 1 => Some((spacing, left - 1)),
                _ => None,
            };
        }
        true
    }

    /// `true`: the updated form is known to every peer.
    pub(super) fn sent(&mut self, at: Instant, bursting: bool) -> bool {
        // V2: so soon after the burst, the previous owner's last may come later.
        let interval = if bursting {
            self.burst_interval
        } else if self.out_of_turn {
            self.spacing()
        } else {
            self.form.interval
        };
        self.doubtful = match self.doubtful {
            Some((sent, left)) if left > 1 => Some((sent, left - 1)),
            _ => None,
        };
        self.history.push(Sent {
            at,
            interval: interval.min(self.form.interval),
        });
        match self.unconfirmed {
            Some(left) if left > 1 => {
                self.unconfirmed = Some(left - 1);
                false
            }
            left => {
                self.unconfirmed = None;
                left.is_some()
            }
        }
    }

    /// One is not known to have left. It extends nothing; but who has heard it may
    /// count a shorter interval from it (V2).
    pub(super) fn may_have_sent(&mut self, at: Instant, loss_tolerance: u8) {
        let interval = self.form.interval;
        if self.shortens() && self.doubtful.is_none() {
            self.doubtful = Some((Sent { at, interval }, loss_tolerance + 1));
        }
    }

    /// Until when its adverts entitle.
    pub(super) fn lease_end(&self, lease_adverts: u8) -> Option<Instant> {
        let end = self.history.lease_end(lease_adverts)?;
        let doubtful = self
            .doubtful
            .map(|(sent, _)| entitled_until(sent, lease_adverts));
        Some(doubtful.map_or(end, |doubtful| doubtful.min(end)))
    }

    /// Its next advert is the first to say a shorter interval, or may be: what a
    /// predecessor said last is not known.
    pub(super) fn shortens(&self) -> bool {
        self.history
            .last()
            .is_none_or(|last| last.interval > self.form.interval)
    }

    /// Another form of the advert (V2).
    pub(super) fn update(&mut self, form: Member<F>, loss_tolerance: u8, lease_adverts: u8) {
        let (old, new) = (self.spacing(), form.interval);
        if new > old {
            self.slow_start = Some((old, lease_adverts));
        } else {
            self.slow_start = None;
            if let Some(last) = self.history.last() {
                self.next = self.next.min(last.at + new);
            }
        }
        self.unconfirmed = Some(loss_tolerance + 1);
        self.form = form;
    }
}
