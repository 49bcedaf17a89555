//! Order from edges: stable, in n log n, with the path of a cycle.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Orders `0..before.len()` so that each node comes after all of `before[node]`; among those that are free the
/// lowest number comes first.
///
/// # Errors
/// The nodes of one cycle, in order, the first one repeated at the end.
pub fn order(before: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); before.len()];
    let mut waiting: Vec<usize> = before.iter().map(Vec::len).collect();
    for (node, earlier) in before.iter().enumerate() {
        for one in earlier {
            after[*one].push(node);
        }
    }
    let mut free: BinaryHeap<Reverse<usize>> =
        (0..before.len()).filter(|node| waiting[*node] == 0).map(Reverse).collect();
    let mut sorted = Vec::with_capacity(before.len());
    while let Some(Reverse(node)) = free.pop() {
        sorted.push(node);
        for next in &after[node] {
            waiting[*next] -= 1;
            if waiting[*next] == 0 {
                free.push(Reverse(*next));
            }
        }
    }
    if sorted.len() == before.len() { Ok(sorted) } else { Err(cycle(before, &waiting)) }
}

/// Walks back from a node that never got free until one repeats: such a node waits for another such node.
fn cycle(before: &[Vec<usize>], waiting: &[usize]) -> Vec<usize> {
    let stuck = |node: &usize| waiting[*node] > 0;
    let mut path: Vec<usize> = (0..before.len()).find(stuck).into_iter().collect();
    while let Some(last) = path.last() {
        let Some(next) = before[*last].iter().copied().find(|node| stuck(node)) else { break };
        if let Some(start) = path.iter().position(|node| *node == next) {
            path.drain(..start);
            path.push(next);
            break;
        }
        path.push(next);
    }
    path.reverse();
    path
}

/// The length of the longest path, where each node weighs `weight(node)`. `sorted` is what [`order`] returned.
pub fn longest(before: &[Vec<usize>], sorted: &[usize], weight: impl Fn(usize) -> u64) -> u64 {
    let mut ends = vec![0; before.len()];
    for node in sorted {
        let start = before[*node].iter().map(|earlier| ends[*earlier]).max().unwrap_or(0);
        ends[*node] = start + weight(*node);
    }
    ends.into_iter().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_comes_in_the_order_of_numbers() {
        assert_eq!(order(&[vec![2], vec![], vec![]]), Ok(vec![1, 2, 0]));
        assert_eq!(longest(&[vec![2], vec![], vec![]], &[1, 2, 0], |_| 2), 4);
    }

    #[test]
    fn a_cycle_is_named_with_its_path() {
        let path = order(&[vec![], vec![3, 0], vec![1], vec![2]]).unwrap_err();
        assert_eq!(path.first(), path.last());
        assert_eq!(path.len(), 4);
        assert!(!path.contains(&0), "{path:?}");
    }
}
