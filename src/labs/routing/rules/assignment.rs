//! Exact balanced assignment (BASE layers, arXiv 2103.16716) by successive shortest paths, and the
//! transport problem.

use crate::core::matrix::Matrix;

/// Expert of each token when every expert takes exactly (at most, if there is more room)
/// `per_expert` tokens and the total score is largest. `None` when there is not enough room.
pub fn base(scores: &Matrix, per_expert: usize) -> Option<Vec<usize>> {
    (scores.rows <= scores.cols * per_expert).then(|| {
        let mut work = Assigner::new(scores.cols, per_expert);
        while !work.step(scores) {}
        work.expert_of
    })
}

/// The exact assignment token by token: each new token enters by the cheapest chain of moves that
/// ends at an expert with room, which keeps the assignment so far optimal (successive shortest
/// paths over experts instead of places: O(E² + E N/E) per change of an expert).
#[derive(Debug, Clone)]
pub struct Assigner {
    per_expert: usize,
    /// Expert of each token that has entered.
    expert_of: Vec<usize>,
    members: Vec<Vec<usize>>,
    /// Cost of the cheapest move from one expert to another, and which token makes it.
    moves: Vec<(f64, usize)>,
    /// For the token that is about to enter.
    search: Option<Search>,
}

/// A search for the cheapest chain of moves (Bellman-Ford), round by round.
#[derive(Debug, Clone)]
struct Search {
    /// Cost of the cheapest chain to each expert found so far, and the expert before it.
    distance: Vec<f64>,
    from: Vec<usize>,
    rounds: usize,
}

impl Search {
    fn new(scores: &[f64]) -> Self {
        Self {
            distance: scores.iter().map(|s| -s).collect(),
            from: vec![usize::MAX; scores.len()],
            rounds: 0,
        }
    }

    /// One round; `true` when another could change something.
    fn round(&mut self, moves: &[(f64, usize)]) -> bool {
        let experts = self.distance.len();
        let mut changed = false;
        for e in 0..experts {
            for f in (0..experts).filter(|&f| f != e) {
                let through = self.distance[e] + moves[e * experts + f].0;
                if through < self.distance[f] - 1e-13 {
                    self.distance[f] = through;
                    self.from[f] = e;
                    changed = true;
                }
            }
        }
        self.rounds += 1;
        changed && self.rounds < experts
    }
}

impl Assigner {
    /// Starts with no token. There must be room for all: tokens up to experts × `per_expert`.
    pub fn new(experts: usize, per_expert: usize) -> Self {
        Self {
            per_expert,
            expert_of: Vec::new(),
            members: vec![Vec::new(); experts],
            moves: vec![(f64::INFINITY, 0); experts * experts],
            search: None,
        }
    }

    /// Expert of each token that has entered.
    pub fn experts(&self) -> &[usize] {
        &self.expert_of
    }

    /// One round of the search for the next token's chain, which lets it in when it is found; `true`
    /// when all are in. The scores (token × expert) must be the same every time.
    pub fn step(&mut self, scores: &Matrix) -> bool {
        let token = self.expert_of.len();
        if token == scores.rows {
            return true;
        }
        let start = || Search::new(scores.row(token));
        let mut search = self.search.take().unwrap_or_else(start);
        if search.round(&self.moves) {
            self.search = Some(search);
            return false;
        }
        let path = self.path(&search);
        let Some(&own) = path.first() else {
            return true;
        };
        // From the end: every token of the chain moves on, then the new one enters.
        for pair in path.windows(2).rev() {
            let (from, to) = (pair[0], pair[1]);
            let mover = self.moves[from * scores.cols + to].1;
            self.members[from].retain(|&t| t != mover);
            self.members[to].push(mover);
            self.expert_of[mover] = to;
        }
        self.expert_of.push(own);
        self.members[own].push(token);
        for &e in &path {
            self.refresh(scores, e);
        }
        token + 1 == scores.rows
    }

    /// About a hundred thousand moves' worth of [`Self::step`]; `true` when all are in.
    pub fn slice(&mut self, scores: &Matrix) -> bool {
        let each = scores.cols * scores.cols + scores.rows;
        (0..(100_000 / each).max(1)).any(|_| self.step(scores))
    }

    /// Experts of the cheapest chain: the first takes the token, the last has room.
    fn path(&self, search: &Search) -> Vec<usize> {
        let Search { distance, from, .. } = search;
        let experts = distance.len();
        let room = |e: &usize| self.members[*e].len() < self.per_expert;
        let end = (0..experts)
            .filter(room)
            .min_by(|&a, &b| distance[a].total_cmp(&distance[b]));
        let mut path: Vec<usize> = end.into_iter().collect();
        while let Some(&last) = path.last()
            && from[last] != usize::MAX
            && path.len() < experts
        {
            path.push(from[last]);
        }
        path.reverse();
        path
    }

    /// Cheapest moves out of an expert.
    fn refresh(&mut self, scores: &Matrix, e: usize) {
        let experts = scores.cols;
        let row = &mut self.moves[e * experts..(e + 1) * experts];
        row.fill((f64::INFINITY, 0));
        for &t in &self.members[e] {
            let own = scores.row(t);
            for (slot, s) in row.iter_mut().zip(own) {
                let cost = own[e] - s;
                if cost < slot.0 || (cost == slot.0 && t < slot.1) {
                    *slot = (cost, t);
                }
            }
        }
    }
}

/// Smallest total cost ⟨T, C⟩ with row sums `a` and column sums `b` (equal totals), the transport
/// problem as a linear programme: successive cheapest augmenting paths.
pub fn transport_cost(cost: &Matrix, a: &[f64], b: &[f64]) -> f64 {
    let (n, m) = (cost.rows, cost.cols);
    let (mut supply, mut demand) = (a.to_vec(), b.to_vec());
    let mut plan = Matrix::zeros(n, m);
    // A share this small of the mass is rounding, not mass.
    let tiny = 1e-14 * a.iter().sum::<f64>();
    while supply.iter().sum::<f64>() > tiny * n as f64 {
        let Some(path) = cheapest_path(cost, &plan, &supply, &demand, tiny) else {
            break;
        };
        let (start, end) = (path[0], path[path.len() - 1] - n);
        let mut amount = supply[start].min(demand[end]);
        for pair in path.windows(2) {
            if pair[0] >= n {
                amount = amount.min(plan.at(pair[1], pair[0] - n));
            }
        }
        for pair in path.windows(2) {
            if pair[0] < n {
                plan.row_mut(pair[0])[pair[1] - n] += amount;
            } else {
                plan.row_mut(pair[1])[pair[0] - n] -= amount;
            }
        }
        supply[start] -= amount;
        demand[end] -= amount;
    }
    crate::core::matrix::dot(&plan.data, &cost.data)
}

/// Cheapest path (Bellman-Ford) from a row with supply to a column with demand; columns are
/// numbered after the rows.
fn cheapest_path(
    cost: &Matrix,
    plan: &Matrix,
    supply: &[f64],
    demand: &[f64],
    tiny: f64,
) -> Option<Vec<usize>> {
    let (n, m) = (cost.rows, cost.cols);
    let mut distance: Vec<f64> = (0..n + m)
        .map(|i| {
            if i < n && supply[i] > tiny {
                0.0
            } else {
                f64::INFINITY
            }
        })
        .collect();
    let mut from = vec![usize::MAX; n + m];
    for _ in 0..n + m {
        let mut changed = false;
        for i in 0..n {
            for j in 0..m {
                let c = cost.at(i, j);
                if distance[i] + c < distance[n + j] - 1e-15 {
                    distance[n + j] = distance[i] + c;
                    from[n + j] = i;
                    changed = true;
                }
                if plan.at(i, j) > tiny && distance[n + j] - c < distance[i] - 1e-15 {
                    distance[i] = distance[n + j] - c;
                    from[i] = n + j;
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    let end = (0..m)
        .filter(|&j| demand[j] > tiny && distance[n + j].is_finite())
        .min_by(|&a, &b| distance[n + a].total_cmp(&distance[n + b]))?;
    let mut path = vec![n + end];
    while let Some(&last) = path.last() {
        if from[last] == usize::MAX || path.len() > n + m {
            break;
        }
        path.push(from[last]);
    }
    path.reverse();
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_assignment_is_the_best_of_all() {
        let scores = Matrix::from_fn(4, 2, |t, e| ((t * 7 + e * 5 + t * e * 3) % 11) as f64);
        let got = base(&scores, 2).unwrap();
        let total = |a: &[usize]| {
            a.iter()
                .enumerate()
                .map(|(t, &e)| scores.at(t, e))
                .sum::<f64>()
        };
        let mut best = f64::NEG_INFINITY;
        for code in 0..16_usize {
            let a: Vec<usize> = (0..4).map(|t| (code >> t) & 1).collect();
            if a.iter().sum::<usize>() == 2 {
                best = best.max(total(&a));
            }
        }
        assert_eq!(total(&got), best);
        assert_eq!(base(&scores, 1), None, "four tokens do not fit two places");
    }

    #[test]
    fn transport_equals_assignment_for_equal_masses() {
        let cost = Matrix::from_fn(6, 3, |i, j| ((i * 5 + j * 7 + i * j) % 9) as f64 / 8.0);
        let scores = cost.map_rows(|row| row.iter().map(|v| -v).collect());
        let assigned = base(&scores, 2).unwrap();
        let want: f64 = assigned
            .iter()
            .enumerate()
            .map(|(t, &e)| cost.at(t, e))
            .sum::<f64>()
            / 6.0;
        let got = transport_cost(&cost, &[1.0 / 6.0; 6], &[1.0 / 3.0; 3]);
        assert!((got - want).abs() < 1e-12, "{got} {want}");
    }
}
