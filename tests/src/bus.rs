//! A private D-Bus, and what is said on it.

use std::{
    fs,
    path::Path,
    process::{Child, Output, Stdio},
    time::Duration,
};

use crate::{capture::Stamp, log::Log, net::Node, process, server::Directory, wait::eventually};

const CONF: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=DIR/socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <policy user="root">
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Monitoring"/>
    <allow own="org.example.Two"/>
    <allow send_destination="org.example.Two"/>
  </policy>
  <include>POLICY</include>
</busconfig>
"#;

/// A bus of its own with a system bus's policy and `scripts/org.keepalived.Vrrp1.conf`,
/// that only those find who are told of it. Gone when dropped.
pub struct Bus {
    directory: Directory,
    daemon: Option<Child>,
    monitor: Option<Child>,
    heard: Log,
}

impl Default for Bus {
    fn default() -> Self {
        Self::new()
    }
}

impl Bus {
    /// Not started yet.
    #[must_use]
    pub fn new() -> Self {
        let directory = Directory::new();
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let policy = tests.join("../scripts/org.keepalived.Vrrp1.conf");
        let text = CONF.replace("DIR", &directory.path().display().to_string());
        let text = text.replace("POLICY", &policy.display().to_string());
        fs::write(directory.path().join("conf"), text).expect("ours");
        Self {
            directory,
            daemon: None,
            monitor: None,
            heard: Log::default(),
        }
    }

    /// For `DBUS_SYSTEM_BUS_ADDRESS`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix:path={}/socket", self.directory.path().display())
    }

    /// Starts it in a node's namespace, with somebody who listens to all signals.
    pub fn start(&mut self, node: &Node) {
        let mut command = node.ns.command("/usr/bin/dbus-daemon");
        let conf = self.directory.path().join("conf");
        command
            .args(["--nofork", "--nopidfile", "--config-file"])
            .arg(conf);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.daemon = Some(command.spawn().expect("dbus-daemon, of dbus"));
        let socket = self.directory.path().join("socket");
        eventually(Duration::from_secs(5), "the bus is there", || {
            match std::os::unix::net::UnixStream::connect(&socket) {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            }
        });
        let mut command = node.ns.command("/usr/bin/dbus-monitor");
        command.args(["--address", &self.address(), "type='signal'"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut monitor = command.spawn().expect("dbus-monitor, of dbus");
        self.heard.follow(monitor.stdout.take().expect("piped"));
        self.monitor = Some(monitor);
        eventually(Duration::from_secs(5), "somebody listens", || {
            // It is told of its own name first.
            match self.heard.since(Stamp::default()).len() {
                0 => Err("not yet".into()),
                _ => Ok(()),
            }
        });
    }

    /// Kills it.
    pub fn kill(&mut self) {
        for child in [&mut self.monitor, &mut self.daemon] {
            if let Some(mut child) = child.take() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        let _ = fs::remove_file(self.directory.path().join("socket"));
    }

    /// It hangs.
    pub fn hang(&self) {
        let daemon = self.daemon.as_ref().expect("it runs");
        process::stop_tree(i32::try_from(daemon.id()).expect("a process id"));
    }

    /// keepalived's signals in the order in which they were heard: the object's last
    /// three names, the signal, its argument.
    #[must_use]
    pub fn signals(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut ours = false;
        for line in self.heard.since(Stamp::default()) {
            let line = line.trim();
            if line.starts_with("signal ") {
                let field = |name: &str| {
                    let (_, rest) = line.split_once(name)?;
                    rest.split([';', ' ']).next()
                };
                ours = line.contains("interface=org.keepalived.");
                let (path, member) = (field("path="), field("member="));
                if let (true, Some(path), Some(member)) = (ours, path, member) {
                    let path = path.trim_start_matches("/org/keepalived/Vrrp1/");
                    found.push(format!("{path} {member}"));
                }
            } else if let (true, Some(last), Some(number)) =
                (ours, found.last_mut(), line.strip_prefix("uint32 "))
            {
                last.push(' ');
                last.push_str(number);
            }
        }
        found
    }

    /// Calls a method of `service`; what comes back as JSON, or the refusal.
    pub fn call(&self, node: &Node, words: &[&str]) -> Result<String, String> {
        said(&self.busctl(node, &[], words))
    }

    /// The same by a user without rights.
    pub fn call_as_nobody(&self, node: &Node, words: &[&str]) -> Result<String, String> {
        let nobody = [
            "setpriv",
            "--reuid=nobody",
            "--regid=nogroup",
            "--clear-groups",
        ];
        said(&self.busctl(node, &nobody, words))
    }

    fn busctl(&self, node: &Node, by: &[&str], words: &[&str]) -> Output {
        let all = [by, &["busctl"]].concat();
        let mut command = node.ns.command(all[0]);
        command.args(&all[1..]);
        command.arg(format!("--address={}", self.address()));
        command
            .args(["--json=short", "--timeout=5", "call"])
            .args(words);
        command.output().expect("busctl, of systemd")
    }

    /// Every object's path and what it says of itself.
    #[must_use]
    pub fn introspect(&self, node: &Node, service: &str) -> Vec<(String, String)> {
        let mut todo = vec!["/".to_owned()];
        let mut found = Vec::new();
        while let Some(path) = todo.pop() {
            let words = [
                service,
                &path,
                "org.freedesktop.DBus.Introspectable",
                "Introspect",
            ];
            let text = self
                .call(node, &words)
                .unwrap_or_else(|it| panic!("{path}: {it}"));
            let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            let xml = json["data"][0].as_str().expect("XML").to_owned();
            for tag in own_tags(&xml).filter(|tag| tag.starts_with("node ")) {
                let name = tag.split('"').nth(1).unwrap_or_default();
                todo.push(format!("{}/{name}", path.trim_end_matches('/')));
            }
            found.push((path, xml));
        }
        found.sort();
        found
    }
}

/// The tags of an object's own description and its children's names: not what is said of
/// the children already.
pub fn own_tags(xml: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    xml.split('<').skip(1).filter(move |tag| {
        let before = depth;
        if tag.starts_with("/node") {
            depth -= 1;
        } else if tag.starts_with("node") && !tag.contains("/>") {
            depth += 1;
        }
        before == 1
    })
}

fn said(output: &Output) -> Result<String, String> {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).trim().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.kill();
    }
}
