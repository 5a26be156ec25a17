//! `packhorse inspect`: a line for every packet of a recorded stream, and a summary by cause.

use std::io::{self, BufWriter, Read as _, Write};

use anyhow::{Context as _, bail};
use packhorse::packet::Order;
use packhorse::transfer::{Meta, ObjectKind};
use packhorse::{Body, ProfileName, Record, Seen, Summary, Wire};
use serde_json::{Value, json};

use crate::args::InspectArgs;
use crate::exit::{self, Exit};
use crate::human;
use crate::screen::printable;
use crate::stdio::{Input, Output};

/// Bytes from the start of a recording in which the first whole packet is looked for.
const RECOGNISE: u64 = 4 << 20;

pub(crate) fn run(args: &InspectArgs) -> anyhow::Result<Exit> {
    let mut input = Input::open(&args.file)?;
    let output = BufWriter::with_capacity(64 * 1024, Output::stdout()?);
    let mut start = Vec::new();
    io::Read::take(&mut input, RECOGNISE).read_to_end(&mut start).context("cannot read the recording")?;
    let recognised = packhorse::recognise(&start);
    let wire = match (args.profile, recognised) {
        (None, Some(wire)) => wire,
        (Some(profile), Some(wire)) if profile == wire.profile() => wire,
        (Some(profile), _) => Wire::stream(profile),
        (None, None) if start.is_empty() => {
            bail!("the recording is empty; record one: packhorse send FILE > recording")
        }
        (None, None) => bail!(
            "no whole packet of a known profile in the first {}; name the profile to see what is damaged: \
             --profile native, ftag or rugged",
            human::count(start.len() as u64, "byte")
        ),
    };
    exit::filter(print(args.json, wire, io::Cursor::new(start).chain(input), output))
}

fn print(json: bool, wire: Wire, input: impl io::Read, mut output: impl Write) -> anyhow::Result<()> {
    let profile = wire.profile();
    let summary = packhorse::inspect(wire, input, &mut |record| {
        if json {
            writeln!(output, "{}", object(record))
        } else {
            line(record, profile != ProfileName::Ftag, &mut output)
        }
    });
    let summary = summary.context("cannot inspect the recording")?;
    let told = if json {
        writeln!(output, "{}", summary_object(profile, &summary))
    } else {
        output.write_all(summary_text(profile, &summary).as_bytes())
    };
    told.and_then(|()| output.flush()).context("cannot write to standard output")
}

/// `tagged`: the profile's packets say which object they belong to.
fn line(record: &Record<'_>, tagged: bool, output: &mut impl Write) -> io::Result<()> {
    write!(output, "{:>10}  ", record.offset)?;
    match &record.content {
        Ok(Seen { address, sequence, order, body }) => {
            let kind = if address.control { 'c' } else { 'd' };
            let channel = address.channel.get();
            write!(output, "{channel:>3} {kind} {sequence:>8} {:>6}  {}", record.length, text(body, tagged))?;
            writeln!(output, "{}", order_text(*order))
        }
        Err(error) => writeln!(output, "  - -        - {:>6}  BAD {error}", record.length),
    }
}

fn text(body: &Body<'_>, tagged: bool) -> String {
    let of = |tag: u16| if tagged { format!(" of object {tag:04x}") } else { String::new() };
    match body {
        Body::Block { header, length } if tagged && header.number >> 31 != 0 => {
            format!(
                "repair symbol {:08x}{}, {}",
                header.number,
                of(header.tag),
                human::count(*length as u64, "byte")
            )
        }
        Body::Block { header, length } => {
            format!("block {}{}, {}", header.number, of(header.tag), human::count(*length as u64, "byte"))
        }
        Body::Meta(meta) => meta_text(meta, &of(meta.tag())),
        Body::End(end) => match end.size {
            Some(size) => format!("END{}, {}", of(tag(end.object_id)), human::count(size, "byte")),
            None => "END".to_owned(),
        },
        Body::SessionEnd(end) => {
            format!("SESSION END, {}", human::count(u64::from(end.objects), "object"))
        }
        Body::Ack(ack) => {
            let about = ack.entries().map(|entry| {
                let missing: u64 = entry.items().map(|(_, count)| u64::from(count)).sum();
                format!(", object {} {:?}, {missing} missing below {}", entry.index, entry.state, entry.end)
            });
            let packets = human::count(u64::from(ack.packets), "packet");
            format!("ACK of {packets}{}", about.collect::<String>())
        }
        Body::Piece { fragment, length } => format!(
            "piece {} of {} of control message {}, {}",
            u16::from(fragment.index) + 1,
            u16::from(fragment.last) + 1,
            fragment.message,
            human::count(*length as u64, "byte"),
        ),
        Body::Message { fragment, bytes } => format!(
            "message {} ({} of {}) '{}'",
            fragment.message,
            u16::from(fragment.index) + 1,
            u16::from(fragment.last) + 1,
            printable(&String::from_utf8_lossy(bytes)),
        ),
        _ => "?".to_owned(),
    }
}

fn meta_text(meta: &Meta<'_>, of: &str) -> String {
    let name = printable(&String::from_utf8_lossy(meta.name));
    let size = meta.size.map_or_else(|| "size not known yet".to_owned(), |size| human::count(size, "byte"));
    let packed = match meta.compression.map(|compression| compression.content) {
        None => String::new(),
        Some(None) => ", LZ4".to_owned(),
        Some(Some(content)) => format!(", LZ4 of {}", human::count(content, "byte")),
    };
    format!("META{of}, {} '{name}', {size} in blocks of {}{packed}", kind_name(meta.kind), meta.block_size)
}

/// What the blocks of the object say of it.
fn tag(object_id: u64) -> u16 {
    packhorse::transfer::tag_of(object_id)
}

fn kind_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::File => "file",
        ObjectKind::Folder => "folder",
        ObjectKind::Stream => "stream",
    }
}

/// Only what is out of the ordinary.
fn order_text(order: Order) -> String {
    match order {
        Order::First | Order::Next => String::new(),
        Order::Gap(missed) => format!("  <- {} missing before", human::count(u64::from(missed), "packet")),
        Order::Duplicate => "  <- came twice".to_owned(),
        Order::Old => "  <- came late".to_owned(),
        Order::Restart => "  <- the sender began anew".to_owned(),
    }
}

fn object(record: &Record<'_>) -> Value {
    let mut object =
        json!({ "offset": record.offset, "length": record.length, "ok": record.content.is_ok() });
    let more = match &record.content {
        Ok(seen) => seen_object(seen),
        Err(error) => json!({ "layer": error.layer, "reason": error.to_string() }),
    };
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

fn seen_object(seen: &Seen<'_>) -> Value {
    let mut object = match &seen.body {
        Body::Block { header, length } => {
            json!({ "kind": "block", "tag": header.tag, "block": header.number, "bytes": length })
        }
        Body::Meta(meta) => json!({
            "kind": "meta", "tag": meta.tag(), "object": kind_name(meta.kind),
            "name": String::from_utf8_lossy(meta.name), "size": meta.size, "block_size": meta.block_size,
            "hash": meta.hash.as_ref().map(human::hash), "mode": meta.mode, "modified": meta.mtime.map(|(s, _)| s),
            "index": meta.index, "objects": meta.objects,
            "compression": meta.compression.map(|compression| json!({ "method": "lz4", "content": compression.content })),
        }),
        Body::End(end) => json!({
            "kind": "end", "tag": tag(end.object_id), "size": end.size, "hash": end.hash.as_ref().map(human::hash),
        }),
        Body::SessionEnd(end) => json!({ "kind": "session_end", "objects": end.objects }),
        Body::Ack(ack) => json!({
            "kind": "ack",
            "receiver": ack.receiver,
            "packets": ack.packets,
            "damaged": ack.damaged,
            "objects": ack.entries().map(|entry| json!({
                "index": entry.index,
                "state": format!("{:?}", entry.state).to_lowercase(),
                "missing": entry.items().map(|(_, count)| u64::from(count)).sum::<u64>(),
                "below": entry.end,
            })).collect::<Vec<_>>(),
        }),
        Body::Piece { fragment, length } => json!({
            "kind": "piece", "message": fragment.message, "index": fragment.index, "last": fragment.last,
            "bytes": length,
        }),
        Body::Message { fragment, bytes } => json!({
            "kind": "message", "message": fragment.message, "index": fragment.index, "last": fragment.last,
            "text": String::from_utf8_lossy(bytes),
        }),
        _ => json!({ "kind": "unknown" }),
    };
    let (order, missed) = match seen.order {
        Order::First => ("first", 0),
        Order::Next => ("next", 0),
        Order::Gap(missed) => ("gap", missed),
        Order::Duplicate => ("duplicate", 0),
        Order::Old => ("old", 0),
        Order::Restart => ("restart", 0),
    };
    if let Some(object) = object.as_object_mut() {
        object.insert("channel".into(), seen.address.channel.get().into());
        object.insert("control".into(), seen.address.control.into());
        object.insert("sequence".into(), seen.sequence.into());
        object.insert("order".into(), order.into());
        object.insert("missed".into(), missed.into());
    }
    object
}

fn counters(summary: &Summary) -> [(&'static str, u64); 20] {
    let Summary { frames, check, packets, .. } = summary;
    [
        ("bytes", summary.bytes),
        ("good_packets", check.good),
        ("blocks", summary.blocks),
        ("metas", summary.metas),
        ("ends", summary.ends),
        ("session_ends", summary.session_ends),
        ("acks", summary.acks),
        ("messages", summary.messages),
        ("pieces", summary.pieces),
        ("bad_check", check.bad_check),
        ("bad_length", check.bad_length + frames.bad_length),
        ("too_short", check.short + frames.short),
        ("too_long", frames.long + frames.overflow),
        ("malformed", summary.malformed),
        ("junk_bytes", frames.junk_bytes),
        ("gaps", packets.gaps),
        ("missed", packets.missed),
        ("duplicates", packets.duplicates),
        ("late", packets.old),
        ("restarts", packets.restarts),
    ]
}

fn summary_object(profile: ProfileName, summary: &Summary) -> Value {
    let mut object = json!({ "kind": "summary", "profile": profile.to_string() });
    if let Some(object) = object.as_object_mut() {
        object.extend(counters(summary).map(|(name, count)| (name.to_owned(), count.into())));
    }
    object
}

fn summary_text(profile: ProfileName, summary: &Summary) -> String {
    let counts = counters(summary);
    let part = |from: usize, to: usize| {
        let found: Vec<String> = counts[from..to]
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{} {count}", name.replace('_', " ")))
            .collect();
        if found.is_empty() { "none".to_owned() } else { found.join(", ") }
    };
    format!(
        "profile   {profile}\ncontents  {}\ndamage    {}\nsequence  {}\n",
        part(0, 8),
        part(8, 14),
        part(14, 19)
    )
}
