//! Whoever is told without a script: FIFOs and mail. Neither may hold up the event
//! loop: a FIFO is written by a task of its own without blocking, mail by a thread.
//! What cannot be told in time waits in a bounded queue that loses the oldest and
//! counts them.

mod backlog;
pub mod fifo;
pub mod mail;

pub(super) use backlog::Backlog;
pub use fifo::Fifos;
pub use mail::Mailer;
