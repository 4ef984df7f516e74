//! In which order the functions of a part stand.
//!
//! What a module does is the same in any order, its size is too, but not that of the compressed file:
//! what two functions have in common costs less the nearer they stand. Functions of one type stand
//! together, and among them each is followed by the one that is most like it, which is how the pieces
//! of one generic function for many types find each other. (Ordering by similarity before compression
//! is how the functions of programs for phones are laid out, too: "Optimizing Function Layout for
//! Mobile Applications", Hoag, Lee, Mestre and Pupyrev 2022, <https://arxiv.org/abs/2211.09285>.)

use std::collections::{BTreeMap, HashMap};

/// Bytes in a row that make a feature of a function.
const GRAM: usize = 6;
/// A feature of more functions than this says nothing of any.
const COMMON: usize = 400;

/// A function to be placed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item<'a> {
    /// Its index.
    pub(crate) function: u32,
    /// Index of its type.
    pub(crate) signature: u32,
    /// Its code.
    pub(crate) code: &'a [u8],
}

/// The indices of all items, type by type and in each like beside like. The order that they come in
/// does not matter unless the code of two is the same.
pub(crate) fn by_likeness<'a>(items: impl IntoIterator<Item = Item<'a>>) -> Vec<u32> {
    let mut groups: BTreeMap<u32, Vec<Item<'_>>> = BTreeMap::new();
    for item in items {
        groups.entry(item.signature).or_default().push(item);
    }
    let mut order = Vec::new();
    for group in groups.values_mut() {
        group.sort_by_key(|item| item.code);
        let codes: Vec<&[u8]> = group.iter().map(|item| item.code).collect();
        order.extend(chain(&codes).into_iter().map(|i| group[i].function));
    }
    order
}

/// Begins with the first and goes on with that of the remaining ones that shares most features with
/// the last for its length, or the first of them where none does.
fn chain(codes: &[&[u8]]) -> Vec<usize> {
    let features: Vec<Vec<u64>> = codes.iter().map(|code| features(code)).collect();
    let mut having: HashMap<u64, Vec<usize>> = HashMap::new();
    for (i, features) in features.iter().enumerate() {
        for &feature in features {
            having.entry(feature).or_default().push(i);
        }
    }
    having.retain(|_, functions| functions.len() <= COMMON);

    let mut order = Vec::with_capacity(codes.len());
    let mut placed = vec![false; codes.len()];
    let mut shared = vec![0_u32; codes.len()];
    let mut unplaced = 0;
    let mut next = (!codes.is_empty()).then_some(0);
    while let Some(last) = next {
        placed[last] = true;
        order.push(last);
        let mut near = Vec::new();
        for &i in features[last]
            .iter()
            .filter_map(|f| having.get(f))
            .flatten()
        {
            if !placed[i] {
                if shared[i] == 0 {
                    near.push(i);
                }
                shared[i] += 1;
            }
        }
        // Few features in common by chance shall not make a short function the likest of all.
        let likeness = |i: usize| f64::from(shared[i]) / (8 + features[i].len()) as f64;
        let likest = near.iter().copied().max_by(|&a, &b| {
            let by_likeness = likeness(a).total_cmp(&likeness(b));
            by_likeness.then(b.cmp(&a))
        });
        for i in near {
            shared[i] = 0;
        }
        while placed.get(unplaced) == Some(&true) {
            unplaced += 1;
        }
        next = likest.or((unplaced < codes.len()).then_some(unplaced));
    }
    order
}

/// A quarter of the runs of [`GRAM`] bytes in some code, chosen by their value, each once.
fn features(code: &[u8]) -> Vec<u64> {
    let value = |gram: &[u8]| gram.iter().fold(0, |sum, &b| sum << 8 | u64::from(b));
    let chosen = |gram: &u64| gram.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 62 == 0;
    let mut features: Vec<u64> = code.windows(GRAM).map(value).filter(chosen).collect();
    features.sort_unstable();
    features.dedup();
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code that is like that of the same `kind` but for a few bytes.
    fn code(kind: u64, small: u8) -> Vec<u8> {
        let mut state = kind;
        let mut code: Vec<u8> = (0..200)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        // Sorting alone would order them by this byte.
        code[0] = small;
        code[100] = small;
        code
    }

    fn order(codes: &[(u32, Vec<u8>)]) -> Vec<u32> {
        by_likeness((0..).zip(codes).map(|(function, (signature, code))| Item {
            function,
            signature: *signature,
            code,
        }))
    }

    #[test]
    fn like_stands_beside_like_within_a_type() {
        let codes: Vec<_> = (0..12)
            .map(|i| (1, code(1 + u64::from(i % 3), i)))
            .collect();
        let kinds: Vec<u32> = order(&codes).iter().map(|f| f % 3).collect();
        assert_eq!(kinds, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    }

    #[test]
    fn types_stand_together() {
        let codes: Vec<_> = (0..12).map(|i| (u32::from(i % 2), code(1, i))).collect();
        let types: Vec<u32> = order(&codes).iter().map(|f| f % 2).collect();
        assert_eq!(types, [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn every_function_has_one_place_and_it_does_not_depend_on_how_they_come() {
        let codes: Vec<_> = (0..40)
            .map(|i| (0, code(u64::from(i % 7), i)[..usize::from(i) * 5].to_vec()))
            .collect();
        let placed = order(&codes);
        let mut sorted = placed.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..40).collect::<Vec<_>>());
        let backwards: Vec<_> = codes.iter().rev().cloned().collect();
        let again: Vec<u32> = order(&backwards).iter().map(|f| 39 - f).collect();
        assert_eq!(again[1..], placed[1..]);
        assert!(order(&[]).is_empty());
    }
}
