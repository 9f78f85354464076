//! Numbers as JSON writes them, compared digit by digit: nothing is rounded.

use std::cmp::Ordering;
use std::fmt;

/// Exponents further from 0 than this count as this. No line has room for the digits between.
const EXPONENT_MAX: i64 = 1_000_000_000_000_000_000;

/// Exponents up to this many digits before the point are printed without an `e`.
const PLAIN_DIGITS_MAX: i64 = 21;

/// A decimal number: `0.DIGITS × 10^exponent`, with no zero at either end of the digits. Zero has no digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Reads a number in the form of JSON; `None` for any other text.
    ///
    /// ```
    /// use graven_search::Decimal;
    ///
    /// assert_eq!(Decimal::parse("-0.50e1"), Decimal::parse("-5"));
    /// assert!(Decimal::parse("9007199254740993") > Decimal::parse("9007199254740992"));
    /// assert_eq!(Decimal::parse("05"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Decimal> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, power) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let is_number =
            |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if !is_number(whole) || leading_zero || fraction.is_some_and(|fraction| !is_number(fraction)) {
            return None;
        }
        let power = power.map_or(Some(0), read_power)?;
        let all = [whole, fraction.unwrap_or_default()].concat();
        let digits = all.trim_start_matches('0');
        if digits.is_empty() {
            return Some(Decimal::zero());
        }
        let zeros = (all.len() - digits.len()) as i64;
        let exponent = power.saturating_add(whole.len() as i64 - zeros);
        let digits = digits.trim_end_matches('0').to_owned();
        Some(Decimal { negative, digits, exponent: exponent.clamp(-EXPONENT_MAX, EXPONENT_MAX) })
    }

    fn zero() -> Decimal {
        Decimal { negative: false, digits: String::new(), exponent: 0 }
    }

    /// The number times a power of ten.
    pub(super) fn shifted(mut self, places: i64) -> Decimal {
        if !self.digits.is_empty() {
            self.exponent = self.exponent.saturating_add(places).clamp(-EXPONENT_MAX, EXPONENT_MAX);
        }
        self
    }

    /// The number times a small factor.
    pub(super) fn times(self, factor: u32) -> Decimal {
        let mut carry = 0;
        let mut digits: Vec<u8> = Vec::with_capacity(self.digits.len() + 10);
        for digit in self.digits.bytes().rev() {
            let product = u32::from(digit - b'0') * factor + carry;
            digits.push(b'0' + (product % 10) as u8);
            carry = product / 10;
        }
        let mut grown = 0;
        while carry > 0 {
            digits.push(b'0' + (carry % 10) as u8);
            carry /= 10;
            grown += 1;
        }
        let digits: String = digits.iter().rev().map(|digit| char::from(*digit)).collect();
        let digits = digits.trim_end_matches('0').to_owned();
        Decimal { digits, ..self }.shifted(grown)
    }

    /// The largest whole number that is not above it, and whether it is that number. An error when it is smaller than all
    /// of them, or larger.
    pub(crate) fn floor(&self) -> Result<(i64, bool), Ordering> {
        let side = if self.negative { Ordering::Less } else { Ordering::Greater };
        let length = self.digits.len() as i64;
        // The digits before the point, of which there can be more than are written.
        let before = self.exponent.max(0);
        if before > 19 {
            return Err(side);
        }
        let written = before.min(length) as usize;
        let whole = format!("{:0<1$}", &self.digits[..written], before as usize);
        let magnitude: i128 = if whole.is_empty() { 0 } else { whole.parse().expect("nineteen digits fit") };
        let is_whole = length <= before;
        let floor = match self.negative {
            true => -magnitude - i128::from(!is_whole),
            false => magnitude,
        };
        i64::try_from(floor).map(|floor| (floor, is_whole)).map_err(|_| side)
    }

    /// Whether it is zero.
    fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    fn magnitude(&self, other: &Decimal) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            // Without zeros at the ends, the order of the digits is that of texts.
            (false, false) => self.exponent.cmp(&other.exponent).then_with(|| self.digits.cmp(&other.digits)),
        }
    }
}

/// The number behind the `e`.
fn read_power(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    // Past the bound, so that the digits before or behind the point do not bring it back.
    let power = digits.parse().unwrap_or(i64::MAX).min(4 * EXPONENT_MAX);
    Some(if text.starts_with('-') { -power } else { power })
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.magnitude(other),
            (true, true) => other.magnitude(self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl From<u64> for Decimal {
    fn from(number: u64) -> Decimal {
        Decimal::parse(&number.to_string()).expect("digits are a number")
    }
}

/// In the form of JSON; the same number always in the same way.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decimal { negative, digits, exponent } = self;
        if self.is_zero() {
            return f.write_str("0");
        }
        if *negative {
            f.write_str("-")?;
        }
        let length = digits.len() as i64;
        match *exponent {
            whole @ 1..=PLAIN_DIGITS_MAX if length > whole => {
                let (before, after) = digits.split_at(whole as usize);
                write!(f, "{before}.{after}")
            }
            whole @ 1..=PLAIN_DIGITS_MAX => write!(f, "{digits}{:0<1$}", "", (whole - length) as usize),
            small @ -4..=0 => write!(f, "0.{:0<1$}{digits}", "", -small as usize),
            other => {
                let (first, rest) = digits.split_at(1);
                let point = if rest.is_empty() { "" } else { "." };
                write!(f, "{first}{point}{rest}e{}", other - 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn the_same_number_in_other_digits_is_equal() {
        for same in [
            &["0", "-0", "0.0", "0e5", "-0.000e-99999999999999999999"][..],
            &["1", "1.0", "10e-1", "0.1E+1", "1e0"],
            &["-12.5", "-1250e-2", "-0.125e2"],
            &["100000000000000000000000", "1e23"],
        ] {
            for text in same {
                assert_eq!(number(text), number(same[0]), "{text}");
                assert_eq!(number(&number(text).to_string()), number(text), "{text}");
            }
        }
    }

    #[test]
    fn what_a_float_would_round_is_told_apart() {
        let ascending = [
            "-1e400",
            "-9007199254740993",
            "-9007199254740992",
            "-0.1",
            "-1e-400",
            "0",
            "1e-400",
            "0.1",
            "0.10000000000000000000000001",
            "9007199254740992",
            "9007199254740993",
            "1e400",
            "1e401",
        ];
        for pair in ascending.windows(2) {
            assert!(number(pair[0]) < number(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn only_numbers_of_json_are_numbers() {
        for text in
            ["", "-", "+1", "01", ".5", "5.", "1e", "1e+", "0x1", "1_0", "٣", "1 ", "NaN", "--1", "1.2.3"]
        {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_factor_multiplies_every_digit() {
        assert_eq!(number("1.5").times(60).to_string(), "90");
        assert_eq!(number("0.25").times(3_600).to_string(), "900");
        assert_eq!(number("999999999999999999999").times(24).to_string(), "2.3999999999999999999976e22");
        assert_eq!(number("0").times(60), number("0"));
        assert_eq!(number("2").shifted(3), number("2000"));
    }

    #[test]
    fn the_floor_is_the_next_whole_number_below() {
        for (text, floor) in [
            ("0", Ok((0, true))),
            ("-0.5", Ok((-1, false))),
            ("0.5e-30", Ok((0, false))),
            ("-1e-30", Ok((-1, false))),
            ("12.5e1", Ok((125, true))),
            ("1e18", Ok((1_000_000_000_000_000_000, true))),
            ("-9223372036854775808", Ok((i64::MIN, true))),
            ("9223372036854775807.5", Ok((i64::MAX, false))),
            ("9223372036854775808", Err(Ordering::Greater)),
            ("-9223372036854775808.1", Err(Ordering::Less)),
            ("1e400", Err(Ordering::Greater)),
            ("-1e400", Err(Ordering::Less)),
        ] {
            assert_eq!(number(text).floor(), floor, "{text}");
        }
    }

    proptest! {
        #[test]
        fn integers_compare_as_integers(a in any::<i128>(), b in any::<i128>()) {
            let (left, right) = (number(&a.to_string()), number(&b.to_string()));
            prop_assert_eq!(left.cmp(&right), a.cmp(&b));
        }

        #[test]
        fn fractions_compare_as_over_a_common_denominator(a in -99_999_i64..99_999, b in -99_999_i64..99_999, p in 0_u32..5, q in 0_u32..5) {
            let (left, right) = (format!("{a}e-{p}"), format!("{b}e-{q}"));
            let scaled = |number: i64, places: u32| i128::from(number) * 10_i128.pow(10 - places);
            prop_assert_eq!(number(&left).cmp(&number(&right)), scaled(a, p).cmp(&scaled(b, q)));
        }

        #[test]
        fn what_is_printed_is_read_as_the_same(text in "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?([eE][+-]?[0-9]{1,25})?") {
            let read = number(&text);
            prop_assert_eq!(number(&read.to_string()), read);
        }
    }
}
