//! What is different between two texts, line by line, with some lines around it.

/// Lines shown before and after a change.
const AROUND: usize = 3;
/// Pairs of lines compared at most; beyond it everything between the equal beginnings and
/// ends counts as changed.
const PAIRS_MAX: usize = 4_000_000;

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// In both texts.
    Both,
    /// In the first only.
    First,
    /// In the second only.
    Second,
    /// Lines of both that are left out.
    Gap,
}

/// The lines of both texts, in order; long stretches without a change are left out.
#[must_use]
pub fn difference(first: &str, second: &str) -> Vec<(Side, String)> {
    let (a, b): (Vec<&str>, Vec<&str>) = (first.lines().collect(), second.lines().collect());
    let head = a
        .iter()
        .zip(&b)
        .take_while(|(one, other)| one == other)
        .count();
    let (rest_a, rest_b) = (&a[head..], &b[head..]);
    let tail = rest_a.iter().rev().zip(rest_b.iter().rev());
    let tail = tail.take_while(|(one, other)| one == other).count();
    let mut all: Vec<(Side, &str)> = a[..head].iter().map(|line| (Side::Both, *line)).collect();
    let middle = (
        &rest_a[..rest_a.len() - tail],
        &rest_b[..rest_b.len() - tail],
    );
    between(middle.0, middle.1, &mut all);
    all.extend(
        rest_a[rest_a.len() - tail..]
            .iter()
            .map(|line| (Side::Both, *line)),
    );
    shortened(&all)
}

/// By the longest common sequence of lines.
fn between<'t>(a: &[&'t str], b: &[&'t str], all: &mut Vec<(Side, &'t str)>) {
    let width = b.len() + 1;
    if (a.len() + 1).saturating_mul(width) > PAIRS_MAX {
        all.extend(a.iter().map(|line| (Side::First, *line)));
        all.extend(b.iter().map(|line| (Side::Second, *line)));
        return;
    }
    let mut longest = vec![0_u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i * width + j] = if a[i] == b[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            all.push((Side::Both, a[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == b.len()
            || (i < a.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1])
        {
            all.push((Side::First, a[i]));
            i += 1;
        } else {
            all.push((Side::Second, b[j]));
            j += 1;
        }
    }
}

fn shortened(all: &[(Side, &str)]) -> Vec<(Side, String)> {
    let near = |place: usize| {
        let from = place.saturating_sub(AROUND);
        let until = (place + AROUND + 1).min(all.len());
        all[from..until].iter().any(|(side, _)| *side != Side::Both)
    };
    let mut shown: Vec<(Side, String)> = Vec::new();
    for (place, (side, line)) in all.iter().enumerate() {
        if near(place) {
            shown.push((*side, (*line).to_owned()));
        } else if shown.last().is_none_or(|(last, _)| *last != Side::Gap) {
            shown.push((Side::Gap, String::new()));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(first: &str, second: &str) -> Vec<String> {
        difference(first, second)
            .into_iter()
            .map(|(side, line)| match side {
                Side::Both => format!(" {line}"),
                Side::First => format!("-{line}"),
                Side::Second => format!("+{line}"),
                Side::Gap => "~".to_owned(),
            })
            .collect()
    }

    #[test]
    fn changed_lines_are_shown_among_some_of_the_others() {
        assert_eq!(
            signs("1\n2\n3\n4\n5\n6\nb\n7", "1\n2\n3\n4\n5\n6\nc\nd\n7"),
            ["~", " 4", " 5", " 6", "-b", "+c", "+d", " 7"]
        );
        assert_eq!(signs("a\nb\nc", "a\nc"), [" a", "-b", " c"]);
        assert_eq!(signs("", "a"), ["+a"]);
        assert_eq!(signs("same", "same"), ["~"]);
        assert!(signs("", "").is_empty());
    }

    #[test]
    fn very_long_texts_are_not_compared_pair_by_pair() {
        let long = |mark: &str| {
            let lines: Vec<String> = (0..3_000).map(|n| format!("{mark}{n}")).collect();
            lines.join("\n")
        };
        assert_eq!(difference(&long("a"), &long("b")).len(), 6_000);
    }
}
