//! The client asks: who has this address, and does it answer?

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::{AsRawFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::{
    sys::{
        socket::{
            AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, sendto,
            socket,
        },
        time::TimeSpec,
    },
    time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep},
};

use crate::{
    capture::{Stamp, Tap},
    frame::{Mac, sum},
    net::{INTERFACE, Lab},
    question::{self, Question},
};

/// Askers an ARP or ND probe pretends to be, in turn, so that each answer names
/// its question. Few: routers keep a neighbour entry for each.
const ASKERS: u32 = 64;

const BROADCAST: Mac = [0xff; 6];

/// How a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ARP requests or neighbour solicitations: who has it?
    Resolve,
    /// Echo requests as any program sends them, through the client's stack and
    /// its neighbour cache.
    Echo,
    /// Echo requests straight to each router's own hardware address in turn: does
    /// that one still take traffic for it?
    EchoEach,
}

/// A probe that runs until dropped.
pub struct Probe {
    kind: Kind,
    vip: IpAddr,
    client: usize,
    number: u32,
    stop: Arc<AtomicBool>,
    sender: Option<JoinHandle<()>>,
}

impl Probe {
    /// Asks from the lab's client about `vip`, once every `period`.
    #[must_use]
    pub fn start(lab: &Lab, kind: Kind, vip: IpAddr, period: Duration) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let client = lab.client();
        let mut questions = Questions {
            kind,
            vip,
            number,
            client_mac: client.mac,
            client: client.address_like(vip),
            routers: lab.nodes[..lab.routers()]
                .iter()
                .map(|node| node.mac)
                .collect(),
        };
        let (socket, ifindex) = client
            .ns
            .run(|| {
                Ok::<_, nix::Error>((
                    questions.socket()?,
                    nix::net::if_::if_nametoindex(INTERFACE)?,
                ))
            })
            .expect("a raw socket; are you root?");
        let stop = Arc::new(AtomicBool::new(false));
        let sender = thread::spawn({
            let stop = Arc::clone(&stop);
            move || ask(&socket, ifindex, &mut questions, period, &stop)
        });
        let client = lab.routers();
        Self {
            kind,
            vip,
            client,
            number,
            stop,
            sender: Some(sender),
        }
    }

    /// What was asked since `since`, and who answered.
    #[must_use]
    pub fn questions(&self, tap: &Tap, since: Stamp) -> Vec<Question> {
        tap.with(|seen| {
            let first = seen.partition_point(|s| s.at < since);
            match self.kind {
                Kind::Resolve => question::resolved(&seen[first..], self.client, self.vip),
                Kind::Echo | Kind::EchoEach => {
                    question::echoed(&seen[first..], self.client, self.number)
                }
            }
        })
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(sender) = self.sender.take() {
            let _ = sender.join();
        }
    }
}

/// Sends on absolute times, so that lateness does not add up.
fn ask(
    socket: &OwnedFd,
    ifindex: u32,
    questions: &mut Questions,
    period: Duration,
    stop: &AtomicBool,
) {
    let clock = ClockId::CLOCK_MONOTONIC;
    let mut next = Duration::from(clock_gettime(clock).expect("a clock"));
    let mut sequence = 0;
    while !stop.load(Ordering::Relaxed) {
        // Errors are answers too: a host that cannot be resolved is unreachable.
        let _ = questions.send(socket, ifindex, sequence);
        sequence += 1;
        next += period;
        let _ = clock_nanosleep(
            clock,
            ClockNanosleepFlags::TIMER_ABSTIME,
            &TimeSpec::from(next),
        );
    }
}

struct Questions {
    kind: Kind,
    vip: IpAddr,
    number: u32,
    client_mac: Mac,
    client: IpAddr,
    routers: Vec<Mac>,
}

impl Questions {
    fn socket(&self) -> nix::Result<OwnedFd> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        match (self.kind, self.vip) {
            (Kind::Echo, IpAddr::V4(_)) => socket(
                AddressFamily::Inet,
                SockType::Raw,
                flags,
                SockProtocol::Icmp,
            ),
            (Kind::Echo, IpAddr::V6(_)) => socket(
                AddressFamily::Inet6,
                SockType::Raw,
                flags,
                SockProtocol::IcmpV6,
            ),
            // Protocol 0: it sends and never receives.
            _ => socket(AddressFamily::Packet, SockType::Raw, flags, None),
        }
    }

    fn send(&self, socket: &OwnedFd, ifindex: u32, sequence: u32) -> io::Result<()> {
        let tag = u64::from(self.number) << 32 | u64::from(sequence);
        match (self.kind, self.vip) {
            (Kind::Resolve, IpAddr::V4(vip)) => {
                send_frame(socket, ifindex, &self.arp_request(vip, sequence))
            }
            (Kind::Resolve, IpAddr::V6(vip)) => {
                send_frame(socket, ifindex, &self.solicitation(vip, sequence))
            }
            (Kind::Echo, vip) => {
                let to = SockaddrStorage::from(std::net::SocketAddr::new(vip, 0));
                let message = self.echo_message(tag);
                sendto(socket.as_raw_fd(), &message, &to, MsgFlags::empty())?;
                Ok(())
            }
            (Kind::EchoEach, _) => {
                let router = self.routers[sequence as usize % self.routers.len()];
                send_frame(socket, ifindex, &self.echo_frame(router, tag))
            }
        }
    }

    /// RFC 826, from one of the pretended askers 10.77.0.128 to .191.
    fn arp_request(&self, vip: Ipv4Addr, sequence: u32) -> Vec<u8> {
        let mut frame = self.ethernet(BROADCAST, 0x0806);
        frame.extend([0, 1, 8, 0, 6, 4, 0, 1]);
        frame.extend(self.client_mac);
        frame.extend([
            10,
            77,
            0,
            128 + u8::try_from(sequence % ASKERS).unwrap_or(0),
        ]);
        frame.extend([0; 6]);
        frame.extend(vip.octets());
        frame
    }

    /// RFC 4861 §4.3, with a source link-layer address option, from one of
    /// `fd77::1:0` to `fd77::1:3f`.
    fn solicitation(&self, vip: Ipv6Addr, sequence: u32) -> Vec<u8> {
        let low = u16::try_from(sequence % ASKERS).unwrap_or(0);
        let asker = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 1, low);
        let [.., a, b, c] = vip.octets();
        let group = Ipv6Addr::new(
            0xff02,
            0,
            0,
            0,
            0,
            1,
            0xff00 | u16::from(a),
            u16::from_be_bytes([b, c]),
        );
        let mut message = vec![135, 0, 0, 0, 0, 0, 0, 0];
        message.extend(vip.octets());
        message.extend([1, 1]);
        message.extend(self.client_mac);
        let mut frame = self.ethernet([0x33, 0x33, 0xff, a, b, c], 0x86dd);
        frame.extend(ipv6_packet(asker, group, 255, message));
        frame
    }

    fn echo_frame(&self, router: Mac, tag: u64) -> Vec<u8> {
        let message = self.echo_message(tag);
        match (self.client, self.vip) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let mut frame = self.ethernet(router, 0x0800);
                let length = u16::try_from(20 + message.len()).unwrap_or(0).to_be_bytes();
                let mut header = vec![0x45, 0, length[0], length[1], 0, 0, 0x40, 0, 64, 1, 0, 0];
                header.extend(from.octets());
                header.extend(to.octets());
                let check = !sum(&header);
                header[10..12].copy_from_slice(&check.to_be_bytes());
                frame.extend(header);
                frame.extend(message);
                frame
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let mut frame = self.ethernet(router, 0x86dd);
                frame.extend(ipv6_packet(from, to, 64, message));
                frame
            }
            _ => unreachable!("the client's address is of the family asked about"),
        }
    }

    /// An echo request; over IPv6 its checksum is filled in with the header.
    fn echo_message(&self, tag: u64) -> Vec<u8> {
        let v4 = self.vip.is_ipv4();
        let mut message = vec![if v4 { 8 } else { 128 }, 0, 0, 0];
        message.extend(self.number.to_be_bytes());
        message.extend(tag.to_be_bytes());
        if v4 {
            let check = !sum(&message);
            message[2..4].copy_from_slice(&check.to_be_bytes());
        }
        message
    }

    fn ethernet(&self, to: Mac, kind: u16) -> Vec<u8> {
        let mut frame = Vec::with_capacity(96);
        frame.extend(to);
        frame.extend(self.client_mac);
        frame.extend(kind.to_be_bytes());
        frame
    }
}

/// An ICMPv6 message in its packet, checksum filled in (RFC 4443 §2.3).
fn ipv6_packet(from: Ipv6Addr, to: Ipv6Addr, hop_limit: u8, mut message: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap_or(0).to_be_bytes();
    let mut covered = Vec::new();
    covered.extend(from.octets());
    covered.extend(to.octets());
    covered.extend(length);
    covered.extend([0, 58]);
    covered.extend(&message);
    let check = !sum(&covered);
    message[2..4].copy_from_slice(&check.to_be_bytes());
    let mut packet = vec![0x60, 0, 0, 0, length[0], length[1], 58, hop_limit];
    packet.extend(from.octets());
    packet.extend(to.octets());
    packet.extend(message);
    packet
}

/// Sends a whole frame out of an interface.
pub fn send_frame(socket: &OwnedFd, ifindex: u32, frame: &[u8]) -> io::Result<()> {
    // SAFETY: sockaddr_ll is plain data; zero is a value of every field.
    let mut to: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    to.sll_family = libc::AF_PACKET as u16;
    to.sll_ifindex = i32::try_from(ifindex).unwrap_or(0);
    let length = std::mem::size_of_val(&to) as libc::socklen_t;
    // SAFETY: both pointers are to live values of the lengths given.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            frame.as_ptr().cast(),
            frame.len(),
            0,
            (&raw const to).cast(),
            length,
        )
    };
    if sent < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
