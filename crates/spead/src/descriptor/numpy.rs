//! [`Dtype`]: the type of an array's elements as numpy writes it, and the header text that carries it in a descriptor.
//!
//! ```text
//!   {'descr': '<i2', 'fortran_order': False, 'shape': (16, 4)}
//!   {'descr': [('time', '>u8'), ('sample', '<f4', (2,))], 'fortran_order': False, 'shape': ()}
//! ```
//! Source: numpy's format of `.npy` files, without its magic and padding. Not a reader of arrays: it says what the
//! bytes are, not what they hold. Python objects (`O`) are refused, since their bytes are pointers.

use core::fmt::{self, Write as _};
use core::str::FromStr;

use super::literal;
use super::{BadDtype, DtypeHeader};

/// The type of an element.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// One number, string or date.
    Scalar(Scalar),
    /// Named fields one behind the other; padding is a field without a name of kind `V`.
    Record(Vec<Member>),
}

/// A numpy type string such as `<i2`, `|S10`, `>M8[ns]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scalar {
    /// Order of the bytes.
    pub order: Order,
    /// Kind: one of `b i u f c S a U V M m`.
    pub kind: char,
    /// The number in the string: bytes of an element, for `U` characters of 4 bytes.
    pub size: usize,
    /// Unit of a date or time span with its brackets, otherwise empty.
    pub unit: String,
}

/// Order of the bytes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// `<`
    Little,
    /// `>`
    Big,
    /// `|`: a single byte, or no number.
    None,
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// Name; empty for padding.
    pub name: String,
    /// Its type.
    pub dtype: Dtype,
    /// Dimensions of an array within the record; empty for a single element.
    pub shape: Vec<usize>,
}

impl Dtype {
    /// Bytes of an element; `None` when that is more than this machine counts.
    #[must_use]
    pub fn item_size(&self) -> Option<usize> {
        match self {
            Self::Scalar(scalar) => scalar.size.checked_mul(if scalar.kind == 'U' { 4 } else { 1 }),
            Self::Record(members) => members.iter().try_fold(0_usize, |sum, member| {
                let count =
                    member.shape.iter().try_fold(1_usize, |product, side| product.checked_mul(*side))?;
                sum.checked_add(member.dtype.item_size()?.checked_mul(count)?)
            }),
        }
    }
}

impl Dtype {
    /// The same with all numbers in the other byte order.
    #[must_use]
    pub fn swapped(&self) -> Self {
        match self {
            Self::Scalar(scalar) => Self::Scalar(Scalar { order: scalar.order.swapped(), ..scalar.clone() }),
            Self::Record(members) => {
                let swap = |member: &Member| Member { dtype: member.dtype.swapped(), ..member.clone() };
                Self::Record(members.iter().map(swap).collect())
            }
        }
    }
}

impl Order {
    /// The other order.
    #[must_use]
    pub const fn swapped(self) -> Self {
        match self {
            Self::Little => Self::Big,
            Self::Big => Self::Little,
            Self::None => Self::None,
        }
    }
}

impl FromStr for Dtype {
    type Err = BadDtype;

    /// Reads `<i2`, or a list of fields as numpy's `dtype.descr` prints it.
    fn from_str(text: &str) -> Result<Self, BadDtype> {
        if text.trim_start().starts_with(['[', '\'', '"']) {
            literal::dtype(text)
        } else {
            scalar(text).map(Self::Scalar)
        }
    }
}

impl fmt::Display for Dtype {
    /// As numpy prints `dtype.descr`; a scalar with its quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => write!(f, "'{scalar}'"),
            Self::Record(members) => {
                f.write_char('[')?;
                for (place, member) in members.iter().enumerate() {
                    if place > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "({}, {}", Quoted(&member.name), member.dtype)?;
                    if !member.shape.is_empty() {
                        write!(f, ", {}", Tuple(&member.shape))?;
                    }
                    f.write_char(')')?;
                }
                f.write_char(']')
            }
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = match self.order {
            Order::Little => '<',
            Order::Big => '>',
            Order::None => '|',
        };
        write!(f, "{order}{}{}{}", self.kind, self.size, self.unit)
    }
}

impl fmt::Display for DtypeHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = if self.fortran_order { "True" } else { "False" };
        let shape = Tuple(&self.shape);
        write!(f, "{{'descr': {}, 'fortran_order': {order}, 'shape': {shape}}}", self.dtype)
    }
}

impl FromStr for DtypeHeader {
    type Err = BadDtype;

    fn from_str(text: &str) -> Result<Self, BadDtype> {
        literal::header(text)
    }
}

/// A type string without quotes.
pub(super) fn scalar(text: &str) -> Result<Scalar, BadDtype> {
    let bad = || BadDtype::Unknown { text: text.to_owned() };
    let (order, rest) = match text.as_bytes().first() {
        Some(b'<') => (Order::Little, &text[1..]),
        Some(b'>') => (Order::Big, &text[1..]),
        Some(b'|') => (Order::None, &text[1..]),
        Some(b'=') => (NATIVE, &text[1..]),
        _ => (NATIVE, text),
    };
    let mut chars = rest.chars();
    let kind = chars.next().filter(|kind| "biufcSaUVMm".contains(*kind)).ok_or_else(bad)?;
    let rest = chars.as_str();
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let size: usize = rest[..digits].parse().map_err(|_| bad())?;
    let unit = &rest[digits..];
    let dated = matches!(kind, 'M' | 'm');
    let fits = match kind {
        'b' => size == 1,
        'i' | 'u' => matches!(size, 1 | 2 | 4 | 8),
        'f' => matches!(size, 2 | 4 | 8 | 12 | 16),
        'c' => matches!(size, 8 | 16 | 24 | 32),
        'M' | 'm' => size == 8,
        _ => true,
    };
    let unit_fits =
        unit.is_empty() || (dated && unit.starts_with('[') && unit.ends_with(']') && unit.is_ascii());
    if !fits || !unit_fits {
        return Err(bad());
    }
    let order =
        if matches!(kind, 'S' | 'a' | 'V' | 'b') || (size == 1 && kind != 'U') { Order::None } else { order };
    Ok(Scalar { order, kind, size, unit: unit.to_owned() })
}

const NATIVE: Order = if cfg!(target_endian = "little") { Order::Little } else { Order::Big };

/// A string as Python writes it.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('\'')?;
        for c in self.0.chars() {
            if matches!(c, '\'' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        f.write_char('\'')
    }
}

/// A tuple as Python writes it: `()`, `(3,)`, `(3, 4)`.
struct Tuple<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Tuple<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('(')?;
        for (place, number) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{number}")?;
        }
        f.write_str(if self.0.len() == 1 { ",)" } else { ")" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_as_numpy_writes_them_are_read_and_written_alike() {
        for text in [
            "{'descr': '|i1', 'fortran_order': False, 'shape': (16,)}",
            "{'descr': '<c16', 'fortran_order': True, 'shape': (2, 3)}",
            "{'descr': '>M8[ns]', 'fortran_order': False, 'shape': ()}",
            "{'descr': [('time', '>u8'), ('', '|V3'), ('xy', '<f4', (2, 1)), ('in', [('a', '<U5')])], \
             'fortran_order': False, 'shape': (7,)}",
            r"{'descr': [('it\'s', '|b1')], 'fortran_order': False, 'shape': (1,)}",
        ] {
            let header: DtypeHeader = text.parse().unwrap();
            assert_eq!(header.to_string(), text);
        }
    }

    #[test]
    fn spaces_order_of_keys_and_trailing_commas_do_not_matter() {
        let text = "{ \"shape\":(3,4,), 'descr' : \"<i4\",'fortran_order':False, }   \n";
        let header: DtypeHeader = text.parse().unwrap();
        assert_eq!(header.to_string(), "{'descr': '<i4', 'fortran_order': False, 'shape': (3, 4)}");
    }

    #[test]
    fn sizes_are_those_of_numpy() {
        for (text, size) in [
            ("<i2", 2),
            ("|S10", 10),
            ("<U5", 20),
            (">c32", 32),
            ("<m8[us]", 8),
            ("[('a', '<i4', (2, 3)), ('b', '|V1')]", 25),
        ] {
            assert_eq!(text.parse::<Dtype>().unwrap().item_size(), Some(size), "{text}");
        }
        let many = format!("[('a', '<i4', ({0}, {0}))]", usize::MAX);
        assert_eq!(many.parse::<Dtype>().unwrap().item_size(), None);
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for text in [
            "",
            "O",
            "|O8",
            "<i3",
            "<x4",
            "i",
            "<i4[ns]",
            "[",
            "[('a')]",
            "[('a', '<i4'",
            "'<i4",
            "[(1, '<i4')]",
        ] {
            assert!(text.parse::<Dtype>().is_err(), "{text}");
        }
        for text in [
            "{}",
            "{'descr': '<i4'}",
            "{'descr': '<i4', 'fortran_order': 0, 'shape': ()}",
            "[]",
            "{'shape': (-1,)}",
        ] {
            assert!(text.parse::<DtypeHeader>().is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_without_end_is_refused_without_a_deep_stack() {
        let text = "[('a', ".repeat(100_000);
        assert!(text.parse::<Dtype>().is_err());
    }
}
