//! The header of a `.npy` file: a dictionary as Python writes it, of which nothing is believed that the file cannot hold.

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NpyHeader {
    /// NumPy's name of the element type, `<f4`; a type of several fields as it stands there.
    pub(super) element: String,
    /// Stored column after column.
    pub(super) columns_first: bool,
    /// Sizes, outermost first.
    pub(super) shape: Vec<usize>,
}

/// What was expected and what was found.
type Fault = (&'static str, String);

const EXPECTED: &str = "a dictionary with 'descr', 'fortran_order' and 'shape'";
/// No header of an array of numbers is longer.
const LONGEST: usize = 1 << 16;
/// NumPy has arrays of so many axes at most.
const MOST_AXES: usize = 64;

impl NpyHeader {
    /// The header of a file, and the bytes after it.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, &[u8]), Fault> {
        let magic = || ("NumPy's .npy (version 1 to 3)", begin_of(bytes));
        let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(magic)?;
        let (length, rest) = match rest {
            [1, _, low, high, rest @ ..] => (usize::from(u16::from_le_bytes([*low, *high])), rest),
            [2 | 3, _, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
            _ => return Err(magic()),
        };
        let short = || ("a header of the length that is told, 64 KiB at most", format!("{length} of {}", rest.len()));
        let (text, data) = Some(length)
            .filter(|length| *length <= LONGEST)
            .and_then(|l| rest.split_at_checked(l))
            .ok_or_else(short)?;
        let text = std::str::from_utf8(text).map_err(|_| (EXPECTED, begin_of(text)))?;
        Ok((Self::parse(text).ok_or_else(|| (EXPECTED, begin_of(text.as_bytes())))?, data))
    }

    fn parse(text: &str) -> Option<Self> {
        let (mut element, mut columns_first, mut shape) = (None, None, None);
        let mut left = text.trim().strip_prefix('{')?.trim_start();
        while !left.starts_with('}') {
            let (key, after) = quoted(left)?;
            let value = after.trim_start().strip_prefix(':')?.trim_start();
            let after = match key {
                "descr" => {
                    let (name, after) = quoted(value).or_else(|| fields(value))?;
                    element = Some(name.to_owned());
                    after
                }
                "fortran_order" => {
                    let after = value.strip_prefix("True").or_else(|| value.strip_prefix("False"))?;
                    columns_first = Some(value.starts_with("True"));
                    after
                }
                "shape" => {
                    let (sizes, after) = value.strip_prefix('(')?.split_once(')')?;
                    let sizes = sizes.split(',').map(str::trim).filter(|size| !size.is_empty());
                    let sizes: Vec<usize> = sizes.take(MOST_AXES + 1).map(size).collect::<Option<_>>()?;
                    shape = Some(sizes).filter(|sizes| sizes.len() <= MOST_AXES);
                    after
                }
                _ => return None,
            };
            let after = after.trim_start();
            left = after.strip_prefix(',').unwrap_or(after).trim_start();
        }
        Some(Self { element: element?, columns_first: columns_first?, shape: shape? })
    }
}

/// A text in quotes, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// A list of fields, which is no type that is read, up to the key that follows.
fn fields(text: &str) -> Option<(&str, &str)> {
    let end = text.find("'fortran_order'")?;
    text.starts_with('[').then(|| (text[..end].trim_end().trim_end_matches(','), &text[end..]))
}

/// A size, with the `L` that old versions of Python wrote.
fn size(text: &str) -> Option<usize> {
    text.strip_suffix('L').unwrap_or(text).parse().ok()
}

fn begin_of(bytes: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(60)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dictionary: &str) -> Vec<u8> {
        let length = (dictionary.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], dictionary.as_bytes(), b"data"].concat()
    }

    #[test]
    fn what_numpy_writes_is_read() {
        let bytes = file("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 80), }          \n");
        let (header, data) = NpyHeader::read(&bytes).unwrap();
        assert_eq!(header, NpyHeader { element: "<f4".into(), columns_first: false, shape: vec![3, 80] });
        assert_eq!(data, b"data");
        let shape = |text: &str| NpyHeader::read(&file(text)).unwrap().0.shape;
        assert_eq!(shape("{\"shape\": (7L,), \"fortran_order\": True, \"descr\": \"<i4\"}"), [7]);
        assert_eq!(shape("{'descr':'|b1','fortran_order':False,'shape':()}"), [0_usize; 0]);
        let fields = file("{'descr': [('a', '<f4'), ('b', '<i4')], 'fortran_order': False, 'shape': (2,), }");
        assert_eq!(NpyHeader::read(&fields).unwrap().0.element, "[('a', '<f4'), ('b', '<i4')]");
    }

    #[test]
    fn what_is_none_is_named() {
        for bytes in [
            &b""[..],
            b"\x93NUMPY",
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}",
            b"\x93NUMPY\x09\x00\x01\x00{",
            &file("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"),
            &file("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }"),
            &file(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}) }}", "1,".repeat(65))),
            &file("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }"),
            &file("{'descr': '<f4', 'shape': (1,), }"),
            &file("((((((((((((((("),
            &file("{'descr'"),
        ] {
            let (expected, found) = NpyHeader::read(bytes).unwrap_err();
            assert!(!expected.is_empty() && !found.is_empty(), "{bytes:?}");
        }
    }
}
