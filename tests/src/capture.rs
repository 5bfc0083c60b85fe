//! Everything that crosses the bridge, in order, with the kernel's time stamps.

use std::{
    fs::File,
    io::{self, IoSliceMut},
    os::fd::{AsRawFd, OwnedFd},
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
    recvmsg, setsockopt, socket, sockopt,
};
use pcap_file::pcap::{PcapPacket, PcapWriter};

use crate::{
    frame::{Advert, Frame, Mac},
    net::Lab,
    place,
};

/// Frames of two CPUs may be queued in another order than stamped; by no more
/// than this many.
const REORDERED: usize = 256;

/// A moment, in nanoseconds of the wall clock: what `SO_TIMESTAMPNS` gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub u64);

impl Stamp {
    /// Now, on the same clock as captured frames.
    #[must_use]
    pub fn now() -> Self {
        let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_REALTIME).expect("a clock");
        Self(u64::try_from(Duration::from(now).as_nanos()).unwrap_or(0))
    }

    /// Time since `earlier`, zero if that lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This moment and `span` more.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

/// Which way a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The node sent it.
    From,
    /// The bridge delivered it to the node.
    To,
}

/// One frame at one port of the bridge.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When the kernel saw it.
    pub at: Stamp,
    /// Index of the node on that port.
    pub node: usize,
    /// Which way it went.
    pub way: Way,
    /// What it was.
    pub frame: Frame,
    /// All its bytes.
    pub bytes: Box<[u8]>,
}

impl Seen {
    /// The node sent it in the name of `address`.
    #[must_use]
    pub fn speaks_for(&self, address: std::net::IpAddr) -> bool {
        self.way == Way::From && self.frame.speaks_for(&self.bytes, address)
    }

    /// An advert the node sent.
    #[must_use]
    pub fn advert_sent(&self) -> Option<&Advert> {
        if self.way == Way::From {
            self.frame.advert()
        } else {
            None
        }
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    more: Condvar,
    stop: AtomicBool,
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    /// Up to when everything captured is in `seen`.
    complete: Stamp,
}

/// A capture on all ports of a lab's bridge. What it saw is written to a pcap
/// file if the test fails.
pub struct Tap {
    socket: Arc<OwnedFd>,
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
}

impl Tap {
    /// Starts capturing.
    #[must_use]
    pub fn new(lab: &Lab) -> Self {
        Self::blind_to(lab, None)
    }

    /// Starts capturing all but the frames with this hardware address as source: a
    /// flood that would fill the memory.
    #[must_use]
    pub fn blind_to(lab: &Lab, source: Option<Mac>) -> Self {
        let socket = lab
            .bridge
            .run(|| open(source))
            .expect("an AF_PACKET socket; are you root?");
        let socket = Arc::new(socket);
        let ports: Vec<u32> = lab.nodes.iter().map(|node| node.port_index).collect();
        let shared = Arc::new(Shared::default());
        let reader = thread::spawn({
            let (socket, shared) = (Arc::clone(&socket), Arc::clone(&shared));
            move || read(&socket, &ports, &shared)
        });
        Self {
            socket,
            shared,
            reader: Some(reader),
        }
    }

    /// Frames the kernel had no room for since the last time this was asked. If
    /// there are any, nothing can be said of what is missing.
    #[must_use]
    pub fn lost(&self) -> u32 {
        // struct tpacket_stats of linux/if_packet.h: frames, and those dropped.
        let mut counts = [0_u32; 2];
        let mut length = libc::socklen_t::try_from(size_of_val(&counts)).expect("eight");
        // SAFETY: the option writes at most `length` bytes, which is the size of `counts`.
        let done = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                counts.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        assert_eq!(done, 0, "PACKET_STATISTICS");
        counts[1]
    }

    /// All frames so far, complete up to the moment of the call.
    pub fn with<T>(&self, look: impl FnOnce(&[Seen]) -> T) -> T {
        let now = Stamp::now();
        let mut state = self.lock();
        while state.complete < now {
            state = self
                .shared
                .more
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        look(&state.seen)
    }

    /// Waits for the first frame since `since` for which `pick` gives something.
    #[track_caller]
    pub fn wait<T>(
        &self,
        within: Duration,
        what: &str,
        since: Stamp,
        pick: impl Fn(&Seen) -> Option<T>,
    ) -> T {
        let deadline = Stamp::now().plus(within);
        let mut state = self.lock();
        let mut looked_at = 0_usize;
        loop {
            let first = state.seen.partition_point(|seen| seen.at < since);
            // Late arrivals may have been sorted in before what was looked at.
            let from = looked_at.saturating_sub(REORDERED).max(first);
            if let Some(found) = state.seen[from..].iter().find_map(&pick) {
                return found;
            }
            looked_at = state.seen.len();
            let over = state.complete > deadline;
            assert!(!over, "not on the wire within {within:?}: {what}");
            state = self
                .shared
                .more
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The adverts each node sent since `since`: time, node, advert.
    #[must_use]
    pub fn adverts(&self, since: Stamp) -> Vec<(Stamp, usize, Advert)> {
        self.with(|seen| {
            let first = seen.partition_point(|s| s.at < since);
            seen[first..]
                .iter()
                .filter_map(|s| Some((s.at, s.node, s.advert_sent()?.clone())))
                .collect()
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&self) -> io::Result<PathBuf> {
        let test = thread::current()
            .name()
            .unwrap_or("main")
            .replace("::", "-");
        let path = place::scratch("pcap").join(format!("{test}.pcap"));
        let mut file = PcapWriter::new(File::create(&path)?).map_err(io::Error::other)?;
        // Each frame once: as its sender emitted it.
        for seen in self.lock().seen.iter().filter(|seen| seen.way == Way::From) {
            let length = u32::try_from(seen.bytes.len()).unwrap_or(u32::MAX);
            let packet = PcapPacket::new(Duration::from_nanos(seen.at.0), length, &seen.bytes);
            file.write_packet(&packet).map_err(io::Error::other)?;
        }
        Ok(path)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        if thread::panicking() {
            match self.save() {
                Ok(path) => eprintln!("what the routers sent: {}", path.display()),
                Err(error) => eprintln!("the capture could not be written: {error}"),
            }
        }
    }
}

/// A socket that sees every frame on every interface of this namespace, but for
/// those from `unseen`.
fn open(unseen: Option<Mac>) -> io::Result<OwnedFd> {
    let socket = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::EthAll,
    )?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    setsockopt(&socket, sockopt::RcvBufForce, &(32 << 20))?;
    // Short, so that `complete` keeps moving on a silent wire.
    let timeout = nix::sys::time::TimeVal::new(0, 5_000);
    setsockopt(&socket, sockopt::ReceiveTimeout, &timeout)?;
    if let Some(unseen) = unseen {
        ignore(&socket, unseen)?;
    }
    Ok(socket)
}

/// Attaches a classic filter: bytes 6 to 11 of a frame are its source.
fn ignore(socket: &OwnedFd, source: Mac) -> io::Result<()> {
    let [a, b, c, d, last @ ..] = source;
    let first = [a, b, c, d];
    // Codes of linux/bpf_common.h: load a word or half a word from the frame,
    // compare, return how much to keep. Jumps count from the next statement.
    let statement = |code: u16, (jt, jf): (u8, u8), k: u32| libc::sock_filter { code, jt, jf, k };
    let (load_word, load_half, equal, keep) = (0x20, 0x28, 0x15, 0x06);
    let mut filter = [
        statement(load_word, (0, 0), 6),
        statement(equal, (0, 3), u32::from_be_bytes(first)),
        statement(load_half, (0, 0), 10),
        statement(equal, (0, 1), u32::from(u16::from_be_bytes(last))),
        statement(keep, (0, 0), 0),
        statement(keep, (0, 0), u32::MAX),
    ];
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).expect("a short filter"),
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the program and the statements it points to live through the call.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            libc::socklen_t::try_from(size_of_val(&program)).expect("a small struct"),
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn read(socket: &OwnedFd, ports: &[u32], shared: &Shared) {
    let mut buffer = vec![0_u8; 2048];
    let mut control = nix::cmsg_space!(libc::timespec);
    let mut fresh = Vec::new();
    while !shared.stop.load(Ordering::Relaxed) {
        let asked = Stamp::now();
        let mut silent = false;
        // Publish in batches, so that a busy wire does not mean a busy lock.
        while fresh.len() < 64 && !silent {
            let flags = if fresh.is_empty() {
                MsgFlags::empty()
            } else {
                MsgFlags::MSG_DONTWAIT
            };
            match receive(socket, &mut buffer, &mut control, flags) {
                Ok((at, index, kind, length)) => {
                    let Some(node) = ports.iter().position(|port| *port == index) else {
                        continue;
                    };
                    let way = match kind {
                        libc::PACKET_OUTGOING => Way::To,
                        _ => Way::From,
                    };
                    let bytes: Box<[u8]> = buffer[..length].into();
                    if let Some(frame) = Frame::parse(&bytes) {
                        fresh.push(Seen {
                            at,
                            node,
                            way,
                            frame,
                            bytes,
                        });
                    }
                }
                Err(_) => silent = true,
            }
        }
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = fresh.last().map(|seen: &Seen| seen.at);
        state.seen.append(&mut fresh);
        let from = state.seen.len().saturating_sub(REORDERED);
        state.seen[from..].sort_by_key(|seen| seen.at);
        // An empty queue holds nothing from before we asked.
        let known = if silent {
            asked
        } else {
            newest.unwrap_or_default()
        };
        state.complete = state.complete.max(known);
        drop(state);
        shared.more.notify_all();
    }
}

/// One frame: when, on which interface, which way (`PACKET_*`), how long.
fn receive(
    socket: &OwnedFd,
    buffer: &mut [u8],
    control: &mut [u8],
    flags: MsgFlags,
) -> nix::Result<(Stamp, u32, u8, usize)> {
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut parts, Some(control), flags)?;
    let at = message
        .cmsgs()?
        .find_map(|part| match part {
            ControlMessageOwned::ScmTimestampns(at) => Some(Stamp(
                u64::try_from(Duration::from(at).as_nanos()).unwrap_or(0),
            )),
            _ => None,
        })
        .unwrap_or_else(Stamp::now);
    let address = message.address.ok_or(nix::errno::Errno::EPROTO)?;
    let index = u32::try_from(address.ifindex()).unwrap_or(0);
    Ok((at, index, address.pkttype(), message.bytes))
}
