//! Reading a whole file, in parallel pieces where it is large.

use std::fs::File;
use std::io::{Error as IoError, ErrorKind, Read, Result as IoResult};
use std::path::Path;

use super::disk::open_regular;
use crate::error::{Error, Result};

/// Pieces of this size are read in parallel: large enough that starting one costs nothing, small
/// enough that all cores have some.
const PIECE: usize = 16 << 20;

/// The bytes of a regular file.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, if it does not fit into memory, if its length changes
/// meanwhile, or if it is no regular file: a pipe or a device may never end.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    read_regular(path).map_err(|error| Error::io("read", path, error))
}

pub(super) fn read_regular(path: &Path) -> IoResult<Vec<u8>> {
    let (file, len) = open_regular(path)?;
    let too_large = || IoError::new(ErrorKind::OutOfMemory, "it does not fit into memory");
    let len = usize::try_from(len).map_err(|_| too_large())?;
    // Some files of the system have a length of 0, and bytes.
    if len == 0 {
        let mut bytes = Vec::new();
        (&file).read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    // Pages of zeros, which the system hands out when they are first touched: by the threads.
    let mut bytes =
        bytemuck::allocation::try_zeroed_slice_box::<u8>(len).map_err(|()| too_large())?.into_vec();
    read_pieces(&file, &mut bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => IoError::other("it was cut short while it was read"),
        _ => error,
    })?;
    if file.metadata()?.len() != len as u64 {
        return Err(IoError::other("its length changed while it was read"));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn read_pieces(file: &File, bytes: &mut [u8]) -> IoResult<()> {
    use std::os::unix::fs::FileExt;

    use rayon::prelude::*;
    if bytes.len() <= PIECE {
        return file.read_exact_at(bytes, 0);
    }
    let pieces = bytes.par_chunks_mut(PIECE).enumerate();
    pieces.try_for_each(|(i, piece)| file.read_exact_at(piece, (i * PIECE) as u64))
}

/// Other systems have no read at a position that leaves the common one alone.
#[cfg(not(unix))]
fn read_pieces(mut file: &File, bytes: &mut [u8]) -> IoResult<()> {
    file.read_exact(bytes)
}
