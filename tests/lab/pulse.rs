//! The client's probe: an echo request every millisecond, and every silence in
//! the answers.
//!
//! Requests take the way of any program's packets, through the client's stack
//! and its neighbour cache. Answers are taken off the client's interface with
//! the kernel's time stamp and the sender's hardware address, so that a lab that
//! is late counts nothing wrong, and knows which router answered.

use std::{
    io::IoSliceMut,
    net::IpAddr,
    os::fd::{AsRawFd as _, OwnedFd},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{
        socket::{
            AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol,
            SockType, recvmsg, setsockopt, socket, sockopt,
        },
        time::{TimeVal, TimeValLike as _},
    },
};
use xvrrp_tests::{
    capture::Stamp,
    frame::Mac,
    net::Lab,
    probe::{Kind, Probe},
};

/// Between two requests.
pub(crate) const PERIOD: Duration = Duration::from_millis(1);
/// Fewer requests unanswered in a row are the noise of a busy machine.
const GAP_REQUESTS: u32 = 5;

/// A silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// From the last answer before it to the first one after it.
    pub(crate) length: Duration,
    /// Requests that got no answer.
    pub(crate) unanswered: u32,
    /// Router that answered before, and after.
    pub(crate) from: Option<usize>,
    pub(crate) to: Option<usize>,
}

/// The answers as they stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    /// Requests answered.
    pub(crate) count: u64,
    /// When the last answer came, and from which router.
    pub(crate) last: Option<(Stamp, Option<usize>)>,
    /// Sequence number of the request it answers.
    sequence: u32,
    /// Silences that are over, in order.
    pub(crate) gaps: Vec<Gap>,
}

impl Answers {
    fn take(&mut self, at: Stamp, router: Option<usize>, sequence: u32) {
        self.count += 1;
        if let Some((before, from)) = self.last {
            // A request that waited for its neighbour entry may be overtaken.
            let unanswered = sequence.saturating_sub(self.sequence).saturating_sub(1);
            let length = at.since(before);
            // Requests dropped from the queue of an entry being resolved make no
            // silence: their successors are answered at once.
            if unanswered >= GAP_REQUESTS && length >= PERIOD * GAP_REQUESTS {
                self.gaps.push(Gap {
                    length,
                    unanswered,
                    from,
                    to: router,
                });
            }
        }
        self.last = Some((at, router));
        self.sequence = self.sequence.max(sequence);
    }

    /// How long there has been no answer.
    pub(crate) fn silent_for(&self) -> Option<Duration> {
        self.last.map(|(at, _)| Stamp::now().since(at))
    }
}

/// The probe; stops when dropped.
pub(crate) struct Pulse {
    answers: Arc<Mutex<Answers>>,
    stop: Arc<AtomicBool>,
    receiver: Option<JoinHandle<()>>,
    _sender: Probe,
}

impl Pulse {
    /// From the lab's client to `vip`.
    pub(crate) fn start(lab: &Lab, vip: IpAddr) -> Self {
        let answers = Arc::new(Mutex::new(Answers::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let socket = lab
            .client()
            .ns
            .run(open)
            .expect("a packet socket; are you root?");
        let routers: Vec<Mac> = lab.nodes[..lab.routers()]
            .iter()
            .map(|node| node.mac)
            .collect();
        let receiver = thread::spawn({
            let (answers, stop) = (Arc::clone(&answers), Arc::clone(&stop));
            move || receive(&socket, &routers, vip, &answers, &stop)
        });
        let sender = Probe::start(lab, Kind::Echo, vip, PERIOD);
        Self {
            answers,
            stop,
            receiver: Some(receiver),
            _sender: sender,
        }
    }

    /// A copy of how things stand.
    pub(crate) fn answers(&self) -> Answers {
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(receiver) = self.receiver.take() {
            let _ = receiver.join();
        }
    }
}

fn open() -> nix::Result<OwnedFd> {
    let socket = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::EthAll,
    )?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    // So that the thread sees when it is to stop.
    setsockopt(
        &socket,
        sockopt::ReceiveTimeout,
        &TimeVal::milliseconds(100),
    )?;
    setsockopt(&socket, sockopt::RcvBufForce, &(4 << 20))?;
    Ok(socket)
}

fn receive(
    socket: &OwnedFd,
    routers: &[Mac],
    vip: IpAddr,
    answers: &Mutex<Answers>,
    stop: &AtomicBool,
) {
    let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
    let mut frame = [0_u8; 256];
    while !stop.load(Ordering::Relaxed) {
        let mut parts = [IoSliceMut::new(&mut frame)];
        let got = recvmsg::<LinkAddr>(
            socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::empty(),
        );
        let (length, at) = match got {
            Ok(message) => (message.bytes, stamp(&message)),
            Err(Errno::EAGAIN | Errno::EINTR) => continue,
            Err(error) => panic!("the client's packet socket: {error}"),
        };
        if let Some((mac, sequence)) = answer(&frame[..length], vip) {
            let router = routers.iter().position(|router| *router == mac);
            let at = at.unwrap_or_else(Stamp::now);
            answers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(at, router, sequence);
        }
    }
}

fn stamp(message: &nix::sys::socket::RecvMsg<'_, '_, LinkAddr>) -> Option<Stamp> {
    message.cmsgs().ok()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(at) => {
            u64::try_from(Duration::from(at).as_nanos()).ok().map(Stamp)
        }
        _ => None,
    })
}

/// The sender's hardware address and the sequence number, when the frame is an
/// echo reply (RFC 792) from the virtual address. The probe keeps its 64-bit tag
/// behind the first eight bytes; the sequence number is the lower half of it.
fn answer(frame: &[u8], vip: IpAddr) -> Option<(Mac, u32)> {
    let IpAddr::V4(vip) = vip else { return None };
    let ip = frame.get(14..)?;
    let header = usize::from(ip.first()? & 0xf) * 4;
    let is_reply = frame.get(12..14)? == [8, 0]
        && ip.get(9) == Some(&1)
        && ip.get(12..16)? == vip.octets()
        && ip.get(header) == Some(&0);
    if !is_reply {
        return None;
    }
    let sequence = ip.get(header + 12..header + 16)?;
    Some((
        frame.get(6..12)?.try_into().ok()?,
        u32::from_be_bytes(sequence.try_into().ok()?),
    ))
}

#[cfg(test)]
mod tests {
    use super::{Answers, Gap, answer};
    use std::{net::IpAddr, time::Duration};
    use xvrrp_tests::capture::Stamp;

    const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 77, 0, 50));

    fn reply(sequence: u32) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 1, 8, 0];
        frame.extend([
            0x45, 0, 0, 36, 0, 0, 0, 0, 64, 1, 0, 0, 10, 77, 0, 50, 10, 77, 0, 100,
        ]);
        frame.extend([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
        frame.extend(sequence.to_be_bytes());
        frame
    }

    #[test]
    fn an_answer_names_its_router_and_its_request() {
        assert_eq!(answer(&reply(7), VIP), Some(([2, 0, 0, 0, 0, 1], 7)));
        let mut request = reply(7);
        request[34] = 8;
        let mut other = reply(7);
        other[29] = 51;
        for (what, frame) in [
            ("a request", &request[..]),
            ("another address", &other),
            ("cut", &reply(7)[..46]),
        ] {
            assert_eq!(answer(frame, VIP), None, "{what}");
        }
    }

    #[test]
    fn a_gap_is_requests_without_an_answer() {
        let ms = |ms: u64| Stamp(ms * 1_000_000);
        let mut answers = Answers::default();
        for n in 1..=3 {
            answers.take(ms(n), Some(0), u32::try_from(n).unwrap_or(0));
        }
        // The lab slept for a second: late, but all answered.
        answers.take(ms(1003), Some(0), 4);
        // A few lost are no gap.
        answers.take(ms(1008), Some(0), 9);
        assert_eq!(answers.gaps, []);
        answers.take(ms(1028), Some(1), 29);
        // Overtaken.
        answers.take(ms(1029), Some(1), 20);
        answers.take(ms(1030), Some(1), 30);
        let gap = Gap {
            length: Duration::from_millis(20),
            unanswered: 19,
            from: Some(0),
            to: Some(1),
        };
        assert_eq!(answers.gaps, [gap]);
        assert_eq!(answers.count, 8);
    }
}
