//! A virtual machine whose clocks stand still: the exception that
//! docs/OWNERSHIP.md makes, and how long it lasts.
//!
//! The owner runs in a guest; its peer, the client and the capture are on this
//! machine. The guest is stopped by its emulator until long after the peer has
//! taken over, and goes on. Its own time has stood still, so its lease has not run
//! out. What ends that is the first advert that beats it, or the first of its own,
//! if it is the better one.

use std::time::Duration;

use xvrrp_tests::{
    capture::{Seen, Stamp, Tap, Way},
    conf::{Conf, Instance},
    daemon::{Daemon::Xvrrpd, Running},
    net::Lab,
    place,
    probe::{Kind, Probe},
    question::Question,
    wait::{eventually, pass},
};

use crate::{
    PATIENCE,
    guest::{Guest, qemu},
    machine::{Machine, Monitor},
};

const INTERVAL: Duration = Duration::from_secs(1);
/// Adverts a peer waits for.
const PEER_WAITS: u32 = 3;
/// Of the peer's reign while the guest stands still.
const REIGN: Duration = Duration::from_secs(3);
/// What an emulated processor on a busy machine takes to hear, and to send.
const SLOW: Duration = Duration::from_millis(1500);
/// The guest's port on the bridge.
const PORT: &str = "p-vm";
/// Seldom enough that the port's queue holds all that comes while it stands still.
const ASK_EVERY: Duration = Duration::from_millis(25);

const SCENE: &str = r#"
for module in e1000 sch_ingress cls_bpf; do
    [ -e /modules/$module.ko ] && insmod /modules/$module.ko
done
ip link set lo up
ip addr add 10.77.0.1/24 dev eth0
ip link set eth0 up
/xvrrpd -n -l -D -P -f /conf >/log 2>&1 & daemon=$!
wait_for 'Entering MASTER STATE' /log || { cat /log; quit; }
say "it is the owner"
# It was one before, too.
until sed -n '/Entering MASTER STATE/,$p' /log | grep -q 'Entering BACKUP STATE'; do
    sleep 0.2
done
say "it was beaten"
cat /log
"#;

/// What goes on on the bridge, and whom to ask about it.
struct Scene {
    // In this order: the guest goes before its port.
    monitor: Monitor,
    guest: Machine,
    who: Probe,
    each: Probe,
    tap: Tap,
    peer: Running,
    lab: Lab,
}

/// A stronger peer: the first of its adverts that the guest hears shuts the gate.
/// Those that came while it stood still have waited for it.
#[test]
fn resumed_before_a_stronger_peer_it_is_shut_by_what_waited() {
    let mut scene = Scene::with([100, 200]);
    let paused = scene.stop_the_guest();
    let takeover = scene.takeover(paused);
    pass(REIGN);
    let resumed = scene.resume_the_guest();
    scene.guest.says("it was beaten", PATIENCE);
    pass(SLOW);
    // The peer's first advert was in the queue before anything that was asked later.
    scene.assert_answered_nothing_asked_after(takeover);
    scene.report(resumed);
    let last = scene.last_word(0, resumed).unwrap_or(resumed);
    assert!(
        last.since(resumed) <= SLOW,
        "it spoke for {:?}",
        last.since(resumed)
    );
}

/// The same, but nothing has waited: the guest was cut off meanwhile. Now it is the
/// peer's next advert, at most an interval away.
#[test]
fn resumed_before_a_stronger_peer_it_is_shut_by_the_next_advert() {
    let mut scene = Scene::with([100, 200]);
    scene.lab.bridge.ip(&format!("link set {PORT} down"));
    let paused = scene.stop_the_guest();
    scene.takeover(paused);
    pass(REIGN);
    let plugged = Stamp::now();
    scene.lab.bridge.ip(&format!("link set {PORT} up"));
    let resumed = scene.resume_the_guest();
    let beaten = scene
        .tap
        .wait(INTERVAL * 3, "an advert that beats it", plugged, |seen| {
            let to_the_guest = seen.node == 0 && seen.way == Way::To;
            (to_the_guest && seen.frame.advert().is_some()).then_some(seen.at)
        });
    scene.guest.says("it was beaten", PATIENCE);
    pass(SLOW);
    scene.assert_answered_nothing_asked_after(beaten);
    scene.report(resumed);
    let last = scene.last_word(0, resumed).unwrap_or(resumed);
    assert!(
        last.since(resumed) <= INTERVAL + SLOW,
        "it spoke for {:?}",
        last.since(resumed)
    );
}

/// A weaker peer: the guest goes on as the owner it still is by its own clock, and
/// its next advert, at most an interval away, shuts the peer's gate.
#[test]
fn resumed_before_a_weaker_peer_its_next_advert_shuts_the_peer() {
    let mut scene = Scene::with([200, 100]);
    let paused = scene.stop_the_guest();
    scene.takeover(paused);
    pass(REIGN);
    let resumed = scene.resume_the_guest();
    let back = scene
        .tap
        .wait(INTERVAL + SLOW, "an advert of the guest", resumed, |seen| {
            (seen.node == 0 && seen.advert_sent().is_some()).then_some(seen.at)
        });
    pass(SLOW);
    scene.report(resumed);
    let after: Vec<Seen> = scene.in_its_name(1, back);
    assert!(
        after.is_empty(),
        "{} frames of the peer after that advert, the first after {:?}: {:?}",
        after.len(),
        after[0].at.since(back),
        after[0].frame
    );
}

impl Scene {
    /// The guest as the owner, the peer as its backup, whatever the priorities.
    fn with(priorities: [u8; 2]) -> Self {
        let conf = |priority| {
            let instance = Instance::new(priority, INTERVAL).vip("10.77.0.50/24");
            Conf::of(3, instance.line("nopreempt"))
        };
        let mut lab = Lab::new(2);
        // The guest takes the first router's place.
        lab.unplug(0);
        lab.bridge.ip_batch(&[
            format!("tuntap add dev {PORT} mode tap"),
            format!("link set {PORT} master br0 up"),
        ]);
        lab.nodes[0].port_index = lab
            .bridge
            .run(|| nix::net::if_::if_nametoindex(PORT).expect("the port just made"));
        let tap = Tap::new(&lab);

        let socket = place::scratch("smoke").join(format!("{}.qmp", lab.bridge.name()));
        let mac = lab.nodes[0].mac.map(|octet| format!("{octet:02x}"));
        let mut more: Vec<String> = Monitor::arguments(&socket).into();
        more.extend([
            "-netdev".into(),
            format!("tap,id=net,ifname={PORT},script=no,downscript=no"),
            "-device".into(),
            format!("e1000,netdev=net,romfile=,mac={}", mac.join(":")),
        ]);
        let mut guest = Guest::new()
            .program_as(&place::xvrrpd(), "/xvrrpd")
            .program("/usr/sbin/ip")
            .modules(&["e1000", "sch_ingress", "cls_bpf"])
            .file("/conf", conf(priorities[0]).keepalived().into_bytes())
            .script(SCENE)
            .boot(&mut lab.bridge.command(qemu()), &more);
        let monitor = Monitor::connect(socket);
        guest.says("it is the owner", PATIENCE);

        let peer = Xvrrpd.start(lab.router(1), &conf(priorities[1]));
        let vip = "10.77.0.50".parse().expect("an address");
        let scene = Self {
            monitor,
            guest,
            who: Probe::start(&lab, Kind::Resolve, vip, ASK_EVERY),
            each: Probe::start(&lab, Kind::EchoEach, vip, ASK_EVERY),
            tap,
            peer,
            lab,
        };
        scene.await_the_backup();
        scene
    }

    /// The peer listens, has heard the guest and says nothing; the guest answers.
    fn await_the_backup(&self) {
        eventually(PATIENCE, "the peer listens", || {
            if self.peer.listens() {
                Ok(())
            } else {
                Err("not yet".into())
            }
        });
        let since = Stamp::now();
        eventually(PATIENCE, "the guest owns, and answers", || {
            let by = |node| {
                self.tap
                    .adverts(since)
                    .iter()
                    .filter(|a| a.1 == node)
                    .count()
            };
            let answers = |questions: Vec<Question>| {
                questions.iter().filter(|q| q.answerers() == [0]).count()
            };
            match (
                by(0),
                by(1),
                answers(self.who.questions(&self.tap, since)),
                answers(self.each.questions(&self.tap, since)),
            ) {
                (3.., 0, 20.., 20..) => Ok(()),
                other => Err(format!("adverts of each, answers: {other:?}")),
            }
        });
    }

    fn stop_the_guest(&mut self) -> Stamp {
        self.monitor.execute("stop");
        Stamp::now()
    }

    fn resume_the_guest(&mut self) -> Stamp {
        let at = Stamp::now();
        self.monitor.execute("cont");
        at
    }

    /// The peer's first advert.
    fn takeover(&self, since: Stamp) -> Stamp {
        let within = INTERVAL * (PEER_WAITS + 2);
        self.tap.wait(within, "the peer takes over", since, |seen| {
            (seen.node == 1 && seen.advert_sent().is_some()).then_some(seen.at)
        })
    }

    fn in_its_name(&self, node: usize, since: Stamp) -> Vec<Seen> {
        let vip = "10.77.0.50".parse().expect("an address");
        self.tap.with(|seen| {
            seen.iter()
                .filter(|s| s.at >= since && s.node == node && s.speaks_for(vip))
                .cloned()
                .collect()
        })
    }

    fn last_word(&self, node: usize, since: Stamp) -> Option<Stamp> {
        self.in_its_name(node, since).last().map(|seen| seen.at)
    }

    /// Of the echo requests alone: their answers say which one they answer, however
    /// long that has waited.
    fn assert_answered_nothing_asked_after(&self, since: Stamp) {
        let mut asked = self.each.questions(&self.tap, since);
        asked.retain(|question| question.to == self.lab.router(0).mac);
        assert!(asked.len() >= 30, "only {} questions", asked.len());
        let answered: Vec<_> = asked
            .iter()
            .filter(|question| question.answerers().contains(&0))
            .collect();
        assert!(
            answered.is_empty(),
            "the guest answered {} of {} questions asked after it was beaten, the first {:?} after",
            answered.len(),
            asked.len(),
            answered[0].at.since(since)
        );
    }

    /// What was measured, for whoever reads the test's output.
    fn report(&self, resumed: Stamp) {
        let spoke = |node| self.in_its_name(node, resumed);
        let guest = spoke(0);
        println!(
            "after it went on, the guest sent {} frames in the address's name, the last after {:?}; \
             the peer {}",
            guest.len(),
            guest.last().map(|seen| seen.at.since(resumed)),
            spoke(1).len()
        );
    }
}
