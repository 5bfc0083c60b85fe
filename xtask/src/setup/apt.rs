//! Debian's packages.

use anyhow::{Context as _, Result};

use crate::{program, root};

/// Services that the packages would start, and that no test wants running.
const SERVICES: [&str; 7] = [
    "keepalived",
    "frr",
    "nginx",
    "haproxy",
    "redis-server",
    "nfs-ganesha",
    "rpcbind",
];

const INSTALL: &str = "apt-get install --no-install-recommends";

/// Is this Debian, or a child of it?
pub(crate) fn is_here() -> bool {
    program::find("apt-get").is_some()
}

/// For a person to type.
pub(crate) fn command_line(packages: &[String]) -> String {
    format!("{INSTALL} {}", packages.join(" "))
}

/// The version that would be installed.
pub(crate) fn candidate(package: &str) -> Option<String> {
    let policy = program::output(program::command("apt-cache").args(["policy", package]))?;
    candidate_in(&policy)
}

fn candidate_in(policy: &str) -> Option<String> {
    let line = policy
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    (line != "(none)").then(|| line.to_owned())
}

/// Reads the archives' lists again. One archive out of reach is no reason to
/// stop: the packages may come from another.
pub(crate) fn refresh() -> Result<()> {
    if let Err(error) = program::run(root::command("apt-get")?.args(["update", "-q"])) {
        eprintln!("xtask: {error:#}; going on with the lists that are there");
    }
    Ok(())
}

/// Installs them. Daemons among them are kept from running, now and at
/// the next boot, unless they were installed before.
pub(crate) fn install(packages: &[String]) -> Result<()> {
    println!(
        "Installing {} packages: {}",
        packages.len(),
        packages.join(" ")
    );
    let services: Vec<&str> = SERVICES
        .into_iter()
        .filter(|service| packages.iter().any(|package| package == service))
        .collect();
    if !services.is_empty() {
        println!(
            "Their services stay off: {}. Start one by hand if you want it: systemctl enable --now NAME",
            services.join(", ")
        );
    }
    let script = script(packages, &services);
    program::run(root::command("sh")?.args(["-c", &script]))
        .with_context(|| format!("cannot install {}", packages.join(" ")))
}

/// One script, so that sudo asks once. policy-rc.d is how Debian lets an
/// administrator forbid packages to start services; somebody's own is left.
fn script(packages: &[String], services: &[&str]) -> String {
    let install = format!(
        "DEBIAN_FRONTEND=noninteractive {INSTALL} -y -q -o Dpkg::Use-Pty=0 {}",
        packages.join(" ")
    );
    if services.is_empty() {
        return format!("set -eu\n{install}\n");
    }
    let services = services.join(" ");
    format!(
        r#"set -eu
policy=/usr/sbin/policy-rc.d made= new=
for service in {services}; do
    dpkg -s "$service" >/dev/null 2>&1 || new="$new $service"
done
tidy() {{ [ -z "$made" ] || rm -f "$policy"; }}
trap tidy EXIT
trap 'exit 130' INT TERM HUP
if [ ! -e "$policy" ]; then
    made=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
{install}
for service in $new; do
    if command -v systemctl >/dev/null; then
        systemctl disable -q "$service" || true
        # Where a socket would start it all the same.
        systemctl disable -q "$service.socket" 2>/dev/null || true
    else update-rc.d "$service" disable || true
    fi
done
"#
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn candidate_is_read_from_the_policy() {
        let policy = "x:\n  Installed: (none)\n  Candidate: 1.96.0+dfsg1\n  Version table:\n";
        assert_eq!(super::candidate_in(policy).as_deref(), Some("1.96.0+dfsg1"));
        let none = "x:\n  Installed: (none)\n  Candidate: (none)\n";
        assert_eq!(super::candidate_in(none), None);
        assert_eq!(super::candidate_in(""), None);
    }

    #[test]
    fn only_daemons_are_kept_from_starting() {
        let plain = super::script(&["cpio".to_owned()], &[]);
        assert!(!plain.contains("policy"), "{plain}");
        let frr = super::script(&["frr".to_owned()], &["frr"]);
        assert!(
            frr.contains("policy-rc.d") && frr.contains("for service in frr;"),
            "{frr}"
        );
    }
}
