//! When to try again, and how long to wait before.

use super::RegistryError;
use crate::http::{self, MAX_WAIT, Retries};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often something is tried.
pub(super) const TRIES: u32 = 5;

/// How one try failed.
pub(super) type Failed = http::Failed<Box<RegistryError>>;

impl Failed {
    pub(super) fn for_now(error: RegistryError, wait: Option<Duration>) -> Self {
        Self::ForNow(Box::new(error), wait)
    }
}

impl From<RegistryError> for Failed {
    fn from(error: RegistryError) -> Self {
        Self::Finally(Box::new(error))
    }
}

/// Tries until it works, up to [`TRIES`] times.
pub(super) fn retried<T>(first_wait: Duration, once: impl FnMut() -> Result<T, Failed>) -> Result<T, RegistryError> {
    let retries = Retries { tries: TRIES, first_wait, deadline: None };
    retries.run(once).map_err(|(error, given_up)| match given_up {
        Some(tries) => RegistryError::GaveUp { tries, last: error },
        None => *error,
    })
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
pub(super) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()).min(MAX_WAIT));
    }
    let wait = http_date(value)?.duration_since(now).unwrap_or_default();
    Some(wait.min(MAX_WAIT))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7), which is a date of mails, too. The two obsolete forms are not read.
fn http_date(text: &str) -> Option<SystemTime> {
    let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let seconds = parser.parse_timestamp(text).ok()?.as_second();
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn dates_are_the_seconds_that_they_name() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(at(784_111_777)));
        assert_eq!(http_date("Tue, 29 Feb 2000 00:00:00 GMT"), Some(at(951_782_400)));
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(at(0)));
        for odd in [
            "",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 anF 1994 08:49:37 GMT",
            "x, -1 Nov 0 :: GMT",
            "a 1 Jan 0 0:0:0 GMT",
        ] {
            assert_eq!(http_date(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_server_may_ask_for_a_minute_at_most() {
        assert_eq!(retry_after("7", at(0)), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("86400", at(0)), Some(MAX_WAIT));
        assert_eq!(retry_after("Thu, 01 Jan 1970 00:00:09 GMT", at(4)), Some(Duration::from_secs(5)));
        assert_eq!(retry_after("Thu, 01 Jan 1970 00:00:09 GMT", at(400)), Some(Duration::ZERO));
        assert_eq!(retry_after("Thu, 01 Jan 2970 00:00:09 GMT", at(4)), Some(MAX_WAIT));
        assert_eq!(retry_after("soon", at(4)), None);
    }
}
