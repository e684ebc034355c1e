//! How much one call holds. Rhai bounds every single value; a script could still hold
//! many of them, and functions as values, which no limit of Rhai counts.
//!
//! A look weighs what the variables of the running function hold; those of the functions
//! that called it are known from the look before. What a single line makes on its way is
//! not seen, but bounded by the size of a value and the depth of a line.

use std::cell::{Cell, RefCell};

use rhai::{
    Array, Blob, Dynamic, EvalAltResult, EvalContext, FnPtr, ImmutableString, Map, Position,
};

/// What the error says is too large; `words` knows it again.
pub(super) const HELD: &str = "all that the script holds";
/// What it says when values stand in one another too deeply.
pub(super) const NESTED: &str = "values inside values";

/// Variables read between two looks, at least.
const READS_PER_LOOK: usize = 8;
/// A look at many values is made more rarely: this many are counted for one read.
const VALUES_PER_READ: usize = 128;
/// Values inside values. Rhai lets go of them by recursion, on our stack.
const DEPTH_MAX: usize = 64;
/// Values counted in one look.
const VALUES_MAX: usize = 50_000;

thread_local! {
    static READS_LEFT: Cell<usize> = const { Cell::new(0) };
    /// Bytes by depth of the call.
    static BY_LEVEL: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// A call begins, holding nothing.
pub(super) fn begin() {
    READS_LEFT.set(0);
    BY_LEVEL.with_borrow_mut(Vec::clear);
}

/// A variable is read or made: now and then a look at what is held.
pub(super) fn read(
    context: &EvalContext<'_, '_, '_, '_, '_, '_>,
    max: usize,
) -> Result<(), Box<EvalAltResult>> {
    let left = READS_LEFT.get();
    if left > 0 {
        READS_LEFT.set(left - 1);
        return Ok(());
    }
    let mut scales = Scales {
        bytes: 0,
        values: 0,
    };
    for (_, _, value) in context.scope().iter_raw() {
        scales.put(value, 0)?;
    }
    READS_LEFT.set(READS_PER_LOOK.max(scales.values / VALUES_PER_READ));
    let total = BY_LEVEL.with_borrow_mut(|levels| {
        levels.resize(context.call_level() + 1, 0);
        if let Some(own) = levels.last_mut() {
            *own = scales.bytes;
        }
        levels.iter().sum::<usize>()
    });
    if total > max {
        return Err(too_large(HELD));
    }
    Ok(())
}

struct Scales {
    bytes: usize,
    values: usize,
}

impl Scales {
    fn put(&mut self, value: &Dynamic, depth: usize) -> Result<(), Box<EvalAltResult>> {
        self.bytes += size_of::<Dynamic>();
        self.values += 1;
        if depth > DEPTH_MAX {
            return Err(too_large(NESTED));
        }
        if self.values > VALUES_MAX {
            return Err(too_large(HELD));
        }
        // A value that is being changed is looked at when that is done.
        if value.is_locked() {
            return Ok(());
        }
        if let Some(text) = value.read_lock::<ImmutableString>() {
            self.bytes += text.len();
        } else if let Some(array) = value.read_lock::<Array>() {
            for one in array.iter() {
                self.put(one, depth + 1)?;
            }
        } else if let Some(map) = value.read_lock::<Map>() {
            for (key, one) in map.iter() {
                self.bytes += key.len() + size_of::<Dynamic>();
                self.put(one, depth + 1)?;
            }
        } else if let Some(function) = value.read_lock::<FnPtr>() {
            for one in function.iter_curry() {
                self.put(one, depth + 1)?;
            }
        } else if let Some(blob) = value.read_lock::<Blob>() {
            self.bytes += blob.len();
        }
        Ok(())
    }
}

fn too_large(what: &str) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorDataTooLarge(
        what.to_owned(),
        Position::NONE,
    ))
}
