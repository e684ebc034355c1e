//! Rows of comma-separated values (RFC 4180), named by their first line.

use std::collections::BTreeMap;

/// Line from 1 and column (0: the whole line), and what is wrong there.
pub(super) type Wrong = ((u32, u32), String);

/// The rows, each with its texts by column.
pub(super) fn rows(text: &str, values_max: usize) -> Result<Vec<BTreeMap<String, String>>, Wrong> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = records(text)?.into_iter();
    let Some((_, header)) = lines.next() else {
        return Err(((1, 0), "the first line names the columns".to_owned()));
    };
    for (index, name) in header.iter().enumerate() {
        if name.is_empty() || header[..index].contains(name) {
            let words = "each column has a name of its own in the first line";
            return Err(((1, 0), words.to_owned()));
        }
    }
    let mut left = values_max;
    let mut rows = Vec::new();
    for (line, cells) in lines {
        if cells.len() > header.len() {
            let (found, wanted) = (cells.len(), header.len());
            return Err(((line, 0), format!("{found} cells for {wanted} columns")));
        }
        left = left
            .checked_sub(header.len())
            .ok_or_else(|| ((line, 0), format!("more than {values_max} cells")))?;
        let cells = cells.into_iter().chain(std::iter::repeat(String::new()));
        rows.push(header.iter().cloned().zip(cells).collect());
    }
    Ok(rows)
}

/// Cells of each line that has any, with the number of the line.
fn records(text: &str) -> Result<Vec<(u32, Vec<String>)>, Wrong> {
    let mut all = Vec::new();
    let (mut line, mut begun) = (1, 1);
    let mut cells = Vec::new();
    let mut cell = String::new();
    let mut quoted = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted.is_some() && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted.is_some() => quoted = None,
            '"' if cell.trim().is_empty() => {
                cell.clear();
                quoted = Some(line);
            }
            ',' if quoted.is_none() => cells.push(std::mem::take(&mut cell).trim().to_owned()),
            '\n' if quoted.is_none() => {
                cells.push(std::mem::take(&mut cell).trim().to_owned());
                keep(&mut all, begun, &mut cells);
                line += 1;
                begun = line;
            }
            other => {
                line += u32::from(other == '\n');
                cell.push(other);
            }
        }
    }
    if let Some(line) = quoted {
        return Err(((line, 0), "a quote that is not closed".to_owned()));
    }
    cells.push(cell.trim().to_owned());
    keep(&mut all, begun, &mut cells);
    Ok(all)
}

fn keep(all: &mut Vec<(u32, Vec<String>)>, line: u32, cells: &mut Vec<String>) {
    let cells = std::mem::take(cells);
    if cells.iter().any(|cell| !cell.is_empty()) {
        all.push((line, cells));
    }
}
