//! From source text to what the rules look at: text without comments, strings and
//! unit tests, its tokens, and the paths it names.

/// A word or a sign, and the line it stands on (from 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// A path as written: `crate::domain::key::Key` in its segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub path: Vec<String>,
    pub line: usize,
    /// From a `use`; the name it brings in, with `as` taken into account.
    pub import: Option<Import>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub name: String,
    pub public: bool,
}

/// Replaces comments, strings and characters by spaces; line ends stay.
pub fn blank(text: &str) -> String {
    let mut rest = text;
    let mut out = String::with_capacity(text.len());
    let mut word = false;
    while let Some(letter) = rest.chars().next() {
        let length = match opaque(rest, word) {
            0 => {
                out.push(letter);
                letter.len_utf8()
            }
            length => {
                let lines = rest[..length].chars();
                out.extend(lines.map(|letter| if letter == '\n' { '\n' } else { ' ' }));
                length
            }
        };
        word = letter.is_alphanumeric() || letter == '_';
        rest = &rest[length..];
    }
    out
}

/// The length of the comment or literal that begins here; 0 when none does.
/// `word`: the letter before belongs to a word, so that `r"` in `for"` is no raw string.
fn opaque(text: &str, word: bool) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    if text.starts_with('"') {
        return string(text);
    }
    if text.starts_with('\'') {
        return character(text);
    }
    if word {
        return 0;
    }
    let prefix = text.len() - text.trim_start_matches(['b', 'c', 'r']).len();
    if prefix == 0 || prefix > 2 {
        return 0;
    }
    let body = &text[prefix..];
    if text[..prefix].ends_with('r') {
        return raw_string(body).map_or(0, |length| prefix + length);
    }
    match body.chars().next() {
        Some('"') => prefix + string(body),
        Some('\'') => prefix + character(body),
        _ => 0,
    }
}

/// Block comments nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

fn string(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// `#"..."#` with any number of signs, the `r` already taken off.
fn raw_string(text: &str) -> Option<usize> {
    let signs = text.len() - text.trim_start_matches('#').len();
    let body = text[signs..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(signs));
    let end = body.find(&close).unwrap_or(body.len());
    Some((signs + 1 + end + close.len()).min(text.len()))
}

/// A character, or 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut letters = text.char_indices().skip(1);
    match letters.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(0, |end| 3 + end + 1),
        Some((at, letter)) => {
            let end = at + letter.len_utf8();
            if text[end..].starts_with('\'') {
                end + 1
            } else {
                0
            }
        }
        None => 0,
    }
}

/// What is left of a file without its unit tests.
pub struct Code {
    pub text: String,
    /// Modules declared under `#[cfg(test)]`.
    pub test_modules: Vec<String>,
    pub test_lines: usize,
}

/// Blanks each item under `#[cfg(test)]`.
pub fn without_tests(code: &str) -> Code {
    const MARK: &str = "#[cfg(test)]";
    let mut out = code.to_owned();
    let mut modules = Vec::new();
    let mut lines = 0;
    while let Some(start) = out.find(MARK) {
        let item = &out[start + MARK.len()..];
        let end = start + MARK.len() + item_length(item);
        let words: Vec<&str> = item.split_whitespace().collect();
        if let Some(at) = words.iter().position(|word| *word == "mod")
            && let Some(name) = words.get(at + 1).and_then(|word| word.strip_suffix(';'))
            && at < 3
        {
            modules.push(name.to_owned());
        }
        lines += out[start..end].lines().count();
        let spaces = out[start..end].chars();
        let spaces: String = spaces.map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(start..end, &spaces);
    }
    Code {
        text: out,
        test_modules: modules,
        test_lines: lines,
    }
}

/// Up to the `;` or the closing brace of the item.
fn item_length(item: &str) -> usize {
    let mut depth = 0_usize;
    for (at, letter) in item.char_indices() {
        match letter {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && letter == '}' {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

/// Words, `::`, and single signs.
pub fn tokens(code: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (number, text) in code.lines().enumerate() {
        let line = number + 1;
        let mut rest = text.trim_start();
        while let Some(letter) = rest.chars().next() {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let length = if is_word(letter) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                letter.len_utf8()
            };
            let text = rest[..length].to_owned();
            tokens.push(Token { text, line });
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

/// Every path that is imported or written out, `super` resolved against `module`.
pub fn paths(tokens: &[Token], module: &[String]) -> Vec<Named> {
    let mut scan = Scan {
        tokens,
        at: 0,
        module: module.to_vec(),
        inner: Vec::new(),
        depth: 0,
        found: Vec::new(),
    };
    scan.run();
    scan.found
}

struct Scan<'a> {
    tokens: &'a [Token],
    at: usize,
    module: Vec<String>,
    /// Depths at which inline modules were opened.
    inner: Vec<usize>,
    depth: usize,
    found: Vec<Named>,
}

impl<'a> Scan<'a> {
    fn run(&mut self) {
        let mut public = false;
        while let Some(text) = self.text(0) {
            match text {
                "pub" => {
                    public = true;
                    self.at += 1;
                    // `pub(in crate::room)` imports nothing.
                    if self.text(0) == Some("(") {
                        while self.text(0).is_some_and(|text| text != ")") {
                            self.at += 1;
                        }
                        self.at += 1;
                    }
                    continue;
                }
                "use" => {
                    self.at += 1;
                    self.tree(&mut Vec::new(), public);
                }
                "mod" if self.text(2) == Some("{") => {
                    self.inner.push(self.depth);
                    self.at += 2;
                    continue;
                }
                "{" => self.depth += 1,
                "}" => self.close(),
                _ if starts_path(text) && self.text(1) == Some("::") => {
                    self.written_out();
                    public = false;
                    continue;
                }
                _ => {}
            }
            public = false;
            self.at += 1;
        }
    }

    fn text(&self, ahead: usize) -> Option<&'a str> {
        let token = self.tokens.get(self.at + ahead);
        token.map(|token| token.text.as_str())
    }

    fn line(&self) -> usize {
        let last = self.tokens.get(self.at).or_else(|| self.tokens.last());
        last.map_or(0, |token| token.line)
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.inner.last() == Some(&self.depth) {
            self.inner.pop();
        }
    }

    /// A path in an expression or a type.
    fn written_out(&mut self) {
        let line = self.line();
        let mut path = vec![self.tokens[self.at].text.clone()];
        self.at += 1;
        while self.text(0) == Some("::") && self.text(1).is_some_and(starts_path) {
            path.push(self.tokens[self.at + 1].text.clone());
            self.at += 2;
        }
        self.add(&path, line, None);
    }

    /// What follows `use` or stands in its braces; ends on the sign after it.
    fn tree(&mut self, prefix: &mut Vec<String>, public: bool) {
        let length = prefix.len();
        let line = self.line();
        if self.text(0) == Some("::") {
            self.at += 1;
        }
        loop {
            match self.text(0) {
                Some("{") => {
                    self.at += 1;
                    while self.text(0).is_some_and(|text| text != "}") {
                        self.tree(prefix, public);
                        if self.text(0) == Some(",") {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    break;
                }
                Some(text) if starts_path(text) || text == "*" => {
                    prefix.push(text.to_owned());
                    self.at += 1;
                    if self.text(0) == Some("::") {
                        self.at += 1;
                        continue;
                    }
                    // `room::{self, Thing}` brings in `room`.
                    let module = prefix.len().checked_sub(2).map(|at| prefix[at].as_str());
                    let mut name = match text {
                        "self" => module.unwrap_or(text).to_owned(),
                        _ => text.to_owned(),
                    };
                    if self.text(0) == Some("as") {
                        name = self.text(1).unwrap_or_default().to_owned();
                        self.at += 2;
                    }
                    let import = Some(Import { name, public });
                    self.add(prefix, line, import);
                    break;
                }
                _ => break,
            }
        }
        prefix.truncate(length);
    }

    fn add(&mut self, path: &[String], line: usize, import: Option<Import>) {
        let path = self.absolute(path);
        self.found.push(Named { path, line, import });
    }

    /// `super` and `self` become a path from `crate`; a trailing `self` names the module.
    fn absolute(&self, path: &[String]) -> Vec<String> {
        let mut from = self.module.clone();
        let mut inner = self.inner.len();
        let mut rest = path;
        let relative = matches!(path[0].as_str(), "self" | "super");
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "super" if inner > 0 => inner -= 1,
                "super" => drop(from.pop()),
                "self" => {}
                _ => break,
            }
            rest = after;
        }
        let mut whole = Vec::new();
        if relative {
            whole.push("crate".to_owned());
            whole.append(&mut from);
        }
        let named = rest.iter().filter(|segment| *segment != "self");
        whole.extend(named.cloned());
        if whole.first().is_some_and(|root| root == "postern") {
            "crate".clone_into(&mut whole[0]);
        }
        whole
    }
}

fn starts_path(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}
