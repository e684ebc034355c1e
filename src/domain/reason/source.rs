//! The text of a script, read just far enough to know what is code, which blocks are open at
//! a place, and where a condition has its parts.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Code,
    Text,
    Comment,
}

/// A text, letter by letter.
#[derive(Debug)]
pub(super) struct Source {
    letters: Vec<char>,
    kinds: Vec<Kind>,
    lines: Vec<usize>,
}

/// What a block means for what stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    /// It is run when this held.
    If(Range<usize>),
    /// Whoever is in it has come through it.
    Open,
    /// Why it is run is not told by a condition that held.
    Wall,
}

/// A condition that held for what stands in its block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) range: Range<usize>,
    /// It may have been asked more than once: in a loop, in a function that others call.
    pub(super) again: bool,
}

/// Functions that are called once; others may be called by those.
const CALLED_ONCE: [&str; 2] = ["route", "on_timer"];

/// A word that a block is still to follow.
struct Awaiting {
    block: Block,
    /// What is in it may be run more than once.
    again: bool,
    /// Where the condition begins.
    start: usize,
    depth: usize,
}

impl Source {
    pub(super) fn new(text: &str) -> Self {
        let letters: Vec<char> = text.chars().collect();
        let begins = |(index, letter): (usize, &char)| (*letter == '\n').then_some(index + 1);
        let lines = letters.iter().enumerate().filter_map(begins);
        Self {
            kinds: kinds(&letters),
            lines: std::iter::once(0).chain(lines).collect(),
            letters,
        }
    }

    /// The place of a line and column, both from 1.
    pub(super) fn offset(&self, line: u32, column: u32) -> Option<usize> {
        let line = self.lines.get((line as usize).checked_sub(1)?)?;
        let offset = line + (column as usize).checked_sub(1)?;
        (offset < self.letters.len()).then_some(offset)
    }

    pub(super) fn text(&self, range: Range<usize>) -> String {
        let letters = self.letters.get(range).unwrap_or_default();
        let text: String = letters.iter().collect();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The letter here, when it is code.
    pub(super) fn code(&self, place: usize) -> Option<char> {
        let is_code = self.kinds.get(place) == Some(&Kind::Code);
        is_code.then(|| self.letters[place])
    }

    pub(super) fn has_comment(&self, range: Range<usize>) -> bool {
        let kinds = self.kinds.get(range).unwrap_or_default();
        kinds.contains(&Kind::Comment)
    }

    /// Without blanks at its ends.
    pub(super) fn trimmed(&self, mut range: Range<usize>) -> Range<usize> {
        while range.start < range.end && self.letters[range.start].is_whitespace() {
            range.start += 1;
        }
        while range.start < range.end && self.letters[range.end - 1].is_whitespace() {
            range.end -= 1;
        }
        range
    }

    /// Places of code in a range that stand in no bracket; `None` when brackets do not match.
    pub(super) fn outermost(&self, range: Range<usize>) -> Option<Vec<(usize, char)>> {
        let mut found = Vec::new();
        let mut depth = 0_usize;
        for place in range {
            let Some(letter) = self.code(place) else {
                continue;
            };
            match letter {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.checked_sub(1)?,
                _ if depth == 0 => found.push((place, letter)),
                _ => {}
            }
        }
        (depth == 0).then_some(found)
    }

    /// Where the bracket that opens here is closed.
    pub(super) fn closing(&self, open: usize, end: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for place in open..end {
            match self.code(place) {
                Some('(' | '[' | '{') => depth += 1,
                Some(')' | ']' | '}') => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        return Some(place);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// The word that begins here, if one does.
    pub(super) fn word(&self, place: usize) -> Option<String> {
        let is_part = |place: usize| {
            let letter = self.code(place);
            letter.filter(|letter| letter.is_alphanumeric() || *letter == '_')
        };
        if place.checked_sub(1).and_then(is_part).is_some() {
            return None;
        }
        let word: String = (place..).map_while(is_part).collect();
        (!word.is_empty()).then_some(word)
    }

    /// The condition that must have held for what stands at this place to be run: that of
    /// the innermost `if`.
    pub(super) fn condition_around(&self, at: usize) -> Option<Condition> {
        let mut open: Vec<(Block, bool)> = Vec::new();
        let mut awaiting: Vec<Awaiting> = Vec::new();
        let mut depth = 0_usize;
        for place in 0..at {
            let Some(letter) = self.code(place) else {
                continue;
            };
            match letter {
                '(' | '[' => depth += 1,
                ')' | ']' => depth = depth.saturating_sub(1),
                '{' => {
                    let mine = awaiting.pop_if(|word| word.depth == depth);
                    open.push(match mine {
                        Some(word) if matches!(word.block, Block::If(_)) => {
                            (Block::If(word.start..place), word.again)
                        }
                        Some(word) => (word.block, word.again),
                        None if self.ends_in_bar(place) => (Block::Wall, true),
                        None => (Block::Open, false),
                    });
                }
                '}' => {
                    open.pop()?;
                }
                // What still waited for its block here has none: `do { ... } while x;`, and
                // the guard of an arm, `"list" if mail.late => ...,`.
                ';' | ',' => while awaiting.pop_if(|word| word.depth == depth).is_some() {},
                '=' if self.code(place + 1) == Some('>') => {
                    while awaiting.pop_if(|word| word.depth == depth).is_some() {}
                }
                _ => {}
            }
            let Some(word) = self.word(place) else {
                continue;
            };
            let start = place + word.chars().count();
            let (block, again) = match word.as_str() {
                // In brackets it may be all that a closure does.
                "if" => (Block::If(0..0), depth > 0),
                "while" => (Block::Wall, true),
                "fn" => (Block::Wall, !self.is_called_once(start)),
                "else" | "switch" | "catch" => (Block::Wall, false),
                "for" | "loop" | "do" => (Block::Open, true),
                "try" => (Block::Open, false),
                _ => continue,
            };
            // `else if` waits for one block, and not for two.
            awaiting.pop_if(|word| word.depth == depth && word.block == Block::Wall);
            awaiting.push(Awaiting {
                block,
                again,
                start,
                depth,
            });
        }
        let again = open.iter().any(|(_, again)| *again);
        let mut innermost = open.into_iter().map(|(block, _)| block);
        match innermost.rfind(|block| *block != Block::Open)? {
            Block::If(range) => Some(Condition { range, again }),
            Block::Open | Block::Wall => None,
        }
    }

    /// The function whose name follows here is one that is called once.
    fn is_called_once(&self, after: usize) -> bool {
        let mut rest = after..self.letters.len();
        let name = rest.find(|place| !self.letters[*place].is_whitespace());
        let name = name.and_then(|place| self.word(place));
        name.is_some_and(|name| CALLED_ONCE.contains(&name.as_str()))
    }

    /// What stands before is the parameters of a closure.
    fn ends_in_bar(&self, place: usize) -> bool {
        let before = (0..place).rev().map(|place| self.letters[place]);
        before.into_iter().find(|letter| !letter.is_whitespace()) == Some('|')
    }
}

/// What each letter is part of.
fn kinds(letters: &[char]) -> Vec<Kind> {
    let mut kinds = vec![Kind::Code; letters.len()];
    let at = |place: usize| letters.get(place).copied();
    let mut place = 0;
    while let Some(letter) = at(place) {
        let next = at(place + 1);
        let (end, kind) = match (letter, next) {
            ('/', Some('/')) => (line_end(letters, place), Kind::Comment),
            ('/', Some('*')) => (comment_end(letters, place), Kind::Comment),
            ('"', _) => (text_end(letters, place, '"'), Kind::Text),
            ('\'', _) => (text_end(letters, place, '\''), Kind::Text),
            ('`', _) => (template_end(letters, place), Kind::Text),
            ('#', Some('"' | '#')) => (raw_end(letters, place), Kind::Text),
            _ => (place + 1, Kind::Code),
        };
        let end = end.min(letters.len());
        kinds[place..end].fill(kind);
        place = end;
    }
    kinds
}

fn line_end(letters: &[char], start: usize) -> usize {
    let rest = &letters[start..];
    let length = rest.iter().position(|letter| *letter == '\n');
    length.map_or(letters.len(), |length| start + length)
}

/// Comments may stand in comments.
fn comment_end(letters: &[char], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut place = start;
    while place < letters.len() {
        match (letters[place], letters.get(place + 1)) {
            ('/', Some('*')) => depth += 1,
            ('*', Some('/')) => depth -= 1,
            _ => {
                place += 1;
                continue;
            }
        }
        place += 2;
        if depth == 0 {
            break;
        }
    }
    place
}

fn text_end(letters: &[char], start: usize, quote: char) -> usize {
    let mut place = start + 1;
    while let Some(letter) = letters.get(place) {
        match letter {
            '\\' => place += 1,
            letter if *letter == quote => return place + 1,
            _ => {}
        }
        place += 1;
    }
    place
}

/// Between backticks, with what is filled in there.
fn template_end(letters: &[char], start: usize) -> usize {
    let mut place = start + 1;
    let mut depth = 0_usize;
    while let Some(letter) = letters.get(place) {
        match letter {
            '`' if depth == 0 => return place + 1,
            '`' => place = template_end(letters, place) - 1,
            '"' if depth > 0 => place = text_end(letters, place, '"') - 1,
            '{' if depth > 0 || letters[place - 1] == '$' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            _ => {}
        }
        place += 1;
    }
    place
}

/// `#"..."#`, with as many marks behind as before; a mark alone is code.
fn raw_end(letters: &[char], start: usize) -> usize {
    let marks = letters[start..].iter().take_while(|letter| **letter == '#');
    let marks = marks.count();
    if letters.get(start + marks) != Some(&'"') {
        return start + 1;
    }
    let mut place = start + marks + 1;
    while place < letters.len() {
        let closes = letters[place] == '"'
            && letters[place + 1..]
                .iter()
                .take(marks)
                .filter(|letter| **letter == '#')
                .count()
                == marks;
        if closes {
            return place + 1 + marks;
        }
        place += 1;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(text: &str, word: &str) -> Option<String> {
        let source = Source::new(text);
        let at = text.find(word).expect("there");
        let at = text[..at].chars().count();
        let condition = source.condition_around(at)?;
        Some(source.text(condition.range))
    }

    #[test]
    fn the_innermost_condition_is_that_of_the_block() {
        let text = "fn route(mail, ctx) {\n  // if nothing {\n  if mail.subject == \"{发票\" {\n    \
                    for w in [1] { team(\"a\") }\n  } else if mail.size > 5\n     && mail.late {\n    \
                    team(\"b\")\n  } else { team(\"c\") }\n  let f = |x| { team(\"d\") };\n  \
                    if mail.late { return spam(); }\n  let n = `${if mail.a { \"}\" }}`;\n  \
                    while mail.late { team(\"e\") }\n  if [1].some(|x| { x == 1 }) { team(\"f\") }\n  \
                    inbox()\n}";
        assert_eq!(
            around(text, "team(\"a\")").as_deref(),
            Some("mail.subject == \"{发票\"")
        );
        assert_eq!(
            around(text, "team(\"b\")").as_deref(),
            Some("mail.size > 5 && mail.late")
        );
        assert_eq!(around(text, "spam()").as_deref(), Some("mail.late"));
        assert_eq!(
            around(text, "team(\"f\")").as_deref(),
            Some("[1].some(|x| { x == 1 })")
        );
        for word in ["team(\"c\")", "team(\"d\")", "team(\"e\")", "inbox()"] {
            assert_eq!(around(text, word), None, "{word}");
        }
    }
}
