//! Two address owners (priority 255), a mistake: the greater address wins, unless the other
//! one was told to ignore adverts (`owner_ignore_adverts`).

use vrrp_user::shell::bpf::{Instance, Reader};
use xvrrp_tests::{
    conf::Conf,
    daemon::Daemon::Xvrrpd,
    net::Node,
    observe,
    trial::{PATIENCE, Profile, Trial},
    wait::{eventually, throughout},
};

const PROFILE: Profile = Profile::V3At100ms;

fn conf(lines: &[String]) -> Conf {
    let mut conf = PROFILE.conf(255);
    let instance = &mut conf.instances[0];
    instance.state_master = true;
    instance.extra.extend_from_slice(lines);
    conf
}

/// Adverts refused because of whom they came from: in multicast, in unicast.
fn refused(node: &Node) -> (u64, u64) {
    let instance = Instance::parse(&node.ns.cookie().to_string()).expect("a cookie");
    let snapshot = Reader::open(&instance).and_then(|reader| reader.snapshot());
    let counters = snapshot.expect("maps").counters;
    (counters.drop_not_allowed, counters.drop_not_a_peer)
}

fn owners(trial: &Trial) -> [bool; 2] {
    [0, 1].map(|n| observe::has(trial.lab.router(n), PROFILE.vip()))
}

fn two_owners(unicast: bool, ignores: bool) -> Trial {
    let lines = |own: u8| {
        if !unicast {
            return Vec::new();
        }
        let peer = 3 - own;
        vec![
            format!("unicast_src_ip 10.77.0.{own}"),
            format!("unicast_peer {{\n10.77.0.{peer}\n}}"),
        ]
    };
    let mut first = lines(1);
    if ignores {
        first.push("owner_ignore_adverts".into());
    }
    let mut trial = Trial::new([Xvrrpd, Xvrrpd], [conf(&first), conf(&lines(2))]);
    for router in [0, 1] {
        trial.start(router);
        eventually(PATIENCE, "it owns", || {
            if owners(&trial)[router] {
                Ok(())
            } else {
                Err("not yet".into())
            }
        });
    }
    trial
}

#[test]
fn the_greater_address_wins() {
    let trial = two_owners(false, false);
    trial.await_owner(1);
}

#[test]
fn one_that_ignores_adverts_stays() {
    for unicast in [false, true] {
        let trial = two_owners(unicast, true);
        throughout(
            PROFILE.interval() * 10,
            "both stay owners",
            || match owners(&trial) {
                [true, true] => Ok(()),
                other => Err(format!("{other:?}")),
            },
        );
        let (multicast, by_unicast) = refused(trial.lab.router(0));
        let (counted, other) = if unicast {
            (by_unicast, multicast)
        } else {
            (multicast, by_unicast)
        };
        assert!(counted >= 8 && other == 0, "{multicast} {by_unicast}");
    }
}
