//! `xvrrpd real-server`: a host is made ready, looked at, and put back as it was.

use crate::stage::{VIP, VIP6, conf, virtual_server, xvrrpd_on};
use std::net::IpAddr;
use std::process::Output;
use xvrrp_tests::net::{Lab, Node};

const WORDS: &str = "lb_algo wrr\nlb_kind DR";

fn said(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&all).into_owned()
}

/// What is on the loopback.
fn loopback(node: &Node) -> String {
    let output = node
        .ns
        .command("ip")
        .args(["addr", "show", "dev", "lo"])
        .output();
    String::from_utf8(output.expect("ip").stdout).expect("text")
}

fn has(node: &Node, address: IpAddr) -> bool {
    let length = if address.is_ipv4() { 32 } else { 128 };
    loopback(node).contains(&format!(" {address}/{length} "))
}

fn sysctls(lab: &Lab, at: usize) -> Vec<String> {
    lab.router(at).ns.run(|| {
        ["arp_ignore", "arp_announce"]
            .map(|it| std::fs::read_to_string(format!("/proc/sys/net/ipv4/conf/eth0/{it}")))
            .map(|it| it.expect("a sysctl").trim().to_owned())
            .to_vec()
    })
}

#[test]
fn a_real_server_is_made_ready_and_put_back() {
    let lab = Lab::new(3);
    let node = lab.router(2);
    let file = conf(
        100,
        &(virtual_server(VIP, WORDS, &[1]) + &virtual_server(VIP6, WORDS, &[1])),
    );
    node.ns
        .sysctl(&[("ipv4/conf/eth0/arp_announce".into(), "1")]);
    let before = (sysctls(&lab, 2), loopback(node));

    let missing = xvrrpd_on(node, &["real-server", "check"], &file);
    assert_eq!(missing.status.code(), Some(1));
    let text = said(&missing);
    for line in [
        "    sysctl -w net.ipv4.conf.eth0.arp_ignore=1\n",
        "    sysctl -w net.ipv4.conf.eth0.arp_announce=2\n",
        "    ip addr add 10.77.0.200/32 dev lo\n",
        "    ip addr add fd77::c8/128 dev lo nodad\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(before, (sysctls(&lab, 2), loopback(node)));

    // Twice: the second time there is nothing to do.
    for _ in 0..2 {
        let up = xvrrpd_on(node, &["real-server", "up"], &file);
        assert!(up.status.success(), "{}", said(&up));
    }
    assert_eq!(sysctls(&lab, 2), ["1", "2"]);
    assert!(has(node, VIP) && has(node, VIP6));
    let ready = xvrrpd_on(node, &["real-server", "check"], &file);
    assert!(ready.status.success(), "{}", said(&ready));

    // One service goes, what the other needs stays.
    let one = xvrrpd_on(
        node,
        &["real-server", "--service", "10.77.0.200:80", "down"],
        &file,
    );
    assert!(one.status.success(), "{}", said(&one));
    assert!(!has(node, VIP) && has(node, VIP6));
    let down = xvrrpd_on(node, &["real-server", "down"], &file);
    assert!(down.status.success(), "{}", said(&down));
    assert_eq!(before, (sysctls(&lab, 2), loopback(node)));
}

#[test]
fn a_host_that_is_no_real_server_is_told_so() {
    let lab = Lab::new(1);
    let file = conf(100, &virtual_server(VIP, WORDS, &[1, 1]));
    let output = xvrrpd_on(lab.router(0), &["real-server", "up"], &file);
    assert!(!output.status.success());
    let text = said(&output);
    assert!(
        text.contains(
            "no address of this host is a real_server there; they are 10.77.0.3, 10.77.0.4"
        ),
        "{text}"
    );
}
