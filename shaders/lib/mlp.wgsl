// Layout of the parameters of 64-32-10 networks, one workgroup of 64 invocations each: weights of the
// first layer, its biases, weights of the second, its biases.
const THREADS: u32 = 64u;
const COUNT: u32 = 2410u;
const B1: u32 = 2048u;
const W2: u32 = 2080u;
const B2: u32 = 2400u;
// Weights of both layers; 37 for each invocation.
const WEIGHTS: u32 = 2368u;
const EACH: u32 = 37u;

// Place of a weight among the parameters: the biases of the first layer lie in between.
fn place(weight: u32) -> u32 {
    return select(weight, weight + 32u, weight >= B1);
}
