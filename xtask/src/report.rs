//! What people read: headings, the table at the end, durations. Colour only on a terminal.

use core::time::Duration;
use std::io::IsTerminal as _;

/// Writes `text` in bold where the reader can see it.
pub(crate) fn bold(text: &str) -> String {
    paint("1", text)
}

/// Writes `text` in the colour of success, failure or neither.
pub(crate) fn verdict(good: Option<bool>, text: &str) -> String {
    match good {
        Some(true) => paint("32", text),
        Some(false) => paint("1;31", text),
        None => paint("33", text),
    }
}

fn paint(code: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// `0.4 s`, `12.3 s`, `2 min 05 s`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds >= 60 {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// Lines up the columns of `rows`; the last column is left as long as it is. The first row is the heading.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max())
        .map(|width| width.unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::from(" ");
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!(" {cell:<width$} "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = vec![vec!["a".into(), "b".into()], vec!["longer".into(), "c".into()]];
        assert_eq!(table(&rows), "  a       b\n  longer  c\n");
    }

    #[test]
    fn durations_are_short() {
        assert_eq!(duration(Duration::from_millis(400)), "0.4 s");
        assert_eq!(duration(Duration::from_secs(125)), "2 min 05 s");
    }
}
