//! 状态: what a service remembers of one thing, as one column. The database need not take it apart, and small rows are cheap rows.
//!
//! A state is JSON. A longer one is kept as an LZ4 block behind a mark and its length: the database would compress it as well, at
//! ten times the price, with each of its writes.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What no JSON begins with.
const PACKED: u8 = 1;
/// Shorter states stay as they are.
const SHORT: usize = 512;
/// No state is longer; whoever says so has written something else.
const LONGEST: usize = 16 * 1024 * 1024;

/// Bytes that are no state.
#[derive(Debug, thiserror::Error)]
pub enum NoState {
    /// They cannot be unpacked.
    #[error("it cannot be unpacked: {0}")]
    Packed(String),
    /// It is longer than any state.
    #[error("it has {0} bytes")]
    TooLong(usize),
    /// They are not what is expected.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// A state as it is kept.
pub fn pack<T: Serialize>(state: &T) -> Result<Vec<u8>, NoState> {
    let plain = serde_json::to_vec(state)?;
    // What cannot be read again is not written.
    if plain.len() > LONGEST {
        return Err(NoState::TooLong(plain.len()));
    }
    if plain.len() < SHORT {
        return Ok(plain);
    }
    let mut packed = vec![PACKED];
    packed.extend(lz4_flex::block::compress_prepend_size(&plain));
    Ok(packed)
}

/// The JSON of what was kept.
pub fn plain(kept: &[u8]) -> Result<Cow<'_, [u8]>, NoState> {
    let Some((&PACKED, packed)) = kept.split_first() else { return Ok(Cow::Borrowed(kept)) };
    let broken = |error: String| NoState::Packed(error);
    let (length, block) = lz4_flex::block::uncompressed_size(packed).map_err(|error| broken(error.to_string()))?;
    if length > LONGEST {
        return Err(NoState::TooLong(length));
    }
    let plain = lz4_flex::block::decompress(block, length).map_err(|error| broken(error.to_string()))?;
    Ok(Cow::Owned(plain))
}

/// Reads what was kept.
pub fn unpack<T: DeserializeOwned>(kept: &[u8]) -> Result<T, NoState> {
    Ok(serde_json::from_slice(&plain(kept)?)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_packed_is_read_again(words in proptest::collection::vec(".{0,40}", 0..200)) {
            let packed = pack(&words).unwrap();
            prop_assert_eq!(plain(&packed).unwrap().into_owned(), serde_json::to_vec(&words).unwrap());
            prop_assert_eq!(unpack::<Vec<String>>(&packed).unwrap(), words);
        }

        #[test]
        fn bytes_of_nobody_are_refused_or_read_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack::<Vec<String>>(&bytes);
            let _ = unpack::<Vec<String>>(&[&[PACKED], bytes.as_slice()].concat());
        }
    }

    #[test]
    fn what_repeats_itself_takes_little_room() {
        let state = vec!["信访工作条例第二十二条"; 200];
        assert!(pack(&state).unwrap().len() < 200);
    }

    #[test]
    fn a_length_out_of_all_reason_is_refused_before_it_is_believed() {
        assert!(matches!(pack(&"x".repeat(LONGEST)), Err(NoState::TooLong(_))));
        assert!(plain(&[PACKED, 0xff, 0xff, 0xff, 0x7f, 0]).is_err());
    }
}
