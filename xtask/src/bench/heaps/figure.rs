//! The figure: throughput against the size of a heap, one line for each kind of sending.

use std::path::Path;

use anyhow::anyhow;
use plotters::prelude::{
    ChartBuilder, Circle, Color as _, IntoDrawingArea as _, IntoFont as _, IntoLogRange as _, LineSeries,
    PathElement, RGBColor, SVGBackend, SeriesLabelPosition, ShapeStyle, WHITE,
};

use super::Series;

/// Built anew, reused, batched. Colours that people who cannot tell red from green can tell apart.
const COLOURS: [RGBColor; 3] =
    [RGBColor(0x88, 0x88, 0x88), RGBColor(0x00, 0x72, 0xb2), RGBColor(0xd5, 0x5e, 0x00)];

/// Draws it, as SVG.
pub(super) fn draw(path: &Path, series: &[Series]) -> anyhow::Result<()> {
    let failed = |error: &dyn core::fmt::Display| anyhow!("cannot draw {}: {error}", path.display());
    let most = series.iter().flat_map(|line| &line.points).map(|point| point.1).fold(1.0, f64::max);
    let sizes = series
        .first()
        .map(|line| line.points.iter().map(|point| point.0))
        .ok_or_else(|| anyhow!("no lines"))?;
    let (first, last) = (sizes.clone().min().unwrap_or(1), sizes.max().unwrap_or(2));
    let area = SVGBackend::new(path, (760, 460)).into_drawing_area();
    area.fill(&WHITE).map_err(|error| failed(&error))?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Sending SPEAD heaps, 9000-byte packets, nobody listening", ("sans-serif", 18).into_font())
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(52)
        .build_cartesian_2d((first..last).log_scale().base(2.0), 0.0..most * 1.1)
        .map_err(|error| failed(&error))?;
    chart
        .configure_mesh()
        .x_desc("bytes of samples in a heap")
        .y_desc("GB/s")
        .x_label_formatter(&|size| {
            if *size >= 1 << 20 { format!("{} MiB", size >> 20) } else { format!("{} KiB", size >> 10) }
        })
        .light_line_style(WHITE)
        .draw()
        .map_err(|error| failed(&error))?;
    for (row, line) in series.iter().enumerate() {
        let colour = COLOURS[row / 2 % COLOURS.len()];
        let style = ShapeStyle::from(&colour).stroke_width(if line.ours { 3 } else { 1 });
        let key = move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], style);
        let drawn = chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style))
            .map_err(|error| failed(&error))?;
        drawn.label(&line.name).legend(key);
        let dots = line
            .points
            .iter()
            .map(|point| Circle::new(*point, if line.ours { 4 } else { 3 }, colour.filled()));
        chart.draw_series(dots).map_err(|error| failed(&error))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(RGBColor(0xcc, 0xcc, 0xcc))
        .draw()
        .map_err(|error| failed(&error))?;
    area.present().map_err(|error| failed(&error))
}
