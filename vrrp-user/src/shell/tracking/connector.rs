//! The kernel's process connector: told of every fork, exec, new name and exit, instead
//! of reading `/proc` again and again (`cn_proc.h`). Only the initial namespaces have it.

use nix::{
    errno::Errno,
    libc::{AF_NETLINK, NETLINK_CONNECTOR},
    sys::socket::{MsgFlags, NetlinkAddr, bind, recvfrom, send, setsockopt, sockopt},
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd},
};

/// `CN_IDX_PROC`, the multicast group as well, and `CN_VAL_PROC`.
const PROC: u32 = 1;
const NLMSG_DONE: u16 = 3;
const LISTEN: u32 = 1;
const HEADER: usize = 16;
const CONNECTOR: usize = 20;
/// `what`, `cpu` and time of a `struct proc_event`, before what is particular.
const EVENT: usize = 16;
/// Room for what happens while all of `/proc` is read.
const BUFFER_OCTETS: usize = 1 << 20;

/// What happened to a process. Threads are not told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// It forked.
    Fork { parent: i32, child: i32 },
    /// It is another program now.
    Exec { pid: i32 },
    /// It took another name.
    Name { pid: i32 },
    /// It is over.
    Exit { pid: i32 },
}

/// What a read brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    Event(Event),
    /// Something that is no matter here.
    Other,
    /// Some news are lost.
    Lost,
    /// Nothing is left to read.
    Nothing,
}

/// The socket.
#[derive(Debug)]
pub(super) struct Connector(OwnedFd);

impl Connector {
    /// Asks the kernel to tell; the error says why it does not.
    pub(super) fn open() -> io::Result<Self> {
        let fd = OwnedFd::from(Socket::new(
            Domain::from(AF_NETLINK),
            Type::DGRAM.nonblocking(),
            Some(Protocol::from(NETLINK_CONNECTOR)),
        )?);
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, PROC))?;
        // Beyond the limit for all with CAP_NET_ADMIN, else as far as that goes.
        if setsockopt(&fd, sockopt::RcvBufForce, &BUFFER_OCTETS).is_err() {
            let _ = setsockopt(&fd, sockopt::RcvBuf, &BUFFER_OCTETS);
        }
        send(fd.as_raw_fd(), &listen(), MsgFlags::empty())?;
        let connector = Self(fd);
        // The answer is there before `send` returns; elsewhere there is never one.
        match connector.receive()? {
            Some(message) => match answer(&message) {
                Some(errno) if errno != 0 => Err(io::Error::from_raw_os_error(errno)),
                _ => Ok(connector),
            },
            None => Err(io::Error::other("it does not answer in this namespace")),
        }
    }

    /// The next news, without waiting.
    pub(super) fn next(&self) -> io::Result<News> {
        match self.receive() {
            Ok(Some(message)) => Ok(event(&message).map_or(News::Other, News::Event)),
            Ok(None) => Ok(News::Nothing),
            Err(Errno::ENOBUFS) => Ok(News::Lost),
            Err(error) => Err(error.into()),
        }
    }

    fn receive(&self) -> nix::Result<Option<Vec<u8>>> {
        let mut message = vec![0; 1024];
        loop {
            match recvfrom::<NetlinkAddr>(self.0.as_raw_fd(), &mut message) {
                // Anybody may send to a group; only the kernel has no number.
                Ok((_, Some(from))) if from.pid() != 0 => {}
                Ok((length, _)) => {
                    message.truncate(length);
                    return Ok(Some(message));
                }
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Connector {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// `PROC_CN_MCAST_LISTEN` in a connector message in a netlink message.
fn listen() -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + CONNECTOR + 4);
    let length = u32::try_from(HEADER + CONNECTOR + 4).unwrap_or(0);
    out.extend(length.to_ne_bytes());
    out.extend(NLMSG_DONE.to_ne_bytes());
    out.extend([0; 2 + 4]);
    out.extend(std::process::id().to_ne_bytes());
    out.extend(PROC.to_ne_bytes());
    out.extend(PROC.to_ne_bytes());
    out.extend([0; 4 + 4]);
    out.extend(4_u16.to_ne_bytes());
    out.extend([0; 2]);
    out.extend(LISTEN.to_ne_bytes());
    out
}

fn word(message: &[u8], at: usize) -> Option<u32> {
    let octets = message.get(at..at + 4)?;
    Some(u32::from_ne_bytes(octets.try_into().ok()?))
}

/// The process event in a message: what it is, and where its own part begins.
fn proc_event(message: &[u8]) -> Option<(u32, usize)> {
    let ours = word(message, HEADER)? == PROC && word(message, HEADER + 4)? == PROC;
    let at = HEADER + CONNECTOR;
    ours.then_some((word(message, at)?, at + EVENT))
}

/// The error number in the answer to [`listen`].
fn answer(message: &[u8]) -> Option<i32> {
    let (what, at) = proc_event(message)?;
    let errno = i32::try_from(word(message, at)?).ok()?;
    (what == 0).then_some(errno)
}

fn event(message: &[u8]) -> Option<Event> {
    let (what, at) = proc_event(message)?;
    let pid = |n: usize| Some(word(message, at + 4 * n)?.cast_signed());
    // Thread and process have one number only in its first thread.
    match what {
        0x1 => {
            let (parent, child) = (pid(1)?, pid(3)?);
            (pid(2)? == child).then_some(Event::Fork { parent, child })
        }
        0x2 | 0x200 | 0x8000_0000 if pid(0)? != pid(1)? => None,
        0x2 => Some(Event::Exec { pid: pid(1)? }),
        0x200 => Some(Event::Name { pid: pid(1)? }),
        0x8000_0000 => Some(Event::Exit { pid: pid(1)? }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(what: u32, rest: &[u32]) -> Vec<u8> {
        let mut out = vec![0; HEADER];
        out.extend(PROC.to_ne_bytes());
        out.extend(PROC.to_ne_bytes());
        out.extend([0; 12]);
        out.extend(what.to_ne_bytes());
        out.extend([0; 12]);
        out.extend(rest.iter().flat_map(|word| word.to_ne_bytes()));
        out
    }

    #[test]
    fn events_are_of_processes_not_of_threads() {
        let cases = [
            (
                0x1,
                &[5, 4, 9, 9][..],
                Some(Event::Fork {
                    parent: 4,
                    child: 9,
                }),
            ),
            (0x1, &[5, 4, 9, 4], None),
            (0x2, &[7, 7], Some(Event::Exec { pid: 7 })),
            (0x200, &[7, 7, 0, 0, 0, 0], Some(Event::Name { pid: 7 })),
            (0x200, &[8, 7, 0, 0, 0, 0], None),
            (0x8000_0000, &[7, 7, 0, 17], Some(Event::Exit { pid: 7 })),
            (0x8000_0000, &[8, 7, 0, 17], None),
            (0x4, &[7, 7, 0, 0], None),
            (0x8000_0000, &[7], None),
        ];
        for (what, rest, want) in cases {
            assert_eq!(event(&message(what, rest)), want, "{what:x} {rest:?}");
        }
        assert_eq!(answer(&message(0, &[0])), Some(0));
        assert_eq!(answer(&message(0, &[22])), Some(22));
        assert_eq!(answer(&message(1, &[1, 1, 2, 2])), None);
        assert_eq!(event(&[0; 20]), None);
    }
}
