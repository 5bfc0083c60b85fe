//! Real servers of other makes on a router, for health scripts to look at.
//!
//! Each runs in the foreground in the router's namespace, with its data in a directory
//! of its own; both are gone when it is dropped.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Once,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{net::Node, place, process};

/// Every directory is here, so that it is reached by users without rights, and not
/// hidden from a daemon that has a `/tmp` of its own.
const PARENT: &str = "/var/tmp";
const PREFIX: &str = "xvt-server-";
/// Ends a server whose test was killed and that nobody swept.
const LONGEST_LIFE_S: &str = "300";

/// A directory that anybody may read and that is removed when dropped.
pub struct Directory(PathBuf);

impl Directory {
    /// A fresh one.
    #[must_use]
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        static SWEPT: Once = Once::new();
        SWEPT.call_once(sweep);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        let path = Path::new(PARENT).join(name);
        fs::create_dir(&path).expect("a directory in /var/tmp");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes what test processes that no longer exist have left.
fn sweep() {
    for entry in fs::read_dir(PARENT).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|it| it.split('-').next());
        let gone = owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists());
        if gone {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// What can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Serves `/` on port 80 and `/health` on port 8080; the latter is 503 while there
    /// is a file `sick` in its directory.
    Nginx,
    /// Answers every request on port 80 of every address with its directory and the client's
    /// address.
    Web,
    /// Sends to port 80; its monitor is on port 8404.
    Haproxy,
    /// On port 6379.
    Redis,
    /// On the socket `mysqld.sock` in its directory, with an account for `nobody`.
    Mariadb,
    /// Version 4, on port 2049: the server in user space, with an export in memory.
    NfsGanesha,
}

/// A server. Killed, and its data removed, when dropped.
pub struct Server {
    kind: Kind,
    child: Option<Child>,
    directory: Directory,
}

impl Server {
    /// Not started yet.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        let directory = Directory::new();
        kind.prepare(directory.path());
        Self {
            kind,
            child: None,
            directory,
        }
    }

    /// Its data.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts it, for the first time or again.
    pub fn start(&mut self, node: &Node) {
        let words = self.kind.command(self.directory.path());
        let said = fs::File::create(self.directory.path().join("said")).expect("ours");
        let mut command = node.ns.command("timeout");
        // In our process group: where a group loses its parent, the kernel tells those in it
        // that are stopped to hang up, and a master that is being killed starts workers.
        command.args(["--foreground", "-s", "KILL", LONGEST_LIFE_S]);
        command.args(words);
        command.stdin(Stdio::null());
        command
            .stderr(said.try_clone().expect("a descriptor"))
            .stdout(said);
        self.child = Some(command.spawn().expect("timeout, of coreutils"));
    }

    /// Kills it and all it started, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::kill_tree(pid(&child));
            let _ = child.wait();
        }
    }

    /// It hangs (SIGSTOP): the kernel goes on taking its connections.
    pub fn hang(&self) {
        process::stop_tree(pid(self.child.as_ref().expect("it runs")));
    }

    /// It goes on.
    pub fn resume(&self) {
        process::continue_tree(pid(self.child.as_ref().expect("it hangs")));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let said = self.directory.path().join("said");
            let text = fs::read_to_string(said).unwrap_or_default();
            eprintln!("{:?} said: {text}", self.kind);
        }
    }
}

fn pid(child: &Child) -> i32 {
    i32::try_from(child.id()).expect("a process id")
}

impl Kind {
    /// Its program, its package and its configuration, `DIR` standing for its directory.
    const fn parts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Nginx => ("/usr/sbin/nginx", "nginx", NGINX),
            Self::Web => ("/usr/sbin/nginx", "nginx", WEB),
            Self::Haproxy => ("/usr/sbin/haproxy", "haproxy", HAPROXY),
            Self::Redis => ("/usr/bin/redis-server", "redis-server", REDIS),
            Self::Mariadb => ("/usr/sbin/mariadbd", "mariadb-server-core", MARIADB),
            Self::NfsGanesha => ("/usr/bin/ganesha.nfsd", "nfs-ganesha", GANESHA),
        }
    }

    /// The words that run it in the foreground.
    fn command(self, directory: &Path) -> Vec<String> {
        let (program, package, _) = self.parts();
        let program = place::installed(program, package);
        let line = match self {
            Self::Nginx | Self::Web => "-p DIR -e DIR/error.log -c DIR/conf",
            Self::Haproxy => "-db -f DIR/conf",
            Self::Redis => "DIR/conf",
            Self::Mariadb => "--defaults-file=DIR/conf",
            Self::NfsGanesha => return self.portmapped(directory),
        };
        let line = line.replace("DIR", &directory.display().to_string());
        let mut words = vec![program.display().to_string()];
        words.extend(line.split(' ').map(str::to_owned));
        words
    }

    /// It insists on registering with rpcbind, which insists on `/run`: both get one
    /// that nobody else sees.
    fn portmapped(self, directory: &Path) -> Vec<String> {
        place::installed("/usr/sbin/rpcbind", "rpcbind");
        let (program, ..) = self.parts();
        let directory = directory.display();
        let script = format!(
            "mount -t tmpfs none /run && mkdir /run/rpcbind /run/ganesha || exit
            rpcbind -w -f &
            until [ -S /run/rpcbind.sock ]; do sleep 0.05; done
            {program} -F -L STDERR -f {directory}/conf -p /run/ganesha.pid"
        );
        ["unshare", "-m", "sh", "-c", &script]
            .map(str::to_owned)
            .into()
    }

    /// Its configuration, and what else has to be there.
    fn prepare(self, directory: &Path) {
        let (_, _, text) = self.parts();
        let text = text.replace("DIR", &directory.display().to_string());
        fs::write(directory.join("conf"), text).expect("ours");
        if self == Self::Mariadb {
            fs::write(directory.join("init"), MARIADB_ACCOUNT).expect("ours");
            let install = place::installed("/usr/bin/mariadb-install-db", "mariadb-server-core");
            let mut command = Command::new(install);
            command.args(["--no-defaults", "--user=root", "--skip-test-db"]);
            command.arg(format!("--datadir={}/data", directory.display()));
            let output = command.output().expect("it runs");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
        }
    }
}

const NGINX: &str = "\
daemon off;
worker_processes 1;
user root;
pid DIR/pid;
error_log DIR/error.log;
events {}
http {
    access_log off;
    client_body_temp_path DIR/body;
    proxy_temp_path DIR/proxy;
    fastcgi_temp_path DIR/fastcgi;
    uwsgi_temp_path DIR/uwsgi;
    scgi_temp_path DIR/scgi;
    server {
        listen 127.0.0.1:80;
        location / { return 404; }
    }
    server {
        listen 127.0.0.1:8080;
        location /health {
            if (-f DIR/sick) { return 503; }
            return 200 'well';
        }
    }
}
";

const WEB: &str = "\
daemon off;
worker_processes 1;
user root;
pid DIR/pid;
error_log DIR/error.log;
events {}
http {
    access_log off;
    keepalive_timeout 60s;
    client_body_temp_path DIR/body;
    proxy_temp_path DIR/proxy;
    fastcgi_temp_path DIR/fastcgi;
    uwsgi_temp_path DIR/uwsgi;
    scgi_temp_path DIR/scgi;
    server {
        listen 80;
        listen [::]:80;
        location / { return 200 'DIR $remote_addr'; }
    }
}
";

const HAPROXY: &str = "\
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend health
    bind 127.0.0.1:8404
    monitor-uri /health
    monitor fail if { nbsrv(app) lt 1 }
frontend site
    bind 127.0.0.1:8000
    default_backend app
backend app
    server one 127.0.0.1:80 check inter 100ms fall 1 rise 1
";

const REDIS: &str = "\
bind 127.0.0.1
port 6379
dir DIR
save \"\"
";

const MARIADB: &str = "\
[mariadbd]
user = root
datadir = DIR/data
socket = DIR/mysqld.sock
pid-file = DIR/pid
init-file = DIR/init
skip-networking
innodb-buffer-pool-size = 8M
innodb-flush-log-at-trx-commit = 0
";

const MARIADB_ACCOUNT: &str =
    "CREATE USER IF NOT EXISTS nobody@localhost IDENTIFIED VIA unix_socket;\n";

const GANESHA: &str = "\
NFS_CORE_PARAM {
    Protocols = 4;
    Enable_UDP = false;
    Enable_NLM = false;
    Enable_RQUOTA = false;
}
NFSv4 { Graceless = true; RecoveryRoot = DIR; }
EXPORT {
    Export_Id = 1;
    Path = /x;
    Pseudo = /x;
    Access_Type = RW;
    SecType = sys;
    FSAL { Name = MEM; }
}
";
