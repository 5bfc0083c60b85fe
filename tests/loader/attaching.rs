//! Where programs can be, how they get there, and how they leave.

use crate::world::{FAR, NEAR, World, attach, ifindex, in_own_netns, output, run, veth, xdp_of};
use vrrp_user::shell::bpf::{Egress, Fence, Mode, Variant, vlan_offload};

#[test]
fn veth_is_native_and_teardown_leaves_nothing() {
    in_own_netns(|world| {
        let near = veth();
        let mut loaded = world.load(Variant::Newest);
        assert_eq!(
            loaded.dataplane.fence(),
            &Fence::Survives {
                dir: world.pin_dir()
            }
        );
        let attachment = attach(&mut loaded.dataplane, near);
        assert_eq!(
            (attachment.mode, attachment.egress, attachment.adopted),
            (Mode::Native, Egress::Tcx, false)
        );
        assert_eq!(attachment.interface, NEAR);
        assert!(
            output(&format!("ip link show dev {NEAR}")).contains("xdp "),
            "{}",
            xdp_of(NEAR)
        );
        let pinned = world.pinned();
        for name in [
            "XVRRP_GATES",
            "XVRRP_PEERS",
            &format!("xdp-{near}"),
            &format!("tcx-egress-{near}"),
        ] {
            assert!(pinned.contains(&name.to_string()), "{name} in {pinned:?}");
        }
        // Level-triggered: asking again changes nothing.
        assert_eq!(
            attach(&mut loaded.dataplane, near).xdp_link_id,
            attachment.xdp_link_id
        );
        loaded.dataplane.teardown().expect("tears down");
        assert_eq!(xdp_of(NEAR), "");
        assert!(!world.pin_dir().exists());
    });
}

/// Whose a frame is, a veth has decided before native XDP sees it.
#[test]
fn a_veth_with_a_virtual_mac_is_generic_also_for_a_successor() {
    in_own_netns(|world| {
        let near = veth();
        let mut loaded = world.load(Variant::Newest);
        attach(&mut loaded.dataplane, near);
        assert!(loaded.dataplane.set_readdressing([near].into()));
        let attachment = attach(&mut loaded.dataplane, near);
        let Mode::Generic { why } = &attachment.mode else {
            panic!("{attachment:?}")
        };
        assert!(why.contains("virtual MAC"), "{why}");
        assert!(!loaded.dataplane.set_readdressing([near].into()), "no news");
        assert_eq!(
            attach(&mut loaded.dataplane, near).xdp_link_id,
            attachment.xdp_link_id
        );
        // A native one that a predecessor left does not do either.
        loaded.dataplane.teardown().expect("tears down");
        let mut loaded = world.load(Variant::Newest);
        attach(&mut loaded.dataplane, near);
        drop(loaded);
        let mut loaded = world.load(Variant::Newest);
        loaded.dataplane.set_readdressing([near].into());
        let attachment = attach(&mut loaded.dataplane, near);
        assert!(!attachment.adopted && attachment.mode != Mode::Native);
        assert!(attachment.notes[0].contains("native"), "{attachment:?}");
        loaded.dataplane.teardown().expect("tears down");
        assert_eq!(xdp_of(NEAR), "");
    });
}

#[test]
fn an_interface_no_longer_wanted_is_let_go() {
    in_own_netns(|world| {
        let near = veth();
        let far = ifindex(FAR);
        let mut loaded = world.load(Variant::Newest);
        assert!(loaded.dataplane.reconcile(&[near, far]).is_empty());
        assert!(loaded.dataplane.reconcile(&[far]).is_empty());
        assert_eq!(xdp_of(NEAR), "");
        assert_ne!(xdp_of(FAR), "");
        assert!(!world.pinned().contains(&format!("xdp-{near}")));
        loaded.dataplane.teardown().expect("tears down");
    });
}

#[test]
fn drivers_without_native_xdp_get_generic_and_say_why() {
    in_own_netns(|world| {
        run("ip link add xvlbr type bridge");
        veth();
        run(&format!(
            "ip link add link {FAR} name xvlmac type macvlan mode bridge"
        ));
        let mut loaded = world.load(Variant::Newest);
        for interface in ["xvlbr", "xvlmac"] {
            let attachment = attach(&mut loaded.dataplane, ifindex(interface));
            let Mode::Generic { why } = &attachment.mode else {
                panic!("{interface}: {attachment:?}")
            };
            assert!(why.contains("no native XDP"), "{interface}: {why}");
            assert!(
                xdp_of(interface).contains("xdpgeneric"),
                "{}",
                xdp_of(interface)
            );
        }
        loaded.dataplane.teardown().expect("tears down");
        assert_eq!(xdp_of("xvlbr") + &xdp_of("xvlmac"), "");
    });
}

#[test]
fn a_large_mtu_needs_frags_or_generic_mode() {
    for (variant, native) in [(Variant::Newest, true), (Variant::Old, false)] {
        in_own_netns(move |world| {
            let near = veth();
            run(&format!("ip link set {NEAR} mtu 9000"));
            run(&format!("ip link set {FAR} mtu 9000"));
            let mut loaded = world.load(variant);
            let attachment = attach(&mut loaded.dataplane, near);
            assert_eq!(
                attachment.mode == Mode::Native,
                native,
                "{variant:?}: {attachment:?}"
            );
            if let Mode::Generic { why } = attachment.mode {
                assert!(why.contains("MTU"), "{why}");
            }
            loaded.dataplane.teardown().expect("tears down");
        });
    }
}

#[test]
fn the_older_variant_uses_a_clsact_filter_and_removes_it() {
    in_own_netns(|world| {
        let near = veth();
        let mut loaded = world.load(Variant::Old);
        assert_eq!(attach(&mut loaded.dataplane, near).egress, Egress::Clsact);
        assert_eq!(filters(), 1);
        assert!(!world.pinned().contains(&format!("tcx-egress-{near}")));
        loaded.dataplane.teardown().expect("tears down");
        assert_eq!(filters(), 0);
        assert_eq!(xdp_of(NEAR), "");
    });
}

#[test]
fn a_restart_in_the_other_variant_leaves_one_egress_program() {
    in_own_netns(|world| {
        let near = veth();
        let restart = |world: &World, variant| {
            let mut loaded = world.load(variant);
            attach(&mut loaded.dataplane, near).egress
        };
        assert_eq!(restart(world, Variant::Old), Egress::Clsact);
        assert_eq!(restart(world, Variant::Old), Egress::Clsact);
        assert_eq!((filters(), tcx_links(world)), (1, 0));
        assert_eq!(restart(world, Variant::Newest), Egress::Tcx);
        assert_eq!((filters(), tcx_links(world)), (0, 1));
        assert_eq!(restart(world, Variant::Old), Egress::Clsact);
        assert_eq!((filters(), tcx_links(world)), (1, 0));
    });
}

#[test]
fn an_interface_that_came_back_is_served_again() {
    in_own_netns(|world| {
        let before = veth();
        let mut loaded = world.load(Variant::Newest);
        attach(&mut loaded.dataplane, before);
        run(&format!("ip link del {NEAR}"));
        let failures = loaded.dataplane.reconcile(&[before]);
        assert!(
            failures[0].error.to_string().contains("is gone"),
            "{failures:?}"
        );
        assert!(!world.pinned().contains(&format!("xdp-{before}")));
        let after = veth();
        assert_ne!(before, after);
        assert_eq!(attach(&mut loaded.dataplane, after).mode, Mode::Native);
        // The same index again, as `ip link add index` can do.
        run(&format!("ip link del {NEAR}"));
        run(&format!(
            "ip link add {NEAR} index {after} type veth peer name {FAR}"
        ));
        assert_eq!(xdp_of(NEAR), "");
        attach(&mut loaded.dataplane, after);
        assert_ne!(xdp_of(NEAR), "");
        loaded.dataplane.teardown().expect("tears down");
    });
}

#[test]
fn receive_vlan_offload_is_switched_and_restored() {
    in_own_netns(|_| {
        veth();
        let shown = || output(&format!("ethtool -k {NEAR}"));
        assert_eq!(vlan_offload::is_on(NEAR).ok(), Some(true), "{}", shown());
        vlan_offload::switch_off(NEAR).expect("switches off");
        assert!(shown().contains("rx-vlan-offload: off"), "{}", shown());
        vlan_offload::restore(NEAR).expect("switches on");
        assert!(shown().contains("rx-vlan-offload: on"), "{}", shown());
    });
}

fn filters() -> usize {
    let shown = output(&format!("tc filter show dev {NEAR} egress"));
    assert!(shown.matches("handle").count() <= 1, "{shown}");
    shown.matches("handle").count()
}

fn tcx_links(world: &World) -> usize {
    world
        .pinned()
        .iter()
        .filter(|name| name.starts_with("tcx-egress-"))
        .count()
}
