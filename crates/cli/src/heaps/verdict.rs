//! Whether everything came, as far as a receiver can know; and what to do about what did not.

use packhorse::spead::receive::{Reason, Statistics};

use super::args::HeapsRecvArgs;
use super::capture::Ports;
use crate::exit::Exit;
use crate::{human, screen};

/// Why receiving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A stop heap, or the last reader had nothing more.
    Stream,
    /// As many heaps as were asked for.
    Count,
    /// Nothing came for too long.
    Silence,
    /// A signal.
    Asked(i32),
}

/// What a limit or a rule made of packets, and the option that helps.
const DROPS: [(Reason, &str); 9] = [
    (Reason::HeapTooLong, "their heaps are longer than allowed; raise --max-heap-length"),
    (Reason::MemoryLimit, "there was no memory for their heaps; raise --max-memory"),
    (Reason::TooManyItems, "their heaps have more items than are taken"),
    (Reason::TooManyGaps, "too many packets in front of them were missing"),
    (Reason::OutOfOrder, "they came late, or what was before them did not; try --out-of-order"),
    (Reason::Oversize, "they are longer than 64 KiB; send with a smaller -p"),
    (
        Reason::CutByCapture,
        "the capture did not keep them whole; capture with a larger snap length (tcpdump -s 0)",
    ),
    (Reason::Fragment, "IP cut them in fragments; send with -p at most 1472, or capture behind the receiver"),
    (
        Reason::UnsupportedLink,
        "the capture's link is not read: Ethernet, Linux cooked, raw IP and BSD loopback are",
    ),
];

/// Says what is missing, a line each, and how the program ends.
pub(super) fn verdict(stats: &Statistics, end: End, args: &HeapsRecvArgs, ports: &Ports) -> Exit {
    let mut lost = false;
    let mut missing = |text: String| {
        lost = true;
        screen::error(&text);
    };
    if let Some((others, example)) = ports.others().filter(|_| stats.packets == 0) {
        missing(format!(
            "{} in the capture, none for this port: the first is for {example}",
            human::count(others, "datagram"),
        ));
    } else if stats.heaps == 0 && !matches!(end, End::Asked(_)) {
        missing("no heap came".to_owned());
    }
    if stats.heaps_missing > 0 {
        missing(format!(
            "{} missing altogether: {}",
            human::count(stats.heaps_missing, "heap"),
            advice(args)
        ));
    }
    let incomplete = stats.incomplete_heaps_evicted + stats.incomplete_heaps_flushed;
    if incomplete > 0 {
        missing(format!("{} incomplete: {}", human::count(incomplete, "heap"), advice(args)));
    }
    for (reason, text) in DROPS {
        let dropped = stats.dropped[reason];
        if dropped > 0 {
            missing(format!("{} dropped: {text}", human::count(dropped, "packet")));
        }
    }
    match end {
        End::Silence => missing("nothing came for as long as --timeout says".to_owned()),
        End::Stream if stats.stops == 0 => {
            missing("the stream ended without a stop heap; the sender may have more".to_owned());
        }
        End::Asked(_) => screen::line("packhorse: interrupted before the stop heap"),
        End::Stream | End::Count => {}
    }
    match (end, lost) {
        (End::Asked(signal), _) => Exit::Asked(signal),
        (_, true) => Exit::Damaged,
        (_, false) => Exit::Done,
    }
}

/// What helps against lost packets.
fn advice(args: &HeapsRecvArgs) -> &'static str {
    if args.pcap.is_some() {
        "the capture does not have all packets"
    } else if args.tcp {
        "the sender left them out"
    } else {
        "packets were lost; send slower (send --rate), receive with a larger --buffer, or with --quiet"
    }
}
