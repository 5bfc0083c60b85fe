//! Words on the command line to a plain [`Command`].

use super::{
    load::Reading,
    lvs::{self, LvsOptions},
    real_server::RealServerOptions,
    simulate::SimulateOptions,
};
use crate::shell::{bpf::Diagnostics, log, process, signals};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use nix::sys::signal::Signal;
use std::{ffi::OsString, path::PathBuf};

/// keepalived's default, which is ours.
const CONFIG_FILE: &str = "/etc/keepalived/keepalived.conf";
/// keepalived's, where `-g` names none.
const LOG_FILE: &str = "/tmp/keepalived.log";
/// `LOG_DAEMON`.
const FACILITY_DAEMON: u8 = 3;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Be the daemon.
    Run(RunOptions),
    /// Check a configuration.
    Check {
        /// The file.
        file: PathBuf,
        /// How it is read.
        reading: Reading,
        /// Where findings go instead of standard error.
        log: Option<PathBuf>,
    },
    /// Ask a running daemon.
    Ask(Asked, Target),
    /// Let configurations fail against one another.
    Simulate(SimulateOptions),
    /// Make this host ready to be a real server.
    RealServer(RealServerOptions),
    /// Print a number for `kill`.
    SignalNumber(i32),
    /// Be the script process.
    ScriptRunner,
    /// Print this and exit with that status: help, version, wrong usage.
    Told(String, u8),
}

/// What a running daemon is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Its state.
    Status {
        /// For programs.
        json: bool,
    },
    /// Why an instance is in its state, or each of them.
    Explain {
        /// Its name.
        name: Option<String>,
        /// For programs.
        json: bool,
    },
    /// To read its configuration again.
    Reload,
    /// To resign and end.
    Stop(StopOptions),
    /// To let somebody else own an instance or sync group.
    Handover {
        /// Of the instance or group.
        name: String,
        /// Resign where nobody claims.
        force: bool,
    },
    /// To let it preempt again.
    Release {
        /// Of the instance or group.
        name: String,
    },
    /// To hand over everything and take no part, or to take part again.
    Maintenance {
        /// Begin or end.
        on: bool,
        /// Resign where nobody claims.
        force: bool,
    },
    /// What is balanced, or to change it.
    Lvs(LvsOptions),
}

/// How to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StopOptions {
    /// Remove what a dead daemon left, too.
    pub release: bool,
    /// Leave everything in place for a successor.
    pub keep: bool,
}

/// Which daemon is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Network namespace it runs in; ours if absent.
    pub namespace: Option<String>,
    /// Its instance name.
    pub instance: Option<String>,
}

/// How to be the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Configuration file.
    pub config_file: PathBuf,
    /// How it is read.
    pub reading: Reading,
    /// Stay attached to the terminal and its service manager.
    pub foreground: bool,
    /// Where lines go, and which.
    pub log: log::Options,
    /// Whether the BPF programs log what is rare.
    pub diagnostics: Diagnostics,
    /// Files to write our process number to.
    pub pid_files: Vec<PathBuf>,
    /// Network namespace to run in, by name.
    pub namespace: Option<String>,
    /// File creation mask.
    pub umask: Option<u32>,
    /// Leave a core behind if we crash.
    pub core_dump: bool,
    /// Log the configuration in full.
    pub dump_config: bool,
    /// About options that are accepted, but do nothing here.
    pub notes: Vec<String>,
}

#[derive(Parser)]
#[allow(clippy::option_option, reason = "absent, without a value, with one")]
#[command(
    name = "xvrrpd",
    about = "VRRP around an XDP program, on keepalived's configuration",
    long_about = None,
    disable_version_flag = true,
    infer_long_args = true,
    args_conflicts_with_subcommands = true,
    max_term_width = 80,
    after_help = "Without a command it runs as keepalived does: -n stays in the foreground."
)]
struct Words {
    #[command(subcommand)]
    command: Option<Sub>,
    #[command(flatten)]
    daemon: Daemon,
    /// Display the version number
    #[arg(short = 'v', long)]
    version: bool,
    /// Check the configuration; findings go to FILE, or standard error
    #[arg(short = 't', long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    config_test: Option<Option<PathBuf>>,
    /// A signal's number: STOP, RELOAD, DATA, STATS, `STATS_CLEAR`, JSON
    #[arg(long, value_name = "WORD")]
    signum: Option<String>,
}

#[derive(Subcommand)]
enum Sub {
    /// Run in the foreground
    Run(Box<Daemon>),
    /// Check a configuration: 0 if it is good
    Check {
        /// The file
        #[arg(default_value = CONFIG_FILE)]
        file: PathBuf,
        /// What `@id` is compared with; the host name by default
        #[arg(short = 'i', long, value_name = "ID")]
        config_id: Option<String>,
        /// Every file that is included has to be there
        #[arg(short = 'e', long)]
        all_config: bool,
    },
    /// Show what a running daemon does, and whom it hears
    Status {
        /// For programs
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: TargetWords,
    },
    /// Say why an instance is in its state, and what would change it
    Explain {
        /// The instance; all of them by default
        name: Option<String>,
        /// For programs
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: TargetWords,
    },
    /// Let several configurations fail, and say who is MASTER then
    #[command(
        after_help = "It needs no privileges and touches no network. The exit status is 0 if nothing\nis found, 1 if something is, and that of `check` for a bad configuration."
    )]
    Simulate(SimulateOptions),
    /// Make a running daemon read its configuration again
    Reload(TargetWords),
    /// Make a running daemon resign and end
    Stop {
        /// Also if it is dead: remove the addresses, programs, pins and files it left
        #[arg(long)]
        release: bool,
        /// End without resigning: one that starts before the lease ends goes on owning
        #[arg(long, conflicts_with = "release")]
        keep: bool,
        #[command(flatten)]
        target: TargetWords,
    },
    /// Let another router own an instance or sync group, without a gap
    Handover {
        /// The instance, or the sync group
        name: String,
        /// Resign if nobody takes over by itself (nopreempt); a gap of the peer's skew
        #[arg(long, conflicts_with = "release")]
        force: bool,
        /// It was handed over: let it preempt again
        #[arg(long)]
        release: bool,
        #[command(flatten)]
        target: TargetWords,
    },
    /// Hand over everything and take no part, until `off`
    Maintenance {
        /// Begin or end
        switch: Switch,
        /// Resign what nobody takes over by itself
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        target: TargetWords,
    },
    /// Show what is balanced, as ipvsadm does, or change it
    Lvs {
        #[command(flatten)]
        words: lvs::Words,
        #[command(flatten)]
        target: TargetWords,
    },
    /// Prepare this host as a real server for DR or TUN
    RealServer(RealServerOptions),
    #[command(name = process::SUBCOMMAND, hide = true)]
    ScriptRunner,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Args)]
struct TargetWords {
    /// Network namespace it runs in
    #[arg(short = 's', long, value_name = "NAME")]
    namespace: Option<String>,
    /// Its instance name
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
}

/// keepalived's options, by its names. Those that do nothing here are accepted,
/// so that a command line may stay as it is, and said to do nothing.
#[derive(Args)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a letter on the command line"
)]
struct Daemon {
    /// Use this configuration file
    #[arg(short = 'f', long, value_name = "FILE", default_value = CONFIG_FILE)]
    use_file: PathBuf,
    /// Do not fork the daemon process
    #[arg(short = 'n', long)]
    dont_fork: bool,
    /// Log to the console
    #[arg(short = 'l', long)]
    log_console: bool,
    /// Detailed log
    #[arg(short = 'D', long)]
    log_detail: bool,
    /// Syslog facility: 0-7 or local0-local7, user, daemon
    #[arg(short = 'S', long, value_name = "FACILITY", value_parser = facility)]
    log_facility: Option<u8>,
    /// Log to this file as well; /tmp/keepalived.log if none is named
    #[arg(short = 'g', long, value_name = "FILE", num_args = 0..=1, default_missing_value = LOG_FILE)]
    log_file: Option<PathBuf>,
    /// Log what is rare in the BPF programs, such as a gate shut by an advert
    #[arg(long)]
    bpf_log: bool,
    /// Do not log to syslog
    #[arg(short = 'G', long)]
    no_syslog: bool,
    /// Write the process number to this file
    #[arg(short = 'p', long, value_name = "FILE")]
    pid: Option<PathBuf>,
    /// Write the process number to this file, too
    #[arg(short = 'r', long = "vrrp_pid", value_name = "FILE")]
    vrrp_pid: Option<PathBuf>,
    /// What `@id` is compared with; the host name by default
    #[arg(short = 'i', long, value_name = "ID")]
    config_id: Option<String>,
    /// Every file that is included has to be there
    #[arg(short = 'e', long)]
    all_config: bool,
    /// Run in this network namespace
    #[arg(short = 's', long, value_name = "NAME")]
    namespace: Option<String>,
    /// Log the configuration in full
    #[arg(short = 'd', long)]
    dump_conf: bool,
    /// File creation mask
    #[arg(short = 'u', long, value_name = "MASK", value_parser = mask)]
    umask: Option<u32>,
    /// Leave a core behind after a crash
    #[arg(short = 'm', long)]
    core_dump: bool,

    #[command(flatten)]
    idle: Idle,
}

/// Accepted and without effect.
#[derive(Args)]
#[allow(clippy::option_option, reason = "absent, without a value, with one")]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a letter on the command line"
)]
struct Idle {
    #[arg(short = 'P', long, hide = true)]
    vrrp: bool,
    #[arg(short = 'C', long, hide = true)]
    check: bool,
    #[arg(short = 'B', long = "no_bfd", hide = true)]
    no_bfd: bool,
    #[arg(long, hide = true)]
    all: bool,
    #[arg(short = 'X', long, hide = true)]
    release_vips: bool,
    #[arg(short = 'V', long, hide = true)]
    dont_release_vrrp: bool,
    #[arg(short = 'I', long, hide = true)]
    dont_release_ipvs: bool,
    #[arg(short = 'R', long, hide = true)]
    dont_respawn: bool,
    #[arg(short = 'c', long = "checkers_pid", value_name = "FILE", hide = true)]
    checkers_pid: Option<PathBuf>,
    #[arg(short = 'b', long = "bfd_pid", value_name = "FILE", hide = true)]
    bfd_pid: Option<PathBuf>,
    #[arg(short = 'a', long, hide = true)]
    address_monitoring: bool,
    #[arg(short = 'x', long, hide = true)]
    snmp: bool,
    #[arg(short = 'A', long, value_name = "SOCKET", hide = true)]
    snmp_agent_socket: Option<String>,
    #[arg(short = 'M', long, value_name = "PATTERN", num_args = 0..=1, require_equals = true, hide = true)]
    core_dump_pattern: Option<Option<String>>,
    #[arg(short = 'T', long, hide = true)]
    genhash: bool,
    /// Every line is written at once.
    #[arg(long, hide = true)]
    flush_log_file: bool,
    #[arg(long, hide = true)]
    ignore_sigint: bool,
    #[arg(long, hide = true)]
    no_mem_check: bool,
    #[arg(short = 'L', long, hide = true)]
    mem_check_log: bool,
}

impl Idle {
    fn notes(&self) -> Vec<String> {
        let about = [
            (self.all, "--all: there are no further processes to force"),
            (
                self.dont_release_vrrp,
                "-V: addresses are removed at a stop in any case; a node that does not advertise must not answer",
            ),
            (self.dont_release_ipvs, "-I: there is no IPVS topology here"),
            (
                self.dont_respawn,
                "-R: scripts need their process, it is started again if it ends",
            ),
            (
                self.checkers_pid.is_some(),
                "-c: there is no checker process",
            ),
            (self.bfd_pid.is_some(), "-b: there is no BFD process"),
            (
                self.address_monitoring,
                "-a: addresses are not logged; `ip monitor address` shows them",
            ),
            (
                self.snmp || self.snmp_agent_socket.is_some(),
                "-x, -A: SNMP is not served",
            ),
            (
                self.core_dump_pattern.is_some(),
                "-M: the core pattern is left as it is; set kernel.core_pattern",
            ),
            (
                self.ignore_sigint,
                "--ignore-sigint: INT stops the daemon; start it with `setsid` to keep a terminal's from it",
            ),
            (
                self.no_mem_check || self.mem_check_log,
                "--no-mem-check, -L: memory is not counted, so there is nothing to check at the end",
            ),
        ];
        let used = about.into_iter().filter(|(used, _)| *used);
        used.map(|(_, text)| format!("option {text}")).collect()
    }

    /// What would not do what it says.
    fn refusal(&self) -> Option<&'static str> {
        if self.genhash {
            Some("-T: genhash is a program of keepalived's, not part of this one")
        } else if self.check && !self.vrrp {
            Some("-C asks for the health checkers alone, which are not served yet")
        } else {
            None
        }
    }
}

/// Reads the command line, program name first. Never exits.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Command {
    let words = Words::command().try_get_matches_from(arguments);
    let words = match words.and_then(|matches| Words::from_arg_matches(&matches)) {
        Ok(words) => words,
        Err(error) => {
            let code = u8::from(error.use_stderr());
            return Command::Told(error.render().to_string(), code);
        }
    };
    if words.version {
        return Command::Told(format!("xvrrpd {}\n", env!("CARGO_PKG_VERSION")), 0);
    }
    if let Some(word) = words.signum {
        return signal_number(&word);
    }
    if let Some(log) = words.config_test {
        let Daemon {
            use_file,
            config_id,
            all_config,
            ..
        } = words.daemon;
        return Command::Check {
            file: use_file,
            reading: Reading {
                config_id,
                strict_includes: all_config,
            },
            log,
        };
    }
    match words.command {
        None => run(words.daemon, false),
        Some(Sub::Run(daemon)) => run(*daemon, true),
        Some(Sub::Check {
            file,
            config_id,
            all_config,
        }) => Command::Check {
            file,
            reading: Reading {
                config_id,
                strict_includes: all_config,
            },
            log: None,
        },
        Some(Sub::Status { json, target }) => Command::Ask(Asked::Status { json }, target.into()),
        Some(Sub::Explain { name, json, target }) => {
            Command::Ask(Asked::Explain { name, json }, target.into())
        }
        Some(Sub::Simulate(options)) => Command::Simulate(options),
        Some(Sub::Reload(target)) => Command::Ask(Asked::Reload, target.into()),
        Some(Sub::Stop {
            release,
            keep,
            target,
        }) => Command::Ask(Asked::Stop(StopOptions { release, keep }), target.into()),
        Some(Sub::Handover {
            name,
            force,
            release,
            target,
        }) => {
            let asked = if release {
                Asked::Release { name }
            } else {
                Asked::Handover { name, force }
            };
            Command::Ask(asked, target.into())
        }
        Some(Sub::Maintenance {
            switch,
            force,
            target,
        }) => {
            let on = switch == Switch::On;
            Command::Ask(Asked::Maintenance { on, force }, target.into())
        }
        Some(Sub::RealServer(options)) => Command::RealServer(options),
        Some(Sub::Lvs { words, target }) => Command::Ask(Asked::Lvs(words.into()), target.into()),
        Some(Sub::ScriptRunner) => Command::ScriptRunner,
    }
}

fn run(words: Daemon, foreground: bool) -> Command {
    if let Some(refusal) = words.idle.refusal() {
        return Command::Told(format!("xvrrpd: {refusal}\n"), 1);
    }
    let foreground = foreground || words.dont_fork;
    // In the foreground whoever started us reads standard error, a terminal or a
    // journal; syslog only where it is asked for. As a daemon there is only syslog.
    let syslog = match words.log_facility {
        _ if words.no_syslog => None,
        Some(facility) => Some(facility),
        None if foreground => None,
        None => Some(FACILITY_DAEMON),
    };
    let log = log::Options {
        console: words.log_console || foreground && syslog.is_none(),
        syslog,
        file: words.log_file,
        detail: words.log_detail,
    };
    Command::Run(RunOptions {
        config_file: words.use_file,
        reading: Reading {
            config_id: words.config_id,
            strict_includes: words.all_config,
        },
        foreground,
        log,
        diagnostics: if words.bpf_log {
            Diagnostics::On
        } else {
            Diagnostics::Off
        },
        pid_files: words.pid.into_iter().chain(words.vrrp_pid).collect(),
        namespace: words.namespace,
        umask: words.umask,
        core_dump: words.core_dump,
        dump_config: words.dump_conf,
        notes: words.idle.notes(),
    })
}

impl From<TargetWords> for Target {
    fn from(words: TargetWords) -> Self {
        Self {
            namespace: words.namespace,
            instance: words.instance,
        }
    }
}

fn signal_number(word: &str) -> Command {
    let signal = match word {
        "STOP" => Signal::SIGTERM as i32,
        "RELOAD" => Signal::SIGHUP as i32,
        "DATA" => Signal::SIGUSR1 as i32,
        "STATS" => Signal::SIGUSR2 as i32,
        "STATS_CLEAR" => signals::clear_stats_number(),
        "JSON" => signals::json_number(),
        _ => {
            let known = "STOP, RELOAD, DATA, STATS, STATS_CLEAR, JSON";
            return Command::Told(format!("xvrrpd: no signal for {word}: {known}\n"), 1);
        }
    };
    Command::SignalNumber(signal)
}

fn facility(text: &str) -> Result<u8, String> {
    const FIRST_LOCAL: u8 = 16;
    match text {
        "user" => Ok(1),
        "daemon" => Ok(FACILITY_DAEMON),
        _ => match text.strip_prefix("local").unwrap_or(text).parse() {
            Ok(number @ 0..=7) => Ok(FIRST_LOCAL + number),
            _ => Err("write 0-7, local0-local7, user or daemon".into()),
        },
    }
}

/// As keepalived reads it: octal with a leading 0, hexadecimal with 0x, else decimal.
fn mask(text: &str) -> Result<u32, String> {
    let number = if let Some(digits) = text.strip_prefix("0x") {
        u32::from_str_radix(digits, 16)
    } else if text.starts_with('0') {
        u32::from_str_radix(text, 8)
    } else {
        text.parse()
    };
    number
        .ok()
        .filter(|mask| *mask <= 0o777)
        .ok_or_else(|| "write a mask such as 022".into())
}
