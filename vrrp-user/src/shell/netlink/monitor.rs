//! Links and addresses as events: one multicast socket, and dumps through another.

use super::kernel::{AddressKey, KernelAddress, KernelLink};
use futures_util::{FutureExt, StreamExt};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::{RouteNetlinkMessage, address::AddressMessage, link::LinkMessage};
use nix::sys::socket::{setsockopt, sockopt};
use rtnetlink::{MulticastGroup, proto, sys, sys::AsyncSocket as _};
use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd},
    time::Duration,
};

/// Receive buffer: room for some thousand events while this thread does not run.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
/// A dump that takes longer than this has failed.
const DUMP_TIMEOUT: Duration = Duration::from_secs(5);

/// One thing the kernel reported. `origin` is the netlink port of the socket whose
/// request caused it, 0 if none or unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A link appeared or changed.
    Link(KernelLink),
    /// A link is gone.
    LinkGone(u32),
    /// An address appeared or changed.
    Address(KernelAddress),
    /// An address is gone.
    AddressGone {
        /// Which.
        key: AddressKey,
        /// Whose request.
        origin: u32,
    },
    /// Events were lost: read everything again.
    Lost,
}

/// Everything at once.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Every link.
    pub links: Vec<KernelLink>,
    /// Every address.
    pub addresses: Vec<KernelAddress>,
}

/// A message of the kernel's, or to it.
pub(in crate::shell) type Message = NetlinkMessage<RouteNetlinkMessage>;

/// Messages of some groups, in the kernel's order.
pub(in crate::shell) struct Subscription {
    events: futures_util::stream::BoxStream<'static, Message>,
}

impl Subscription {
    /// Subscribes. Must run inside a runtime, which drives the socket.
    pub(in crate::shell) fn open(groups: &[MulticastGroup]) -> io::Result<Self> {
        let (mut connection, handle, events) = rtnetlink::new_multicast_connection(groups)?;
        enlarge(connection.socket_mut().socket_mut());
        tokio::spawn(connection);
        // The connection ends with its last handle, so the stream keeps it.
        let events = events.map(move |(message, _)| {
            let _alive = &handle;
            message
        });
        Ok(Self {
            events: events.boxed(),
        })
    }

    /// Waits for the next message and takes whatever else is there, at most `limit`.
    /// `None`: the socket is broken.
    pub(in crate::shell) async fn next(&mut self, limit: usize) -> Option<Vec<Message>> {
        let mut messages = vec![self.events.next().await?];
        while messages.len() < limit
            && let Some(Some(message)) = self.events.next().now_or_never()
        {
            messages.push(message);
        }
        Some(messages)
    }
}

/// Events of links and addresses, in the kernel's order.
pub struct Monitor(Subscription);

impl Monitor {
    /// Subscribes. Must run inside a runtime, which drives the socket.
    pub fn open() -> io::Result<Self> {
        let groups = [
            MulticastGroup::Link,
            MulticastGroup::Ipv4Ifaddr,
            MulticastGroup::Ipv6Ifaddr,
        ];
        Subscription::open(&groups).map(Self)
    }

    /// Waits for the next event and takes whatever else is there, at most `limit`.
    /// `None`: the socket is broken.
    pub async fn next(&mut self, limit: usize) -> Option<Vec<Fact>> {
        let messages = self.0.next(limit).await?;
        Some(messages.into_iter().filter_map(read).collect())
    }
}

fn read(message: Message) -> Option<Fact> {
    let origin = message.header.port_number;
    match message.payload {
        NetlinkPayload::Overrun(_) => Some(Fact::Lost),
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => {
            KernelLink::parse(&link).map(Fact::Link)
        }
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(link)) => {
            KernelLink::parse(&link).map(|link| Fact::LinkGone(link.ifindex))
        }
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewAddress(address)) => {
            KernelAddress::parse(&address).map(Fact::Address)
        }
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelAddress(address)) => {
            let address = KernelAddress::parse(&address)?;
            Some(Fact::AddressGone {
                key: address.key,
                origin,
            })
        }
        _ => None,
    }
}

/// The socket for requests.
#[derive(Debug)]
pub struct Requests {
    handle: proto::ConnectionHandle<RouteNetlinkMessage>,
    /// Its netlink port: the `origin` of what its requests cause.
    pub port: u32,
}

impl Requests {
    /// Opens the socket. Must run inside a runtime, which drives it.
    pub fn open() -> io::Result<Self> {
        Self::with(|_| Ok(()))
    }

    /// The same, with dumps that the kernel filters by what is asked for.
    pub(super) fn strict() -> io::Result<Self> {
        Self::with(|socket| socket.set_netlink_get_strict_chk(true))
    }

    fn with(set: impl FnOnce(&sys::Socket) -> io::Result<()>) -> io::Result<Self> {
        let (mut connection, handle, _) =
            proto::new_connection::<RouteNetlinkMessage>(sys::protocols::NETLINK_ROUTE)?;
        // Answers to a batch come in its order, so an acknowledgement needs to be
        // seen to be counted.
        connection.set_forward_ack(true);
        let socket = connection.socket_mut().socket_mut();
        let port = socket.bind_auto()?.port_number();
        enlarge(socket);
        set(socket)?;
        tokio::spawn(connection);
        Ok(Self { handle, port })
    }

    /// Sends requests as one datagram; one result for each, in order. An outer error
    /// means that the socket is of no more use.
    pub(super) async fn acknowledged(
        &self,
        messages: Vec<Message>,
        limit: Duration,
    ) -> io::Result<Vec<io::Result<()>>> {
        let expected = messages.len();
        let mut answers = self.send(messages)?;
        let mut results = Vec::with_capacity(expected);
        let collect = async {
            while results.len() < expected {
                match answers.next().await.map(|answer| answer.payload) {
                    Some(NetlinkPayload::Error(error)) if error.code.is_some() => {
                        results.push(Err(error.to_io()));
                    }
                    Some(NetlinkPayload::Error(_)) => results.push(Ok(())),
                    Some(_) => {}
                    None => return Err(io::Error::from(io::ErrorKind::BrokenPipe)),
                }
            }
            Ok(())
        };
        tokio::time::timeout(limit, collect)
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the kernel did not answer"))??;
        Ok(results)
    }

    /// Sends messages as one datagram. Answers arrive in the same order.
    pub fn send(
        &self,
        messages: Vec<Message>,
    ) -> io::Result<impl futures_util::Stream<Item = Message> + use<>> {
        let to_kernel = proto::sys::SocketAddr::new(0, 0);
        self.handle
            .request_batch(messages, to_kernel)
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Reads every link and address.
    pub async fn dump(&self) -> io::Result<Snapshot> {
        let mut snapshot = Snapshot::default();
        self.dump_one(
            RouteNetlinkMessage::GetLink(LinkMessage::default()),
            &mut snapshot,
        )
        .await?;
        self.dump_one(
            RouteNetlinkMessage::GetAddress(AddressMessage::default()),
            &mut snapshot,
        )
        .await?;
        Ok(snapshot)
    }

    async fn dump_one(&self, what: RouteNetlinkMessage, snapshot: &mut Snapshot) -> io::Result<()> {
        let mut message = NetlinkMessage::from(what);
        message.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        let mut answers = self.send(vec![message])?;
        let read_all = async {
            while let Some(answer) = answers.next().await {
                match answer.payload {
                    NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => {
                        snapshot.links.extend(KernelLink::parse(&link));
                    }
                    NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewAddress(address)) => {
                        snapshot.addresses.extend(KernelAddress::parse(&address));
                    }
                    NetlinkPayload::Error(error) if error.code.is_some() => {
                        return Err(error.to_io());
                    }
                    _ => {}
                }
            }
            Ok(())
        };
        tokio::time::timeout(DUMP_TIMEOUT, read_all)
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the kernel did not answer"))?
    }
}

/// Best effort: past `rmem_max` where we may, up to it elsewhere. Too small a buffer
/// costs a dump now and then, nothing else.
fn enlarge(socket: &sys::Socket) {
    // SAFETY: the descriptor is the socket's and stays open while it is borrowed.
    let fd = unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) };
    if setsockopt(&fd, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES).is_err() {
        let _ = socket.set_rx_buf_sz(i32::try_from(RECEIVE_BUFFER_BYTES).unwrap_or(i32::MAX));
    }
}
