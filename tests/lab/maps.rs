//! What the kernel knows of a router's virtual router and its peers, read from
//! the pinned maps: they are there whether the daemon runs, hangs or is dead.

use vrrp_user::shell::bpf::{
    Instance, Reader,
    reader::{PeerView, RouterView},
};

/// The lab's only virtual router in the namespace with this cookie, peers heard
/// last first; nothing where nothing is pinned (no daemon yet, or one of another
/// make).
pub(crate) fn read(cookie: u64) -> Option<RouterView> {
    let instance = Instance::parse(&cookie.to_string())?;
    let snapshot = Reader::open(&instance).ok()?.snapshot().ok()?;
    let mut router = snapshot.routers.into_iter().next()?;
    router.peers.sort_by_key(|peer| peer.age);
    Some(router)
}

/// `10.77.0.1`, priority 200, 0.41 s: one peer as the screen has it.
pub(crate) fn describe(peer: &PeerView) -> String {
    let (source, age) = (peer.source.to_string(), peer.age.as_secs_f64());
    format!("{source:<12}{:>5}{age:>7.2} s", peer.peer.priority)
}
