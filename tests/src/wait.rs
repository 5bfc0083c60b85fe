//! Waiting with a deadline and a reason, never a bare sleep.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::interrupt;

/// How long to pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Looks until `look` gives a value, or fails the test with the last reason
/// `look` gave for not being there yet.
#[track_caller]
pub fn eventually<T>(
    within: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, String>,
) -> T {
    finally(within, what, || {
        not_interrupted(what);
        look()
    })
}

/// The same for what cleans up: it is not given up when somebody asks the program
/// to end.
#[track_caller]
pub fn finally<T>(within: Duration, what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match look() {
            Ok(value) => return value,
            Err(why) if start.elapsed() >= within => {
                panic!("not within {within:?}: {what}; last look: {why}")
            }
            Err(_) => thread::sleep(LOOK_AGAIN),
        }
    }
}

/// Looks again and again for a whole `span` and fails as soon as `look` objects.
/// For what must *not* happen; `look` runs at least twice.
#[track_caller]
pub fn throughout(span: Duration, what: &str, mut look: impl FnMut() -> Result<(), String>) {
    let start = Instant::now();
    loop {
        not_interrupted(what);
        let over = start.elapsed() >= span;
        if let Err(why) = look() {
            panic!(
                "not for all of {span:?}: {what}; after {:?}: {why}",
                start.elapsed()
            );
        }
        if over {
            return;
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// Sleeps for a whole `span`; fails as soon as somebody asks the program to end.
pub fn pass(span: Duration) {
    let start = Instant::now();
    while let Some(left) = span.checked_sub(start.elapsed()) {
        not_interrupted("time passes");
        thread::sleep(left.min(Duration::from_millis(100)));
    }
}

/// For programs that watch for it: they unwind, and so clean up.
#[track_caller]
fn not_interrupted(what: &str) {
    assert!(!interrupt::asked(), "interrupted: {what}");
}

#[cfg(test)]
mod tests {
    use super::{eventually, throughout};
    use std::{panic, time::Duration};

    #[test]
    fn waits_for_the_value_and_gives_it_back() {
        let mut looks = 0;
        let seen = eventually(Duration::from_secs(5), "third look", || {
            looks += 1;
            if looks == 3 {
                Ok(looks)
            } else {
                Err(format!("look {looks}"))
            }
        });
        assert_eq!(seen, 3);
    }

    #[test]
    fn gives_up_with_the_last_reason() {
        let failure = panic::catch_unwind(|| {
            eventually(Duration::from_millis(30), "never", || {
                Err::<(), _>("still raining".into())
            });
        })
        .expect_err("it must give up");
        let text = failure.downcast_ref::<String>().expect("a message");
        assert!(
            text.contains("never") && text.contains("still raining"),
            "{text}"
        );
    }

    #[test]
    fn one_objection_is_enough() {
        let mut looks = 0;
        let failure = panic::catch_unwind(panic::AssertUnwindSafe(|| {
            throughout(Duration::from_secs(5), "calm", || {
                looks += 1;
                if looks == 2 {
                    Err("a bang".into())
                } else {
                    Ok(())
                }
            });
        }));
        assert!(failure.is_err());
    }
}
