//! Requests that decode together, one token each per iteration, kept so that an iteration costs
//! O(joins + ends) and not O(members): sums instead of lists, block needs counted by residue, ends
//! in a calendar. The fields `processed` and `blocks` of a member stand still while it is here.

use super::Limits;
use super::requests::Requests;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How a policy's running requests relate to `desk.held`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CohortRule {
    /// Where members stand for the plain rules.
    pub place: Place,
    /// Whether a decoding request holds exactly the blocks its tokens need (as opposed to a slot).
    pub grows: bool,
    /// Whether the plain rules order by arrival whoever decodes; members then stand in that order.
    pub by_arrival: bool,
}

/// Where members stand when the plain rules have to see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// First in `desk.held` between iterations, nowhere in it while their batch runs.
    Popped,
    /// First in `desk.held`, always.
    Front,
    /// `desk.held` is left alone.
    Apart,
}

/// What [`beside`](crate::policy::Policy::beside) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Nothing was changed: the plain rules have to decide, with everybody on the desk.
    Plain,
    /// The batch is formed; `desk.cohort.in_batch()` says whether the cohort runs in it.
    Formed,
}

/// A member, or the gap one left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Member {
    serial: u64,
    request: u32,
    joined: u64,
}

const GONE: u32 = u32::MAX;

/// The requests that decode together, in batch order.
#[derive(Debug, Clone, Default)]
pub struct Cohort {
    members: Vec<Member>,
    live: u32,
    serial: u64,
    /// Iterations run so far.
    steps: u64,
    /// `steps` modulo the block size.
    phase: u32,
    /// Members by the phase at which they need a further block.
    due: Vec<u32>,
    /// Sum of `processed` over members.
    tokens: u64,
    /// Members by user.
    users: Vec<u32>,
    ends: BinaryHeap<Reverse<(u64, u64)>>,
    in_batch: bool,
}

impl Cohort {
    /// Number of members.
    pub fn len(&self) -> usize {
        self.live as usize
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Whether it runs in the batch that is formed or on its way.
    pub fn in_batch(&self) -> bool {
        self.in_batch
    }

    /// Members that run in the batch being formed or on its way.
    pub fn running(&self) -> u32 {
        if self.in_batch { self.live } else { 0 }
    }

    /// Tokens processed of all members: K of an iteration of it.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Blocks its next iteration needs, for members that grow.
    pub fn blocks_due(&self) -> u32 {
        self.due.get(self.phase as usize).copied().unwrap_or(0)
    }

    /// Members in batch order.
    pub fn members(&self) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.members
            .iter()
            .map(|m| m.request)
            .filter(|&r| r != GONE)
    }

    /// Users with the number of their members, where there are any.
    pub fn by_user(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let counts = self.users.iter().enumerate();
        counts.filter_map(|(user, &n)| (n > 0).then_some((user as u32, n)))
    }

    /// The last member.
    pub fn last(&self) -> Option<u32> {
        self.members().next_back()
    }

    pub(super) fn put_in_batch(&mut self) {
        self.in_batch = true;
    }

    /// The phase at which a member with `processed` tokens now needs a block.
    fn due_phase(&self, processed: u32, block_size: u32) -> usize {
        // A block is needed in a step with (processed − 1) mod B = 0.
        let ahead = (block_size - (processed - 1) % block_size) % block_size;
        ((self.phase + ahead) % block_size) as usize
    }

    /// Takes a request that has just decoded, as the last one.
    pub(super) fn join(&mut self, requests: &Requests, limits: &Limits, r: u32) {
        let processed = requests.processed[r as usize];
        let block_size = limits.block_size;
        self.due.resize(block_size as usize, 0);
        let place = self.due_phase(processed, block_size);
        self.due[place] += 1;
        self.tokens += u64::from(processed);
        let user = requests.tags.user(r) as usize;
        if user >= self.users.len() {
            self.users.resize(user + 1, 0);
        }
        self.users[user] += 1;
        self.live += 1;
        self.ends.push(Reverse((
            self.steps + u64::from(requests.left(r)),
            self.serial,
        )));
        self.members.push(Member {
            serial: self.serial,
            request: r,
            joined: self.steps,
        });
        self.serial += 1;
    }

    /// Counts one iteration of it.
    pub(super) fn step(&mut self, block_size: u32) {
        self.steps += 1;
        self.phase += 1;
        if self.phase == block_size {
            self.phase = 0;
        }
        self.tokens += u64::from(self.live);
        self.in_batch = false;
    }

    /// A member that ended with the last step: the request and its iterations here. Call until
    /// `None`.
    pub(super) fn pop_ended(
        &mut self,
        requests: &mut Requests,
        limits: &Limits,
        rule: CohortRule,
    ) -> Option<(u32, u64)> {
        let &Reverse((end, serial)) = self.ends.peek()?;
        if end > self.steps {
            return None;
        }
        self.ends.pop();
        let slot = self
            .members
            .binary_search_by_key(&serial, |m| m.serial)
            .ok()?;
        let member = self.members[slot];
        self.write_back(member, requests, limits, rule);
        let processed = requests.processed[member.request as usize];
        let place = self.due_phase(processed, limits.block_size);
        self.due[place] -= 1;
        self.tokens -= u64::from(processed);
        self.users[requests.tags.user(member.request) as usize] -= 1;
        self.live -= 1;
        self.members[slot].request = GONE;
        while self.members.last().is_some_and(|m| m.request == GONE) {
            self.members.pop();
        }
        if self.members.len() > 4 * self.live as usize + 64 {
            self.members.retain(|m| m.request != GONE);
        }
        Some((member.request, self.steps - member.joined))
    }

    /// Brings the fields of a member up to date.
    fn write_back(
        &self,
        member: Member,
        requests: &mut Requests,
        limits: &Limits,
        rule: CohortRule,
    ) {
        let i = member.request as usize;
        let ran = (self.steps - member.joined) as u32;
        requests.processed[i] += ran;
        if rule.grows {
            // While its batch runs, the block of the token being made is there already.
            let fed = requests.processed[i] - u32::from(!self.in_batch);
            requests.blocks[i] = requests.blocks[i].max(limits.blocks_for(fed));
        }
    }

    /// Sends everybody away with fields brought up to date; `each` gets the request and its
    /// iterations here, in batch order.
    pub(super) fn dissolve(
        &mut self,
        requests: &mut Requests,
        limits: &Limits,
        rule: CohortRule,
        mut each: impl FnMut(u32, u64),
    ) {
        let members = std::mem::take(&mut self.members);
        for member in members.iter().filter(|m| m.request != GONE) {
            self.write_back(*member, requests, limits, rule);
            self.users[requests.tags.user(member.request) as usize] -= 1;
            each(member.request, self.steps - member.joined);
        }
        self.members = members;
        self.members.clear();
        self.ends.clear();
        self.due.fill(0);
        self.live = 0;
        self.tokens = 0;
        self.in_batch = false;
    }
}
