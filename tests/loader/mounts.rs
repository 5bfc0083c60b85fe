//! Where pins go: the host's bpffs, also from a private mount namespace.

use crate::world::{NEAR, World, attach, in_own_netns, veth, xdp_of};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
    sys::statfs::{BPF_FS_MAGIC, statfs},
};
use vrrp_user::shell::bpf::{Fence, Lock, Reader, Variant};

#[test]
fn under_ip_netns_exec_the_hosts_bpffs_is_used() {
    in_own_netns(|world| {
        let near = veth();
        as_ip_netns_exec();
        assert_ne!(
            statfs("/sys/fs/bpf").expect("sysfs").filesystem_type(),
            BPF_FS_MAGIC
        );
        let mut loaded = world.load(Variant::Newest);
        assert_eq!(
            loaded.dataplane.fence(),
            &Fence::Survives {
                dir: world.pin_dir()
            }
        );
        let first = attach(&mut loaded.dataplane, near);
        assert!(Reader::list().expect("lists").contains(&world.instance));
        drop(loaded);
        // The fence stands, and the next command in a namespace like this finds it.
        assert_ne!(xdp_of(NEAR), "");
        let mut loaded = world.load(Variant::Newest);
        assert_eq!(
            attach(&mut loaded.dataplane, near).xdp_link_id,
            first.xdp_link_id
        );
        loaded.dataplane.teardown().expect("tears down");
        assert_eq!(xdp_of(NEAR), "");
    });
}

#[test]
fn without_the_hosts_bpffs_the_fence_lasts_as_long_as_the_daemon() {
    in_own_netns(|world| {
        let near = veth();
        as_ip_netns_exec();
        // pid 1 out of sight.
        mount(
            Some("xvl"),
            "/proc",
            Some("tmpfs"),
            MsFlags::empty(),
            None::<&str>,
        )
        .expect("mounted");
        let mut loaded = world.load(Variant::Newest);
        let Fence::DaemonLifetime { why } = loaded.dataplane.fence() else {
            panic!("{:?}", loaded.dataplane.fence())
        };
        assert!(why.contains("out of reach"), "{why}");
        assert!(
            loaded
                .notes
                .iter()
                .any(|note| note.contains("only as long as this daemon")),
            "{:?}",
            loaded.notes
        );
        attach(&mut loaded.dataplane, near);
        assert_ne!(xdp_of(NEAR), "");
        drop(loaded);
        assert_eq!(xdp_of(NEAR), "");
    });
}

#[test]
fn two_network_namespaces_share_nothing() {
    in_own_netns(|first| {
        let near = veth();
        let mut loaded = first.load(Variant::Newest);
        let lock = Lock::take(&first.instance).expect("free");
        attach(&mut loaded.dataplane, near);
        let pinned = first.pinned();
        let name = first.instance.clone();
        in_own_netns(move |second: &World| {
            assert_ne!(second.instance, name);
            let near = veth();
            let mut loaded = second.load(Variant::Newest);
            let lock = Lock::take(&second.instance).expect("the same name elsewhere is free");
            attach(&mut loaded.dataplane, near);
            let listed = Reader::list().expect("lists");
            assert!(
                listed.contains(&name) && listed.contains(&second.instance),
                "{listed:?}"
            );
            loaded.dataplane.teardown().expect("tears down");
            lock.release().expect("released");
        });
        assert_eq!(first.pinned(), pinned);
        assert_ne!(xdp_of(NEAR), "");
        loaded.dataplane.teardown().expect("tears down");
        lock.release().expect("released");
    });
}

/// A private mount namespace with a fresh `/sys`, for this thread.
fn as_ip_netns_exec() {
    unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_SLAVE | MsFlags::MS_REC, none).expect("slave");
    umount2("/sys", MntFlags::MNT_DETACH).expect("unmounted");
    mount(Some("xvl"), "/sys", Some("sysfs"), MsFlags::empty(), none).expect("mounted");
}
