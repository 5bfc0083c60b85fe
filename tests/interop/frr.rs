//! FRR's vrrpd: version 3, both families.

use std::time::Duration;

use xvrrp_tests::{
    conf::{Conf, Instance},
    daemon::Daemon::{Frr, Keepalived, Xvrrpd},
    trial::{HIGH, LOW, Pair},
};

use crate::scenario::whole_life;

macro_rules! with_frr {
    ($name:ident, $vip:literal) => {
        mod $name {
            use super::*;
            #[test]
            fn frr_xvrrpd() {
                run([Frr, Xvrrpd], $vip);
            }
            #[test]
            fn xvrrpd_frr() {
                run([Xvrrpd, Frr], $vip);
            }
            #[test]
            #[ignore = "without xvrrpd: checks the test"]
            fn frr_keepalived() {
                run([Frr, Keepalived], $vip);
            }
            #[test]
            #[ignore = "without xvrrpd: checks the test"]
            fn keepalived_frr() {
                run([Keepalived, Frr], $vip);
            }
        }
    };
}

with_frr!(ipv4, "10.77.0.50/24");
// FRR advertises the addresses it was given, without a link-local one first.
with_frr!(ipv6, "fd77::50/64");

fn run(pair: Pair, vip: &str) {
    let conf = |priority| {
        let instance = Instance::new(priority, Duration::from_millis(100)).vip(vip);
        Conf::of(
            3,
            Instance {
                vrid: 5,
                ..instance
            },
        )
    };
    whole_life(pair, [conf(HIGH), conf(LOW)]);
}
