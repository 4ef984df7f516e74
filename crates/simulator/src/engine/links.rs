//! Links over which instances send KV: each sends one request after the other.

/// The link of every instance.
#[derive(Debug, Clone, Default)]
pub(super) struct Links {
    latency_secs: f64,
    secs_per_token: f64,
    each: Vec<Link>,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    /// When it is free.
    free: f64,
    /// Its seconds per token over those of a sound link.
    slowdown: f64,
}

impl Links {
    pub(super) fn new(instances: usize, latency_secs: f64, secs_per_token: f64) -> Self {
        let sound = Link {
            free: 0.0,
            slowdown: 1.0,
        };
        Self {
            latency_secs,
            secs_per_token,
            each: vec![sound; instances],
        }
    }

    /// Sends the KV of `tokens` tokens as soon as the link of `from` is free: start and end.
    pub(super) fn send(&mut self, from: usize, now: f64, tokens: u32) -> (f64, f64) {
        let link = &mut self.each[from];
        let started = now.max(link.free);
        let secs = self.latency_secs + self.secs_per_token * f64::from(tokens) * link.slowdown;
        link.free = started + secs;
        (started, link.free)
    }

    /// Makes a link slower, or sound again with 1.
    pub(super) fn slow(&mut self, instance: usize, factor: f64) {
        if let Some(link) = self.each.get_mut(instance) {
            link.slowdown = factor;
        }
    }

    /// Nothing is sent from an instance any more.
    pub(super) fn reset(&mut self, instance: usize, now: f64) {
        if let Some(link) = self.each.get_mut(instance) {
            link.free = now;
        }
    }
}
