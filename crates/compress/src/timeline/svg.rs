//! The timeline as a picture: bars over time, a row for each lane, a colour for each brick.
//!
//! Written by hand and not with a plotting crate: it is rectangles and words, and each rectangle says in its tooltip what
//! it is, which those crates cannot.

use core::fmt::Write as _;
use core::time::Duration;

use super::{Lane, Span};

const LEFT: f64 = 110.0;
const WIDTH: f64 = 880.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 44.0;
const ROW: f64 = 22.0;
const BAR: f64 = 16.0;

/// Colours that neighbours differ by, also for those who see few colours (Okabe and Ito).
const COLOURS: [&str; 6] = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"];

pub(super) fn draw(spans: &[Span], title: &str) -> String {
    let end = spans.iter().map(|span| span.end).max().unwrap_or_default();
    let begin = spans.iter().map(|span| span.start).min().unwrap_or_default();
    let whole = (end - begin).as_secs_f64().max(1e-9);
    let rows = rows(spans);
    let height = TOP + ROW * whole_number(rows.len()) + 40.0;
    let x = |at: Duration| LEFT + WIDTH * at.saturating_sub(begin).as_secs_f64() / whole;

    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    line(&format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {:.0} {height:.0}" font-family="sans-serif" font-size="12">"##,
        LEFT + WIDTH + RIGHT
    ));
    line(r##"<rect width="100%" height="100%" fill="#ffffff"/>"##);
    line(&format!(r##"<text x="{LEFT}" y="22" font-size="14">{}</text>"##, escape(title)));
    for (tick, label) in ticks(whole) {
        let at = LEFT + WIDTH * tick / whole;
        let (top, bottom) = (TOP - 6.0, height - 34.0);
        line(&format!(r##"<path d="M{at:.1} {top}V{bottom}" stroke="#dddddd"/>"##));
        let below = bottom + 16.0;
        line(&format!(
            r##"<text x="{at:.1}" y="{below}" text-anchor="middle" fill="#555555">{label}</text>"##
        ));
    }
    for (number, row) in rows.iter().enumerate() {
        let top = TOP + ROW * whole_number(number);
        line(&format!(
            r##"<text x="{}" y="{}" text-anchor="end">{}</text>"##,
            LEFT - 8.0,
            top + 12.5,
            row.name
        ));
        for span in &row.spans {
            let (from, to) = (x(span.start), x(span.end));
            let colour =
                usize::try_from(span.brick).map_or(COLOURS[0], |brick| COLOURS[brick % COLOURS.len()]);
            line(&format!(
                r##"<rect x="{from:.2}" y="{top}" width="{:.2}" height="{BAR}" fill="{colour}"><title>{}, brick {}: {:.2} ms from {:.2} ms</title></rect>"##,
                (to - from).max(0.3),
                row.name,
                span.brick,
                (span.end - span.start).as_secs_f64() * 1e3,
                (span.start - begin).as_secs_f64() * 1e3,
            ));
        }
    }
    line("</svg>");
    out
}

struct Row {
    name: String,
    spans: Vec<Span>,
}

/// A row for each lane, and more where its spans overlap.
fn rows(spans: &[Span]) -> Vec<Row> {
    let mut rows: Vec<(Lane, Row)> = Vec::new();
    for span in spans {
        let fits = rows.iter_mut().find(|(lane, row)| {
            *lane == span.lane && row.spans.last().is_none_or(|last| last.end <= span.start)
        });
        match fits {
            Some((_, row)) => row.spans.push(*span),
            None => rows.push((span.lane, Row { name: name(span.lane), spans: vec![*span] })),
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

fn name(lane: Lane) -> String {
    match lane {
        Lane::Read => "read".into(),
        Lane::ToDevice => "to device".into(),
        Lane::Compute(worker) => format!("compute {}", worker + 1),
        Lane::FromDevice => "from device".into(),
        Lane::Write => "write".into(),
    }
}

/// Round times, at most ten of them, with labels.
fn ticks(whole: f64) -> Vec<(f64, String)> {
    let mut step = 1e-6;
    for factor in [2.0, 2.5, 2.0].into_iter().cycle() {
        if whole / step <= 10.0 {
            break;
        }
        step *= factor;
    }
    let mut ticks = Vec::new();
    let mut at = 0.0;
    while at <= whole {
        let mut label = String::new();
        let _ = if step < 1e-3 {
            write!(label, "{:.0} µs", at * 1e6)
        } else if step < 1.0 {
            write!(label, "{:.0} ms", at * 1e3)
        } else {
            write!(label, "{at:.0} s")
        };
        ticks.push((at, label));
        at += step;
    }
    ticks
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn whole_number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(lane: Lane, brick: u64, start: u64, end: u64) -> Span {
        Span { lane, brick, start: Duration::from_millis(start), end: Duration::from_millis(end) }
    }

    #[test]
    fn spans_of_one_lane_that_overlap_get_rows_of_their_own() {
        let spans = [span(Lane::Read, 0, 0, 2), span(Lane::Read, 1, 1, 3), span(Lane::Read, 2, 2, 4)];
        let rows = rows(&spans);
        assert_eq!(rows.iter().map(|row| row.spans.len()).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn a_picture_names_lanes_and_bricks_and_escapes_its_title() {
        let svg = draw(&[span(Lane::Compute(1), 7, 0, 10), span(Lane::Write, 7, 10, 12)], "a < b");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        for part in ["compute 2, brick 7: 10.00 ms from 0.00 ms", "write, brick 7", "a &lt; b", "10 ms"] {
            assert!(svg.contains(part), "{part} is missing in {svg}");
        }
        assert!(draw(&[], "nothing").contains("</svg>"));
    }

    #[test]
    fn ticks_are_few_and_round() {
        for whole in [3e-6, 0.00021, 0.14, 7.0, 4000.0] {
            let ticks = ticks(whole);
            assert!((2..=11).contains(&ticks.len()), "{whole}: {ticks:?}");
        }
    }
}
