//! Something on a router for its check scripts to check.

use std::{
    io,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::net::Node;

/// Accepts connections on 127.0.0.1:80 of a router until dropped; then they
/// are refused.
pub struct Service {
    stop: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts listening.
    #[must_use]
    pub fn listen(node: &Node) -> Self {
        let listener = node
            .ns
            .run(|| TcpListener::bind("127.0.0.1:80"))
            .expect("port 80, alone");
        listener.set_nonblocking(true).expect("a socket");
        let stop = Arc::new(AtomicBool::new(false));
        let server = thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                while !stop.load(Ordering::Relaxed) {
                    match listener.accept() {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            thread::sleep(Duration::from_millis(5));
                        }
                        // A checker that has gone is no concern of ours.
                        Ok(_) | Err(_) => {}
                    }
                }
            }
        });
        Self {
            stop,
            server: Some(server),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}
