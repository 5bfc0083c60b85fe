//! `scripts/health/revive.sh`: a service is restarted, and where that does not help the
//! router is in maintenance until it is well again.

use std::{fs, path::PathBuf};

use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::{Keepalived, Xvrrpd},
    net::Node,
    place,
    server::{Directory, Kind, Server},
    trial::{PATIENCE, Pair, Trial},
    wait::{eventually, throughout},
};

use crate::{
    handover::{done, status},
    health::{block, install, piece, routers},
};

/// A router that revives nginx, and what its RESTART is.
struct Revived {
    trial: Trial,
    server: Server,
    scripts: Directory,
}

impl Revived {
    /// The script as its file has it, but for RESTART: a file's content, so that a test
    /// can change it. In the router's namespace there is no systemd.
    fn new(pair: Pair, again_s: u32) -> Self {
        let scripts = install();
        let here = scripts.path().display();
        let text = block(&piece("revive", &scripts));
        let text = text.replace("'systemctl restart nginx'", &format!("'sh {here}/restart'"));
        let (xvrrpd, call) = (
            place::xvrrpd(),
            format!("{here}/revive.sh -w 1 -a {again_s}"),
        );
        let text = text.replace(&format!("{here}/revive.sh"), &call);
        let set = format!(
            "script \"/usr/bin/env XVRRPD={} REVIVE_STATE={here}/state ",
            xvrrpd.display()
        );
        let text = text
            .replace("script \"", &set)
            .replace("interval 2", "interval 1");
        let mut revived = Self {
            trial: routers(pair, "revive", text),
            server: Server::new(Kind::Nginx),
            scripts,
        };
        revived.on_restart("false");
        revived.server.start(revived.trial.lab.router(0));
        revived
    }

    fn node(&self) -> &Node {
        self.trial.lab.router(0)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.scripts.path().join(name)
    }

    /// What RESTART does from now on; each time it is written down.
    fn on_restart(&mut self, script: &str) {
        let counted = self.file("restarts");
        let script = format!("echo once >>{}\n{script}\n", counted.display());
        fs::write(self.file("restart"), script).expect("ours");
    }

    fn restarts(&self) -> usize {
        fs::read_to_string(self.file("restarts")).map_or(0, |it| it.lines().count())
    }

    fn maintenance(&self) -> String {
        let status = status(self.node());
        status["maintenance"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    #[track_caller]
    fn await_maintenance(&self, wanted: &str) {
        eventually(PATIENCE * 2, "maintenance", || match self.maintenance() {
            it if it == wanted => Ok(()),
            other => Err(other),
        });
    }
}

/// nginx crashes and is restarted: nobody else ever owns the addresses.
#[test]
fn a_restart_that_helps_moves_nothing() {
    let mut it = Revived::new([Xvrrpd, Xvrrpd], 60);
    it.trial.settle();
    let conf = it.server.directory().join("conf");
    let start = format!("/usr/sbin/nginx -g 'daemon on;' -c {} &", conf.display());
    // One directive may stand only once.
    let text = fs::read_to_string(&conf)
        .expect("ours")
        .replace("daemon off;\n", "");
    fs::write(&conf, text).expect("ours");
    it.on_restart(&start);
    let since = Stamp::now();
    it.server.kill();
    eventually(PATIENCE, "nginx answers again", || {
        let mut ask = it.node().ns.command(it.file("nginx.sh"));
        if ask.output().expect("the script").status.success() {
            Ok(())
        } else {
            Err("not yet".into())
        }
    });
    throughout(PATIENCE / 2, "it stays with the first router", || {
        let adverts = it.trial.tap.adverts(since);
        match adverts.iter().find(|(_, node, _)| *node == 1) {
            Some(advert) => Err(format!("{advert:?}")),
            None => Ok(()),
        }
    });
    assert_eq!(it.restarts(), 1);
    assert_eq!(it.maintenance(), "off");
}

/// It does not: handed over without a moment in between, held in maintenance, and over
/// once the service is well.
fn a_restart_that_does_not_help(pair: Pair) {
    let mut it = Revived::new(pair, 60);
    it.trial.settle();
    let since = Stamp::now();
    it.server.kill();
    let takeover = it.trial.takeover(51, 1, since);
    assert!(
        takeover.resigned.is_none(),
        "nothing is given up: {takeover:?}"
    );
    it.trial.await_owner(1);
    it.await_maintenance("on");
    assert_eq!(it.restarts(), 1);
    it.server.start(it.trial.lab.router(0));
    it.await_maintenance("off");
    it.trial.await_owner(0);
    // It fails again at once: no second restart within the minute.
    it.server.kill();
    it.await_maintenance("on");
    assert_eq!(it.restarts(), 1);
}

#[test]
fn a_restart_that_does_not_help_hands_over() {
    a_restart_that_does_not_help([Xvrrpd, Xvrrpd]);
}

#[test]
fn a_restart_that_does_not_help_hands_over_to_keepalived() {
    a_restart_that_does_not_help([Xvrrpd, Keepalived]);
}

/// Alone, maintenance is refused and the address stays: better a router without its
/// service than none.
#[test]
fn without_a_taker_the_address_stays() {
    let mut it = Revived::new([Xvrrpd, Xvrrpd], 0);
    it.trial.start(0);
    it.trial.await_owner(0);
    it.server.kill();
    eventually(PATIENCE * 3, "two attempts", || match it.restarts() {
        0 | 1 => Err("not yet".into()),
        _ => Ok(()),
    });
    assert_eq!(it.maintenance(), "off");
    it.trial.await_owner(0);
}

/// An operator's maintenance is nobody else's: neither is the service restarted in it,
/// nor is it ended by a service that is well.
#[test]
fn an_operators_maintenance_is_left_alone() {
    let mut it = Revived::new([Xvrrpd, Xvrrpd], 0);
    it.trial.settle();
    done(it.node(), "maintenance on");
    it.server.kill();
    throughout(PATIENCE / 2, "no restart", || match it.restarts() {
        0 => Ok(()),
        some => Err(format!("{some}")),
    });
    it.server.start(it.trial.lab.router(0));
    throughout(PATIENCE / 2, "it stays in maintenance", || {
        match it.maintenance().as_str() {
            "on" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
    done(it.node(), "maintenance off");
    it.trial.await_owner(0);
}
