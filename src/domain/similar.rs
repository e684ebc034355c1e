//! How far two words lie apart: for slips of the hand in what people type.

/// Longer words are not compared.
const LENGTH_MAX: usize = 64;

/// How many letters are missing, too many, wrong or exchanged with their neighbour
/// (optimal string alignment); `None` for words that are too long to be compared.
#[must_use]
pub fn distance(one: &str, other: &str) -> Option<usize> {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().max(other.len()) > LENGTH_MAX {
        return None;
    }
    let (mut before, mut last) = (Vec::new(), (0..=other.len()).collect::<Vec<usize>>());
    for (row, letter) in one.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, theirs) in other.iter().enumerate() {
            let wrong = last[column] + usize::from(letter != theirs);
            let mut best = wrong.min(last[column + 1] + 1).min(next[column] + 1);
            let exchanged =
                row > 0 && column > 0 && one[row - 1] == *theirs && other[column - 1] == *letter;
            if exchanged {
                let earlier: &Vec<usize> = &before;
                best = best.min(earlier[column - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut last, next);
    }
    last.last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_hand_are_near() {
        for (one, other, apart) in [
            ("gmail.com", "gmail.com", 0),
            ("gmial.com", "gmail.com", 1),
            ("qq.con", "qq.com", 1),
            ("hotnail.com", "hotmail.com", 1),
            ("outlok.con", "outlook.com", 2),
            ("yaho.com", "yahoo.com", 1),
            ("", "qq", 2),
            ("shop.example", "qq.com", 10),
        ] {
            assert_eq!(distance(one, other), Some(apart), "{one} {other}");
            assert_eq!(distance(other, one), Some(apart), "{other} {one}");
        }
        assert_eq!(distance(&"a".repeat(65), "b"), None);
    }
}
