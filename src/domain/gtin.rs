//! Numbers under which trade items are known in all shops (GTIN), as barcodes carry them.
//!
//! Source: GS1 General Specifications, sections 1.4 (prefixes) and 7.9 (check digits).

/// Whether this is such a number: 8, 12, 13 or 14 digits of which the last one checks the others, and
/// none that shops give out themselves (restricted circulation) or that stands on coupons.
pub fn is_gtin(text: &str) -> bool {
    let is_long_enough = matches!(text.len(), 8 | 12 | 13 | 14);
    if !is_long_enough || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    // From the right, digits count once and thrice by turns.
    let weighed = text.bytes().rev().zip([1, 3].into_iter().cycle());
    let sum: u32 = weighed.map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    sum.is_multiple_of(10) && !is_reserved(text)
}

fn is_reserved(text: &str) -> bool {
    if text.len() == 8 {
        return text.starts_with(['0', '2']);
    }
    // The prefix stands at the start of the form of 13 digits.
    let padded = format!("{text:0>14}");
    ["02", "04", "05", "2", "98", "99", "000000"].iter().any(|start| padded[1..].starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_all_lengths_are_known_by_their_check_digit() {
        for good in ["4006381333931", "012345678905", "96385074", "10614141000415", "9780306406157"]
        {
            assert!(is_gtin(good), "{good}");
            let last = good.chars().last().unwrap().to_digit(10).unwrap();
            let wrong = format!("{}{}", &good[..good.len() - 1], (last + 1) % 10);
            assert!(!is_gtin(&wrong), "{wrong}");
        }
    }

    #[test]
    fn what_shops_number_themselves_and_what_is_no_number_is_none() {
        // All of them with the right check digit.
        let own = ["2012345678903", "0212345678909", "212345678909", "9912345678909"];
        let own = own.into_iter().chain(["0512345678900", "21234569", "0000000000000"]);
        for bad in own.chain(["", "4006381333931 ", "400638133393x", "40063813339", "٤٠٠٦"]) {
            assert!(!is_gtin(bad), "{bad}");
        }
    }
}
