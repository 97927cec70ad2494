//! A record file that is read from the disk and changed in memory only.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// Changes are kept in pieces of this many bytes.
const PIECE_BYTES: u64 = 4096;

/// A file with a layer of changes over it.
#[derive(Debug)]
pub(crate) struct CowFile {
    file: File,
    layer: Mutex<Layer>,
}

#[derive(Debug)]
struct Layer {
    len: u64,
    /// Bytes of the file at and above this offset no longer count.
    file_len: u64,
    pieces: BTreeMap<u64, Box<[u8]>>,
}

impl CowFile {
    /// Opens a file for reading.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok(Self { file, layer: Mutex::new(Layer { len, file_len: len, pieces: BTreeMap::new() }) })
    }

    fn layer(&self) -> MutexGuard<'_, Layer> {
        self.layer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The piece with this number as it is now.
    fn piece(&self, layer: &Layer, number: u64) -> io::Result<Box<[u8]>> {
        if let Some(piece) = layer.pieces.get(&number) {
            return Ok(piece.clone());
        }
        let mut piece = vec![0; PIECE_BYTES as usize].into_boxed_slice();
        let offset = number * PIECE_BYTES;
        let stored = layer.file_len.saturating_sub(offset).min(PIECE_BYTES);
        self.file.read_exact_at(&mut piece[..stored as usize], offset)?;
        Ok(piece)
    }
}

impl StorageBackend for CowFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.layer().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let layer = self.layer();
        if offset + out.len() as u64 > layer.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut done = 0;
        while done < out.len() {
            let at = offset + done as u64;
            let piece = self.piece(&layer, at / PIECE_BYTES)?;
            let within = (at % PIECE_BYTES) as usize;
            let count = (piece.len() - within).min(out.len() - done);
            out[done..done + count].copy_from_slice(&piece[within..within + count]);
            done += count;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut layer = self.layer();
        if len < layer.len {
            let last = len / PIECE_BYTES;
            let mut piece = self.piece(&layer, last)?;
            piece[(len % PIECE_BYTES) as usize..].fill(0);
            layer.pieces.split_off(&last);
            layer.pieces.insert(last, piece);
            layer.file_len = layer.file_len.min(len);
        }
        layer.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut layer = self.layer();
        let mut done = 0;
        while done < data.len() {
            let at = offset + done as u64;
            let number = at / PIECE_BYTES;
            let mut piece = self.piece(&layer, number)?;
            let within = (at % PIECE_BYTES) as usize;
            let count = (piece.len() - within).min(data.len() - done);
            piece[within..within + count].copy_from_slice(&data[done..done + count]);
            layer.pieces.insert(number, piece);
            done += count;
        }
        layer.len = layer.len.max(offset + data.len() as u64);
        Ok(())
    }
}
