//! What is fuzzed, without a fuzzer: every kept input, and mutations of them from a fixed seed.
//!
//! An input that broke something once stays in `fuzz/corpus/<target>`, and so never breaks it again.

#[path = "../fuzz/src/lib.rs"]
mod targets;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use targets::{TARGETS, Target};

/// The longest input that mutation makes.
const LONGEST: usize = 4_096;

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "fuzz", "corpus", target.name].iter().collect();
    let mut files: Vec<PathBuf> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Runs the target; where it fails, says on which input.
fn run(target: &Target, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| (target.check)(input))).is_err() {
        panic!("{} fails on \"{}\"", target.name, input.escape_ascii());
    }
}

/// One input made of others, as a fuzzer does it that knows nothing of the code.
fn mutated(corpus: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    let mut input = corpus[random.random_range(0..corpus.len())].clone();
    for _ in 0..random.random_range(1..8) {
        let at = random.random_range(0..=input.len());
        match random.random_range(0..7) {
            0 => input.insert(at, random.random()),
            1 => input.truncate(at),
            2 => {
                let end = random.random_range(at..=input.len());
                input.drain(at..end);
            }
            3 => {
                let other = &corpus[random.random_range(0..corpus.len())];
                let from = random.random_range(0..=other.len());
                input.splice(at..at, other[from..].iter().copied());
            }
            4 => {
                let end = random.random_range(at..=input.len());
                let again = input[at..end].to_vec();
                input.splice(at..at, again);
            }
            5 => {
                const ODD: [u8; 8] = [0, 1, 127, 128, 251, 252, 253, 255];
                if let Some(byte) = input.get_mut(at) {
                    *byte = ODD[random.random_range(0..ODD.len())];
                }
            }
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << random.random_range(0..8);
                }
            }
        }
        input.truncate(LONGEST);
    }
    input
}

fn replay(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let corpus = corpus(target);
    for input in corpus.iter().map(Vec::as_slice).chain([&[][..]]) {
        run(target, input);
    }
    let mut random = StdRng::seed_from_u64(20_231_114);
    for _ in 0..target.tries {
        run(target, &mutated(&corpus, &mut random));
    }
}

macro_rules! replays {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })*

        #[test]
        fn every_target_is_replayed_and_has_a_binary() {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
            let manifest = include_str!("../fuzz/Cargo.toml");
            for name in names {
                assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
            }
        }
    };
}

replays!(bodies, csv, framing, headers, html, ids, money, queries, records, search);
