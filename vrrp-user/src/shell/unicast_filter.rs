//! Virtual MACs in an interface's filter, beyond the life of the daemon.
//!
//! A network card hands on what is to its own MAC, and what its list of further ones
//! names. A virtual MAC is put into that list by itself, as `bridge fdb add MAC dev IF
//! self` does, and stays there until a clean stop: it belongs to the fence. Where a
//! driver has no filter the kernel listens to everything instead. What comes while
//! another owns is dropped by XDP.

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::{
    AddressFamily as Family, RouteNetlinkMessage,
    neighbour::{
        NeighbourAttribute, NeighbourFlags, NeighbourHeader, NeighbourMessage, NeighbourState,
    },
};
use nix::sys::{
    socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto,
        setsockopt, socket, sockopt,
    },
    time::TimeVal,
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io, mem,
    os::fd::{AsFd, AsRawFd},
    ptr,
};

/// Answers to one request are far shorter.
const ANSWER_BYTES: usize = 4096;

/// How a virtual MAC is held.
#[derive(Debug)]
pub(super) enum Held {
    /// In the interface's list, whoever lives.
    InList,
    /// As long as this socket is open.
    BySocket {
        /// Why not in the list.
        why: io::Error,
        /// Closing it gives the MAC up.
        _socket: Socket,
    },
}

/// Lets the interface take frames to the MAC. Doing so twice is harmless.
pub(super) fn hold(ifindex: u32, mac: [u8; 6]) -> io::Result<Held> {
    let message = |message| RouteNetlinkMessage::NewNeighbour(message);
    match change(ifindex, mac, message, NLM_F_CREATE) {
        Ok(()) => Ok(Held::InList),
        Err(why) if why.raw_os_error() == Some(libc::EEXIST) => Ok(Held::InList),
        Err(why) if why.raw_os_error() == Some(libc::ENODEV) => Err(why),
        Err(why) => member(ifindex, mac).map(|socket| Held::BySocket {
            why,
            _socket: socket,
        }),
    }
}

/// Takes back what [`hold`] put into the list, whoever did it.
pub(super) fn release(ifindex: u32, mac: [u8; 6]) -> io::Result<()> {
    let message = |message| RouteNetlinkMessage::DelNeighbour(message);
    match change(ifindex, mac, message, 0) {
        Err(why) if matches!(why.raw_os_error(), Some(libc::ENOENT | libc::ENODEV)) => Ok(()),
        other => other,
    }
}

fn change(
    ifindex: u32,
    mac: [u8; 6],
    message: impl FnOnce(NeighbourMessage) -> RouteNetlinkMessage,
    flags: u16,
) -> io::Result<()> {
    let mut entry = NeighbourMessage::default();
    entry.header = NeighbourHeader {
        family: Family::Bridge,
        ifindex,
        state: NeighbourState::Permanent,
        flags: NeighbourFlags::Own,
        ..NeighbourHeader::default()
    };
    let address = NeighbourAttribute::LinkLayerAddress(mac.to_vec());
    entry.attributes.push(address);
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    header.sequence_number = 1;
    let mut request = NetlinkMessage::new(header, NetlinkPayload::from(message(entry)));
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    let netlink = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    // The kernel answers at once; a lost answer must not hang the daemon.
    setsockopt(&netlink, sockopt::ReceiveTimeout, &TimeVal::new(5, 0))?;
    let kernel = NetlinkAddr::new(0, 0);
    sendto(netlink.as_raw_fd(), &bytes, &kernel, MsgFlags::empty())?;
    let mut answer = vec![0; ANSWER_BYTES];
    let length = recv(netlink.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer[..length])
        .map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why.to_string()))?;
    match answer.payload {
        NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
        _ => Ok(()),
    }
}

/// A packet socket that receives nothing.
fn member(ifindex: u32, mac: [u8; 6]) -> io::Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
    // SAFETY: all zeroes is a valid `packet_mreq`.
    let mut wanted: libc::packet_mreq = unsafe { mem::zeroed() };
    wanted.mr_ifindex = ifindex.cast_signed();
    wanted.mr_type = u16::try_from(libc::PACKET_MR_UNICAST).unwrap_or_default();
    wanted.mr_alen = 6;
    wanted.mr_address[..6].copy_from_slice(&mac);
    let length = libc::socklen_t::try_from(size_of_val(&wanted)).unwrap_or_default();
    // SAFETY: reads that many octets of one value, which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            ptr::from_ref(&wanted).cast(),
            length,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(socket)
}
