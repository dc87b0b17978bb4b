//! `google.protobuf.Timestamp` and `google.protobuf.Duration`, with their canonical JSON forms.
//!
//! They are our own because a time that ends in `Z` is part of the contract of the JSON stream.

mod civil;

use std::fmt;
use std::time::{Duration as StdDuration, SystemTime, UNIX_EPOCH};

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};

/// A point in time (wire form of `google.protobuf.Timestamp`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Message)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds of that second, 0 to 999,999,999.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// A span of time (wire form of `google.protobuf.Duration`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Duration {
    /// Whole seconds.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds, of the same sign as the seconds.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

const NANOS_PER_SECOND: i64 = 1_000_000_000;

impl Timestamp {
    /// From nanoseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a remainder below 1e9 fits")]
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        Self { seconds: nanos.div_euclid(NANOS_PER_SECOND), nanos: nanos.rem_euclid(NANOS_PER_SECOND) as i32 }
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix_nanos(self) -> i64 {
        self.seconds.saturating_mul(NANOS_PER_SECOND).saturating_add(self.nanos as i64)
    }

    /// Time of day in UTC with nine digits of the second, and the same with the date as RFC 3339 has it.
    #[must_use]
    pub fn precise(self) -> (String, String) {
        let civil::Civil { year, month, day, hour, minute, second } = civil::from_unix(self.seconds);
        let clock = format!("{hour:02}:{minute:02}:{second:02}.{:09}", self.nanos.clamp(0, 999_999_999));
        let date = format!("{year:04}-{month:02}-{day:02}T{clock}Z");
        (clock, date)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let nanos = |span: StdDuration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        Self::from_unix_nanos(match time.duration_since(UNIX_EPOCH) {
            Ok(after) => nanos(after),
            Err(before) => -nanos(before.duration()),
        })
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with 0, 3, 6 or 9 digits of the second as the JSON mapping says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = civil::from_unix(self.seconds);
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second
        )?;
        write_fraction(f, self.nanos.unsigned_abs())?;
        f.write_str("Z")
    }
}

impl Duration {
    /// From nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self { seconds: nanos / NANOS_PER_SECOND, nanos: (nanos % NANOS_PER_SECOND) as i32 }
    }
}

impl From<StdDuration> for Duration {
    fn from(span: StdDuration) -> Self {
        Self { seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX), nanos: span.subsec_nanos() as i32 }
    }
}

impl fmt::Display for Duration {
    /// Seconds with 0, 3, 6 or 9 decimals and an `s`, as the JSON mapping says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.seconds < 0 || self.nanos < 0 {
            f.write_str("-")?;
        }
        write!(f, "{}", self.seconds.unsigned_abs())?;
        write_fraction(f, self.nanos.unsigned_abs())?;
        f.write_str("s")
    }
}

fn write_fraction(f: &mut fmt::Formatter<'_>, nanos: u32) -> fmt::Result {
    match nanos {
        0 => Ok(()),
        _ if nanos.is_multiple_of(1_000_000) => write!(f, ".{:03}", nanos / 1_000_000),
        _ if nanos.is_multiple_of(1_000) => write!(f, ".{:06}", nanos / 1_000),
        _ => write!(f, ".{nanos:09}"),
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (seconds, nanos) = civil::parse_rfc3339(&text)
            .ok_or_else(|| D::Error::custom(format_args!("`{text}` is no RFC 3339 time in UTC")))?;
        Ok(Self { seconds, nanos })
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text)
            .ok_or_else(|| D::Error::custom(format_args!("`{text}` is no number of seconds followed by `s`")))
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s')?;
    let (sign, number) = number.strip_prefix('-').map_or((1, number), |rest| (-1, rest));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let seconds: i64 = whole.parse().ok()?;
    Some(Duration { seconds: i64::from(sign) * seconds, nanos: sign * civil::parse_fraction(fraction)? })
}
