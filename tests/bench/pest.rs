//! Whoever sends what nobody asked for: from the client's port, to the group, so
//! that both routers hear it.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use vrrp_common::wire::{ADVERT_TTL, GROUP_V4, IPPROTO_VRRP};
use xvrrp_tests::{
    frame::{Mac, sum},
    net::Lab,
    probe::send_frame,
    speaker::{advert, raw_socket},
    trial::Profile,
};

/// Where its frames say they come from.
pub(crate) const MAC: Mac = [2, 0, 0, 0, 0x66, 0x66];
/// A host of the network that runs no VRRP.
const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 99);
const VRID: u8 = 51;
/// Better than the backup, worse than the owner: of the bad ones.
const MIDDLE: u8 = 150;
/// Worse than both: of the valid ones.
const LOWEST: u8 = 50;
const ETHERNET: usize = 14;
const IPV4: usize = 20;

/// What is wrong with what it sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    BadChecksum,
    /// Another password; version 2 has them.
    BadAuth,
    WrongVrid,
    /// Four octets where a message should be.
    Junk,
    /// Nothing, but for a priority lower than anybody's.
    Lower,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BadChecksum => "bad checksum",
            Self::BadAuth => "bad auth",
            Self::WrongVrid => "wrong VRID",
            Self::Junk => "junk",
            Self::Lower => "lower priority",
        }
    }

    /// As a whole frame.
    fn frame(self, profile: Profile) -> Vec<u8> {
        let IpAddr::V4(vip) = profile.vip() else {
            unreachable!("floods are sent over IPv4")
        };
        let interval = profile.interval();
        let mut frame = match self {
            Self::BadChecksum => {
                let mut frame = advert(SOURCE, VRID, MIDDLE, interval, vip);
                frame[ETHERNET + IPV4 + 6] ^= 0xff;
                frame
            }
            Self::WrongVrid => advert(SOURCE, VRID + 1, MIDDLE, interval, vip),
            Self::Lower => advert(SOURCE, VRID, LOWEST, interval, vip),
            Self::Junk => packet(&[0x31, VRID, MIDDLE, 1]),
            Self::BadAuth => {
                let seconds = u8::try_from(interval.as_secs()).unwrap_or(1);
                // RFC 2338 §5.3: version and type, VRID, priority, addresses,
                // password, interval, checksum.
                let mut message = vec![0x21, VRID, MIDDLE, 1, 1, seconds, 0, 0];
                message.extend(vip.octets());
                message.extend(b"wrong\0\0\0");
                let check = !sum(&message);
                message[6..8].copy_from_slice(&check.to_be_bytes());
                packet(&message)
            }
        };
        frame[6..12].copy_from_slice(&MAC);
        frame
    }
}

/// A message of protocol 112 to the group.
fn packet(message: &[u8]) -> Vec<u8> {
    let [.., b, c, d] = GROUP_V4;
    let mut frame = vec![1, 0, 0x5e, b & 0x7f, c, d];
    frame.extend(MAC);
    frame.extend([8, 0]);
    let length = u16::try_from(IPV4 + message.len()).expect("short");
    let mut header = vec![0x45, 0xc0];
    header.extend(length.to_be_bytes());
    header.extend([0, 0, 0, 0, ADVERT_TTL, IPPROTO_VRRP, 0, 0]);
    header.extend(SOURCE.octets());
    header.extend(GROUP_V4);
    let check = !sum(&header);
    header[10..12].copy_from_slice(&check.to_be_bytes());
    frame.extend(header);
    frame.extend(message);
    frame
}

/// Sends until dropped.
pub(crate) struct Pest {
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    sender: Option<JoinHandle<()>>,
}

impl Pest {
    /// `per_s` frames a second, or as many as the socket takes.
    pub(crate) fn start(lab: &Lab, kind: Kind, profile: Profile, per_s: Option<u32>) -> Self {
        let frame = kind.frame(profile);
        let (socket, ifindex) = raw_socket(lab.client());
        let (sent, stop) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let sender = thread::spawn({
            let (sent, stop) = (Arc::clone(&sent), Arc::clone(&stop));
            move || {
                let mut next = Instant::now();
                while !stop.load(Ordering::Relaxed) {
                    if send_frame(&socket, ifindex, &frame).is_ok() {
                        sent.fetch_add(1, Ordering::Relaxed);
                    }
                    if let Some(per_s) = per_s {
                        next += Duration::from_secs(1) / per_s;
                        thread::sleep(next.saturating_duration_since(Instant::now()));
                    }
                }
            }
        });
        Self {
            sent,
            stop,
            sender: Some(sender),
        }
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Pest {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(sender) = self.sender.take() {
            let _ = sender.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, MAC};
    use xvrrp_tests::{
        frame::{Checksum, Frame},
        trial::Profile,
    };

    #[test]
    fn each_is_wrong_in_one_way() {
        let read = |kind: Kind, profile| {
            let frame = Frame::parse(&kind.frame(profile)).expect("a frame");
            assert_eq!(frame.from, MAC);
            assert_eq!(frame.to, [1, 0, 0x5e, 0, 0, 18]);
            frame.advert().cloned()
        };
        let v3 = |kind| read(kind, Profile::V3At100ms);
        let bad = v3(Kind::BadChecksum).expect("an advert");
        assert_eq!((bad.checksum, bad.vrid), (Checksum::Wrong, 51));
        let other = v3(Kind::WrongVrid).expect("an advert");
        assert_eq!((other.checksum, other.vrid), (Checksum::Plain, 52));
        let lower = v3(Kind::Lower).expect("an advert");
        assert_eq!((lower.checksum, lower.priority), (Checksum::Plain, 50));
        assert_eq!(v3(Kind::Junk), None);
        let auth = read(Kind::BadAuth, Profile::V2Pass1s).expect("an advert");
        assert_eq!((auth.checksum, auth.version), (Checksum::Plain, 2));
        assert_eq!(auth.password, Some(*b"wrong\0\0\0"));
    }
}
