//! Changes to addresses as netlink requests, many in one datagram.

use super::{
    kernel::{ADDRESS_PROTOCOL, KernelAddress},
    monitor::Requests,
    reconcile::{Change, broadcast_of, flags_of, scope_of},
};
use crate::engine::action::PlacedAddress;
use core::net::IpAddr;
use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressProtocol, CacheInfo},
};
use std::{io, time::Duration};

/// The kernel answers while it takes the request, so this only guards against a bug.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Asks for all of `changes` at once; one result for each, in order. An outer error
/// means that the socket is of no more use.
pub async fn apply(requests: &Requests, changes: &[Change]) -> io::Result<Vec<io::Result<()>>> {
    let messages: Vec<_> = changes.iter().flat_map(messages_for).collect();
    let results = requests.acknowledged(messages, ANSWER_TIMEOUT).await?;
    let mut results = results.into_iter();
    Ok(changes
        .iter()
        .map(|change| match change {
            Change::Add(_) => tolerate(results.next(), libc::EEXIST),
            Change::Remove(_) => tolerate(results.next(), libc::EADDRNOTAVAIL),
            Change::Replace { .. } => tolerate(results.next(), libc::EADDRNOTAVAIL)
                .and(tolerate(results.next(), libc::EEXIST)),
        })
        .collect())
}

/// The state asked for is there already; the event that says so is on its way.
fn tolerate(result: Option<io::Result<()>>, errno: i32) -> io::Result<()> {
    match result {
        Some(Err(error)) if error.raw_os_error() == Some(errno) => Ok(()),
        Some(result) => result,
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn messages_for(change: &Change) -> Vec<NetlinkMessage<RouteNetlinkMessage>> {
    match change {
        Change::Add(new) => vec![add(new)],
        Change::Remove(old) => vec![remove(old)],
        Change::Replace { old, new } => vec![remove(old), add(new)],
    }
}

fn add(placed: &PlacedAddress) -> NetlinkMessage<RouteNetlinkMessage> {
    let wanted = &placed.address;
    let mut message = AddressMessage::default();
    message.header.family = family(wanted.address);
    message.header.index = placed.ifindex;
    message.header.prefix_len = wanted.prefix_len;
    message.header.scope = scope_of(wanted).into();
    let flags = flags_of(wanted);
    // The lower eight flags stand in the header as well, for kernels that look there.
    let [low, ..] = flags.bits().to_le_bytes();
    message.header.flags = AddressHeaderFlags::from_bits_retain(low);
    let attributes = &mut message.attributes;
    attributes.push(AddressAttribute::Local(wanted.address));
    attributes.push(AddressAttribute::Address(
        wanted.peer.unwrap_or(wanted.address),
    ));
    if let Some(broadcast) = broadcast_of(wanted) {
        attributes.push(AddressAttribute::Broadcast(broadcast));
    }
    if let (Some(label), IpAddr::V4(_)) = (&wanted.label, wanted.address) {
        attributes.push(AddressAttribute::Label(label.clone()));
    }
    attributes.push(AddressAttribute::Flags(flags));
    if let Some(preferred) = wanted.preferred_lifetime_s {
        let mut info = CacheInfo::default();
        info.ifa_preferred = preferred;
        info.ifa_valid = u32::MAX;
        attributes.push(AddressAttribute::CacheInfo(info));
    }
    attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(
        ADDRESS_PROTOCOL,
    )));
    let mut message = NetlinkMessage::from(RouteNetlinkMessage::NewAddress(message));
    message.header.flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    message
}

fn remove(old: &KernelAddress) -> NetlinkMessage<RouteNetlinkMessage> {
    let mut message = AddressMessage::default();
    message.header.family = family(old.key.local);
    message.header.index = old.key.ifindex;
    message.header.prefix_len = old.prefix_len;
    message
        .attributes
        .push(AddressAttribute::Local(old.key.local));
    message
        .attributes
        .push(AddressAttribute::Address(old.peer.unwrap_or(old.key.local)));
    let mut message = NetlinkMessage::from(RouteNetlinkMessage::DelAddress(message));
    message.header.flags = NLM_F_REQUEST | NLM_F_ACK;
    message
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}
