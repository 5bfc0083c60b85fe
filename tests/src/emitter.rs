//! A program on a router that speaks from a virtual address.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};

use crate::{
    capture::Stamp,
    net::{INTERFACE, Lab},
};

/// Where its datagrams go; the client takes them there (RFC 863).
const DISCARD_PORT: u16 = 9;
const MESSAGE: &[u8] = b"from a virtual address";

/// Sends datagrams from the virtual address to the client until dropped.
pub struct Emitter {
    handed_over: Arc<Mutex<Vec<Stamp>>>,
    stop: Arc<AtomicBool>,
    sender: Option<JoinHandle<()>>,
    _sink: UdpSocket,
}

impl Emitter {
    /// On a router, every `period`, as soon as and for as long as the router has
    /// the address. It never has to ask for the client's hardware address.
    #[must_use]
    pub fn start(lab: &Lab, router: usize, vip: IpAddr, period: Duration) -> Self {
        let (node, client) = (lab.router(router), lab.client());
        let to = SocketAddr::new(client.address_like(vip), DISCARD_PORT);
        let mac = client.mac.map(|octet| format!("{octet:02x}")).join(":");
        node.ns.ip(&format!(
            "neigh replace {} lladdr {mac} dev {INTERFACE} nud permanent",
            to.ip()
        ));
        let sink = client.ns.run(|| sink(to)).expect("the client's own port");
        let from = SocketAddr::new(vip, 0);
        let socket = node
            .ns
            .run(|| Socket::new(Domain::for_address(from), Type::DGRAM, None))
            .expect("a socket");
        let handed_over = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let sender = thread::spawn({
            let (handed_over, stop) = (Arc::clone(&handed_over), Arc::clone(&stop));
            move || {
                let mut next = Instant::now();
                let mut is_bound = false;
                while !stop.load(Ordering::Relaxed) {
                    let at = Stamp::now();
                    // Fails while the router does not have the address. Not made
                    // to bind earlier: over IPv6 that is leave to send as well.
                    is_bound = is_bound || socket.bind(&from.into()).is_ok();
                    if is_bound && socket.send_to(MESSAGE, &to.into()).is_ok() {
                        handed_over
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(at);
                    }
                    next += period;
                    thread::sleep(next.saturating_duration_since(Instant::now()));
                }
            }
        });
        Self {
            handed_over,
            stop,
            sender: Some(sender),
            _sink: sink,
        }
    }

    /// Datagrams the router's stack took since `since`. Whether they left is seen
    /// on the wire.
    #[must_use]
    pub fn handed_over(&self, since: Stamp) -> usize {
        let all = self
            .handed_over
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.len() - all.partition_point(|at| *at < since)
    }
}

impl Drop for Emitter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(sender) = self.sender.take() {
            let _ = sender.join();
        }
    }
}

/// Takes what is sent there, so that the client does not complain of it.
fn sink(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    // Emitters of both routers have one each.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}
