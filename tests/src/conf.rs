//! One description of a router, written out for each daemon.

use std::{fmt::Write as _, net::IpAddr, time::Duration};

use crate::net::INTERFACE;

/// A whole configuration.
#[derive(Clone, Debug)]
pub struct Conf {
    /// `vrrp_version`, 2 or 3.
    pub version: u8,
    /// Further lines of `global_defs`.
    pub globals: Vec<String>,
    /// Check scripts.
    pub scripts: Vec<Script>,
    /// Other blocks, each as it is written.
    pub blocks: Vec<String>,
    /// Virtual routers.
    pub instances: Vec<Instance>,
}

/// A `vrrp_script`.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its name.
    pub name: String,
    /// The command, in the words of a shell.
    pub command: String,
    /// Every how many seconds.
    pub interval_s: u32,
    /// Priority points, signed; 0 for FAULT.
    pub weight: i32,
    /// Failures in a row before it counts as failed.
    pub fall: u32,
    /// Successes in a row before it counts as recovered.
    pub rise: u32,
}

/// A `vrrp_instance`.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// `state MASTER`, else BACKUP.
    pub state_master: bool,
    /// Virtual router ID.
    pub vrid: u8,
    /// Base priority.
    pub priority: u8,
    /// `advert_int`.
    pub interval: Duration,
    /// `auth_pass` with `auth_type PASS`.
    pub password: Option<String>,
    /// Virtual addresses as configured, prefix and options included.
    pub vips: Vec<String>,
    /// Names of scripts it tracks.
    pub track_scripts: Vec<String>,
    /// Further lines, such as `nopreempt`.
    pub extra: Vec<String>,
}

impl Conf {
    /// One instance and nothing else.
    #[must_use]
    pub fn of(version: u8, instance: Instance) -> Self {
        Self {
            version,
            globals: Vec::new(),
            scripts: Vec::new(),
            blocks: Vec::new(),
            instances: vec![instance],
        }
    }

    /// As keepalived and `xvrrpd` read it.
    #[must_use]
    pub fn keepalived(&self) -> String {
        let mut text = String::new();
        let t = &mut text;
        put(t, 0, "global_defs {");
        put(t, 1, &format!("router_id {INTERFACE}"));
        put(t, 1, &format!("vrrp_version {}", self.version));
        for line in &self.globals {
            put(t, 1, line);
        }
        put(t, 0, "}");
        for script in &self.scripts {
            put(t, 0, &format!("vrrp_script {} {{", script.name));
            put(t, 1, &format!("script \"{}\"", script.command));
            put(t, 1, &format!("interval {}", script.interval_s));
            put(t, 1, &format!("weight {}", script.weight));
            put(t, 1, &format!("fall {}", script.fall));
            put(t, 1, &format!("rise {}", script.rise));
            put(t, 1, "user root");
            put(t, 0, "}");
        }
        for block in &self.blocks {
            put(t, 0, block);
        }
        for instance in &self.instances {
            instance.keepalived(t);
        }
        text
    }

    /// As FRR's `vrrpd` reads it. FRR knows neither scripts nor passwords.
    #[must_use]
    pub fn frr(&self) -> String {
        let mut text = format!("log stdout debugging\ninterface {INTERFACE}\n");
        let t = &mut text;
        for instance in &self.instances {
            let vrid = instance.vrid;
            assert!(
                self.scripts.is_empty() && instance.password.is_none(),
                "FRR has no such thing"
            );
            put(t, 1, &format!("vrrp {vrid} version {}", self.version));
            put(t, 1, &format!("vrrp {vrid} priority {}", instance.priority));
            let interval_ms = instance.interval.as_millis();
            put(
                t,
                1,
                &format!("vrrp {vrid} advertisement-interval {interval_ms}"),
            );
            for vip in instance.addresses() {
                let kind = if vip.is_ipv4() { "ip" } else { "ipv6" };
                put(t, 1, &format!("vrrp {vrid} {kind} {vip}"));
            }
        }
        text
    }
}

impl Instance {
    /// A backup called `VI_1` with virtual router ID 51 and no addresses yet.
    #[must_use]
    pub fn new(priority: u8, interval: Duration) -> Self {
        Self {
            name: "VI_1".into(),
            state_master: false,
            vrid: 51,
            priority,
            interval,
            password: None,
            vips: Vec::new(),
            track_scripts: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// The same with one more virtual address.
    #[must_use]
    pub fn vip(mut self, vip: impl Into<String>) -> Self {
        self.vips.push(vip.into());
        self
    }

    /// The same with one more line.
    #[must_use]
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.extra.push(line.into());
        self
    }

    /// The virtual addresses, bare.
    #[must_use]
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.vips
            .iter()
            .map(|vip| {
                let address = vip.split(['/', ' ']).next().unwrap_or_default();
                address
                    .parse()
                    .unwrap_or_else(|error| panic!("{vip}: {error}"))
            })
            .collect()
    }

    fn keepalived(&self, t: &mut String) {
        put(t, 0, &format!("vrrp_instance {} {{", self.name));
        put(
            t,
            1,
            if self.state_master {
                "state MASTER"
            } else {
                "state BACKUP"
            },
        );
        put(t, 1, &format!("interface {INTERFACE}"));
        put(t, 1, &format!("virtual_router_id {}", self.vrid));
        put(t, 1, &format!("priority {}", self.priority));
        put(t, 1, &format!("advert_int {}", self.interval.as_secs_f64()));
        for line in &self.extra {
            put(t, 1, line);
        }
        if let Some(password) = &self.password {
            put(t, 1, "authentication {");
            put(t, 2, "auth_type PASS");
            put(t, 2, &format!("auth_pass {password}"));
            put(t, 1, "}");
        }
        put(t, 1, "virtual_ipaddress {");
        for vip in &self.vips {
            put(t, 2, vip);
        }
        put(t, 1, "}");
        if !self.track_scripts.is_empty() {
            put(t, 1, "track_script {");
            for script in &self.track_scripts {
                put(t, 2, script);
            }
            put(t, 1, "}");
        }
        put(t, 0, "}");
    }
}

fn put(text: &mut String, depth: usize, line: &str) {
    writeln!(text, "{:depth$}{line}", "", depth = depth * 4).expect("memory");
}
