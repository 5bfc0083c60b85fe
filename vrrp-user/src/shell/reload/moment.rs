//! `HH:MM:SS`, `YY-MM-DD HH:MM:SS`, `YYYY-MM-DD HH:MM:SS`, each with a `Z` behind it or
//! not: what the file of `reload_time_file` says.

/// A moment that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Seconds since 1970.
    pub(super) at_s: i64,
    /// With its date; otherwise the next such time of day.
    pub(super) dated: bool,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Format,
    /// There is no such day or time, as when clocks are put forward.
    Invalid,
    Past,
}

/// As it is written: year, month from 1, day.
struct Written {
    date: Option<(i32, i32, i32)>,
    time: (i32, i32, i32),
    utc: bool,
}

/// The moment `text` says, at `now_s`.
pub(super) fn read(text: &str, now_s: i64) -> Result<Moment, Wrong> {
    let Written { date, time, utc } = written(text).ok_or(Wrong::Format)?;
    let today = broken_down(now_s, utc);
    let (year, month, day) =
        date.unwrap_or((today.tm_year + 1900, today.tm_mon + 1, today.tm_mday));
    let mut asked = today;
    (asked.tm_year, asked.tm_mon, asked.tm_mday) = (year - 1900, month - 1, day);
    (asked.tm_hour, asked.tm_min, asked.tm_sec) = time;
    let at_s = seconds(&mut asked, utc).ok_or(Wrong::Invalid)?;
    if at_s > now_s {
        let dated = date.is_some();
        return Ok(Moment { at_s, dated });
    }
    if date.is_some() {
        return Err(Wrong::Past);
    }
    asked.tm_mday += 1;
    // The day after the last of a month is the first of the next.
    let at_s = sum(&mut asked, utc);
    Ok(Moment { at_s, dated: false })
}

/// `YYYY-MM-DD HH:MM:SS`, in local time.
pub(super) fn show(at_s: i64) -> String {
    let at = broken_down(at_s, false);
    format!(
        "{}-{:02}-{:02} {:02}:{:02}:{:02}",
        at.tm_year + 1900,
        at.tm_mon + 1,
        at.tm_mday,
        at.tm_hour,
        at.tm_min,
        at.tm_sec
    )
}

fn written(text: &str) -> Option<Written> {
    let (text, utc) = text
        .strip_suffix('Z')
        .map_or((text, false), |text| (text, true));
    let (date, time) = match text.split_once(' ') {
        None => (None, text),
        Some((date, time)) => (Some(date), time),
    };
    let date = match date {
        None => None,
        Some(date) => {
            let [year, month, day] = parts(date, '-')?;
            if month.len() != 2 || day.len() != 2 {
                return None;
            }
            let number: i32 = year.parse().ok()?;
            let year = match year.len() {
                4 => number,
                // As strptime has it.
                2 if number < 69 => 2000 + number,
                2 => 1900 + number,
                _ => return None,
            };
            Some((year, month.parse().ok()?, day.parse().ok()?))
        }
    };
    let time = parts(time, ':')?;
    if time.iter().any(|part| part.len() != 2) {
        return None;
    }
    let [hour, minute, second] = time.map(|part| part.parse().ok());
    Some(Written {
        date,
        time: (hour?, minute?, second?),
        utc,
    })
}

/// Three runs of digits.
fn parts(text: &str, between: char) -> Option<[&str; 3]> {
    let all: Vec<&str> = text.split(between).collect();
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    <[&str; 3]>::try_from(all)
        .ok()
        .filter(|all| all.iter().all(|it| digits(it)))
}

fn broken_down(at_s: i64, utc: bool) -> libc::tm {
    // SAFETY: a `tm` is plain numbers and a pointer that may be null.
    let mut out: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both arguments are there for the call; the function keeps neither.
    unsafe {
        if utc {
            libc::gmtime_r(&raw const at_s, &raw mut out);
        } else {
            libc::localtime_r(&raw const at_s, &raw mut out);
        }
    }
    out
}

/// Seconds since 1970; the fields are brought into range.
fn sum(at: &mut libc::tm, utc: bool) -> i64 {
    // Whether it is summer there is not known yet.
    at.tm_isdst = -1;
    // SAFETY: the argument is there for the call, which does not keep it.
    unsafe {
        if utc {
            libc::timegm(at)
        } else {
            libc::mktime(at)
        }
    }
}

/// The same, where every field was in range before.
fn seconds(at: &mut libc::tm, utc: bool) -> Option<i64> {
    let fields = |it: &libc::tm| {
        (
            (it.tm_year, it.tm_mon, it.tm_mday),
            (it.tm_hour, it.tm_min, it.tm_sec),
        )
    };
    let before = fields(at);
    let sum = sum(at, utc);
    (fields(at) == before).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-02-28 12:00:00 UTC.
    const NOW: i64 = 1_772_280_000;

    #[test]
    fn every_form_of_a_moment() {
        let cases = [
            ("12:00:01Z", Ok((1, false))),
            ("12:00:00Z", Ok((86_400, false))),
            ("11:59:59Z", Ok((86_399, false))),
            ("2026-02-28 12:00:05Z", Ok((5, true))),
            ("26-02-28 13:00:00Z", Ok((3600, true))),
            ("2026-03-01 12:00:00Z", Ok((86_400, true))),
            ("2026-02-28 12:00:00Z", Err(Wrong::Past)),
            ("99-01-01 00:00:00Z", Err(Wrong::Past)),
            ("2026-02-29 12:00:00Z", Err(Wrong::Invalid)),
            ("2026-13-01 12:00:00Z", Err(Wrong::Invalid)),
            ("24:00:00Z", Err(Wrong::Invalid)),
            ("12:60:00Z", Err(Wrong::Invalid)),
            ("", Err(Wrong::Format)),
            ("1:00:00", Err(Wrong::Format)),
            ("12:00", Err(Wrong::Format)),
            (" 12:00:01Z", Err(Wrong::Format)),
            ("12:00:01Z ", Err(Wrong::Format)),
            ("2026-02-28  12:00:01Z", Err(Wrong::Format)),
            ("2026-2-28 12:00:01Z", Err(Wrong::Format)),
            ("126-02-28 12:00:01Z", Err(Wrong::Format)),
            ("+2:00:00", Err(Wrong::Format)),
            ("12:00:01ZZ", Err(Wrong::Format)),
        ];
        for (text, want) in cases {
            let want = want.map(|(after, dated)| Moment {
                at_s: NOW + after,
                dated,
            });
            assert_eq!(read(text, NOW), want, "{text:?}");
        }
    }

    /// Whatever zone this runs in.
    #[test]
    fn local_time_is_shown_as_it_is_written() {
        let text = "2031-07-09 05:06:07";
        let moment = read(text, NOW).expect("a moment");
        assert!(moment.dated);
        assert_eq!(show(moment.at_s), text);
        let time = show(NOW + 90);
        let (_, time) = time.split_once(' ').expect("a time");
        assert_eq!(read(time, NOW).map(|it| it.at_s), Ok(NOW + 90));
    }
}
