//! Virtual routers without a virtual address, whose scripts move something else.

use std::time::Duration;

use xvrrp_tests::{
    conf::{Conf, Instance},
    daemon::Daemon::Xvrrpd,
    for_pairs,
    trial::{HIGH, LOW, Pair},
};

use crate::scenario::whole_life;

for_pairs!(version_2, |pair| without_addresses(pair, 2));

/// keepalived has it since 2.2.8, in version 3 as well.
#[test]
fn in_version_3() {
    without_addresses([Xvrrpd, Xvrrpd], 3);
}

fn without_addresses(pair: Pair, version: u8) {
    let conf = |priority| {
        let instance = Instance::new(priority, Duration::from_secs(1));
        Conf::of(version, instance.line("no_virtual_ipaddress"))
    };
    whole_life(pair, [conf(HIGH), conf(LOW)]);
}
