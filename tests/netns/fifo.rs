//! Lines in notify FIFOs: byte for byte what keepalived writes.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::{self, Keepalived, Xvrrpd},
    net::{INTERFACE, Lab},
    place,
    trial::PATIENCE,
    wait::eventually,
};

/// What a reader of one FIFO has read; it opens it again whenever it is closed.
struct Reader {
    text: Arc<Mutex<String>>,
    ended: Arc<AtomicBool>,
}

impl Reader {
    fn start(path: PathBuf) -> Self {
        let (text, ended) = (
            Arc::<Mutex<String>>::default(),
            Arc::new(AtomicBool::new(false)),
        );
        let (into, over) = (Arc::clone(&text), Arc::clone(&ended));
        thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let Ok(mut fifo) = File::open(&path) else {
                    thread::sleep(Duration::from_millis(5));
                    continue;
                };
                let mut chunk = [0; 4096];
                while let Ok(length @ 1..) = fifo.read(&mut chunk) {
                    let read = String::from_utf8_lossy(&chunk[..length]).into_owned();
                    into.lock().expect("no panics").push_str(&read);
                }
            }
        });
        Self { text, ended }
    }

    fn text(&self) -> String {
        self.text.lock().expect("no panics").clone()
    }

    fn await_line(&self, line: &str, times: usize) {
        eventually(PATIENCE, &format!("{line:?} {times} times"), || {
            let text = self.text();
            if text.lines().filter(|it| *it == line).count() >= times {
                Ok(())
            } else {
                Err(text)
            }
        });
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

const INSTANCES: [(&str, u8, &str); 4] = [
    ("A", 100, ""),
    ("B", 101, ""),
    ("C", 50, "track_script {\n chk\n }\n"),
    ("D", 40, "notify_deleted\n"),
];

fn conf(dir: &Path, instances: &[(&str, u8, &str)]) -> String {
    let dir = dir.display();
    let mut text = format!(
        "global_defs {{\n vrrp_version 3\n script_user root\n enable_script_security\n \
         notify_fifo {dir}/all\n vrrp_notify_fifo {dir}/vrrp nobody\n vrrp_notify_priority_changes\n}}\n\
         vrrp_script chk {{\n script \"/usr/bin/test -e {dir}/flag\"\n interval 1\n weight 30\n}}\n\
         vrrp_sync_group G {{\n group {{\n A\n B\n }}\n}}\n"
    );
    let instances = instances.iter().zip(60..).map(|((name, priority, extra), id)| {
        format!(
            "vrrp_instance {name} {{\n interface {INTERFACE}\n virtual_router_id {id}\n priority {priority}\n \
             advert_int 0.1\n {extra} virtual_ipaddress {{\n 10.77.0.{id}/24\n }}\n}}\n"
        )
    });
    text.extend(instances);
    text
}

/// Who made the FIFOs and who may read them.
type Access = Vec<(u32, u32, u32)>;

/// A life with a script, a cut cable, a reload that drops two and an end; what each
/// FIFO's reader has read.
fn one_life(daemon: Daemon) -> (String, String, Access) {
    let lab = Lab::new(1);
    let node = lab.router(0);
    let dir = place::scratch("fifo").join(node.ns.name());
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("a directory");
    let readers = ["all", "vrrp"].map(|name| Reader::start(dir.join(name)));
    let mut running = daemon.start_text(node, &conf(&dir, &INSTANCES));
    let all = &readers[0];
    for line in [
        "GROUP \"G\" MASTER 0",
        "INSTANCE \"C\" MASTER 50",
        "INSTANCE \"D\" MASTER 40",
    ] {
        all.await_line(line, 1);
    }
    let access = ["all", "vrrp"].map(|name| {
        let found = fs::symlink_metadata(dir.join(name)).expect("the FIFO");
        assert!(found.file_type().is_fifo());
        (found.mode(), found.uid(), found.gid())
    });
    fs::write(dir.join("flag"), "").expect("the flag");
    all.await_line("INSTANCE \"C\" MASTER_PRIORITY 80", 1);
    lab.unplug(0);
    all.await_line("GROUP \"G\" FAULT 0", 1);
    all.await_line("INSTANCE \"D\" FAULT 40", 1);
    lab.plug(0);
    for line in [
        "GROUP \"G\" MASTER 0",
        "INSTANCE \"C\" MASTER 80",
        "INSTANCE \"D\" MASTER 40",
    ] {
        all.await_line(line, usize::from(!line.contains("80")) + 1);
    }
    running.reload_text(&conf(&dir, &INSTANCES[..2]));
    all.await_line("INSTANCE \"C\" FAULT 80", 2);
    all.await_line("INSTANCE \"D\" DELETED 40", 1);
    // keepalived makes the FIFO anew; its reader has to find it.
    thread::sleep(Duration::from_secs(1));
    running.terminate();
    running.left();
    for reader in &readers {
        reader.await_line("GROUP \"G\" STOP 0", 1);
    }
    for name in ["all", "vrrp"] {
        assert!(!dir.join(name).exists(), "{name} is left behind");
    }
    let [all, vrrp] = readers.each_ref().map(Reader::text);
    let _ = fs::remove_dir_all(&dir);
    (all, vrrp, access.to_vec())
}

/// Lines by whom they are about: between two of them timers decide who comes first.
fn by_subject(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in text.lines() {
        let subject = line.rsplitn(3, ' ').nth(2).unwrap_or(line);
        all.entry(subject).or_default().push(line);
    }
    all
}

#[test]
fn xvrrpd_writes_the_lines_that_keepalived_writes() {
    let (ours, ours_vrrp, access) = one_life(Xvrrpd);
    let (theirs, theirs_vrrp, their_access) = one_life(Keepalived);
    assert_eq!(by_subject(&ours), by_subject(&theirs));
    assert_eq!(by_subject(&ours_vrrp), by_subject(&theirs_vrrp));
    assert_eq!(ours, ours_vrrp);
    assert_eq!(access, their_access, "mode, user and group");
    // Where nothing is left to chance: the start, and the end.
    let start = |text: &str| text.lines().take(5).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(start(&ours), start(&theirs));
    let end = |text: &str| {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines[lines.len() - 3..].to_vec()
    };
    assert_eq!(end(&ours), end(&theirs));
}

/// The script of a FIFO gets its path, reads all of it, the last line too, and is
/// gone with the daemon. Nobody reads the other FIFO, which delays nothing.
#[test]
fn a_script_reads_to_the_end_and_an_absent_reader_delays_nothing() {
    let lab = Lab::new(1);
    let node = lab.router(0);
    let dir = place::scratch("fifo").join(node.ns.name());
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("a directory");
    let at = dir.display();
    let text = conf(&dir, &INSTANCES[..2]).replace(
        " enable_script_security\n",
        &format!(" notify_fifo_script \"/bin/sh -c 'cat $1 >>{at}/said' sh\"\n"),
    );
    let mut running = Xvrrpd.start_text(node, &text);
    let start = Stamp::default();
    running
        .log()
        .wait(PATIENCE, start, "(A) Entering MASTER STATE");
    let said = || fs::read_to_string(dir.join("said")).unwrap_or_default();
    eventually(PATIENCE, "the script has read MASTER", || {
        let text = said();
        if text.contains("GROUP \"G\" MASTER 0\n") {
            Ok(())
        } else {
            Err(text)
        }
    });
    let asked = running.terminate();
    running.left();
    let took = Stamp::now().since(asked);
    assert!(took < Duration::from_millis(2500), "{took:?}");
    let text = said();
    assert!(text.ends_with("GROUP \"G\" STOP 0\n"), "{text}");
    assert_eq!(text.lines().filter(|it| it.contains("STOP")).count(), 3);
    let _ = fs::remove_dir_all(&dir);
}
