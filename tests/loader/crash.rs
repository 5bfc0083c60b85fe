//! What a daemon that died leaves, and how the next one takes it over.

use crate::world::{FAR, NEAR, Sender, attach, in_own_netns, output, run, veth, xdp_of};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};
use vrrp_user::shell::bpf::{Diagnostics, Egress, Lock, Variant};

#[test]
fn a_restart_keeps_the_link_and_misses_no_packet() {
    for variant in [Variant::Newest, Variant::Old] {
        in_own_netns(move |world| {
            let near = veth();
            let mut loaded = world.load(variant);
            let first = attach(&mut loaded.dataplane, near);
            let program = || {
                let link = output(&format!("bpftool link show id {}", first.xdp_link_id));
                let mut words = link.split_whitespace().skip_while(|word| *word != "prog");
                words.nth(1).expect("a program").to_owned()
            };
            let found = program();
            let before = loaded
                .tables
                .counters()
                .expect("counters")
                .advert_unknown_vrid;
            let stop = Arc::new(AtomicBool::new(false));
            let sender = Sender::new();
            let traffic = thread::spawn({
                let stop = Arc::clone(&stop);
                move || {
                    let mut sent = 0;
                    while !stop.load(Ordering::Relaxed) {
                        sender.advert(77);
                        sent += 1;
                        thread::sleep(Duration::from_micros(100));
                    }
                    sent
                }
            });
            for restart in 0..5 {
                // As after SIGKILL: descriptors close, nothing else happens.
                drop(loaded);
                thread::sleep(Duration::from_millis(20));
                assert_ne!(xdp_of(NEAR), "", "fenced without a daemon");
                loaded = world.load(variant);
                let adopted = attach(&mut loaded.dataplane, near);
                assert!(
                    adopted.adopted && adopted.notes.is_empty(),
                    "restart {restart}: {adopted:?}"
                );
                assert_eq!(adopted.xdp_link_id, first.xdp_link_id);
                assert_eq!(adopted.mode, first.mode);
                // Verified once: the restart takes no longer than its own work.
                assert_eq!(program(), found, "the program of the same build");
            }
            stop.store(true, Ordering::Relaxed);
            let sent: u64 = traffic.join().expect("sent");
            thread::sleep(Duration::from_millis(50));
            let seen = loaded
                .tables
                .counters()
                .expect("counters")
                .advert_unknown_vrid
                - before;
            assert_eq!(seen, sent, "{variant:?}");
            assert!(sent > 100, "only {sent} packets");
            loaded.dataplane.teardown().expect("tears down");
            assert_eq!(xdp_of(NEAR), "");
        });
    }
}

#[test]
fn the_program_of_another_build_is_replaced() {
    in_own_netns(|world| {
        let near = veth();
        let id = || xdp_of(NEAR);
        let mut loaded = world.load(Variant::Newest);
        attach(&mut loaded.dataplane, near);
        let before = id();
        drop(loaded);
        // One with diagnostics is not what is pinned, as little as another build's.
        let mut loaded = world.load_diagnosed(Variant::Newest, Diagnostics::On);
        attach(&mut loaded.dataplane, near);
        let diagnosed = id();
        assert_ne!(diagnosed, before);
        drop(loaded);
        let mut loaded = world.load(Variant::Newest);
        attach(&mut loaded.dataplane, near);
        assert_ne!(id(), diagnosed);
        loaded.dataplane.teardown().expect("tears down");
    });
}

#[test]
fn an_interface_dropped_from_the_configuration_meanwhile_is_freed() {
    in_own_netns(|world| {
        let near = veth();
        for (variant, other) in [
            (Variant::Newest, Egress::Tcx),
            (Variant::Old, Egress::Clsact),
        ] {
            let mut loaded = world.load(variant);
            assert_eq!(attach(&mut loaded.dataplane, near).egress, other);
            drop(loaded);
            let mut loaded = world.load(variant);
            assert!(loaded.dataplane.reconcile(&[]).is_empty());
            assert_eq!(xdp_of(NEAR), "");
            assert!(!output(&format!("tc filter show dev {NEAR} egress")).contains("xvrrp"));
            loaded.dataplane.teardown().expect("tears down");
        }
    });
}

#[test]
fn an_interface_recreated_meanwhile_is_attached_anew() {
    in_own_netns(|world| {
        let near = veth();
        let mut loaded = world.load(Variant::Newest);
        let first = attach(&mut loaded.dataplane, near);
        drop(loaded);
        run(&format!("ip link del {NEAR}"));
        run(&format!(
            "ip link add {NEAR} index {near} type veth peer name {FAR}"
        ));
        let mut loaded = world.load(Variant::Newest);
        let second = attach(&mut loaded.dataplane, near);
        assert!(
            !second.adopted && second.xdp_link_id != first.xdp_link_id,
            "{second:?}"
        );
        loaded.dataplane.teardown().expect("tears down");
    });
}

#[test]
fn links_of_another_layout_are_adopted_without_a_gap() {
    in_own_netns(|world| {
        let near = veth();
        let mut loaded = world.load(Variant::Newest);
        let first = attach(&mut loaded.dataplane, near);
        drop(loaded);
        // As a daemon of layout 0 would have left it.
        let old = world
            .pin_dir()
            .parent()
            .and_then(|layout| layout.parent())
            .expect("a root")
            .join("v0");
        let old = old.join(world.instance.to_string());
        fs::create_dir_all(&old).expect("a directory");
        for name in [
            format!("xdp-{near}"),
            format!("tcx-egress-{near}"),
            "XVRRP_GATES".into(),
        ] {
            fs::rename(world.pin_dir().join(&name), old.join(&name)).expect("moved");
        }
        let mut loaded = world.load(Variant::Newest);
        let second = attach(&mut loaded.dataplane, near);
        assert!(second.adopted, "{second:?}");
        assert_eq!(second.xdp_link_id, first.xdp_link_id);
        assert!(!old.exists());
        fs::remove_dir(old.parent().expect("v0")).ok();
        assert!(world.pinned().contains(&format!("xdp-{near}")));
        loaded.dataplane.teardown().expect("tears down");
    });
}

#[test]
fn one_daemon_an_instance() {
    in_own_netns(|world| {
        let lock = Lock::take(&world.instance).expect("free");
        let taken = Lock::take(&world.instance).expect_err("taken").to_string();
        assert!(
            taken.contains(&format!("pid {}", std::process::id())),
            "{taken}"
        );
        lock.release().expect("released");
        assert!(!world.instance.pid_file().exists());
        // A daemon that crashed leaves the file, not the lock.
        drop(Lock::take(&world.instance).expect("free again"));
        assert!(world.instance.pid_file().exists());
        Lock::take(&world.instance)
            .expect("free after a crash")
            .release()
            .expect("released");
    });
}
