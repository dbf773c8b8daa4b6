//! A day of the calendar, without time and zone: until when an acceptance counts.

use jiff::civil::Date;
use jiff::{Timestamp, tz::Offset};

/// The day of a time in seconds since 1970, in UTC. Times behind the year 9999 are its last day.
pub fn day_of(seconds: u64) -> Date {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or(Date::MAX, |time| Offset::UTC.to_datetime(time).date())
}

/// `2026-12-31` and nothing else.
pub fn parse_day(text: &str) -> Option<Date> {
    let is_place = |(at, byte): (usize, u8)| if [4, 7].contains(&at) { byte == b'-' } else { byte.is_ascii_digit() };
    let is_day = text.len() == 10 && text.bytes().enumerate().all(is_place);
    is_day.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_told_from_seconds() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (86_399, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_709_164_800, "2024-02-29"),
            (4_107_542_400, "2100-03-01"),
            (u64::MAX, "9999-12-31"),
        ] {
            assert_eq!(day_of(seconds).to_string(), day);
            assert_eq!(parse_day(day).map(|date| date.to_string()), Some(day.to_owned()));
        }
        for text in ["2026-02-29", "2026-13-01", "2026-00-10", "26-01-01", "2026-1-1", "", "2026-01-01T00:00:00"] {
            assert_eq!(parse_day(text), None, "{text}");
        }
    }
}
