//! Numbers as people write them on a command line: sizes with k, M and G, chances with % and /, modes.

use core::time::Duration;

/// What is done about loss, as it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ModeArg {
    /// Every block once.
    Once,
    /// So many copies; `None`: as many as suit what is expected.
    Repeat(Option<u32>),
    /// So much repair in percent; `None`: what suits what is expected, or no end.
    Fountain(Option<u32>),
    /// What is lost is sent again.
    Arq,
}

/// `once`, `repeat`, `repeat=N`, `fountain`, `fountain=PERCENT` or `arq`.
pub(crate) fn mode(text: &str) -> Result<ModeArg, String> {
    let (name, number) = text.split_once('=').map_or((text, None), |(name, number)| (name, Some(number)));
    match (name, number) {
        ("once", None) => Ok(ModeArg::Once),
        ("arq", None) => Ok(ModeArg::Arq),
        ("repeat", None) => Ok(ModeArg::Repeat(None)),
        ("fountain", None) => Ok(ModeArg::Fountain(None)),
        ("repeat", Some(number)) => match number.parse() {
            Ok(copies @ 1..=255) => Ok(ModeArg::Repeat(Some(copies))),
            _ => Err("repeat=N takes a number from 1 to 255".to_owned()),
        },
        ("fountain", Some(number)) => match number.strip_suffix('%').unwrap_or(number).parse() {
            Ok(percent @ 1..=100_000) => Ok(ModeArg::Fountain(Some(percent))),
            _ => Err("fountain=PERCENT takes a number from 1 to 100000".to_owned()),
        },
        _ => Err("the modes are once, repeat, repeat=N, fountain, fountain=PERCENT and arq".to_owned()),
    }
}

/// A quantity above 0, with an optional suffix: k, M, G, T for powers of 1000, Ki, Mi, Gi, Ti for powers of 1024.
pub(crate) fn large(text: &str) -> Result<u64, String> {
    const HOW: &str = "write a number above 0, such as 2400, 11.5k, 3M or 64Ki";
    let body = text.strip_suffix("/s").unwrap_or(text);
    let body = body.strip_suffix('B').unwrap_or(body);
    let digits = body.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: f64 = match &body[digits.len()..] {
        "" => 1.0,
        "k" | "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        _ => return Err(HOW.to_owned()),
    };
    if unit == 1.0 {
        return digits.parse().ok().filter(|number| *number > 0).ok_or_else(|| HOW.to_owned());
    }
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = digits.parse::<f64>().ok().filter(|_| plain).ok_or_else(|| HOW.to_owned())?;
    let value = (number * unit).round();
    // 2^53: up to there every whole number is itself as a float.
    if !(1.0..=9_007_199_254_740_992.0).contains(&value) {
        return Err(HOW.to_owned());
    }
    format!("{value:.0}").parse().map_err(|_| HOW.to_owned())
}

/// A time in seconds above 0: `30`, `0.5`, `30s`, up to a year.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    const YEAR: f64 = 366.0 * 86_400.0;
    let number = text.strip_suffix('s').unwrap_or(text).parse::<f64>().ok();
    number
        .filter(|seconds| *seconds > 0.0 && *seconds <= YEAR)
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "write seconds above 0, such as 30 or 0.5".to_owned())
}

/// As [`large`], up to 2^32 - 1.
pub(crate) fn small(text: &str) -> Result<u32, String> {
    u32::try_from(large(text)?).map_err(|_| "the most is 4294967295".to_owned())
}

/// Bytes of a packet of sample streams: what a datagram holds, and room for the headers.
pub(crate) fn packet(text: &str) -> Result<u32, String> {
    small(text)
        .ok()
        .filter(|bytes| (56..=65_507).contains(bytes))
        .ok_or_else(|| "a packet has 56 to 65507 bytes, the most that a datagram holds".to_owned())
}

/// Bytes of a heap of `heaps bench`: several of them have to fit into memory on both sides.
pub(crate) fn bench_heap(text: &str) -> Result<u32, String> {
    let bytes = small(text)?;
    let most = 256 << 20;
    (bytes <= most).then_some(bytes).ok_or_else(|| "a heap of the bench has at most 256Mi bytes".to_owned())
}

/// A chance from 0 to 1: `0.01`, `1%`, `1/100`, `1e-2`.
pub(crate) fn chance(text: &str) -> Result<f64, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let value = if let Some(percent) = text.strip_suffix('%') {
        number(percent).map(|percent| percent / 100.0)
    } else if let Some((above, below)) = text.split_once('/') {
        number(above).zip(number(below)).map(|(above, below)| above / below)
    } else {
        number(text)
    };
    value
        .filter(|value| (0.0..=1.0).contains(value))
        .ok_or_else(|| "write a chance from 0 to 1, such as 0.01, 1% or 1/100".to_owned())
}

/// As [`chance`], below 1: something has to arrive.
pub(crate) fn expected(text: &str) -> Result<f64, String> {
    let chance = chance(text)?;
    (chance < 1.0)
        .then_some(chance)
        .ok_or_else(|| "over a link that damages or loses everything nothing can be sent".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_refuse_nonsense() {
        assert_eq!(large("2400"), Ok(2400));
        assert_eq!(large("11.5k"), Ok(11_500));
        assert_eq!(large("64Ki"), Ok(65_536));
        assert_eq!(large("3MB/s"), Ok(3_000_000));
        assert_eq!(large("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(small("4294967295"), Ok(u32::MAX));
        for wrong in ["", "0", "-1", "k", "1x", "1.5", "infk", "1e3k", "nan", "0.0001k", "99999999T", "ük"] {
            assert!(large(wrong).is_err(), "{wrong}");
        }
        assert!(small("4294967296").is_err());
        assert_eq!((packet("56"), packet("65507")), (Ok(56), Ok(65_507)));
        assert!(packet("55").is_err() && packet("65508").unwrap_err().contains("65507"));
    }

    #[test]
    fn seconds_are_above_0_and_end() {
        assert_eq!(seconds("30"), Ok(Duration::from_secs(30)));
        assert_eq!(seconds("0.5s"), Ok(Duration::from_millis(500)));
        for wrong in ["", "0", "-1", "nan", "inf", "1e300", "s", "1m"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn chances_are_from_0_to_1() {
        assert_eq!(chance("0.01"), Ok(0.01));
        assert_eq!(chance("1%"), Ok(0.01));
        assert_eq!(chance("1/100"), Ok(0.01));
        assert_eq!(chance("1e-2"), Ok(0.01));
        for wrong in ["", "%", "-0.1", "1.1", "101%", "1/0", "0/0", "nan", "inf", "x"] {
            assert!(chance(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn modes_that_exist_parse_and_others_name_those() {
        assert_eq!(mode("once"), Ok(ModeArg::Once));
        assert_eq!(mode("repeat=3"), Ok(ModeArg::Repeat(Some(3))));
        assert_eq!(mode("repeat"), Ok(ModeArg::Repeat(None)));
        assert_eq!(mode("fountain=20"), Ok(ModeArg::Fountain(Some(20))));
        assert_eq!(mode("fountain=20%"), Ok(ModeArg::Fountain(Some(20))));
        assert_eq!(mode("fountain"), Ok(ModeArg::Fountain(None)));
        assert_eq!(mode("arq"), Ok(ModeArg::Arq));
        for wrong in ["", "repeat=0", "repeat=256", "repeat=x", "fountain=0", "arq=1", "once=1", "ARQ"] {
            assert!(mode(wrong).is_err(), "{wrong}");
        }
        assert!(mode("zmodem").unwrap_err().contains("once, repeat, repeat=N, fountain"));
    }
}
