//! `check` and `-t`.

use super::load::{self, Reading};
use crate::{
    config::{
        Severity,
        model::{CommandLine, Config, Notify, User},
    },
    shell::process::{self, Settings},
};
use std::{
    fmt::Write as _,
    fs,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

/// keepalived's exit status for scripts that are not safe to run.
const EXIT_SECURITY: u8 = 6;
/// The findings could not be written.
const EXIT_OUTPUT: u8 = 1;

pub(super) fn run(file: &Path, reading: &Reading, log: Option<&Path>) -> ExitCode {
    let mut output: Box<dyn Write> = match log {
        None => Box::new(io::stderr()),
        Some(path) => match fs::OpenOptions::new().append(true).create(true).open(path) {
            Ok(file) => Box::new(file),
            Err(error) => {
                eprintln!("xvrrpd: {}: {error}", path.display());
                return ExitCode::from(EXIT_OUTPUT);
            }
        },
    };
    let (text, code) = check(file, reading);
    if output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
        .is_err()
    {
        return ExitCode::from(EXIT_OUTPUT);
    }
    ExitCode::from(code)
}

/// What to say about a file, and the exit status.
fn check(file: &Path, reading: &Reading) -> (String, u8) {
    let read = load::read(file, reading);
    let mut text: String = read
        .findings
        .iter()
        .map(|(_, text)| text.as_str())
        .collect();
    let problems = read
        .config
        .as_ref()
        .map(scripts_that_cannot_run)
        .unwrap_or_default();
    // What script security refuses it refuses everywhere; what is missing here may
    // be there on the router.
    let insecure = |problem: &&String| problem.contains("enable_script_security");
    for problem in &problems {
        let severity = if insecure(&problem) {
            "error"
        } else {
            "warning"
        };
        let _ = writeln!(text, "{severity}: {problem}");
    }
    let refused = problems.iter().filter(insecure).count();
    let count = |severity| {
        read.findings
            .iter()
            .filter(|(found, _)| *found == severity)
            .count()
    };
    let errors = count(Severity::Error) + refused;
    let warnings = count(Severity::Warning) + problems.len() - refused;
    if errors + warnings > 0 {
        let _ = writeln!(
            text,
            "{}: {}, {}",
            file.display(),
            counted(errors, "error"),
            counted(warnings, "warning")
        );
    }
    let code = match read.exit_code {
        0 if refused > 0 => EXIT_SECURITY,
        code => code,
    };
    (text, code)
}

fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// Scripts that could not be run here and now, and why. Run all the same, each would
/// count as failed.
fn scripts_that_cannot_run(config: &Config) -> Vec<String> {
    let settings = Settings::from(&config.global);
    let problem = |what: String, command: &CommandLine, user: Option<&User>| {
        let why = process::examine(command, user, &settings).err()?;
        Some(format!("{what} cannot run here: {why}"))
    };
    let checks = config.scripts.iter().filter_map(|script| {
        problem(
            format!("vrrp_script {}", script.name),
            &script.command,
            script.user.as_ref(),
        )
    });
    let instances = config
        .instances
        .iter()
        .map(|it| ("vrrp_instance", &it.name, &it.notify));
    let groups = config
        .groups
        .iter()
        .map(|it| ("vrrp_sync_group", &it.name, &it.notify));
    let notifies = instances.chain(groups).flat_map(|(block, name, notify)| {
        commands(notify)
            .into_iter()
            .filter_map(move |(keyword, command)| {
                problem(
                    format!("{block} {name}: {keyword}"),
                    command,
                    notify.user.as_ref(),
                )
            })
    });
    let global = &config.global;
    let hooks = [
        ("startup_script", &global.startup),
        ("shutdown_script", &global.shutdown),
    ];
    let hooks = hooks.into_iter().filter_map(|(keyword, hook)| {
        let hook = hook.as_ref()?;
        problem(keyword.into(), &hook.command, hook.user.as_ref())
    });
    let readers = global.fifos.iter().filter_map(|fifo| {
        let what = format!("the script of notify FIFO {}", fifo.path);
        problem(what, fifo.script.as_ref()?, fifo.script_user.as_ref())
    });
    hooks.chain(readers).chain(checks).chain(notifies).collect()
}

fn commands(notify: &Notify) -> Vec<(&'static str, &CommandLine)> {
    let all = [
        ("notify_master", &notify.master),
        ("notify_backup", &notify.backup),
        ("notify_fault", &notify.fault),
        ("notify_stop", &notify.stop),
        (
            "notify_master_rx_lower_pri",
            &notify.master_rx_lower_priority,
        ),
        ("notify_conflict", &notify.conflict),
        ("notify_deleted", &notify.deleted),
        ("notify", &notify.any),
    ];
    all.into_iter()
        .filter_map(|(keyword, command)| Some((keyword, command.as_ref()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const GOOD: &str = "vrrp_instance VI {\n interface eth0\n virtual_router_id 5\n \
                        virtual_ipaddress {\n 10.9.9.9\n }\n";

    #[test]
    fn the_exit_status_is_honest() {
        let place = std::env::temp_dir().join(format!("xvn-check-{}", std::process::id()));
        fs::create_dir_all(&place).expect("mkdir");
        let loose = place.join("loose.sh");
        fs::write(&loose, "#!/bin/sh\n").expect("write");
        fs::set_permissions(&loose, fs::Permissions::from_mode(0o777)).expect("chmod");
        let cases = [
            ("good", format!("{GOOD}}}\n"), 0, ""),
            ("unknown", format!("{GOOD} priorty 3\n}}\n"), 5, "priorty"),
            (
                "missing",
                GOOD.replace("router_id 5", "router_id") + "}\n",
                2,
                "virtual_router_id",
            ),
            (
                "script",
                format!("{GOOD} notify_master /no/such/script\n}}\n"),
                0,
                "warning: vrrp_instance VI: notify_master cannot run here: /no does not exist",
            ),
            (
                "fifo",
                format!(
                    "global_defs {{\n notify_fifo /run/f\n notify_fifo_script /no/reader\n \
                     shutdown_script /no/end\n}}\n{GOOD}}}\n"
                ),
                0,
                "warning: the script of notify FIFO /run/f cannot run here: /no does not exist",
            ),
            (
                "insecure",
                format!(
                    "global_defs {{\n enable_script_security\n script_user root\n}}\n{GOOD} notify {}\n}}\n",
                    loose.display()
                ),
                6,
                "is writable by everybody",
            ),
        ];
        for (name, text, code, expected) in cases {
            let path = place.join(name);
            fs::write(&path, text).expect("write");
            let (said, found) = check(&path, &Reading::default());
            assert_eq!(found, code, "{name}: {said}");
            assert!(said.contains(expected), "{name}: {said}");
            assert_eq!(said.is_empty(), name == "good", "{name}: {said}");
        }
        let (said, code) = check(&place.join("nowhere"), &Reading::default());
        assert!(code != 0 && said.contains("nowhere"), "{code}: {said}");
        fs::remove_dir_all(&place).expect("clean up");
    }
}
