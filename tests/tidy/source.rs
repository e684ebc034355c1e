//! One file of the house, read once for all rules.

use std::collections::BTreeSet;

use crate::scan::{self, Named, Token};

pub struct Source {
    /// Relative to the repository.
    pub name: String,
    /// `src/a/b.rs` is `[a, b]`; `lib.rs` and `main.rs` are the empty path.
    pub module: Vec<String>,
    pub text: String,
    /// Without unit tests.
    pub tokens: Vec<Token>,
    pub paths: Vec<Named>,
    /// Modules this file declares under `#[cfg(test)]`.
    pub tests: Vec<String>,
    /// Lines outside unit tests.
    pub lines: usize,
    /// With unit tests.
    pub all_tokens: Vec<Token>,
}

impl Source {
    pub fn new(name: &str, text: &str) -> Self {
        let blank = scan::blank(text);
        let code = scan::without_tests(&blank);
        let tokens = scan::tokens(&code.text);
        let module = module_of(name);
        Self {
            name: name.to_owned(),
            paths: scan::paths(&tokens, &module),
            lines: text.lines().count() - code.test_lines,
            text: text.to_owned(),
            all_tokens: scan::tokens(&blank),
            module,
            tokens,
            tests: code.test_modules,
        }
    }
}

fn module_of(name: &str) -> Vec<String> {
    let path = name.trim_start_matches("src/").trim_end_matches(".rs");
    let mut module: Vec<String> = path.split('/').map(ToOwned::to_owned).collect();
    let last = module.last().map(String::as_str);
    if matches!(last, Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

/// Files that are unit tests as a whole.
pub fn test_modules(sources: &[Source]) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    for source in sources {
        for name in &source.tests {
            let mut module = source.module.clone();
            module.push(name.clone());
            found.insert(module);
        }
    }
    found
}
