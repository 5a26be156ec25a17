//! [`ProfileName`]: the profiles by name, and [`ByteStream`]: how each marks its packets on a stream.

use core::fmt;
use core::str::FromStr;

use packhorse_application::Profile;
use packhorse_buffer::{Layer, Probe};
use packhorse_link::rugged::Code;
use packhorse_link::{FfStuffing, Framing, LengthPrefixed};

use crate::{Ftag, Native, Rugged};

/// A named stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProfileName {
    /// Everything by default: see [`Native`].
    #[default]
    Native,
    /// The wire of the radio toolkit: see [`Ftag`].
    Ftag,
    /// For links that damage bytes as a matter of course: see [`Rugged`].
    Rugged,
}

impl ProfileName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Native, Self::Ftag, Self::Rugged];

    /// The name on command lines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Ftag => "ftag",
            Self::Rugged => "rugged",
        }
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that no profile has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnknownProfile;

impl fmt::Display for UnknownProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the profiles are native, ftag and rugged")
    }
}

impl core::error::Error for UnknownProfile {}

impl FromStr for ProfileName {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        Self::ALL.into_iter().find(|profile| profile.as_str() == name).ok_or(UnknownProfile)
    }
}

/// A profile on links that do not keep packets apart.
pub trait ByteStream: Profile {
    /// How packets are marked, unless the link asks for something else: see [`Wire`](crate::Wire).
    type Framing: Framing + Clone + Send + 'static;

    /// The framing, with nothing seen yet.
    fn framing() -> Self::Framing;
}

impl<P: Probe + Default + Send + 'static> ByteStream for Native<P> {
    type Framing = LengthPrefixed;

    fn framing() -> LengthPrefixed {
        LengthPrefixed::new(packet_max::<Self>())
    }
}

impl<P: Probe + Default + Send + 'static> ByteStream for Ftag<P> {
    type Framing = FfStuffing;

    fn framing() -> FfStuffing {
        FfStuffing::ftag()
    }
}

impl<P: Probe + Default + Send + 'static> ByteStream for Rugged<P> {
    type Framing = packhorse_link::Rugged;

    fn framing() -> packhorse_link::Rugged {
        packhorse_link::Rugged::new(packet_max::<Self>(), Code::default())
    }
}

/// Bytes of the longest packet of a profile.
pub(crate) const fn packet_max<P: Profile>() -> usize {
    P::BLOCK_MAX as usize + P::Stack::HEADROOM + P::Stack::TAILROOM
}
