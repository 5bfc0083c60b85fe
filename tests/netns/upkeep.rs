//! Reloads that a file schedules, that a file marks, and what is kept of them: by
//! xvrrpd as by keepalived. And adverts from an address of their own.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::{self, Keepalived, Xvrrpd},
    net::Lab,
    observe, place,
    trial::{HIGH, LOW, PATIENCE, Pair, Profile, Trial},
    wait::eventually,
};

const PROFILE: Profile = Profile::V3At100ms;

/// The local time in so many seconds, of day or with its date.
fn clock(seconds: u32, form: &str) -> String {
    let mut command = std::process::Command::new("date");
    let asked = command.arg(format!("--date={seconds} seconds")).arg(form);
    let done = asked.output().expect("date");
    String::from_utf8(done.stdout).expect("digits")
}

/// What is in a directory, with process numbers made alike.
fn kept(directory: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(directory).expect("config_save_dir was made");
    let names = names.map(|it| {
        it.expect("an entry")
            .file_name()
            .into_string()
            .expect("text")
    });
    names
        .map(|name| {
            let mut alike = false;
            let parts = name.split('.').map(|part| {
                let number = part.parse::<u32>().is_ok();
                if number && !std::mem::replace(&mut alike, true) {
                    "PID"
                } else {
                    part
                }
            });
            parts.collect::<Vec<_>>().join(".")
        })
        .collect()
}

fn gone(path: &Path, what: &str) {
    eventually(PATIENCE, what, || {
        if path.exists() {
            Err(format!("{} is there", path.display()))
        } else {
            Ok(())
        }
    });
}

/// Scheduled, cancelled, scheduled for a time of day, and by hand.
fn reloads(daemon: Daemon) -> BTreeSet<String> {
    let lab = Lab::new(1);
    let node = lab.router(0);
    let place: PathBuf = place::scratch("upkeep").join(node.ns.name());
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).expect("a place");
    let at = |name: &str| place.join(name);
    let (when, marker, saved) = (at("when"), at("reading"), at("saved"));
    let mut conf = PROFILE.conf(HIGH);
    conf.globals = vec![
        format!("reload_time_file {}", when.display()),
        format!("reload_file {}", marker.display()),
        format!("config_save_dir {}", saved.display()),
    ];
    let mut running = daemon.start(node, &conf);
    let log = running.log().clone();
    log.wait(PATIENCE, Stamp::default(), "Entering MASTER STATE");

    let before = Stamp::now();
    fs::write(&when, clock(3600, "+%Y-%m-%d %H:%M:%S")).expect("a file");
    log.wait(PATIENCE, before, "Scheduling reload for");
    fs::remove_file(&when).expect("the file");
    log.wait(PATIENCE, before, "Cancelling reload scheduled for");
    fs::write(&when, clock(0, "+%H:%M")).expect("a file");
    log.wait(PATIENCE, before, "gnor");

    let before = Stamp::now();
    fs::write(&when, clock(3, "+%H:%M:%S")).expect("a file");
    log.wait(PATIENCE, before, "Scheduling reload for");
    log.wait(PATIENCE, before, "Reloading");
    gone(&when, "what has come to pass is removed");
    gone(&marker, "the first reload has read everything");

    fs::write(&marker, "somebody waits").expect("a file");
    running.reload(&conf);
    gone(&marker, "the second reload has read everything");
    let kept = eventually(PATIENCE, "both reloads are kept", || {
        let kept = kept(&saved);
        if kept.contains("keepalived_vrrp.PID.2.post") {
            Ok(kept)
        } else {
            Err(format!("{kept:?}"))
        }
    });
    running.terminate();
    running.left();
    let _ = fs::remove_dir_all(&place);
    kept
}

#[test]
fn reloads_are_scheduled_marked_and_kept_as_keepaliveds() {
    let [ours, theirs] = [Xvrrpd, Keepalived].map(reloads);
    assert_eq!(ours, theirs);
}

/// `data_use_instance`: keepalived's name for the file.
fn named(daemon: Daemon) -> String {
    let lab = Lab::new(1);
    let node = lab.router(0);
    let place = place::scratch("named").join(node.ns.name());
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).expect("a place");
    let mut conf = PROFILE.conf(HIGH);
    let dump = match daemon {
        Xvrrpd => format!("dump_directory {}", place.display()),
        _ => format!("state_dump_file {}/keepalived.data", place.display()),
    };
    conf.globals = vec!["data_use_instance".into(), dump];
    let text = format!("instance blue\n{}", conf.keepalived());
    let mut running = daemon.start_text(node, &text);
    let log = running.log().clone();
    log.wait(PATIENCE, Stamp::default(), "Entering MASTER STATE");
    // SAFETY: a signal to a process that this test started and has not reaped.
    assert_eq!(unsafe { libc::kill(running.pid(), libc::SIGUSR1) }, 0);
    let directory = match daemon {
        Xvrrpd => place.clone(),
        // 2.2.7 has no word for another place; its `/tmp` is its own.
        _ => format!("/proc/{}/root/tmp", running.pid()).into(),
    };
    let name = eventually(PATIENCE, "the dump", || {
        let names = fs::read_dir(&directory).map_err(|error| error.to_string())?;
        let names = names.filter_map(|it| it.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names
            .filter(|it| it.starts_with("keepalived.") && it.contains(".data"))
            .collect();
        names.pop().ok_or_else(|| "not yet".to_owned())
    });
    running.terminate();
    running.left();
    let _ = fs::remove_dir_all(&place);
    name
}

#[test]
fn the_instance_is_in_the_dumps_name_as_in_keepaliveds() {
    let [ours, theirs] = [Xvrrpd, Keepalived].map(named);
    assert_eq!(
        (ours.as_str(), theirs.as_str()),
        ("keepalived.blue.data", "keepalived.blue.data")
    );
}

/// `use_ipvlan`: adverts leave from its address, with the interface's MAC, and the host
/// has it as long as the daemon runs. The peer follows them, whoever it is.
fn from_an_address_of_its_own(pair: Pair) {
    let own = "10.77.0.201".parse().expect("an address");
    let mut first = PROFILE.conf(HIGH);
    first.instances[0] = first.instances[0]
        .clone()
        .line("use_ipvlan ipv51 10.77.0.201/24");
    let mut trial = Trial::settled(pair, [first, PROFILE.conf(LOW)]);
    assert!(observe::has(trial.lab.router(0), own), "it is not there");
    let from = Stamp::now();
    std::thread::sleep(Duration::from_secs(1));
    let adverts = trial.tap.adverts(from);
    assert!(adverts.len() > 5, "{adverts:?}");
    for (_, node, advert) in adverts {
        assert_eq!((node, advert.source), (0, own));
    }
    trial.terminate(0);
    trial.await_owner(1);
    assert!(!observe::has(trial.lab.router(0), own), "it is left");
    trial.start(0);
    trial.await_owner(0);
}

#[test]
fn use_ipvlan_beside_xvrrpd() {
    from_an_address_of_its_own([Xvrrpd, Xvrrpd]);
}

#[test]
fn use_ipvlan_beside_keepalived() {
    from_an_address_of_its_own([Xvrrpd, Keepalived]);
}
