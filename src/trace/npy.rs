//! NumPy's `.npy` for f32 and i32 in row order: whole files in, and files that grow row by row out.
//!
//! A growing file's header is written anew with every append, so that what is on disk is a whole file at any time. The
//! crates that write the format set the length only when they finish; the one that reads it believes its sizes.

use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::{private, trace::npy_header::NpyHeader};

/// Bytes before the data: magic, version, and the header padded with spaces (NumPy asks for a multiple of 64).
const HEADER_BYTES: usize = 128;

/// An array in memory, row after row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Array<T> {
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// `shape.product()` values.
    pub data: Vec<T>,
}

impl<T> Array<T> {
    /// Row `index` of the outermost axis.
    pub fn row(&self, index: usize) -> Option<&[T]> {
        self.rows(index, 1)
    }

    /// Rows `from..from + count`, one after the other.
    pub fn rows(&self, from: usize, count: usize) -> Option<&[T]> {
        let (width, end) = (self.width(), from.checked_add(count)?);
        self.data.get(from.checked_mul(width)?..end.checked_mul(width)?)
    }

    /// Rows of the outermost axis.
    pub fn len(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Values per row.
    pub fn width(&self) -> usize {
        self.shape.iter().skip(1).fold(1, |width, size| width.saturating_mul(*size))
    }
}

/// A file is not the array that was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NpyError {
    /// It could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not begin as such a file does.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// In words.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// It is shorter than its header says.
    #[error("{}: expected {values} values by its shape {shape:?}, found {found} bytes", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// Values of the shape; in words where they cannot be counted.
        values: String,
        /// Sizes in the header.
        shape: Vec<usize>,
        /// Bytes after the header.
        found: usize,
    },
    /// A trace names a file that is not beside it.
    #[error("{}: expected the name of a file or folder beside it, found {found:?}", path.display())]
    Outside {
        /// The trace.
        path: PathBuf,
        /// The name.
        found: String,
    },
    /// It has another element type.
    #[error("{}: expected elements of type {expected}, found {found}", path.display())]
    ElementType {
        /// The file.
        path: PathBuf,
        /// For example `<f4`.
        expected: &'static str,
        /// What its header says.
        found: String,
    },
    /// It is stored column after column.
    #[error("{}: expected C order (row after row), found Fortran order", path.display())]
    Order {
        /// The file.
        path: PathBuf,
    },
    /// It has another shape.
    #[error("{}: expected {expected}, found shape {found:?}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// In words, for example `[mel frames, 80]`.
        expected: String,
        /// Sizes in the header.
        found: Vec<usize>,
    },
}

/// An element type of [`Array`], 4 bytes each.
pub trait Element: Copy {
    /// NumPy's name of the type.
    const NAME: &'static str;

    /// The value of little-endian bytes.
    fn of_bytes(bytes: [u8; 4]) -> Self;
}

impl Element for f32 {
    const NAME: &'static str = "<f4";

    fn of_bytes(bytes: [u8; 4]) -> Self {
        Self::from_le_bytes(bytes)
    }
}

impl Element for i32 {
    const NAME: &'static str = "<i4";

    fn of_bytes(bytes: [u8; 4]) -> Self {
        Self::from_le_bytes(bytes)
    }
}

/// Reads a whole file; bytes after the array are left alone.
pub fn read<T: Element>(path: &Path) -> Result<Array<T>, NpyError> {
    let bytes = fs::read(path).map_err(|source| NpyError::Io { path: path.to_owned(), source })?;
    let (header, data) = NpyHeader::read(&bytes).map_err(|(expected, found)| NpyError::Header {
        path: path.to_owned(),
        expected,
        found,
    })?;
    if header.element != T::NAME {
        return Err(NpyError::ElementType { path: path.to_owned(), expected: T::NAME, found: header.element });
    }
    if header.columns_first {
        return Err(NpyError::Order { path: path.to_owned() });
    }
    let values = header.shape.iter().try_fold(1_usize, |values, size| values.checked_mul(*size));
    // Rows of nothing, as many as one likes, would cost time and no byte.
    let values = values.filter(|values| *values > 0 || header.shape.first() == Some(&0));
    let (all, _) = data.as_chunks::<4>();
    let Some(data) = values.and_then(|values| all.get(..values)) else {
        let values = values.map_or("other".to_owned(), |values| values.to_string());
        return Err(NpyError::Size { path: path.to_owned(), values, shape: header.shape, found: data.len() });
    };
    Ok(Array { data: data.iter().map(|bytes| T::of_bytes(*bytes)).collect(), shape: header.shape })
}

/// Writes a whole file.
pub fn write(path: &Path, shape: &[usize], data: &[f32]) -> Result<(), NpyError> {
    let io = |source| NpyError::Io { path: path.to_owned(), source };
    let mut bytes = header("<f4", shape).to_vec();
    bytes.extend(data.iter().flat_map(|x| x.to_le_bytes()));
    fs::write(path, bytes).map_err(io)
}

/// Writes a whole file of integers.
pub fn write_i32(path: &Path, shape: &[usize], data: &[i32]) -> Result<(), NpyError> {
    let io = |source| NpyError::Io { path: path.to_owned(), source };
    let mut bytes = header("<i4", shape).to_vec();
    bytes.extend(data.iter().flat_map(|x| x.to_le_bytes()));
    fs::write(path, bytes).map_err(io)
}

/// A file that grows.
#[derive(Debug)]
pub struct GrowingNpy {
    file: File,
    /// Values per row, `None` for an array of one axis.
    columns: Option<usize>,
    values: usize,
}

impl GrowingNpy {
    /// An empty `[0, columns]`, or `[0]`.
    pub fn create(path: &Path, columns: Option<usize>) -> io::Result<Self> {
        let mut npy = Self { file: private::create(path)?, columns, values: 0 };
        npy.write_header()?;
        Ok(npy)
    }

    /// Appends whole rows.
    pub fn append(&mut self, rows: &[f32]) -> io::Result<()> {
        let bytes: Vec<u8> = rows.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.file.seek(SeekFrom::End(0))?;
        self.file.write_all(&bytes)?;
        self.values += rows.len();
        self.write_header()
    }

    fn write_header(&mut self) -> io::Result<()> {
        let shape = match self.columns {
            Some(columns) => vec![self.values.checked_div(columns).unwrap_or(0), columns],
            None => vec![self.values],
        };
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header("<f4", &shape))
    }
}

/// Magic, version 1.0 and the dictionary, padded to [`HEADER_BYTES`].
fn header(element: &str, shape: &[usize]) -> [u8; HEADER_BYTES] {
    let sizes: Vec<String> = shape.iter().map(|size| format!("{size},")).collect();
    let dictionary = format!("{{'descr': '{element}', 'fortran_order': False, 'shape': ({}), }}", sizes.join(" "));
    let mut bytes = [b' '; HEADER_BYTES];
    bytes[..8].copy_from_slice(b"\x93NUMPY\x01\x00");
    bytes[8..10].copy_from_slice(&((HEADER_BYTES - 10) as u16).to_le_bytes());
    bytes[10..10 + dictionary.len()].copy_from_slice(dictionary.as_bytes());
    bytes[HEADER_BYTES - 1] = b'\n';
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growing_file_is_whole_after_every_append() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let mut npy = GrowingNpy::create(&path, Some(2)).unwrap();
        assert_eq!(read::<f32>(&path).unwrap(), Array { shape: vec![0, 2], data: vec![] });
        npy.append(&[1.0, 2.0]).unwrap();
        npy.append(&[3.0, 4.0, 5.0, 6.0]).unwrap();
        let array = read::<f32>(&path).unwrap();
        assert_eq!((array.shape.as_slice(), array.row(2)), (&[3, 2][..], Some(&[5.0, 6.0][..])));
        assert_eq!((array.rows(1, 2), array.rows(2, 2)), (Some(&[3.0, 4.0, 5.0, 6.0][..]), None));
    }

    #[test]
    fn what_is_not_expected_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        write_i32(&path, &[2, 1], &[7, -8]).unwrap();
        assert_eq!(read::<i32>(&path).unwrap().data, [7, -8]);
        assert!(matches!(read::<f32>(&path), Err(NpyError::ElementType { .. })));
        fs::write(&path, "no array").unwrap();
        assert!(matches!(read::<f32>(&path), Err(NpyError::Header { .. })));
        assert!(read::<f32>(&folder.path().join("nowhere")).unwrap_err().to_string().contains("nowhere"));
    }
}
