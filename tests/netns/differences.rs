//! What two routers of a group say differently is named, with which side has what.

use xvrrp_tests::{
    capture::Stamp,
    conf::Conf,
    daemon::Daemon::{self, Keepalived, Xvrrpd},
    place,
    trial::{HIGH, LOW, PATIENCE, Profile, Trial},
    wait::eventually,
};

fn with(mut conf: Conf, lines: &[&str], vip: Option<&str>) -> Conf {
    let instance = &mut conf.instances[0];
    instance.extra.extend(lines.iter().map(|&it| it.to_owned()));
    instance.vips.extend(vip.map(str::to_owned));
    conf
}

/// The owner advertises every 200 ms, and has one address more; `plain`: it sums its
/// message alone. The backup says so once, and shows it for as long as it is so.
fn named(owner: Daemon, plain: bool) {
    let profile = Profile::V3At100ms;
    let lines: &[&str] = if plain { &["v3_checksum_as_v2"] } else { &[] };
    let mut high = with(profile.conf(HIGH), lines, Some("10.77.0.51/24"));
    high.instances[0].interval = profile.interval() * 2;
    let low = with(profile.conf(LOW), &["v3_checksum_as_v2 off"], None);
    let trial = Trial::settled([owner, Xvrrpd], [high, low]);
    let mut words = vec!["an advert every 0.20 s there, every 0.10 s here"];
    if plain {
        words.push("a checksum of the message alone there, with a pseudo-header here");
    }
    words.push("2 addresses there, 1 here");
    let running = trial.running[1].as_ref().expect("it runs");
    let line = format!(
        "eth0: 10.77.0.1 and this router differ in VRID 51: {}",
        words.join("; ")
    );
    running.log().wait(PATIENCE, Stamp::default(), &line);
    let shown = || {
        let node = trial.lab.router(1);
        let mut command = node.ns.command(place::xvrrpd());
        let output = command.arg("status").output().expect("xvrrpd");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let page = shown();
    let flat = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for one in &words {
        assert!(flat.contains(&format!("differs: {one}")), "{page}");
    }
    let said = running.log().since(Stamp::default());
    let told = said.iter().filter(|it| it.contains("differ in VRID"));
    assert_eq!(told.count(), 1, "{said:?}");
    // The same again here: nothing is left to say.
    let mut same = with(profile.conf(LOW), lines, Some("10.77.0.51/24"));
    same.instances[0].interval = profile.interval() * 2;
    running.reload(&same);
    eventually(PATIENCE, "nothing differs", || {
        let page = shown();
        if page.contains("differs") || !page.contains("heard 10.77.0.1") {
            return Err(page);
        }
        Ok(())
    });
}

#[test]
fn between_peers() {
    named(Xvrrpd, true);
}

/// Of 2.2.7, which has the pseudo-header always. In the other role it refuses such adverts.
#[test]
fn of_a_keepalived() {
    named(Keepalived, false);
}
