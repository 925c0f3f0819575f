//! Where the channels of an input are.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::suggest::nearest;

/// The order of the axes of an input: where its channels are. Written as Gluon's words: `NCW`,
/// `NCHW` and `NCDHW`, or `NWC`, `NHWC` and `NDHWC`.
///
/// # Examples
/// ```
/// use gluonic::nn::DataLayout;
/// assert_eq!("NHWC".parse::<DataLayout>()?, DataLayout::ChannelsLast);
/// let error = "NCHWD".parse::<DataLayout>().unwrap_err();
/// assert!(error.hint().unwrap().starts_with("did you mean `NCHW`"));
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DataLayout {
    /// On axis 1, before the spatial axes.
    #[default]
    ChannelsFirst,
    /// On the last axis.
    ChannelsLast,
}

const FIRST: [&str; 3] = ["NCW", "NCHW", "NCDHW"];
const LAST: [&str; 3] = ["NWC", "NHWC", "NDHWC"];

impl DataLayout {
    /// Gluon's word for it, for one to three spatial axes.
    pub(crate) fn word(self, spatial: usize) -> &'static str {
        match self {
            DataLayout::ChannelsFirst => FIRST[spatial - 1],
            DataLayout::ChannelsLast => LAST[spatial - 1],
        }
    }

    /// Whether the channels are on the last axis.
    pub(crate) fn is_last(self) -> bool {
        self == DataLayout::ChannelsLast
    }
}

impl fmt::Display for DataLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            DataLayout::ChannelsFirst => "channels first",
            DataLayout::ChannelsLast => "channels last",
        })
    }
}

impl FromStr for DataLayout {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        if FIRST.contains(&word) {
            return Ok(DataLayout::ChannelsFirst);
        }
        if LAST.contains(&word) {
            return Ok(DataLayout::ChannelsLast);
        }
        let known = FIRST.into_iter().chain(LAST);
        Err(Error::UnknownWord { kind: "layout", word: word.into(), nearest: nearest(word, known) })
    }
}
