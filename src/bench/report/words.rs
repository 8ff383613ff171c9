//! Figures as people read them: three digits that count, a unit that fits.

/// `12,345`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 product`, `1,000 products`.
pub fn several(number: u64, of: &str) -> String {
    format!("{} {of}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A rate without its unit: `12,345`, `134`, `13.4`, `1.34`.
pub fn rate(a_second: f64) -> String {
    match a_second {
        rate if rate >= 99.95 => count(rate.round() as u64),
        rate if rate >= 9.995 => format!("{rate:.1}"),
        rate => format!("{rate:.2}"),
    }
}

/// `850 µs`, `1.24 ms`, `12.4 ms`, `1.24 s`.
pub fn time(us: f64) -> String {
    let three = |value: f64| match value {
        value if value >= 99.95 => format!("{value:.0}"),
        value if value >= 9.995 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    };
    match us {
        us if us < 999.5 => format!("{us:.0} µs"),
        us if us < 999_500.0 => format!("{} ms", three(us / 1e3)),
        us => format!("{} s", three(us / 1e6)),
    }
}

/// A round figure, without digits that are noughts: `1 ms`, `500 µs`, `2.5 s`.
pub fn round_time(us: f64) -> String {
    let (value, unit) = match us {
        us if us < 1e3 => (us, "µs"),
        us if us < 1e6 => (us / 1e3, "ms"),
        us => (us / 1e6, "s"),
    };
    format!("{} {unit}", (value * 100.0).round() / 100.0)
}

/// `4,096 bytes`, `71.3 MB`, `24.0 GB`, in powers of a thousand.
pub fn bytes(bytes: u64) -> String {
    match bytes as f64 {
        bytes if bytes >= 1e9 => format!("{:.1} GB", bytes / 1e9),
        bytes if bytes >= 1e8 => format!("{:.0} MB", bytes / 1e6),
        bytes if bytes >= 1e6 => format!("{:.1} MB", bytes / 1e6),
        _ => format!("{} bytes", count(bytes)),
    }
}

/// `52 %`, `5.2 %`; above twice the whole, `2.3 ×`.
pub fn share(share: f64) -> String {
    match share {
        share if share >= 2.0 => format!("{} ×", rate(share)),
        share if share >= 0.0995 => format!("{:.0} %", share * 100.0),
        share => format!("{:.1} %", share * 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits_that_count() {
        assert_eq!(
            [count(0), count(999), count(1_000), count(1_234_567)].join(" "),
            "0 999 1,000 1,234,567"
        );
        assert_eq!(
            [rate(1.338), rate(13.38), rate(133.8), rate(13_384.2)].join(" "),
            "1.34 13.4 134 13,384"
        );
        let times = [0.4, 849.6, 999.6, 1_240.0, 12_400.0, 999_900.0, 61e6].map(time);
        assert_eq!(times.join(", "), "0 µs, 850 µs, 1.00 ms, 1.24 ms, 12.4 ms, 1.00 s, 61.0 s");
        let sizes = [512, 4_096, 71_300_000, 812_000_000, 24_000_000_000].map(bytes);
        assert_eq!(sizes.join(", "), "512 bytes, 4,096 bytes, 71.3 MB, 812 MB, 24.0 GB");
        assert_eq!([0.012, 0.52, 1.04, 2.34].map(share).join(", "), "1.2 %, 52 %, 104 %, 2.34 ×");
    }
}
