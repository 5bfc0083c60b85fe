//! `no_accept`: neighbours find the address, and nothing else is answered; packets that
//! are routed by way of it go on.

use std::time::Duration;

use xvrrp_tests::{
    capture::Stamp,
    conf::Conf,
    daemon::Daemon::Xvrrpd,
    probe::{Kind, Probe},
    trial::{HIGH, LOW, PATIENCE, Profile, Trial},
    wait::eventually,
};

const EVERY: Duration = Duration::from_millis(10);

fn conf(profile: Profile, priority: u8, line: &str) -> Conf {
    let mut conf = profile.conf(priority);
    conf.instances[0].extra.push(line.to_owned());
    conf
}

/// How many questions were answered, of how many.
fn answered(probe: &Probe, trial: &Trial, since: Stamp) -> (usize, usize) {
    let questions = probe.questions(&trial.tap, since);
    let answered = questions.iter().filter(|q| !q.answerers().is_empty());
    (answered.count(), questions.len())
}

/// Waits for fifty questions and gives how many of them were answered.
fn of_fifty(probe: &Probe, trial: &Trial) -> usize {
    let since = Stamp::now();
    eventually(PATIENCE, "fifty questions", || {
        match answered(probe, trial, since) {
            (_, asked) if asked < 50 => Err(format!("{asked}")),
            _ => Ok(()),
        }
    });
    answered(probe, trial, since).0
}

fn life(profile: Profile) {
    let confs = [HIGH, LOW].map(|priority| conf(profile, priority, "no_accept"));
    let trial = Trial::settled([Xvrrpd, Xvrrpd], confs);
    let resolve = Probe::start(&trial.lab, Kind::Resolve, profile.vip(), EVERY);
    let echo = Probe::start(&trial.lab, Kind::EchoEach, profile.vip(), EVERY);
    assert!(of_fifty(&resolve, &trial) > 40, "neighbours find it");
    assert_eq!(of_fifty(&echo, &trial), 0, "nobody answers an echo");

    // What is routed by way of it arrives: the owner sends it back to the client.
    let (owner, client) = (trial.lab.router(0), trial.lab.client());
    let (bits, beyond, via) = match profile {
        Profile::V6At100ms => ("128", "fd99::1", client.v6.to_string()),
        _ => ("32", "10.99.0.1", client.v4.to_string()),
    };
    let forwarding = match profile {
        Profile::V6At100ms => "ipv6/conf/all/forwarding",
        _ => "ipv4/ip_forward",
    };
    owner.ns.sysctl(&[(forwarding.to_owned(), "1")]);
    owner.ns.ip(&format!("route add {beyond}/{bits} via {via}"));
    client
        .ns
        .ip(&format!("route add {beyond}/{bits} via {}", profile.vip()));
    let since = Stamp::now();
    let target = if beyond.contains(':') {
        format!("[{beyond}]:7007")
    } else {
        format!("{beyond}:7007")
    };
    eventually(PATIENCE, "a packet goes by way of it", || {
        client.ns.run(|| {
            let any = if beyond.contains(':') {
                "[::]:0"
            } else {
                "0.0.0.0:0"
            };
            let socket = std::net::UdpSocket::bind(any).expect("a socket");
            socket
                .send_to(b"by way of the virtual address", &target)
                .expect("sent");
        });
        let mac = client.mac;
        let came_back = trial.tap.with(|all| {
            all.iter().any(|seen| {
                seen.at >= since
                    && seen.node == 0
                    && seen.frame.to == mac
                    && seen
                        .bytes
                        .windows(29)
                        .any(|w| w == b"by way of the virtual address")
            })
        });
        if came_back {
            Ok(())
        } else {
            Err("not yet".into())
        }
    });

    // A reload is enough to accept, and nobody notices anything else.
    let since = Stamp::now();
    let running = trial.running[0].as_ref().expect("it runs");
    running.reload(&conf(profile, HIGH, "accept"));
    eventually(PATIENCE, "an echo is answered", || {
        match of_fifty(&echo, &trial) {
            0 => Err("none".into()),
            _ => Ok(()),
        }
    });
    let said = running.log().since(since);
    assert!(said.iter().all(|it| !it.contains("Entering")), "{said:?}");
}

#[test]
fn ipv4() {
    life(Profile::V3At100ms);
}

#[test]
fn ipv6() {
    life(Profile::V6At100ms);
}

/// keepalived does it with nftables; either way nothing but neighbours get an answer.
#[test]
fn as_keepalived_does_it() {
    use xvrrp_tests::daemon::Daemon::Keepalived;
    let profile = Profile::V3At100ms;
    let confs = [HIGH, LOW].map(|priority| conf(profile, priority, "no_accept"));
    let trial = Trial::settled([Keepalived, Xvrrpd], confs);
    let resolve = Probe::start(&trial.lab, Kind::Resolve, profile.vip(), EVERY);
    let echo = Probe::start(&trial.lab, Kind::EchoEach, profile.vip(), EVERY);
    assert!(of_fifty(&resolve, &trial) > 40, "neighbours find it");
    assert_eq!(of_fifty(&echo, &trial), 0, "nobody answers an echo");
}
