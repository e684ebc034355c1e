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
struct Tree {
    kind: Kind,
    range: Range<usize>,
    /// Whether it held when it was looked at last, where its steps say so.
    truth: Option<bool>,
}

impl Tree {
    fn is_single(&self) -> bool {
        match &self.kind {
            Kind::Atom => true,
            Kind::Not(inner) => inner.is_single(),
            Kind::Any(_) | Kind::All(_) => false,
        }
    }
}

#[derive(Debug)]
enum Kind {
    Any(Vec<Tree>),
    All(Vec<Tree>),
    Not(Box<Tree>),
    Atom,
}

/// Steps of a condition, each with its place, in the order in which they were taken.
pub(super) type Steps<'s> = [(usize, &'s str)];

/// What of a condition that held is known to have held; `None` when that is not certain.
/// Of one that was asked `again` it is not known which steps are of which time; but what is
/// a single question was answered last when it held.
pub(super) fn explain(
    source: &Source,
    condition: Range<usize>,
    again: bool,
    steps: &Steps<'_>,
) -> Option<Vec<Part>> {
    let judge = Judge { source, steps };
    let tree = judge.parse(condition)?;
    if again && !tree.is_single() {
        return None;
    }
    let parts = judge.parts(&tree, true)?;
    (!parts.is_empty()).then_some(parts)
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

    /// Takes a condition apart. What a part came to is told once, of what those in it came
    /// to: conditions are nested deeply.
    fn parse(&self, range: Range<usize>) -> Option<Tree> {
        let source = self.source;
        let range = source.trimmed(range);
        let has_block = range.clone().any(|place| source.code(place) == Some('{'));
        if range.is_empty() || has_block || source.has_comment(range.clone()) {
            return None;
        }
        let outermost = source.outermost(range.clone())?;
        for (sign, is_any) in [('|', true), ('&', false)] {
            let parts = split(&outermost, sign, range.clone())?;
            if parts.len() > 1 {
                let parts = parts.into_iter().map(|part| self.parse(part));
                let parts = parts.collect::<Option<Vec<_>>>()?;
                let truth = self.truth_of(&parts, &range, is_any);
                let kind = if is_any {
                    Kind::Any(parts)
                } else {
                    Kind::All(parts)
                };
                return Some(Tree { kind, range, truth });
            }
        }
        if outermost.iter().any(|(_, letter)| *letter == '^') {
            return None;
        }
        if source.code(range.start) == Some('!') {
            let inner = range.start + 1..range.end;
            if !is_compound(source, inner.clone()) {
                let inner = self.parse(inner)?;
                return Some(Tree {
                    range: inner.range.clone(),
                    truth: inner.truth.map(|truth| !truth),
                    kind: Kind::Not(Box::new(inner)),
                });
            }
        }
        if source.code(range.start) == Some('(')
            && source.closing(range.start, range.end) == Some(range.end - 1)
        {
            return self.parse(range.start + 1..range.end - 1);
        }
        let truth = self.answered(&range).map(|(truth, ..)| truth);
        Some(Tree {
            kind: Kind::Atom,
            range,
            truth,
        })
    }

    /// What several came to of which one that is `ends` ends the question.
    fn truth_of(&self, all: &[Tree], range: &Range<usize>, ends: bool) -> Option<bool> {
        let last = self.within(range).next_back()?;
        let place = self.steps[last].0;
        let decisive = all.iter().find(|one| one.range.contains(&place))?;
        let truth = decisive.truth?;
        let rest = || all.iter().all(|one| one.truth == Some(!ends));
        (truth == ends || rest()).then_some(truth)
    }

    /// What is known to have been `wanted` about this part, which was.
    fn parts(&self, tree: &Tree, wanted: bool) -> Option<Vec<Part>> {
        match &tree.kind {
            Kind::Not(inner) => self.parts(inner, !wanted),
            Kind::Any(all) if wanted => self.decisive(all, &tree.range, wanted),
            Kind::All(all) if !wanted => self.decisive(all, &tree.range, wanted),
            Kind::Any(all) | Kind::All(all) => {
                let all = all.iter().map(|one| self.parts(one, wanted));
                Some(all.collect::<Option<Vec<_>>>()?.concat())
            }
            Kind::Atom => self.atom(&tree.range, wanted),
        }
    }

    /// Of several the last that was looked at ended the question, and was `wanted`. Which
    /// that was is certain when it says so itself, or when it is the last there is and
    /// every other one was seen before it.
    fn decisive(&self, all: &[Tree], range: &Range<usize>, wanted: bool) -> Option<Vec<Part>> {
        let last = self.within(range).next_back()?;
        let place = self.steps[last].0;
        let index = all.iter().position(|one| one.range.contains(&place))?;
        match all[index].truth {
            Some(truth) if truth == wanted => {}
            Some(_) => return None,
            None => {
                let mut before = self.within(&all.first()?.range).next_back()?;
                for one in &all[1..] {
                    before = self.within(&one.range).find(|number| *number > before)?;
                }
            }
        }
        self.parts(&all[index], wanted)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Looking twice at what stands within, at every level, would never end.
    const LEVELS: usize = 60;

    /// What is known of a condition of the flags `mail.yes` and `mail.no`, all looked at.
    fn explained(condition: &str) -> Option<Vec<Part>> {
        let source = Source::new(condition);
        let places = |flag: &'static str, what: &'static str| {
            let found = condition.match_indices(flag);
            found.map(move |(place, _)| (place + ".".len(), what))
        };
        let yes = places(".yes", "mail.yes = true");
        let mut steps: Vec<(usize, &str)> = yes.chain(places(".no", "mail.no = false")).collect();
        steps.sort_unstable();
        explain(&source, 0..condition.len(), false, &steps)
    }

    #[test]
    fn deeply_nested_conditions_are_read_once() {
        let mut first = "mail.yes".to_owned();
        let mut last = "mail.no".to_owned();
        for level in 0..LEVELS {
            (first, last) = if level % 2 == 0 {
                (
                    format!("(mail.no || {first})"),
                    format!("!({last} || mail.no)"),
                )
            } else {
                (
                    format!("(mail.yes && {first})"),
                    format!("!({last} && mail.yes)"),
                )
            };
        }
        // Of every `||` what ended it, of every `&&` both.
        let parts = explained(&first).expect("certain");
        assert_eq!(
            parts,
            vec![Part::Source("mail.yes".to_owned()); LEVELS / 2 + 1]
        );
        let parts = explained(&format!("!{last}")).expect("certain");
        assert_eq!(parts.len(), LEVELS + 1);
        assert_eq!(parts[0], Part::Source("!mail.no".to_owned()));
        let brackets = format!("{}mail.yes{}", "(".repeat(LEVELS), ")".repeat(LEVELS));
        assert_eq!(
            explained(&brackets),
            Some(vec![Part::Source("mail.yes".to_owned())])
        );
    }
}
