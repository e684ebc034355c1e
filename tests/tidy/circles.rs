//! No circles between modules, not even inside a room.
//!
//! An import counts for the module that defines the thing: what a room's `mod.rs`
//! passes on with `pub use` is looked up there. A module that only passes things on
//! imports nothing by that.

use std::collections::{BTreeMap, BTreeSet};

use crate::scan::Named;
use crate::source::Source;

type Module = Vec<String>;

struct House<'a> {
    modules: BTreeSet<&'a [String]>,
    /// (module, name) to the path that is passed on.
    passed_on: BTreeMap<(&'a [String], &'a str), Module>,
}

/// An import and the line it stands on.
type Edges = BTreeMap<Module, BTreeMap<Module, String>>;

pub fn check(sources: &[Source], tests: &BTreeSet<Module>, found: &mut Vec<String>) {
    let house = House::new(sources);
    let edges = edges(&house, sources, tests);
    for group in strong_components(&edges) {
        let mut steps: Vec<String> = Vec::new();
        for module in &group {
            for (target, place) in &edges[module] {
                if group.contains(target) {
                    let (from, to) = (module.join("::"), target.join("::"));
                    steps.push(format!("{place}: a circle of imports: `{from}` -> `{to}`"));
                }
            }
        }
        found.append(&mut steps);
    }
}

impl<'a> House<'a> {
    fn new(sources: &'a [Source]) -> Self {
        let modules = sources.iter().map(|source| source.module.as_slice());
        let mut house = Self {
            modules: modules.collect(),
            passed_on: BTreeMap::new(),
        };
        for source in sources {
            for named in &source.paths {
                let Some(import) = named.import.as_ref().filter(|import| import.public) else {
                    continue;
                };
                if let Some(path) = house.own_path(source, named) {
                    let key = (source.module.as_slice(), import.name.as_str());
                    house.passed_on.insert(key, path);
                }
            }
        }
        house
    }

    /// The path below `crate`; `None` when it leads out of the house.
    fn own_path(&self, source: &Source, named: &Named) -> Option<Module> {
        let (root, rest) = named.path.split_first()?;
        if root == "crate" {
            return Some(rest.to_vec());
        }
        // `use child::Thing` of a module declared here.
        let mut child = source.module.clone();
        child.push(root.clone());
        if !self.modules.contains(child.as_slice()) {
            return None;
        }
        child.extend_from_slice(rest);
        Some(child)
    }

    /// Where the thing at the end of a path is defined.
    fn definer(&self, path: &[String]) -> Module {
        let mut path = path.to_vec();
        // A chain of `pub use` ends; the bound only guards against one that does not.
        for _ in 0..16 {
            let length = (0..=path.len())
                .rev()
                .find(|length| self.modules.contains(&path[..*length]))
                .unwrap_or(0);
            let Some(name) = path.get(length) else {
                return path;
            };
            let Some(target) = self.passed_on.get(&(&path[..length], name.as_str())) else {
                return path[..length].to_vec();
            };
            let mut target = target.clone();
            target.extend_from_slice(&path[length + 1..]);
            path = target;
        }
        path
    }
}

fn edges(house: &House<'_>, sources: &[Source], tests: &BTreeSet<Module>) -> Edges {
    let mut edges = Edges::new();
    for source in sources {
        let out = edges.entry(source.module.clone()).or_default();
        if tests.contains(&source.module) {
            continue;
        }
        for named in &source.paths {
            if named.import.as_ref().is_some_and(|import| import.public) {
                continue;
            }
            let Some(path) = house.own_path(source, named) else {
                continue;
            };
            let target = house.definer(&path);
            if target != source.module {
                let place = format!("{}:{}", source.name, named.line);
                out.entry(target).or_insert(place);
            }
        }
    }
    edges
}

/// Groups of two or more modules that reach each other.
fn strong_components(edges: &Edges) -> Vec<BTreeSet<Module>> {
    let mut groups: Vec<BTreeSet<Module>> = Vec::new();
    for module in edges.keys() {
        if groups.iter().any(|group| group.contains(module)) {
            continue;
        }
        let forward = reach(edges, module);
        let both = forward
            .into_iter()
            .filter(|other| other != module && reach(edges, other).contains(module));
        let mut group: BTreeSet<Module> = both.collect();
        if !group.is_empty() {
            group.insert(module.clone());
            groups.push(group);
        }
    }
    groups
}

fn reach(edges: &Edges, from: &Module) -> BTreeSet<Module> {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![from];
    while let Some(module) = waiting.pop() {
        let Some(targets) = edges.get(module) else {
            continue;
        };
        for target in targets.keys() {
            if seen.insert(target.clone()) {
                waiting.push(target);
            }
        }
    }
    seen
}
