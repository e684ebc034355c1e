//! A condition that held, taken apart: what of it can be said to have held, by the answers
//! that a trace kept. What cannot be known is not said.

use std::ops::Range;

use super::source::Source;
use super::step::{self, Answer, Asked};

/// Longest part that is shown, in characters.
const PART_LENGTH_MAX: usize = 120;

/// Something that held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// What was asked about a word.
    Asked {
        /// Whose value: `mail.subject`, or as the source has it.
        of: String,
        /// As scripts call it.
        operation: &'static str,
        /// The word.
        word: String,
        /// The answer was no, and that was wanted.
        negated: bool,
    },
    /// As the source has it.
    Source(String),
}

#[derive(Debug)]
enum Tree {
    Any(Vec<Self>, Range<usize>),
    All(Vec<Self>, Range<usize>),
    Not(Box<Self>),
    Atom(Range<usize>),
}

impl Tree {
    fn range(&self) -> &Range<usize> {
        match self {
            Self::Any(_, range) | Self::All(_, range) | Self::Atom(range) => range,
            Self::Not(inner) => inner.range(),
        }
    }
}

/// Steps of a condition, each with its place, in the order in which they were taken.
pub(super) type Steps<'s> = [(usize, &'s str)];

/// What of a condition that held is known to have held; `None` when that is not certain.
pub(super) fn explain(
    source: &Source,
    condition: Range<usize>,
    steps: &Steps<'_>,
) -> Option<Vec<Part>> {
    let tree = parse(source, condition)?;
    let parts = Judge { source, steps }.parts(&tree, true)?;
    (!parts.is_empty()).then_some(parts)
}

fn parse(source: &Source, range: Range<usize>) -> Option<Tree> {
    let range = source.trimmed(range);
    let has_block = range.clone().any(|place| source.code(place) == Some('{'));
    if range.is_empty() || has_block || source.has_comment(range.clone()) {
        return None;
    }
    let outermost = source.outermost(range.clone())?;
    for (sign, is_any) in [('|', true), ('&', false)] {
        let parts = split(&outermost, sign, range.clone())?;
        if parts.len() > 1 {
            let parts = parts.into_iter().map(|part| parse(source, part));
            let parts = parts.collect::<Option<Vec<_>>>()?;
            return Some(if is_any {
                Tree::Any(parts, range)
            } else {
                Tree::All(parts, range)
            });
        }
    }
    if outermost.iter().any(|(_, letter)| *letter == '^') {
        return None;
    }
    if source.code(range.start) == Some('!') {
        let inner = range.start + 1..range.end;
        if !is_compound(source, inner.clone()) {
            return Some(Tree::Not(Box::new(parse(source, inner)?)));
        }
    }
    if source.code(range.start) == Some('(')
        && source.closing(range.start, range.end) == Some(range.end - 1)
    {
        return parse(source, range.start + 1..range.end - 1);
    }
    Some(Tree::Atom(range))
}

/// Cuts at every doubled sign; `None` when it stands alone, as an operator on bits.
fn split(
    outermost: &[(usize, char)],
    sign: char,
    range: Range<usize>,
) -> Option<Vec<Range<usize>>> {
    let mut parts = Vec::new();
    let mut start = range.start;
    let mut places = outermost.iter().filter(|(_, letter)| *letter == sign);
    while let Some((first, _)) = places.next() {
        let (second, _) = places.next()?;
        if *second != first + 1 {
            return None;
        }
        parts.push(start..*first);
        start = second + 1;
    }
    parts.push(start..range.end);
    Some(parts)
}

/// There is an operator between values; what is asked is about what comes out of it.
fn is_compound(source: &Source, range: Range<usize>) -> bool {
    let Some(outermost) = source.outermost(range) else {
        return true;
    };
    outermost.iter().any(|(place, letter)| {
        "=<>+-*/%?".contains(*letter) || source.word(*place).as_deref() == Some("in")
    })
}

struct Judge<'j> {
    source: &'j Source,
    steps: &'j Steps<'j>,
}

impl<'j> Judge<'j> {
    /// Numbers of the steps within.
    fn within(&self, range: &Range<usize>) -> impl DoubleEndedIterator<Item = usize> {
        let steps = self.steps.iter().enumerate();
        let within =
            |(number, (place, _)): (usize, &(usize, &str))| range.contains(place).then_some(number);
        steps.filter_map(within)
    }

    /// What is known to have been `wanted` about this part, which was.
    fn parts(&self, tree: &Tree, wanted: bool) -> Option<Vec<Part>> {
        match tree {
            Tree::Not(inner) => self.parts(inner, !wanted),
            Tree::Any(all, range) if wanted => self.decisive(all, range, wanted),
            Tree::All(all, range) if !wanted => self.decisive(all, range, wanted),
            Tree::Any(all, _) | Tree::All(all, _) => {
                let all = all.iter().map(|one| self.parts(one, wanted));
                Some(all.collect::<Option<Vec<_>>>()?.concat())
            }
            Tree::Atom(range) => self.atom(range, wanted),
        }
    }

    /// Of several the last that was looked at ended the question, and was `wanted`. Which
    /// that was is certain when it says so itself, or when it is the last there is and
    /// every other one was seen before it.
    fn decisive(&self, all: &[Tree], range: &Range<usize>, wanted: bool) -> Option<Vec<Part>> {
        let last = self.within(range).next_back()?;
        let place = self.steps[last].0;
        let index = all.iter().position(|one| one.range().contains(&place))?;
        match self.truth(&all[index]) {
            Some(truth) if truth == wanted => {}
            Some(_) => return None,
            None => {
                let mut before = self.within(all.first()?.range()).next_back()?;
                for one in &all[1..] {
                    before = self.within(one.range()).find(|number| *number > before)?;
                }
            }
        }
        self.parts(&all[index], wanted)
    }

    /// Whether it held when it was looked at last, where its steps say so.
    fn truth(&self, tree: &Tree) -> Option<bool> {
        let of_all = |all: &[Tree], range: &Range<usize>, ends: bool| {
            let last = self.within(range).next_back()?;
            let place = self.steps[last].0;
            let decisive = all.iter().find(|one| one.range().contains(&place))?;
            let truth = self.truth(decisive)?;
            let rest = || all.iter().all(|one| self.truth(one) == Some(!ends));
            (truth == ends || rest()).then_some(truth)
        };
        match tree {
            Tree::Not(inner) => self.truth(inner).map(|truth| !truth),
            Tree::Any(all, range) => of_all(all, range, true),
            Tree::All(all, range) => of_all(all, range, false),
            Tree::Atom(range) => self.answered(range).map(|(truth, ..)| truth),
        }
    }

    /// The answer that this part is, where it is one: whether it held, the answer, and the
    /// value it was asked of as the source has it.
    fn answered(&self, atom: &Range<usize>) -> Option<(bool, Answer<'j>, Option<String>)> {
        self.within(atom).rev().find_map(|number| {
            let (place, what) = self.steps[number];
            let answer = step::answer(what)?;
            let before = atom.start..place;
            match answer.asked {
                Asked::Flag => {
                    let name = self.source.word(place)?;
                    let ends = place + name.chars().count() == atom.end;
                    let mine = what.split(" = ").next()?.ends_with(&format!(".{name}"));
                    let whole = ends && mine && !is_compound(self.source, before);
                    whole.then_some((answer.holds, answer, None))
                }
                Asked::Word { .. } | Asked::NoneOf | Asked::Within => self
                    .method(atom, place, answer)
                    .or_else(|| self.is_in(atom, place, answer)),
            }
        })
    }

    /// `value.contains("word")`, and nothing around it.
    fn method(
        &self,
        atom: &Range<usize>,
        place: usize,
        answer: Answer<'j>,
    ) -> Option<(bool, Answer<'j>, Option<String>)> {
        let name = self.source.word(place)?;
        let expected = match answer.asked {
            Asked::Word { operation, .. } => operation,
            Asked::NoneOf => step::CONTAINS_ANY,
            Asked::Within => step::CONTAINS,
            Asked::Flag => return None,
        };
        let open = place + name.chars().count();
        let dot = place.checked_sub(1)?;
        let whole = name == expected
            && self.source.code(dot) == Some('.')
            && self.source.code(open) == Some('(')
            && self.source.closing(open, atom.end) == Some(atom.end - 1)
            && !is_compound(self.source, atom.start..dot);
        let of = self.source.text(atom.start..dot);
        whole.then_some((answer.holds, answer, Some(of)))
    }

    /// `word in value`, and nothing around it.
    fn is_in(
        &self,
        atom: &Range<usize>,
        place: usize,
        answer: Answer<'j>,
    ) -> Option<(bool, Answer<'j>, Option<String>)> {
        let negated = self.source.code(place) == Some('!');
        let word = if negated { place + 1 } else { place };
        let whole = self.source.word(word).as_deref() == Some("in")
            && !is_compound(self.source, atom.start..place)
            && !is_compound(self.source, word + 2..atom.end);
        let of = self.source.text(word + 2..atom.end);
        whole.then_some((answer.holds != negated, answer, Some(of)))
    }

    fn atom(&self, range: &Range<usize>, wanted: bool) -> Option<Vec<Part>> {
        let answered = self.answered(range);
        if answered
            .as_ref()
            .is_some_and(|(truth, ..)| *truth != wanted)
        {
            return None;
        }
        if let Some((_, answer, Some(as_written))) = answered
            && let Asked::Word {
                of,
                operation,
                word,
            } = answer.asked
        {
            let of = match of.is_empty() {
                true => as_written,
                false => without_case(of).to_owned(),
            };
            return Some(vec![Part::Asked {
                of,
                operation,
                word: word.to_owned(),
                negated: !answer.holds,
            }]);
        }
        let text = self.source.text(range.clone());
        let text = match (wanted, is_compound(self.source, range.clone())) {
            (true, _) => text,
            (false, true) => format!("!({text})"),
            (false, false) => format!("!{text}"),
        };
        (text.chars().count() <= PART_LENGTH_MAX).then(|| vec![Part::Source(text)])
    }
}

/// Whose value it is, whatever became of its capital letters.
fn without_case(of: &str) -> &str {
    let mut of = of;
    while let Some(rest) = of
        .strip_suffix(".to_lower()")
        .or_else(|| of.strip_suffix(".to_upper()"))
    {
        of = rest;
    }
    of
}
