//! Calendar arithmetic: seconds since 1970 to year, month, day and back, in UTC.

/// A second of the proleptic Gregorian calendar, in UTC.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
}

const SECONDS_PER_DAY: i64 = 86_400;
const DAYS_PER_ERA: i64 = 146_097;

/// From seconds since 1970-01-01T00:00:00Z.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "remainders of small positive divisors"
)]
pub(super) fn from_unix(seconds: i64) -> Civil {
    // Years are counted from March here, so that the leap day is the last day of a year, in eras
    // of 400 years, which all have the same number of days. Day 0 is 0000-03-01.
    let days = seconds.div_euclid(SECONDS_PER_DAY) + 719_468;
    let of_day = seconds.rem_euclid(SECONDS_PER_DAY) as u32;
    let era = days.div_euclid(DAYS_PER_ERA);
    let day_of_era = days.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    Civil {
        year: era * 400 + year_of_era + i64::from(month <= 2),
        month: month as u32,
        day: day as u32,
        hour: of_day / 3_600,
        minute: of_day / 60 % 60,
        second: of_day % 60,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    year.div_euclid(400) * DAYS_PER_ERA + day_of_era - 719_468
}

/// Seconds and nanoseconds since 1970 of a time such as `2026-11-22T05:00:00.25Z`.
pub(super) fn parse_rfc3339(text: &str) -> Option<(i64, i32)> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = three_numbers(date, '-')?;
    let [hour, minute, second] = three_numbers(time, ':')?;
    let in_range = (0..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let seconds = days_since_1970(year, month, day) * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second;
    in_range.then_some((seconds, parse_fraction(fraction)?))
}

/// Nanoseconds from the digits after a decimal point.
pub(super) fn parse_fraction(digits: &str) -> Option<i32> {
    let padding = 9_usize.checked_sub(digits.len())?;
    let number: u32 = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    i32::try_from(number * 10_u32.pow(u32::try_from(padding).ok()?)).ok()
}

fn three_numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator).map(|part| {
        let digits = part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse().ok())?
    });
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_inverse() {
        for days in (-719_000..2_900_000).step_by(97) {
            let civil = from_unix(days * SECONDS_PER_DAY + 3_661);
            assert_eq!(days_since_1970(civil.year, i64::from(civil.month), i64::from(civil.day)), days);
            assert_eq!((civil.hour, civil.minute, civil.second), (1, 1, 1));
        }
    }

    #[test]
    fn known_dates() {
        // 951782400 is 2000-02-29, a leap day of a century.
        let leap = from_unix(951_782_400);
        assert_eq!((leap.year, leap.month, leap.day), (2000, 2, 29));
        assert_eq!(parse_rfc3339("1970-01-01T00:00:00Z"), Some((0, 0)));
        assert_eq!(parse_rfc3339("1969-12-31T23:59:59.5Z"), Some((-1, 500_000_000)));
        for bad in ["", "1970-01-01", "1970-01-01T00:00:00", "1970-13-01T00:00:00Z", "x-01-01T00:00:00Z"] {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
        }
        assert_eq!(parse_fraction("1234567890"), None);
    }
}
