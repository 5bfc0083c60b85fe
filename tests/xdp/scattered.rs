//! Outgoing frames whose headers lie scattered: a packet ring leaves all but
//! the Ethernet header outside what the program sees at first.

use crate::kernel::{Entry, Kernel};
use std::{io, mem, ptr, thread, time::Duration};
use vrrp_common::{
    counter::Cause,
    maps::{VipKey, VrKey},
};
use vrrp_ebpf::testing::cases::{self, IFINDEX, Scene};
use xvrrp_tests::namespace::{Namespace, next_lab};

/// One page, two frames.
static RING: libc::tpacket_req = libc::tpacket_req {
    tp_block_size: 4096,
    tp_block_nr: 1,
    tp_frame_size: 2048,
    tp_frame_nr: 2,
};
/// Where a sender puts the frame, behind `struct tpacket_hdr`.
const FRAME_AT: usize = 32;
/// How long the kernel may take to send what it took.
const PATIENCE: Duration = Duration::from_secs(2);

fn len_of<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).expect("small")
}

fn checked(result: libc::c_int) -> libc::c_int {
    assert!(result >= 0, "{}", io::Error::last_os_error());
    result
}

/// Sends one frame from a ring; `ifindex` of the calling thread's namespace.
fn send_from_ring(ifindex: u32, frame: &[u8]) {
    assert!(frame.len() <= RING.tp_frame_size as usize - FRAME_AT);
    // SAFETY: plain system calls; the mapping is as long as the ring, written
    // within its first frame, and given back before the descriptor is closed.
    unsafe {
        let socket = checked(libc::socket(
            libc::AF_PACKET,
            libc::SOCK_RAW | libc::SOCK_CLOEXEC,
            0,
        ));
        checked(libc::setsockopt(
            socket,
            libc::SOL_PACKET,
            libc::PACKET_TX_RING,
            (&raw const RING).cast(),
            len_of::<libc::tpacket_req>(),
        ));
        let mut to: libc::sockaddr_ll = mem::zeroed();
        to.sll_family = libc::sa_family_t::try_from(libc::AF_PACKET).expect("small");
        to.sll_ifindex = i32::try_from(ifindex).expect("an index");
        let to_len = len_of::<libc::sockaddr_ll>();
        checked(libc::bind(socket, (&raw const to).cast(), to_len));
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let len = RING.tp_block_size as usize;
        let ring = libc::mmap(
            ptr::null_mut(),
            len,
            protection,
            libc::MAP_SHARED,
            socket,
            0,
        );
        assert_ne!(ring, libc::MAP_FAILED, "{}", io::Error::last_os_error());

        let header = ring.cast::<libc::tpacket_hdr>();
        ring.cast::<u8>()
            .add(FRAME_AT)
            .copy_from(frame.as_ptr(), frame.len());
        (*header).tp_len = u32::try_from(frame.len()).expect("short");
        (&raw mut (*header).tp_status)
            .write_volatile(libc::c_ulong::from(libc::TP_STATUS_SEND_REQUEST));
        // A frame that tc drops counts as "no buffer space" to its sender.
        libc::send(socket, ptr::null(), 0, 0);
        libc::munmap(ring, len);
        libc::close(socket);
    }
}

/// The scene, moved to another interface.
fn scene_on(ifindex: u32) -> Scene {
    let mut scene = Scene::default();
    for (key, _) in &mut scene.routers {
        *key = VrKey { ifindex, ..*key };
    }
    for (key, _) in &mut scene.vips {
        *key = VipKey { ifindex, ..*key };
    }
    scene
}

fn frame(name: &str) -> Vec<u8> {
    cases::all()
        .into_iter()
        .find(|case| case.name == name)
        .expect("such a case")
        .frame
}

#[test]
fn scattered_headers_are_judged_too() {
    let namespace = Namespace::new(next_lab(), "scattered");
    namespace.ip("link add out type veth peer name in");
    namespace.ip("link set in up");
    namespace.ip("link set out up");
    namespace.run(|| {
        // SAFETY: a literal.
        let ifindex = unsafe { libc::if_nametoindex(c"out".as_ptr()) };
        assert_ne!(ifindex, IFINDEX);
        let mut kernel = Kernel::load();
        kernel.attach(Entry::Egress, "out");
        kernel.enter(&scene_on(ifindex));
        for (name, cause) in [
            (
                "announcement, gate shut",
                Some(Cause::DropEgressAnnouncement),
            ),
            ("NA, gate shut", Some(Cause::DropEgressAnnouncement)),
            (
                "from a virtual address, gate shut",
                Some(Cause::DropEgressVip),
            ),
            ("our advert without a claim", Some(Cause::DropEgressAdvert)),
            (
                "our IPv6 advert without a claim",
                Some(Cause::DropEgressAdvert),
            ),
            ("we resign", Some(Cause::EgressAdvert)),
            ("announcement of another address", None),
        ] {
            kernel.take_counts();
            send_from_ring(ifindex, &frame(name));
            let expected: Vec<_> = cause.map(|cause| (cause, 1)).into_iter().collect();
            let mut counts = kernel.take_counts();
            let mut waited = Duration::ZERO;
            while counts != expected && waited < PATIENCE {
                thread::sleep(Duration::from_millis(10));
                waited += Duration::from_millis(10);
                counts.extend(kernel.take_counts());
            }
            assert_eq!(counts, expected, "{name}");
        }
    });
}
