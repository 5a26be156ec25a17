//! Wire cost and success against the loss of packets, by mode, as SVG for the book: `cargo xtask bench --plot`.

use anyhow::{Context as _, anyhow};
use plotters::prelude::*;

use super::case::{Case, Link, PACKETS, words};
use super::{SEEDS, run};
use crate::bench::pipe::build;
use crate::bench::process::{Scratch, random_file};
use crate::bench::{Context, median};

const SIZE: u64 = 200_000;
const BLOCK: u32 = 1024;
/// Bytes of headers and check of a native packet.
const HEADERS: f64 = 16.0;
const LOSSES: [f64; 9] = [0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5];
/// The book's picture.
const FILE: &str = "docs/src/loss.svg";
const SIDE: (u32, u32) = (900, 420);

/// A mode: its name in the picture and how it is sent. `LOSS` stands for the expected loss.
const MODES: [(&str, &str, RGBColor); 4] = [
    ("once", "--mode once --meta-first 8", RGBColor(120, 120, 120)),
    ("repeat=3", "--mode repeat=3", RGBColor(200, 100, 20)),
    ("fountain", "--mode fountain --expect-loss LOSS", RGBColor(20, 90, 200)),
    ("arq", "--mode arq --expect-loss LOSS", RGBColor(20, 140, 60)),
];

/// A point of a curve: loss, wire bytes over file bytes, share of transfers that arrived.
type Point = (f64, f64, f64);

pub(crate) fn plot(context: &Context) -> anyhow::Result<()> {
    let packhorse = build(context)?;
    let seeds = context.rounds.unwrap_or(SEEDS).max(1);
    let scratch = Scratch::new("plot")?;
    let file = scratch.path("file");
    random_file(&file, SIZE)?;
    let mut curves = Vec::new();
    for (name, send, colour) in MODES {
        let mut curve = Vec::new();
        for loss in LOSSES {
            // A little more than none is expected where none is lost, or nothing would be chosen.
            let expected = loss.max(0.001).to_string();
            let case = Case {
                name: name.to_owned(),
                size: SIZE,
                send: words(&format!(
                    "{} --block {BLOCK} --rate {}",
                    send.replace("LOSS", &expected),
                    u64::from(BLOCK) * PACKETS
                )),
                // Answers may get lost ten times in a row before the sender hears one.
                receive: words(&format!("--profile native --give-up {}", if name == "arq" { 15 } else { 2 })),
                link: Link::Relay(loss),
                most: f64::INFINITY,
            };
            let (mut costs, mut arrived) = (Vec::new(), 0.0);
            for seed in 1..=seeds {
                let ended = run::transfer(&packhorse, &scratch, &file, &case, seed as u64)?;
                costs.push(ended.wire / case.bytes());
                arrived += f64::from(u8::from(ended.arrived));
            }
            #[expect(clippy::cast_precision_loss, reason = "a few seeds")]
            let point = (loss * 100.0, median(&costs), 100.0 * arrived / seeds as f64);
            println!(
                "  {name:<10} {:>5.1} % lost: {:.3} wire bytes a byte, {:>3.0} % arrived",
                point.0, point.1, point.2
            );
            curve.push(point);
        }
        curves.push((name, colour, curve));
    }
    draw(&curves).map_err(|error| anyhow!("{error}")).with_context(|| format!("cannot draw {FILE}"))?;
    println!("  drawn: {FILE}");
    Ok(())
}

fn draw(curves: &[(&str, RGBColor, Vec<Point>)]) -> Result<(), Box<dyn core::error::Error>> {
    let root = SVGBackend::new(FILE, SIDE).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(SIDE.0 / 2);
    let limit = |loss: f64| (f64::from(BLOCK) + HEADERS) / f64::from(BLOCK) / (1.0 - loss / 100.0);
    let ideal: Vec<(f64, f64)> = (0..=50).map(|loss| (f64::from(loss), limit(f64::from(loss)))).collect();

    let mut cost = ChartBuilder::on(&left)
        .caption("wire bytes over file bytes", ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(35)
        .y_label_area_size(40)
        .build_cartesian_2d(0.0..50.0, 0.9..4.6)?;
    cost.configure_mesh().x_desc("packets lost, %").draw()?;
    for (name, colour, points) in curves {
        let style = colour.stroke_width(2);
        cost.draw_series(LineSeries::new(points.iter().map(|(loss, cost, _)| (*loss, *cost)), style))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    }
    let dashed = BLACK.stroke_width(1);
    cost.draw_series(DashedLineSeries::new(ideal, 4, 4, dashed))?
        .label("theoretical limit")
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], dashed));
    cost.configure_series_labels().border_style(BLACK).background_style(WHITE).draw()?;

    let mut success = ChartBuilder::on(&right)
        .caption("transfers that arrived, %", ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(35)
        .y_label_area_size(40)
        .build_cartesian_2d(0.0..50.0, -2.0..104.0)?;
    success.configure_mesh().x_desc("packets lost, %").draw()?;
    for (_, colour, points) in curves {
        let places = points.iter().map(|(loss, _, arrived)| (*loss, *arrived));
        success.draw_series(LineSeries::new(places, colour.stroke_width(2)))?;
    }
    root.present()?;
    Ok(())
}
