//! The sockets adverts and announcements leave by. They receive nothing.

use super::frames::{Frame, Way};
use crate::{shell::clock, time::Instant};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io, mem,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::AsRawFd,
    ptr,
};

/// Frames handed to the kernel by one system call.
pub(super) const BATCH: usize = 64;

/// `TC_PRIO_INTERACTIVE`: the first band of the default queueing disciplines, and
/// the highest that needs no privilege.
const PRIORITY: i32 = 6;

/// What became of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Just before the system call that took it.
    pub(super) at: Instant,
    /// `errno`. ENOBUFS also means dropped on egress: by a full queue, or by the
    /// program that guards the gate.
    pub(super) result: Result<(), i32>,
}

/// The sockets, open for as long as the thread runs. An interface needs no socket
/// of its own, so one that appears after privileges were dropped is served too.
pub(super) struct Sockets {
    /// Not bypassing queueing disciplines: the egress program hangs there.
    link: Socket,
    /// `None` where the kernel has no such family.
    ipv4: Option<Socket>,
    ipv6: Option<Socket>,
    batch: Batch,
}

impl Sockets {
    /// Opens them. Needs `CAP_NET_RAW`.
    pub(super) fn open() -> io::Result<Self> {
        // Protocol 0 receives nothing.
        let link = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        prepare(&link)?;
        let ipv4 = if_supported(routed(Domain::IPV4))?;
        if let Some(socket) = &ipv4 {
            setsockopt(socket, sockopt::Ipv4RecvErr, &true)?;
        }
        let ipv6 = if_supported(routed(Domain::IPV6))?;
        if let Some(socket) = &ipv6 {
            setsockopt(socket, sockopt::Ipv6RecvErr, &true)?;
        }
        Ok(Self {
            link,
            ipv4,
            ipv6,
            batch: Batch::new(),
        })
    }

    /// Sends in order, never blocking; adds one outcome for each frame.
    pub(super) fn send(&mut self, mut frames: &[Frame], outcomes: &mut Vec<Outcome>) {
        while let Some(first) = frames.first() {
            let kind = Kind::of(first);
            let run = frames
                .iter()
                .take(BATCH)
                .take_while(|frame| Kind::of(frame) == kind)
                .count();
            let (batch, rest) = frames.split_at(run);
            let socket = match kind {
                Kind::Link => Some(&self.link),
                Kind::Ipv4 => self.ipv4.as_ref(),
                Kind::Ipv6 => self.ipv6.as_ref(),
            };
            match socket {
                Some(socket) => self.batch.send(socket, batch, outcomes),
                None => outcomes.extend(batch.iter().map(|_| Outcome {
                    at: clock::now(),
                    result: Err(libc::EAFNOSUPPORT),
                })),
            }
            frames = rest;
        }
    }

    /// The memory that every send touches.
    pub(super) fn buffers(&self) -> (*const libc::c_void, usize) {
        let room = &*self.batch.0;
        (ptr::from_ref(room).cast(), size_of_val(room))
    }
}

/// A socket that takes whole IP packets. `IPPROTO_RAW` receives nothing, and the
/// ICMP errors of one peer's adverts do not fail another's: they match no socket
/// of this protocol.
fn routed(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(libc::IPPROTO_RAW)))?;
    prepare(&socket)?;
    Ok(socket)
}

fn prepare(socket: &Socket) -> io::Result<()> {
    setsockopt(socket, sockopt::Priority, &PRIORITY)?;
    Ok(())
}

fn if_supported(opened: io::Result<Socket>) -> io::Result<Option<Socket>> {
    match opened {
        Ok(socket) => Ok(Some(socket)),
        Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Which socket takes it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Link,
    Ipv4,
    Ipv6,
}

impl Kind {
    const fn of(frame: &Frame) -> Self {
        match frame.way {
            Way::Link { .. } => Self::Link,
            Way::Routed {
                destination: IpAddr::V4(_),
                ..
            } => Self::Ipv4,
            Way::Routed {
                destination: IpAddr::V6(_),
                ..
            } => Self::Ipv6,
        }
    }
}

/// Room for one `sendmmsg`, made once.
struct Batch(Box<Room>);

struct Room {
    headers: [libc::mmsghdr; BATCH],
    slots: [Slot; BATCH],
}

/// What one header points at: one frame's addresses and ancillary data.
struct Slot {
    bytes: libc::iovec,
    name: Name,
    info: Info,
}

#[repr(C)]
union Name {
    link: libc::sockaddr_ll,
    ipv4: libc::sockaddr_in,
    ipv6: libc::sockaddr_in6,
}

#[repr(C)]
union Info {
    ipv4: Control<libc::in_pktinfo>,
    ipv6: Control<libc::in6_pktinfo>,
}

/// One ancillary message. C's layout puts the value where `CMSG_DATA` looks for it.
#[repr(C)]
#[derive(Clone, Copy)]
struct Control<T> {
    header: libc::cmsghdr,
    value: T,
}

impl<T> Control<T> {
    fn new(level: i32, kind: i32, value: T) -> Self {
        // SAFETY: `cmsghdr` is integers.
        let mut header: libc::cmsghdr = unsafe { mem::zeroed() };
        header.cmsg_len = (mem::offset_of!(Self, value) + size_of::<T>()) as _;
        header.cmsg_level = level;
        header.cmsg_type = kind;
        Self { header, value }
    }
}

// SAFETY: the pointers in it are set anew from borrowed data before each use.
unsafe impl Send for Batch {}

impl Batch {
    fn new() -> Self {
        // SAFETY: integers and raw pointers; zero and null are values of theirs.
        Self(unsafe { Box::new(mem::zeroed()) })
    }

    /// At most [`BATCH`] frames, all for this socket.
    fn send(&mut self, socket: &Socket, frames: &[Frame], outcomes: &mut Vec<Outcome>) {
        let Room { headers, slots } = &mut *self.0;
        for ((slot, header), frame) in slots.iter_mut().zip(headers.iter_mut()).zip(frames) {
            slot.fill(&mut header.msg_hdr, frame);
        }
        let mut next = 0;
        while next < frames.len() {
            let left = &mut headers[next..frames.len()];
            let at = clock::now();
            // SAFETY: each header points into its slot and its frame, both of which
            // outlive the call and are not moved while it lasts.
            let sent = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    left.as_mut_ptr(),
                    left.len().try_into().unwrap_or(u32::MAX),
                    libc::MSG_DONTWAIT,
                )
            };
            // The kernel stops at the first that fails, and says why only when
            // that is the first of a call.
            let result = if sent > 0 { Ok(()) } else { Err(errno()) };
            let done = usize::try_from(sent).unwrap_or(0).max(1);
            outcomes.extend((0..done).map(|_| Outcome { at, result }));
            next += done;
        }
    }
}

impl Slot {
    /// Points the header at the frame, its destination, and how it is to leave.
    fn fill(&mut self, header: &mut libc::msghdr, frame: &Frame) {
        self.bytes = libc::iovec {
            iov_base: frame.bytes.as_ptr().cast_mut().cast(),
            iov_len: frame.bytes.len(),
        };
        header.msg_iov = &raw mut self.bytes;
        header.msg_iovlen = 1;
        header.msg_name = (&raw mut self.name).cast();
        header.msg_control = (&raw mut self.info).cast();
        match frame.way {
            Way::Link { ifindex } => {
                self.name.link = link_name(ifindex, &frame.bytes);
                header.msg_namelen = len_of::<libc::sockaddr_ll>();
                header.msg_control = ptr::null_mut();
                header.msg_controllen = 0;
            }
            Way::Routed {
                ifindex,
                source,
                destination: IpAddr::V4(destination),
            } => {
                self.name.ipv4 = ipv4_name(destination);
                header.msg_namelen = len_of::<libc::sockaddr_in>();
                self.info.ipv4 = ipv4_info(ifindex, source);
                header.msg_controllen = size_of::<Control<libc::in_pktinfo>>() as _;
            }
            Way::Routed {
                ifindex,
                source,
                destination: IpAddr::V6(destination),
            } => {
                self.name.ipv6 = ipv6_name(ifindex, destination);
                header.msg_namelen = len_of::<libc::sockaddr_in6>();
                self.info.ipv6 = ipv6_info(ifindex, source);
                header.msg_controllen = size_of::<Control<libc::in6_pktinfo>>() as _;
            }
        }
    }
}

fn link_name(ifindex: u32, frame: &[u8]) -> libc::sockaddr_ll {
    // SAFETY: integers.
    let mut name: libc::sockaddr_ll = unsafe { mem::zeroed() };
    name.sll_family = family(libc::AF_PACKET);
    name.sll_ifindex = ifindex.cast_signed();
    name.sll_halen = 6;
    name.sll_addr[..6].copy_from_slice(&frame[..6]);
    // Network order, as it stands in the frame.
    name.sll_protocol = u16::from_ne_bytes([frame[12], frame[13]]);
    name
}

fn ipv4_name(destination: Ipv4Addr) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: family(libc::AF_INET),
        sin_port: 0,
        sin_addr: in_addr(destination),
        sin_zero: [0; 8],
    }
}

fn ipv6_name(ifindex: u32, destination: Ipv6Addr) -> libc::sockaddr_in6 {
    libc::sockaddr_in6 {
        sin6_family: family(libc::AF_INET6),
        sin6_port: 0,
        sin6_flowinfo: 0,
        sin6_addr: libc::in6_addr {
            s6_addr: destination.octets(),
        },
        // Only a link-local address has a scope.
        sin6_scope_id: if destination.is_unicast_link_local() {
            ifindex
        } else {
            0
        },
    }
}

fn ipv4_info(ifindex: u32, source: IpAddr) -> Control<libc::in_pktinfo> {
    let source = if let IpAddr::V4(source) = source {
        source
    } else {
        Ipv4Addr::UNSPECIFIED
    };
    let value = libc::in_pktinfo {
        ipi_ifindex: ifindex.cast_signed(),
        ipi_spec_dst: in_addr(source),
        ipi_addr: in_addr(Ipv4Addr::UNSPECIFIED),
    };
    Control::new(libc::IPPROTO_IP, libc::IP_PKTINFO, value)
}

fn ipv6_info(ifindex: u32, source: IpAddr) -> Control<libc::in6_pktinfo> {
    let source = if let IpAddr::V6(source) = source {
        source
    } else {
        Ipv6Addr::UNSPECIFIED
    };
    let value = libc::in6_pktinfo {
        ipi6_addr: libc::in6_addr {
            s6_addr: source.octets(),
        },
        ipi6_ifindex: ifindex as _,
    };
    Control::new(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, value)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Families are small positive numbers.
const fn family(family: i32) -> libc::sa_family_t {
    family as libc::sa_family_t
}

fn in_addr(address: Ipv4Addr) -> libc::in_addr {
    libc::in_addr {
        s_addr: u32::from_ne_bytes(address.octets()),
    }
}

#[allow(clippy::cast_possible_truncation)] // Socket addresses are tens of octets.
const fn len_of<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}

fn errno() -> i32 {
    io::Error::last_os_error()
        .raw_os_error()
        .unwrap_or(libc::EIO)
}
