//! Adverts to named peers instead of the group.

use std::net::IpAddr;

use xvrrp_tests::{
    capture::Stamp,
    conf::Conf,
    for_pairs,
    trial::{HIGH, LOW, Pair, Profile},
};

use crate::scenario::whole_life;

for_pairs!(version_2, |pair| unicast(pair, Profile::V2Pass1s));
for_pairs!(version_3, |pair| unicast(pair, Profile::V3At100ms));
for_pairs!(ipv6, |pair| unicast(pair, Profile::V6At100ms));

fn unicast(pair: Pair, profile: Profile) {
    // Over IPv6 peers are named by what adverts come from: link-local addresses.
    let own: [IpAddr; 2] = match profile {
        Profile::V6At100ms => ["fe80::ff:fe00:1", "fe80::ff:fe00:2"],
        _ => ["10.77.0.1", "10.77.0.2"],
    }
    .map(|text| text.parse().expect("an address"));
    let conf = |router: usize, priority| {
        let conf = profile.conf(priority);
        let instance = conf.instances[0]
            .clone()
            .line(format!("unicast_src_ip {}", own[router]))
            .line(format!(
                "unicast_peer {{\n        {}\n    }}",
                own[1 - router]
            ));
        Conf::of(conf.version, instance)
    };
    let trial = whole_life(pair, [conf(0, HIGH), conf(1, LOW)]);
    for (_, node, advert) in trial.tap.adverts(Stamp::default()) {
        assert_eq!(advert.source, own[node]);
        assert_eq!(advert.destination, own[1 - node]);
    }
}
