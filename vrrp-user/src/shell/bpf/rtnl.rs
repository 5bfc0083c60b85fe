//! What rtnetlink knows about interfaces, asked once and waited for.
//!
//! The netlink room's monitor keeps the running view; attaching needs the state
//! of this very moment, from whatever thread it is on.

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{InfoKind, LinkAttribute, LinkInfo, LinkMessage, LinkXdp, XdpAttached},
};
use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto,
        setsockopt, socket, sockopt,
    },
    sys::time::TimeVal,
};
use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) ifindex: u32,
    pub(super) name: String,
    /// The interface it lies on, in this namespace.
    pub(super) lower: Option<u32>,
    pub(super) is_vlan: bool,
    pub(super) is_veth: bool,
    /// XDP programs on it: how attached, program ID.
    pub(super) xdp: Vec<(XdpAttached, u32)>,
}

/// The interface of this index, if there is one.
pub(super) fn link(ifindex: u32) -> io::Result<Option<Link>> {
    let mut request = LinkMessage::default();
    request.header.index = ifindex;
    match ask(request, NLM_F_REQUEST) {
        Ok(links) => Ok(links.into_iter().next()),
        Err(e) if e.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Every interface of this network namespace.
pub(super) fn links() -> io::Result<Vec<Link>> {
    ask(LinkMessage::default(), NLM_F_REQUEST | NLM_F_DUMP)
}

fn ask(request: LinkMessage, flags: u16) -> io::Result<Vec<Link>> {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    header.sequence_number = 1;
    let mut request = NetlinkMessage::new(
        header,
        NetlinkPayload::from(RouteNetlinkMessage::GetLink(request)),
    );
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    let netlink = open()?;
    sendto(
        netlink.as_raw_fd(),
        &bytes,
        &NetlinkAddr::new(0, 0),
        MsgFlags::empty(),
    )?;
    receive(&netlink, flags & NLM_F_DUMP == NLM_F_DUMP)
}

fn open() -> io::Result<OwnedFd> {
    let netlink = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    // The kernel answers at once; a lost answer must not hang the daemon.
    setsockopt(&netlink, sockopt::ReceiveTimeout, &TimeVal::new(5, 0))?;
    Ok(netlink)
}

fn receive(netlink: &OwnedFd, dump: bool) -> io::Result<Vec<Link>> {
    let mut links = Vec::new();
    let mut buffer = vec![0; 1 << 17];
    loop {
        let length = match recv(netlink.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Err(Errno::EINTR) => continue,
            other => other?,
        };
        let mut rest = &buffer[..length];
        while !rest.is_empty() {
            let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)
                .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string()))?;
            // Messages are padded to four octets.
            let consumed = usize::try_from(message.header.length)
                .unwrap_or(length)
                .next_multiple_of(4)
                .max(4);
            rest = rest.get(consumed..).unwrap_or_default();
            match message.payload {
                NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(found)) => {
                    links.push(digest(found));
                }
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                NetlinkPayload::Done(_) => return Ok(links),
                _ => {}
            }
            if !dump && !links.is_empty() {
                return Ok(links);
            }
        }
    }
}

fn digest(message: LinkMessage) -> Link {
    let mut link = Link {
        ifindex: message.header.index,
        name: String::new(),
        lower: None,
        is_vlan: false,
        is_veth: false,
        xdp: Vec::new(),
    };
    let mut elsewhere = false;
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Link(index) => link.lower = Some(index),
            LinkAttribute::LinkNetNsId(_) => elsewhere = true,
            LinkAttribute::LinkInfo(infos) => {
                link.is_vlan |= infos.contains(&LinkInfo::Kind(InfoKind::Vlan));
                link.is_veth |= infos.contains(&LinkInfo::Kind(InfoKind::Veth));
            }
            LinkAttribute::Xdp(xdp) => link.xdp = programs(&xdp),
            _ => {}
        }
    }
    // An index in another namespace means nothing here.
    if elsewhere {
        link.lower = None;
    }
    link
}

fn programs(xdp: &[LinkXdp]) -> Vec<(XdpAttached, u32)> {
    xdp.iter()
        .filter_map(|attribute| match attribute {
            LinkXdp::DrvProgId(id) => Some((XdpAttached::Driver, *id)),
            LinkXdp::SkbProgId(id) => Some((XdpAttached::SocketBuffer, *id)),
            LinkXdp::HwProgId(id) => Some((XdpAttached::Hardware, *id)),
            _ => None,
        })
        .collect()
}
