//! One VRID on an interface and on two VLANs above it: three virtual routers.

use crate::{PATIENCE, guest::Guest};
use xvrrp_tests::place;

/// A router with `eth0`, `eth0.100` and `eth0.200`, and a neighbour on VLAN 200.
const NETWORK: &str = r"
for module in llc stp garp mrp 8021q veth sch_ingress cls_bpf; do
    [ -e /modules/$module.ko ] && insmod /modules/$module.ko
done
ip netns add neighbour
ip link add eth0 type veth peer name eth0 netns neighbour
ip addr add 10.77.0.1/24 dev eth0
ip -n neighbour addr add 10.77.0.2/24 dev eth0
ip link set lo up
ip link set eth0 up
ip -n neighbour link set lo up
ip -n neighbour link set eth0 up
for vlan in 100 200; do
    ip link add link eth0 name eth0.$vlan type vlan id $vlan
    ip addr add 10.$vlan.0.1/24 dev eth0.$vlan
    ip link set eth0.$vlan up
    ip -n neighbour link add link eth0 name eth0.$vlan type vlan id $vlan
    ip -n neighbour addr add 10.$vlan.0.2/24 dev eth0.$vlan
    ip -n neighbour link set eth0.$vlan up
done
# A veth that leaves tags to its peer to add would hide them from XDP there.
ethtool -K eth0 txvlan off
ip netns exec neighbour ethtool -K eth0 txvlan off
";

const SCENE: &str = r#"
/xvrrpd -n -l -D -P -f /router >/log 2>&1 & daemon=$!
/xvrrpd -n -l -D -P -s neighbour -f /neighbour >/log2 2>&1 &
for instance in untagged tagged_100; do
    wait_for "($instance) Entering MASTER STATE" /log || { cat /log; quit; }
done
wait_for 'Entering MASTER STATE' /log2 || { cat /log2; quit; }
sleep 2
for network in 77 100 200; do
    if ip addr show | grep -q " 10.$network.0.50/"
    then say "the router has 10.$network.0.50"
    else say "the router lacks 10.$network.0.50"
    fi
    device=eth0
    [ $network = 77 ] || device=eth0.$network
    if ip netns exec neighbour /bin/busybox arping -q -f -c 3 -w 4 -I $device 10.$network.0.50
    then say "the router answers for 10.$network.0.50"
    else say "the router does not answer for 10.$network.0.50"
    fi
done
/xvrrpd status
cat /log /log2
"#;

fn instance(name: &str, interface: &str, priority: u8, vip: &str) -> String {
    format!(
        "vrrp_instance {name} {{\n    state BACKUP\n    interface {interface}\n    virtual_router_id 51\n    \
         priority {priority}\n    advert_int 0.5\n    virtual_ipaddress {{\n        {vip}/24\n    }}\n}}\n"
    )
}

/// The neighbour's higher priority on VLAN 200 takes that virtual router from us,
/// and neither of the other two.
#[test]
fn vlans_never_share_a_virtual_router_on_6_1() {
    let version = "global_defs {\n    vrrp_version 3\n}\n".to_owned();
    let router = version.clone()
        + &instance("untagged", "eth0", 100, "10.77.0.50")
        + &instance("tagged_100", "eth0.100", 100, "10.100.0.50")
        + &instance("tagged_200", "eth0.200", 100, "10.200.0.50");
    let neighbour = version + &instance("theirs", "eth0.200", 200, "10.200.0.50");
    let said = Guest::new()
        .program_as(&place::xvrrpd(), "/xvrrpd")
        .program("/usr/sbin/ip")
        .program("/usr/sbin/ethtool")
        .modules(&[
            "llc",
            "stp",
            "garp",
            "mrp",
            "8021q",
            "veth",
            "sch_ingress",
            "cls_bpf",
        ])
        .file("/router", router.into_bytes())
        .file("/neighbour", neighbour.into_bytes())
        .script(NETWORK)
        .script(SCENE)
        .run(PATIENCE);
    said.has("the router has 10.77.0.50");
    said.has("the router has 10.100.0.50");
    said.has("the router lacks 10.200.0.50");
    said.has("the router answers for 10.77.0.50");
    said.has("the router answers for 10.100.0.50");
    said.has("the router does not answer for 10.200.0.50");
}
