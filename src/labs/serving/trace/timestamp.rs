//! Dates with times, to ticks of 100 ns.

/// Ticks since 1970 of `2023-11-16 18:17:03.9799600`; the fraction may be missing or have up to
/// nine digits (beyond seven they are cut), `T` may stand for the space, and `Z` or `+00:00` may
/// follow.
pub(super) fn ticks(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let text = text.strip_suffix("+00:00").unwrap_or(text);
    let (date, time) = text.split_once([' ', 'T'])?;
    let mut date = date.splitn(3, '-').map(number);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut clock = clock.splitn(3, ':').map(number);
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let plausible = (1970..=2200).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61
        && fraction.len() <= 9;
    if !plausible {
        return None;
    }
    let digits: String = fraction.chars().chain("0000000".chars()).take(7).collect();
    let fraction = number(&digits)?;
    let seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds * 10_000_000 + fraction)
}

fn number(text: &str) -> Option<i64> {
    (!text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

/// Days of the Gregorian calendar; the year is counted from March, so that the leap day is last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, of_era) = (y / 400, y % 400);
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * m + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        assert_eq!(ticks("1970-01-01 00:00:00"), Some(0));
        assert_eq!(ticks("2000-03-01 00:00:00.5"), Some(9_518_688_005_000_000));
        let leap =
            ticks("2024-03-01 00:00:00").unwrap() - ticks("2024-02-29 23:59:59.9999999").unwrap();
        assert_eq!(leap, 1);
        assert_eq!(
            ticks("2024-05-10T00:00:00.009930+00:00"),
            ticks("2024-05-10 00:00:00.00993Z")
        );
        for bad in [
            "",
            "18:17",
            "2023-02-xx 00:00:00",
            "2023-13-01 00:00:00",
            "2023-01-01 25:00:00",
        ] {
            assert_eq!(ticks(bad), None, "{bad}");
        }
    }
}
