//! An owner that only speaks: adverts as no installed daemon sends them.
//!
//! keepalived before 2.3 and FRR cannot leave out the pseudo-header that RFC
//! 9568 §5.2.8 does not want over IPv4; this can.

use std::{
    net::Ipv4Addr,
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use vrrp_common::{
    maps::FAMILY_V4,
    wire::{ADVERT_TTL, GROUP_V4, IPPROTO_VRRP, virtual_mac},
};

use crate::{
    frame::sum,
    net::{INTERFACE, Node},
    probe::send_frame,
};

/// Advertises from a node until dropped, and then says nothing more.
pub struct Speaker {
    stop: Arc<AtomicBool>,
    sender: Option<JoinHandle<()>>,
}

impl Speaker {
    /// Sends a version 3 advert for one IPv4 address every `interval`, its
    /// checksum over the message alone.
    #[must_use]
    pub fn start(node: &Node, vrid: u8, priority: u8, interval: Duration, vip: Ipv4Addr) -> Self {
        Self::as_if_from(node.v4, node, vrid, priority, interval, vip)
    }

    /// The same under another address than the node's.
    #[must_use]
    pub fn as_if_from(
        source: Ipv4Addr,
        node: &Node,
        vrid: u8,
        priority: u8,
        interval: Duration,
        vip: Ipv4Addr,
    ) -> Self {
        let frame = advert(source, vrid, priority, interval, vip);
        let (sender, ifindex) = raw_socket(node);
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                let mut next = Instant::now();
                while !stop.load(Ordering::Relaxed) {
                    send_frame(&sender, ifindex, &frame).expect("a frame on a link that is up");
                    next += interval;
                    thread::sleep(next.saturating_duration_since(Instant::now()));
                }
            }
        });
        Self {
            stop,
            sender: Some(thread),
        }
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(sender) = self.sender.take() {
            let _ = sender.join();
        }
    }
}

/// Sends one advert from each of `sources`, as fast as it can.
pub fn crowd(
    sources: impl Iterator<Item = Ipv4Addr>,
    node: &Node,
    vrid: u8,
    priority: u8,
    interval: Duration,
    vip: Ipv4Addr,
) {
    let (sender, ifindex) = raw_socket(node);
    for source in sources {
        let frame = advert(source, vrid, priority, interval, vip);
        send_frame(&sender, ifindex, &frame).expect("a frame on a link that is up");
    }
}

/// A socket for [`send_frame`] on a node's interface, and the interface's index.
///
/// # Panics
/// Without root.
#[must_use]
pub fn raw_socket(node: &Node) -> (OwnedFd, u32) {
    node.ns.run(|| {
        let sender = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            None,
        );
        let ifindex = nix::net::if_::if_nametoindex(INTERFACE).expect("the node's interface");
        (sender.expect("a raw socket; are you root?"), ifindex)
    })
}

/// A version 3 advert for one IPv4 address, from the virtual hardware address; its
/// checksum is over the message alone.
#[must_use]
pub fn advert(
    source: Ipv4Addr,
    vrid: u8,
    priority: u8,
    interval: Duration,
    vip: Ipv4Addr,
) -> Vec<u8> {
    let interval_cs = u16::try_from(interval.as_millis() / 10).expect("at most 40.95 s");
    let mut message = vec![0x31, vrid, priority, 1];
    message.extend(interval_cs.to_be_bytes());
    message.extend([0, 0]);
    message.extend(vip.octets());
    let check = !sum(&message);
    message[6..8].copy_from_slice(&check.to_be_bytes());

    let length = u8::try_from(20 + message.len()).expect("32 octets");
    let mut header = vec![
        0x45,
        0xc0,
        0,
        length,
        0,
        0,
        0,
        0,
        ADVERT_TTL,
        IPPROTO_VRRP,
        0,
        0,
    ];
    header.extend(source.octets());
    header.extend(GROUP_V4);
    let check = !sum(&header);
    header[10..12].copy_from_slice(&check.to_be_bytes());

    let mut frame = vec![1, 0, 0x5e, 0, 0, 18];
    frame.extend(virtual_mac(FAMILY_V4, vrid));
    frame.extend([8, 0]);
    frame.extend(header);
    frame.extend(message);
    frame
}

#[cfg(test)]
mod tests {
    use super::advert;
    use crate::frame::{Checksum, Frame};
    use std::{net::Ipv4Addr, time::Duration};

    #[test]
    fn speaks_what_a_bystander_reads() {
        let vip = Ipv4Addr::new(10, 77, 0, 50);
        let source = Ipv4Addr::new(10, 77, 0, 1);
        let bytes = advert(source, 51, 200, Duration::from_millis(100), vip);
        let frame = Frame::parse(&bytes).expect("a frame");
        let advert = frame.advert().expect("an advert");
        assert_eq!(
            (advert.version, advert.vrid, advert.priority, advert.ttl),
            (3, 51, 200, 255)
        );
        assert_eq!(advert.interval, Duration::from_millis(100));
        assert_eq!(advert.addresses, [vip]);
        assert_eq!(advert.checksum, Checksum::Plain);
        assert_eq!(frame.from, [0, 0, 0x5e, 0, 1, 51]);
    }
}
