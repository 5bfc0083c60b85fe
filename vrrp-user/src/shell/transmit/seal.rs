//! Adverts with a hash are sealed at the moment they leave: the sequence number in them
//! is a new one each time, and of `auth_hmac` a time.

use super::{Frame, frames::Way};
use crate::{
    config::model::Authentication,
    packet::ethernet,
    proof::{ah, sequence, trailer},
};
use std::{
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// The last sequence number of one virtual router. The transmit thread takes the next;
/// the event loop raises it to what it hears, because AH's is common to all routers of
/// a group, and keeps a note of it for a successor.
#[derive(Clone, Debug, Default)]
pub struct Sequence(Arc<AtomicU64>);

impl Sequence {
    /// The last one used, or heard.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// None up to this one will be used again.
    pub fn raise(&self, to: u64) {
        self.0.fetch_max(to, Relaxed);
    }

    fn next(&self, authentication: &Authentication, wall: u64) -> u64 {
        let next = |last| match authentication {
            Authentication::Trailer(settings) => {
                sequence::next_in_trailer(last, wall, settings.anti_replay)
            }
            Authentication::Header(_) | Authentication::Pass(_) => {
                sequence::next_in_header(last, wall)
            }
        };
        let before = self
            .0
            .fetch_update(Relaxed, Relaxed, |last| Some(next(last)));
        next(before.unwrap_or_else(|last| last))
    }
}

/// How a frame is sealed.
#[derive(Clone, Debug)]
pub(super) struct Seal {
    pub(super) authentication: Authentication,
    /// Where the VRRP message begins in the IP packet.
    pub(super) message_at: usize,
    pub(super) sequence: Sequence,
}

// What leaves is the same but for a number.
impl PartialEq for Seal {
    fn eq(&self, other: &Self) -> bool {
        (&self.authentication, self.message_at) == (&other.authentication, other.message_at)
    }
}

impl Eq for Seal {}

impl Hash for Seal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.authentication, self.message_at).hash(state);
    }
}

/// Seals the frames of one advert, which have one sequence number, whoever they go to.
/// `wall`: see [`sequence::wall`].
pub(super) fn seal(frames: &mut [Frame], wall: impl FnOnce() -> u64) {
    let Some(first) = frames.iter().find_map(|frame| frame.seal.as_ref()) else {
        return;
    };
    let number = first.sequence.next(&first.authentication, wall());
    for frame in frames {
        let Some(seal) = &frame.seal else {
            continue;
        };
        let mut bytes: Arc<[u8]> = Arc::from(&*frame.bytes);
        let all = Arc::get_mut(&mut bytes).expect("made just now");
        let (unicast, ip_at) = match frame.way {
            Way::Link { .. } => (false, ethernet::HEADER_LEN),
            Way::Routed { .. } => (true, 0),
        };
        let packet = &mut all[ip_at..];
        match &seal.authentication {
            Authentication::Pass(_) => {}
            Authentication::Header(key) => {
                let number = u32::try_from(number).unwrap_or(u32::MAX);
                ah::seal(packet, unicast, *key, number);
            }
            Authentication::Trailer(settings) => {
                trailer::seal(packet, seal.message_at, settings, number);
            }
        }
        frame.bytes = bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::{AntiReplay, Trailer, TrailerMode};
    use std::collections::BTreeMap;

    #[test]
    fn a_count_goes_on_from_what_was_heard_and_never_back() {
        let (key, sequence) = (Authentication::Header([1; 8]), Sequence::default());
        let wall = sequence::wall(1000, 0);
        assert_eq!(sequence.next(&key, wall), 1000, "not below the time");
        assert_eq!(sequence.next(&key, wall), 1001);
        sequence.raise(5000);
        sequence.raise(7);
        assert_eq!(sequence.next(&key, wall), 5001);
        assert_eq!(sequence.last(), 5001);
        sequence.raise(u32::MAX.into());
        assert_eq!(
            sequence.next(&key, wall),
            u64::from(u32::MAX),
            "it does not wrap"
        );
        sequence.raise(wall);
        assert_eq!(sequence.next(&key, wall), 1000, "that was a trailer's");
    }

    #[test]
    fn a_time_grows_even_while_the_clock_stands() {
        let of = |anti_replay| {
            Authentication::Trailer(Trailer {
                keys: BTreeMap::new(),
                active_key: 1,
                anti_replay,
                mode: TrailerMode::Enforce,
            })
        };
        let (early, late) = (sequence::wall(1000, 0), sequence::wall(1000, 500_000_000));
        let (sequence, time) = (Sequence::default(), of(AntiReplay::Time { window_s: 5 }));
        assert_eq!(sequence.next(&time, early), early);
        assert_eq!(sequence.next(&time, early), early + 1);
        assert_eq!(sequence.next(&time, late), late);
        // Set back by less than receivers allow, it waits; by more, it starts anew.
        assert_eq!(sequence.next(&time, sequence::wall(996, 0)), late + 1);
        let back = sequence::wall(900, 0);
        assert_eq!(sequence.next(&time, back), back);
        let monotonic = of(AntiReplay::Monotonic);
        assert_eq!(sequence.next(&monotonic, sequence::wall(1, 0)), back + 1);
    }
}
