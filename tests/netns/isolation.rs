//! Two daemons on one host that know nothing of each other.

use std::{
    collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command,
};

use xvrrp_tests::{
    capture::{Stamp, Tap},
    daemon::{Daemon::Xvrrpd, Running, conf_file},
    namespace::pins_of,
    net::{Lab, Node},
    observe, place,
    trial::{HIGH, PATIENCE, Profile},
    wait::{eventually, throughout},
};

const PROFILE: Profile = Profile::V3At100ms;

/// Started with the same file and no option to tell them apart, in two
/// namespaces that do not hear each other: both are owners, and they share no
/// map, program, link, pin, socket or pid file. One leaves; the other stays.
#[test]
fn two_namespaces_share_nothing() {
    let labs = [Lab::new(1), Lab::new(1)];
    let taps = [Tap::new(&labs[0]), Tap::new(&labs[1])];
    let mut running: Vec<Running> = Vec::new();
    let mut files = Vec::new();
    for (lab, tap) in labs.iter().zip(&taps) {
        let node = lab.router(0);
        let conf = conf_file(node, &PROFILE.conf(HIGH).keepalived());
        let mut command = node.ns.command(place::xvrrpd());
        command.args(["run", "-f"]).arg(&conf);
        let daemon = Running::spawn(Xvrrpd, node, conf, &mut command);
        await_owner(node, tap);
        files.push(pid_files(daemon.pid()));
        running.push(daemon);
    }
    let [one, two] = [running[0].pid(), running[1].pid()];
    for (what, look) in [
        (
            "BPF objects",
            observe::bpf_objects as fn(i32) -> BTreeSet<String>,
        ),
        ("Unix sockets", observe::unix_sockets),
    ] {
        let (of_one, of_two) = (look(one), look(two));
        let shared: Vec<_> = of_one.intersection(&of_two).collect();
        assert!(!of_one.is_empty() && !of_two.is_empty(), "each has {what}");
        assert!(shared.is_empty(), "{what} shared: {shared:?}");
    }
    let pins: Vec<_> = labs
        .iter()
        .map(|lab| pins_of(lab.router(0).ns.cookie()))
        .collect();
    assert!(
        pins.iter().all(|pins| !pins.is_empty()),
        "each has pins of its own: {pins:?}"
    );
    for (daemon, files) in running.iter().zip(&files) {
        assert_eq!(
            *files,
            pid_files(daemon.pid()),
            "each pid file still names its own daemon"
        );
    }

    running[0].terminate();
    running[0].left();
    let since = Stamp::now();
    throughout(PROFILE.interval() * 10, "the other one stays", || {
        if running[1].is_running() && observe::has(labs[1].router(0), PROFILE.vip()) {
            Ok(())
        } else {
            Err("it went too".into())
        }
    });
    assert!(taps[1].adverts(since).len() >= 8, "its adverts stopped");
    assert!(
        !pins_of(labs[1].router(0).ns.cookie()).is_empty(),
        "its pins are gone"
    );
}

/// A second one in the same namespace would own the same addresses: it does not
/// start, and says who is there already.
#[test]
fn a_second_one_does_not_start() {
    let lab = Lab::new(1);
    let tap = Tap::new(&lab);
    let node = lab.router(0);
    let conf = PROFILE.conf(HIGH);
    let first = Xvrrpd.start(node, &conf);
    await_owner(node, &tap);
    let second = node
        .ns
        .command(place::xvrrpd())
        .args(["run", "-f"])
        .arg(first.conf())
        .output()
        .expect("xvrrpd");
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{said}");
    let wanted = format!(
        "already runs in this network namespace (pid {}",
        first.pid()
    );
    assert!(said.contains(&wanted), "{said}");
    // The first one took no harm.
    await_owner(node, &tap);
}

/// Two in one namespace, told apart by `instance`, each on an interface of its
/// own; one of them a kind that knows no native XDP.
#[test]
fn two_instances_in_one_namespace() {
    let lab = Lab::new(1);
    let tap = Tap::new(&lab);
    let node = lab.router(0);
    let [east, west] = one_on_each(node);
    // The kernel attaches below only while nothing is attached on top.
    let east = Xvrrpd.start_text(node, &east);
    await_owner(node, &tap);
    let west = Xvrrpd.start_text(node, &west);
    let other = "10.78.0.50".parse().expect("an address");
    eventually(PATIENCE, "the other one is an owner too", || {
        if observe::has(node, other) {
            Ok(())
        } else {
            Err("not yet".into())
        }
    });
    let objects = [&east, &west].map(|daemon| observe::bpf_objects(daemon.pid()));
    assert!(
        objects.iter().all(|objects| !objects.is_empty()),
        "each has BPF objects"
    );
    let shared: Vec<_> = objects[0].intersection(&objects[1]).collect();
    assert!(shared.is_empty(), "shared: {shared:?}");
    assert_eq!(
        pins_of(node.ns.cookie()).len(),
        2,
        "a directory of pins for each"
    );
    assert_eq!(observe::xdp_mode(node, "eth0"), Some("native"));
    assert_eq!(observe::xdp_mode(node, "eth1"), Some("generic"));
}

/// Where no program can be attached, adverts are not heard: it must not become
/// MASTER, whoever else there is.
#[test]
fn without_a_program_it_stays_in_fault() {
    let lab = Lab::new(1);
    let tap = Tap::new(&lab);
    let node = lab.router(0);
    let [below, above] = one_on_each(node);
    let above = Xvrrpd.start_text(node, &above);
    let log = |daemon: &Running, text: &str| {
        daemon.log().wait(PATIENCE, Stamp::default(), text);
    };
    log(&above, "Entering MASTER STATE");
    let below = Xvrrpd.start_text(node, &below);
    log(&below, "eth0 is not watched by XDP");
    log(&below, "eth1, already has an XDP program");
    throughout(
        PROFILE.down(HIGH) * 2,
        "no advert for VRID 51",
        || match tap
            .adverts(Stamp::default())
            .iter()
            .find(|(_, _, a)| a.vrid == 51)
        {
            Some((_, _, advert)) => Err(format!("{advert:?}")),
            None => Ok(()),
        },
    );
    // The way is free: it serves its interface without a restart.
    let mut above = above;
    above.terminate();
    above.left();
    await_owner(node, &tap);
}

/// `ip netns exec` hides the host's `/sys/fs/bpf`: it works all the same, and
/// says what that means for the fence.
#[test]
fn started_under_ip_netns_exec() {
    let lab = Lab::new(1);
    let tap = Tap::new(&lab);
    let node = lab.router(0);
    let conf = conf_file(node, &PROFILE.conf(HIGH).keepalived());
    let mut command = Command::new("ip");
    command
        .args(["netns", "exec", node.ns.name()])
        .arg(place::xvrrpd());
    command.args(["run", "-f"]).arg(&conf);
    let daemon = Running::spawn(Xvrrpd, node, conf, &mut command);
    await_owner(node, &tap);
    let reached_the_host = !pins_of(node.ns.cookie()).is_empty();
    let said = daemon.log().since(Stamp::default());
    let warned = said
        .iter()
        .any(|line| line.to_lowercase().contains("fence"));
    assert!(
        reached_the_host || warned,
        "no pin where the host would find it, and no word about the fence: {said:?}"
    );
}

/// `net_namespace` of the configuration, and `-s`, which overrules it: started outside,
/// the daemon and its scripts run inside, and its pins are in the host's bpffs.
#[test]
fn started_into_a_namespace_by_its_configuration() {
    for by_option in [false, true] {
        let lab = Lab::new(1);
        let tap = Tap::new(&lab);
        let node = lab.router(0);
        let written = if by_option { "nowhere" } else { node.ns.name() };
        let dir = place::scratch("inside");
        let seen = dir.join(node.ns.name());
        let script = seen.with_extension("sh");
        let text = format!("#!/bin/sh\nip -o link show eth0 > {}\n", seen.display());
        fs::write(&script, text).expect("a script");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("mode");
        let mut conf = PROFILE.conf(HIGH);
        let notify = format!("notify_master {}", script.display());
        conf.instances[0].extra.push(notify);
        let text = format!("net_namespace {written}\n{}", conf.keepalived());
        let conf = conf_file(node, &text);
        let mut command = Command::new(place::xvrrpd());
        command.args(["-n", "-l", "-D", "-P", "-f"]).arg(&conf);
        if by_option {
            command.args(["-s", node.ns.name()]);
        }
        let daemon = Running::spawn(Xvrrpd, node, conf, &mut command);
        await_owner(node, &tap);
        assert!(!pins_of(node.ns.cookie()).is_empty(), "pinned on the host");
        let said = daemon.log().since(Stamp::default());
        let overruled = said
            .iter()
            .any(|line| line.contains("overrules `net_namespace nowhere`"));
        assert_eq!(overruled, by_option, "{said:?}");
        eventually(
            PATIENCE,
            "the script ran inside",
            || match fs::read_to_string(&seen) {
                Ok(text) if text.contains("02:00:00:00:00:01") => Ok(()),
                other => Err(format!("{other:?}")),
            },
        );
        // Another one cannot be moved to by a reload.
        let since = Stamp::now();
        daemon.reload_text(&PROFILE.conf(HIGH).keepalived());
        let told = "`net_namespace` is obeyed at a start";
        daemon.log().wait(PATIENCE, since, told);
    }
}

/// Puts a macvlan `eth1` on `eth0` and gives a configuration for each of the two.
fn one_on_each(node: &Node) -> [String; 2] {
    node.ns
        .ip("link add eth1 link eth0 type macvlan mode bridge");
    node.ns.ip("addr add 10.78.0.1/24 dev eth1");
    node.ns.ip("link set eth1 up");
    let below = format!("instance below\n{}", PROFILE.conf(HIGH).keepalived());
    let above = below
        .replace("instance below", "instance above")
        .replace("interface eth0", "interface eth1")
        .replace("virtual_router_id 51", "virtual_router_id 52")
        .replace("10.77.0.50/24", "10.78.0.50/24 dev eth1");
    [below, above]
}

fn await_owner(node: &Node, tap: &Tap) {
    eventually(PATIENCE, "a lone router becomes the owner", || {
        let since = Stamp::now().0.saturating_sub(250_000_000);
        let advertises = tap
            .adverts(Stamp(since))
            .iter()
            .any(|(_, _, a)| a.priority == HIGH);
        match (advertises, observe::has(node, PROFILE.vip())) {
            (true, true) => Ok(()),
            other => Err(format!("advertises, has the address: {other:?}")),
        }
    });
}

/// Files under `/run` that hold just this process id.
fn pid_files(pid: i32) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut todo = vec![(PathBuf::from("/run"), 0)];
    while let Some((dir, depth)) = todo.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() && depth < 4 {
                todo.push((entry.path(), depth + 1));
            } else if kind.is_file()
                && entry.metadata().is_ok_and(|meta| meta.len() < 32)
                && fs::read_to_string(entry.path()).is_ok_and(|text| text.trim() == pid.to_string())
            {
                found.insert(entry.path());
            }
        }
    }
    found
}
