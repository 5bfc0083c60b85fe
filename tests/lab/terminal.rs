//! The terminal: raw while the lab draws on it, as it was before afterwards.

use std::{
    io::{self, Stdin, Stdout, Write as _, stdin, stdout},
    os::fd::AsFd as _,
    panic,
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr},
    unistd::read,
};

/// The other screen, without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// A raw terminal; restored when dropped.
pub(crate) struct Terminal {
    input: Stdin,
    output: Stdout,
    before: Termios,
}

impl Terminal {
    pub(crate) fn open() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(stdin(), SetArg::TCSADRAIN, &raw)?;
        print(&mut stdout(), ENTER)?;
        // A panic's message belongs on the screen that stays.
        let usual = panic::take_hook();
        let cooked = libc::termios::from(before.clone());
        panic::set_hook(Box::new(move |panic| {
            restore(&Termios::from(cooked));
            usual(panic);
        }));
        Ok(Self {
            input: stdin(),
            output: stdout(),
            before,
        })
    }

    /// The keys typed within `timeout_ms`; at once when there are any.
    pub(crate) fn keys(&self, timeout_ms: u16) -> Vec<u8> {
        let mut ready = [PollFd::new(self.input.as_fd(), PollFlags::POLLIN)];
        let mut keys = [0_u8; 64];
        match poll(&mut ready, PollTimeout::from(timeout_ms)) {
            // An end of input cannot be typed on: leave.
            Ok(1..) => match read(self.input.as_fd(), &mut keys) {
                Ok(0) => vec![b'q'],
                Ok(count) => keys[..count].to_vec(),
                Err(_) => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// Draws these lines from the top, and nothing below them.
    pub(crate) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let mut frame = String::from("\x1b[H");
        for (index, line) in lines.iter().enumerate() {
            // None after the last: on the bottom line it would scroll.
            frame.push_str(if index == 0 { "" } else { "\r\n" });
            frame.push_str(line);
            frame.push_str("\x1b[K");
        }
        frame.push_str("\x1b[J");
        print(&mut self.output, &frame)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore(&self.before);
    }
}

fn restore(before: &Termios) {
    let _ = print(&mut stdout(), LEAVE);
    let _ = tcsetattr(stdin(), SetArg::TCSADRAIN, before);
}

fn print(out: &mut Stdout, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}
