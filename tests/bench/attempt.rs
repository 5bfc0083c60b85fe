//! One sample, or the reason why there is none.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use xvrrp_tests::trial::Trial;

use crate::noise::Ticks;

/// More of the time than this taken by other virtual machines, and a sample
/// measures them.
const STOLEN_MOST: f64 = 0.05;

/// From now on a sample that fails is not told of by a backtrace, but by [`attempt`].
pub(crate) fn quiet() {
    std::panic::set_hook(Box::new(|_| ()));
}

/// Runs a sample. What it made is gone afterwards, however it ended.
pub(crate) fn attempt<T>(sample: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let before = Ticks::now();
    let outcome =
        catch_unwind(AssertUnwindSafe(sample)).unwrap_or_else(|panic| Err(reason(panic.as_ref())));
    let stolen = Ticks::now().since(&before).stolen_share();
    if stolen > STOLEN_MOST {
        return Err(format!("{:.0} % of the time was stolen", stolen * 100.0));
    }
    outcome
}

/// A capture that lost frames shows nothing for certain.
pub(crate) fn whole(trial: &Trial) -> Result<(), String> {
    match trial.tap.lost() {
        0 => Ok(()),
        lost => Err(format!("the capture lost {lost} frames")),
    }
}

fn reason(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it failed without a word");
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::attempt;

    #[test]
    fn a_failure_is_a_reason() {
        let failed = attempt::<()>(|| panic!("no {} within", 3));
        assert_eq!(failed, Err("no 3 within".to_owned()));
        assert_eq!(attempt(|| Ok(3)), Ok(3));
    }
}
