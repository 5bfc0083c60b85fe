//! Every file of `ok/` is taken and every file of `err/` refused, with exactly
//! the diagnostics (and, for `ok/`, the gist of the model) in its `.expect`.
//! `XVRRP_BLESS=1` writes the `.expect` files anew; read the difference before
//! committing it.

mod compatibility;
mod simulated;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};
use vrrp_user::config::{Context, Loaded, Source, exit_code, load, model::Config};

struct Disk;

impl Source for Disk {
    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        fs::read(path).map_err(|error| error.kind().to_string())
    }

    fn list(&mut self, directory: &Path) -> Result<Vec<String>, String> {
        let entries = fs::read_dir(directory).map_err(|error| error.kind().to_string())?;
        Ok(entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect())
    }
}

fn corpus(directory: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("config")
        .join(directory)
}

fn files(directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(corpus(directory)).expect("the corpus");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "conf"))
        .collect();
    files.sort();
    assert!(files.len() > 5, "{directory} lost its files");
    files
}

fn read(path: &Path) -> Loaded {
    let context = Context {
        config_id: "node1".to_owned(),
        working_directory: corpus(""),
        random_seed: 1,
        ..Context::default()
    };
    load(&path.to_string_lossy(), &mut Disk, &context)
}

/// What a file gives, with paths from the corpus on.
fn told(loaded: &Loaded) -> String {
    let mut out = format!("exit {}\n", exit_code(&loaded.diagnostics));
    for diagnostic in &loaded.diagnostics {
        out.push_str(&diagnostic.render(&loaded.files));
    }
    if let Some(config) = &loaded.config {
        gist(config, &mut out);
    }
    let here = format!(
        "{}/",
        corpus("").display().to_string().trim_end_matches('/')
    );
    out.replace(&here, "")
}

/// What an operator would look at; the room's own tests look at the rest.
fn gist(config: &Config, out: &mut String) {
    let g = &config.global;
    let _ = writeln!(
        out,
        "router_id {:?}, instance {:?}, script_user {:?}",
        g.router_id, g.instance_name, g.script_user
    );
    for s in &config.scripts {
        let _ = writeln!(
            out,
            "script {}: {:?} every {:?} within {:?}, weight {}, rise {}, fall {}",
            s.name, s.command, s.interval, s.timeout, s.weight, s.rise, s.fall
        );
    }
    for group in &config.groups {
        let _ = writeln!(out, "group {}: {}", group.name, group.members.join(" "));
    }
    for i in &config.instances {
        let _ = writeln!(
            out,
            "instance {} (line {}): {:?} on {} vrid {} priority {} {:?} {:?} every {:?}{}{}",
            i.name,
            i.line,
            i.state,
            i.interface,
            i.vrid,
            i.priority,
            i.version,
            i.family,
            i.advert_interval,
            if i.nopreempt { " nopreempt" } else { "" },
            if i.authentication.is_some() {
                " with password"
            } else {
                ""
            },
        );
        for a in i.addresses.iter().chain(&i.excluded_addresses) {
            let dev = a
                .dev
                .as_deref()
                .map(|d| format!(" dev {d}"))
                .unwrap_or_default();
            let _ = writeln!(out, "  {}/{}{dev}", a.address, a.prefix_len);
        }
        for p in i.unicast.iter().flat_map(|u| &u.peers) {
            let _ = writeln!(out, "  to {} ttl {}-{}", p.address, p.min_ttl, p.max_ttl);
        }
        for (_, t) in i.tracked() {
            let _ = writeln!(
                out,
                "  tracks {} weight {}{}",
                t.name,
                t.weight,
                if t.reverse { " reverse" } else { "" }
            );
        }
    }
    for s in &config.balance.services {
        let _ = writeln!(
            out,
            "balances {} by {:?}{}{}",
            s.name,
            s.scheduler.kind,
            s.persistence
                .map(|p| format!(" persistent {:?}/{}", p.timeout, p.prefix))
                .unwrap_or_default(),
            if s.one_packet { " ops" } else { "" },
        );
        for l in &s.listens {
            let _ = writeln!(out, "  on {}-{} port {}", l.first, l.last, l.first_port);
        }
        for r in &s.servers {
            let _ = writeln!(
                out,
                "  to {} port {} weight {} {:?}",
                r.address, r.port, r.weight, r.method
            );
        }
    }
}

fn compare(directory: &str) {
    let bless = std::env::var_os("XVRRP_BLESS").is_some();
    let mut different = Vec::new();
    for path in files(directory) {
        let loaded = read(&path);
        let got = told(&loaded);
        let expect = path.with_extension("expect");
        if bless {
            fs::write(&expect, &got).expect("write the expectation");
        } else if fs::read_to_string(&expect).unwrap_or_default() != got {
            different.push(format!("--- {} gives\n{got}", path.display()));
        }
        assert_eq!(
            loaded.config.is_some(),
            directory == "ok",
            "{}\n{got}",
            path.display()
        );
        assert_eq!(
            exit_code(&loaded.diagnostics) == 0,
            directory == "ok",
            "{}",
            path.display()
        );
    }
    assert!(
        different.is_empty(),
        "{}\nXVRRP_BLESS=1 writes what is given as what is expected",
        different.concat()
    );
}

#[test]
fn sound_files_are_taken() {
    compare("ok");
}

#[test]
fn broken_files_are_refused_with_what_to_type() {
    compare("err");
}

#[test]
fn every_error_says_what_to_do() {
    for path in files("err") {
        let loaded = read(&path);
        let errors = loaded
            .diagnostics
            .iter()
            .filter(|d| d.severity == vrrp_user::config::Severity::Error);
        let silent: Vec<_> = errors
            .filter(|d| d.help.is_none() && d.code != vrrp_user::config::Code::File)
            .map(|d| &d.message)
            .collect();
        assert!(silent.is_empty(), "{}: {silent:?}", path.display());
    }
}
