//! [`Wire`]: a profile and how its packets are told apart on one link; and [`Speak`], what is done in it.
//!
//! ```text
//!              packet transport   byte stream
//!   native     as they are        length-prefixed on streams that lose nothing, COBS where errors are expected
//!   ftag       as they are        FF/FE stuffing
//!   rugged     as they are        marker, header, Reed-Solomon code
//! ```
//! The one place where a name becomes types: everything behind it is generic.

use packhorse_application::Profile;
use packhorse_buffer::{NoProbe, Probe, Stopwatch};
use packhorse_link::rugged::Code;
use packhorse_link::{Cobs, Framing, Unframed};

use crate::profile_name::packet_max;
use crate::{ByteStream, Ftag, Native, ProfileName, Rugged};

/// A profile and a framing that go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire {
    profile: ProfileName,
    framing: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unframed,
    /// What the profile does on byte streams.
    Default,
    /// Native on lossy ones.
    Cobs,
    Rugged(Code),
}

impl From<ProfileName> for Wire {
    /// As [`Wire::stream`].
    fn from(profile: ProfileName) -> Self {
        Self::stream(profile)
    }
}

/// Something to do in a profile over a framing.
pub trait Speak {
    /// What comes of it.
    type Output;

    /// Does it. `framing` has seen nothing yet; clones of it are for other directions of the link.
    fn speak<P: Profile, F: Framing + Clone + Send + 'static>(self, framing: F) -> Self::Output;
}

impl Wire {
    /// Whether a receiver that expects `other` understands this one: the code of a rugged frame stands in the frame.
    pub(crate) fn is_read_as(self, other: Self) -> bool {
        self == other || (matches!(self.framing, Kind::Rugged(_)) && self.profile == other.profile)
    }

    /// On transports that keep packets whole.
    #[must_use]
    pub const fn packets(profile: ProfileName) -> Self {
        Self { profile, framing: Kind::Unframed }
    }

    /// On byte streams that lose nothing by themselves, as far as the profile has a choice.
    #[must_use]
    pub const fn stream(profile: ProfileName) -> Self {
        Self { profile, framing: Kind::Default }
    }

    /// On byte streams that damage or lose bytes.
    #[must_use]
    pub const fn lossy_stream(profile: ProfileName) -> Self {
        let framing = match profile {
            ProfileName::Native => Kind::Cobs,
            ProfileName::Ftag | ProfileName::Rugged => Kind::Default,
        };
        Self { profile, framing }
    }

    /// The same with this inner code, where there is one.
    #[must_use]
    pub const fn with_code(self, code: Code) -> Self {
        match (self.profile, self.framing) {
            (ProfileName::Rugged, Kind::Default | Kind::Rugged(_)) => {
                Self { framing: Kind::Rugged(code), ..self }
            }
            _ => self,
        }
    }

    /// The same for a link that damages or loses bytes.
    #[must_use]
    pub const fn or_lossy(self) -> Self {
        match self.framing {
            Kind::Default => Self::lossy_stream(self.profile),
            _ => self,
        }
    }

    /// Whether the transport keeps packets whole.
    #[must_use]
    pub const fn is_packets(self) -> bool {
        matches!(self.framing, Kind::Unframed)
    }

    /// The profile.
    #[must_use]
    pub const fn profile(self) -> ProfileName {
        self.profile
    }

    /// Does `what` in this profile, over this framing, measuring the layers if `timing`.
    pub fn speak<S: Speak>(self, timing: bool, what: S) -> S::Output {
        if timing { self.speak_in::<Box<Stopwatch>, S>(what) } else { self.speak_in::<NoProbe, S>(what) }
    }

    fn speak_in<P: Probe + Default + Send + 'static, S: Speak>(self, what: S) -> S::Output {
        use ProfileName as Name;
        match (self.profile, self.framing) {
            (Name::Native, Kind::Unframed) => what.speak::<Native<P>, _>(Unframed::new()),
            (Name::Native, Kind::Cobs) => {
                what.speak::<Native<P>, _>(Cobs::back_to_back(packet_max::<Native<P>>()))
            }
            (Name::Native, Kind::Default | Kind::Rugged(_)) => {
                what.speak::<Native<P>, _>(Native::<P>::framing())
            }
            (Name::Ftag, Kind::Unframed) => what.speak::<Ftag<P>, _>(Unframed::new()),
            (Name::Ftag, _) => what.speak::<Ftag<P>, _>(Ftag::<P>::framing()),
            (Name::Rugged, Kind::Unframed) => what.speak::<Rugged<P>, _>(Unframed::new()),
            (Name::Rugged, Kind::Rugged(code)) => {
                let mut framing = Rugged::<P>::framing();
                framing.set_code(code);
                what.speak::<Rugged<P>, _>(framing)
            }
            (Name::Rugged, _) => what.speak::<Rugged<P>, _>(Rugged::<P>::framing()),
        }
    }
}
