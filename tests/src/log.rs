//! What a daemon said, line by line, with the time it was heard.

use std::{
    io::{BufRead, BufReader, Read},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use crate::{capture::Stamp, wait::eventually};

/// Lines printed when a test fails.
const TAIL: usize = 60;

/// Collects the output of one daemon; clones share the lines.
#[derive(Clone, Default)]
pub struct Log {
    lines: Arc<Mutex<Vec<(Stamp, String)>>>,
}

impl Log {
    /// Reads `stream` on a thread of its own until it ends.
    pub fn follow(&self, stream: impl Read + Send + 'static) {
        let lines = Arc::clone(&self.lines);
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let text = String::from_utf8_lossy(&line).into_owned();
                lines
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((Stamp::now(), text));
            }
        });
    }

    /// All lines heard since `since`.
    #[must_use]
    pub fn since(&self, since: Stamp) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .iter()
            .filter(|(at, _)| *at >= since)
            .map(|(_, line)| line.clone())
            .collect()
    }

    /// Waits for a line, heard since `since`, that contains `text`.
    #[track_caller]
    pub fn wait(&self, within: Duration, since: Stamp, text: &str) -> String {
        eventually(within, &format!("a log line with {text:?}"), || {
            let lines = self.since(since);
            lines
                .iter()
                .find(|line| line.contains(text))
                .cloned()
                .ok_or_else(|| format!("{} other lines, last {:?}", lines.len(), lines.last()))
        })
    }

    /// Prints the last lines; a failing test shows them.
    pub fn print_tail(&self, title: &str) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        eprintln!("--- {title}, last {TAIL} of {} lines", lines.len());
        for (at, line) in &lines[lines.len().saturating_sub(TAIL)..] {
            let (s, ms) = (at.0 / 1_000_000_000 % 1000, at.0 / 1_000_000 % 1000);
            eprintln!("{s:03}.{ms:03} {line}");
        }
    }
}
