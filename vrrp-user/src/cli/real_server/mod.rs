//! `real-server`: this host made ready to be one of a keepalived.conf, and back.
//!
//! What was changed is recorded, and only that is taken back.

mod host;
mod plan;

use super::{load, start::enter_namespace};
use crate::shell::bpf::Instance;
use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use plan::Step;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Something is missing.
const EXIT_MISSING: u8 = 1;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RealServerDo {
    /// Add what is missing
    Up,
    /// Take back what `up` changed
    Down,
    /// Say what is missing, and what to type
    Check,
}

/// A real server of a configuration.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct RealServerOptions {
    /// Make it so, undo it, or look
    pub what: RealServerDo,
    /// The director's file
    #[arg(default_value = "/etc/keepalived/keepalived.conf")]
    pub file: PathBuf,
    /// Only this virtual server; may be given several times
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub service: Vec<String>,
    /// What `@id` in the file is compared with; the host name by default
    #[arg(short = 'i', long, value_name = "ID")]
    pub config_id: Option<String>,
    /// Network namespace to do it in
    #[arg(short = 's', long, value_name = "NAME")]
    pub namespace: Option<String>,
}

pub(super) fn run(options: &RealServerOptions) -> ExitCode {
    match try_run(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_MISSING),
        Err(error) => {
            eprintln!("xvrrpd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn try_run(options: &RealServerOptions) -> Result<bool> {
    if let Some(namespace) = &options.namespace {
        enter_namespace(namespace)?;
    }
    let record = Record::path()?;
    if options.what == RealServerDo::Down && options.service.is_empty() {
        // What was done says the record; the file may be another by now.
        return down(&record, &BTreeSet::new());
    }
    let wanted = |only: &[String]| -> Result<(BTreeSet<Step>, Vec<String>)> {
        let read = load::read(&options.file, &reading(options));
        let verdict = read.verdict();
        let config = read.config.with_context(|| {
            let file = options.file.display();
            format!("{file}: {verdict}; `xvrrpd check {file}` says it all")
        })?;
        plan::plan(&config.balance, &host::read()?, only)
            .map_err(|why| anyhow::anyhow!("{}: {why}", options.file.display()))
    };
    match options.what {
        RealServerDo::Up => {
            let (steps, notes) = wanted(&options.service)?;
            tell(&notes);
            up(&record, &steps)
        }
        RealServerDo::Check => {
            let (steps, notes) = wanted(&options.service)?;
            tell(&notes);
            check(&steps)
        }
        RealServerDo::Down => {
            let (all, _) = wanted(&[])?;
            let (these, _) = wanted(&options.service)?;
            let others = others(options, &all, &these)?;
            down(&record, &others)
        }
    }
}

fn reading(options: &RealServerOptions) -> load::Reading {
    load::Reading {
        config_id: options.config_id.clone(),
        ..load::Reading::default()
    }
}

/// Steps that services need which are not to go.
fn others(
    options: &RealServerOptions,
    all: &BTreeSet<Step>,
    these: &BTreeSet<Step>,
) -> Result<BTreeSet<Step>> {
    let read = load::read(&options.file, &reading(options));
    let config = read.config.context("the file")?;
    let means = |name: &str| {
        let named = options.service.iter();
        named
            .clone()
            .any(|it| name.eq_ignore_ascii_case(it) || name.ends_with(&format!(" {it}")))
    };
    let stay: Vec<String> = config
        .balance
        .services
        .iter()
        .map(|it| it.name.clone())
        .filter(|name| !means(name))
        .collect();
    if stay.is_empty() {
        return Ok(BTreeSet::new());
    }
    Ok(match plan::plan(&config.balance, &host::read()?, &stay) {
        Ok((steps, _)) => steps,
        // It stands in none of the others.
        Err(_) => all.difference(these).cloned().collect(),
    })
}

fn tell(notes: &[String]) {
    for note in notes {
        println!("{note}");
    }
}

fn up(path: &Path, steps: &BTreeSet<Step>) -> Result<bool> {
    let mut record = Record::read(path)?;
    let found = host::read()?;
    for step in steps {
        if host::has(step, &found) {
            continue;
        }
        let before = match step {
            Step::Sysctl { key, .. } => host::sysctl(key),
            _ => None,
        };
        for line in step.commands() {
            host::run(&line)?;
            println!("{line}");
        }
        // One that was recorded and undone by another keeps what it was at first.
        if !record.done.iter().any(|it| it.step == *step) {
            record.done.push(Done {
                step: step.clone(),
                before,
            });
        }
        record.write(path)?;
    }
    println!("ready");
    Ok(true)
}

fn check(steps: &BTreeSet<Step>) -> Result<bool> {
    let found = host::read()?;
    let mut whole = true;
    for step in steps {
        if !host::has(step, &found) {
            whole = false;
            println!("{}; type:", step.why());
            for line in step.commands() {
                println!("    {line}");
            }
        }
    }
    if whole {
        println!("ready");
    } else {
        println!("`xvrrpd real-server up` does all of it");
    }
    Ok(whole)
}

fn down(path: &Path, keep: &BTreeSet<Step>) -> Result<bool> {
    let mut record = Record::read(path)?;
    let mut failed = Vec::new();
    let (stay, go): (Vec<Done>, Vec<Done>) = std::mem::take(&mut record.done)
        .into_iter()
        .partition(|it| keep.contains(&it.step));
    record.done = stay;
    for done in go.into_iter().rev() {
        let Some(line) = done.step.undo(done.before) else {
            continue;
        };
        // What somebody else took back already is no more to be done.
        if !host::has(&done.step, &host::read()?) {
            continue;
        }
        match host::run(&line) {
            Ok(()) => println!("{line}"),
            Err(error) => {
                failed.push(format!("{error:#}"));
                record.done.push(done);
            }
        }
    }
    record.write(path)?;
    if !failed.is_empty() {
        bail!("{}", failed.join("; "));
    }
    Ok(true)
}

/// What `up` changed, until the next boot.
#[derive(Default, Serialize, Deserialize)]
struct Record {
    done: Vec<Done>,
}

#[derive(Serialize, Deserialize)]
struct Done {
    step: Step,
    /// What a sysctl was.
    before: Option<u8>,
}

impl Record {
    fn path() -> Result<PathBuf> {
        let here = Instance::here(None).context("which network namespace")?;
        Ok(PathBuf::from(format!(
            "/run/xvrrp/{}-real-server.json",
            here.netns_cookie()
        )))
    }

    fn read(path: &Path) -> Result<Self> {
        match fs::read(path) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| path.display().to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    fn write(&self, path: &Path) -> Result<()> {
        let write = || {
            if self.done.is_empty() {
                return match fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                    _ => Ok(()),
                };
            }
            fs::create_dir_all(path.parent().unwrap_or_else(|| Path::new("/")))?;
            fs::write(path, serde_json::to_vec(self)?)
        };
        write().with_context(|| format!("remember what was changed, in {}", path.display()))
    }
}
