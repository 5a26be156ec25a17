//! [`Demux`]: hands an arrived packet to whoever registered for its channel. The other way, by queue, is
//! [`PacketQueues`](crate::PacketQueues).

use packhorse_buffer::log_debug;

use crate::{Arrival, Channel, TooManyChannels};

/// What is called with a packet's arrival and the packet itself.
pub type Callback<'a, P> = &'a mut dyn FnMut(Arrival, &mut P);

/// Up to `N` callbacks by channel; `P` is the packet: a `PacketBuf<S>`, or plain bytes (`[u8]`).
///
/// ```
/// use packhorse_packet::{Arrival, Channel, Demux, Order};
/// let mut heard = 0;
/// let mut telemetry = |_: Arrival, bytes: &mut [u8]| heard += bytes.len();
/// let mut demux = Demux::<[u8], 4>::new();
/// demux.register(Channel::TELEMETRY, &mut telemetry).unwrap();
///
/// let arrival = Arrival { address: Channel::TELEMETRY.data(), sequence: 0, order: Order::First };
/// assert!(demux.dispatch(arrival, &mut [1, 2, 3]));
/// let arrival = Arrival { address: Channel::TRANSFER.data(), sequence: 1, order: Order::Next };
/// assert!(!demux.dispatch(arrival, &mut [4]));
/// assert_eq!(demux.unknown(), 1);
/// assert_eq!(heard, 3);
/// ```
pub struct Demux<'a, P: ?Sized, const N: usize> {
    routes: [Option<(Channel, Callback<'a, P>)>; N],
    unknown: u64,
}

impl<'a, P: ?Sized, const N: usize> Demux<'a, P, N> {
    /// Nobody registered yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { routes: [const { None }; N], unknown: 0 }
    }

    /// Calls `callback` for the data and control packets of `channel`, in place of what was registered before.
    ///
    /// # Errors
    /// [`TooManyChannels`] when `N` other channels are registered.
    pub fn register(&mut self, channel: Channel, callback: Callback<'a, P>) -> Result<(), TooManyChannels> {
        let taken = |route: &Option<(Channel, _)>| matches!(route, Some((known, _)) if *known == channel);
        let place = self.routes.iter().position(taken);
        let place = place.or_else(|| self.routes.iter().position(Option::is_none));
        self.routes[place.ok_or(TooManyChannels { most: N })?] = Some((channel, callback));
        Ok(())
    }

    /// Hands the packet on; false, and counted, when nobody registered for its channel.
    pub fn dispatch(&mut self, arrival: Arrival, packet: &mut P) -> bool {
        for (channel, callback) in self.routes.iter_mut().flatten() {
            if *channel == arrival.address.channel {
                callback(arrival, packet);
                return true;
            }
        }
        log_debug!("nobody listens on channel {}", arrival.address.channel.get());
        self.unknown += 1;
        false
    }

    /// Packets for channels that nobody registered.
    #[must_use]
    pub const fn unknown(&self) -> u64 {
        self.unknown
    }
}

impl<P: ?Sized, const N: usize> Default for Demux<'_, P, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: ?Sized, const N: usize> core::fmt::Debug for Demux<'_, P, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let channels = self.routes.iter().flatten().map(|(channel, _)| channel.get());
        f.debug_list().entries(channels).finish()
    }
}
