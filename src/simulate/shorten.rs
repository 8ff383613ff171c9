//! The shortest form of a story in which a promise is broken: actions are left out as long as some
//! promise is still broken without them (Zeller and Hildebrandt, "Simplifying and Isolating
//! Failure-Inducing Input", IEEE TSE 2002).

use super::script::Script;
use super::world::{Ended, World};

/// The most runs that are spent on one story.
const MOST_RUNS: usize = 150;

pub(super) fn story(script: Script, steps: usize) -> Option<Vec<String>> {
    let ended = World::new(script.clone(), false).play(steps);
    ended.violation.as_ref()?;
    let mut shortest = script;
    // What would have begun later has no part in it.
    shortest.actions.retain(|(step, _)| *step <= ended.steps);
    let steps = steps.min(ended.steps);
    let breaks = |script: &Script| breaks(script, steps);
    if !breaks(&shortest) {
        // It took what came after.
        return Some(told(shortest, steps));
    }
    let mut runs = 0;
    let mut size = shortest.actions.len().div_ceil(2);
    while size > 0 && runs < MOST_RUNS {
        let mut from = 0;
        let mut is_shorter = false;
        while from < shortest.actions.len() && runs < MOST_RUNS {
            let mut shorter = shortest.clone();
            let to = (from + size).min(shorter.actions.len());
            shorter.actions.drain(from..to);
            runs += 1;
            if breaks(&shorter) {
                shortest = shorter;
                is_shorter = true;
            } else {
                from = to;
            }
        }
        if !is_shorter || size > 1 {
            size /= 2;
        }
    }
    Some(told(shortest, steps))
}

fn breaks(script: &Script, steps: usize) -> bool {
    World::new(script.clone(), false).play(steps).violation.is_some()
}

pub(super) fn told(shortest: Script, steps: usize) -> Vec<String> {
    let mut lines = vec![format!("seed {}; what was attempted:", shortest.seed)];
    let goods = shortest.goods.iter().map(|good| format!("        {good:?}"));
    lines.extend(goods);
    lines.extend(shortest.actions.iter().map(|(step, action)| format!("{step:>6}  {action}")));
    lines.push("what happened:".into());
    let Ended { story, .. } = World::new(shortest, true).play(steps);
    lines.extend(story);
    lines
}
