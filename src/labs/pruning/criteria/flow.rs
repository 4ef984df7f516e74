//! Feature flow regularisation (abstract only): λ ‖a₂ - a₁‖, the mean over a batch, for the two hidden
//! layers of one width. Short ways from layer to layer are meant to leave fewer weights needed.

use crate::core::mlp::Mlp;

/// Mean over a batch of ‖a₂ - a₁‖.
pub fn length(net: &Mlp, x: &[f32]) -> f64 {
    let inputs = net.sizes()[0];
    let norm = |image: &[f32]| {
        let [first, second] = hidden(net, image);
        distance(&first, &second)
    };
    let count = (x.len() / inputs).max(1) as f64;
    x.chunks_exact(inputs).map(norm).sum::<f64>() / count
}

/// Adds the gradient of λ times that length, in the layout of the parameters.
pub fn add_gradient(net: &Mlp, x: &[f32], lambda: f64, grad: &mut [f32]) {
    let inputs = net.sizes()[0];
    let count = (x.len() / inputs).max(1) as f64;
    let ([w1, w2], [b1, b2]) = (
        [net.weight_range(0), net.weight_range(1)],
        [net.bias_range(0), net.bias_range(1)],
    );
    let width = net.sizes()[1];
    for image in x.chunks_exact(inputs) {
        let [first, second] = hidden(net, image);
        let norm = distance(&first, &second);
        if norm == 0.0 {
            continue;
        }
        let scale = (lambda / (count * norm)) as f32;
        let pull: Vec<f32> = first
            .iter()
            .zip(&second)
            .map(|(a, b)| scale * (b - a))
            .collect();
        let mut below: Vec<f32> = pull.iter().map(|u| -u).collect();
        for o in (0..width).filter(|&o| second[o] > 0.0) {
            let row = w2.start + o * width..w2.start + (o + 1) * width;
            for ((g, a), (b, w)) in grad[row.clone()]
                .iter_mut()
                .zip(&first)
                .zip(below.iter_mut().zip(&net.params()[row]))
            {
                *g += pull[o] * a;
                *b += pull[o] * w;
            }
            grad[b2.start + o] += pull[o];
        }
        for o in (0..width).filter(|&o| first[o] > 0.0) {
            let row = w1.start + o * inputs..w1.start + (o + 1) * inputs;
            for (g, v) in grad[row].iter_mut().zip(image) {
                *g += below[o] * v;
            }
            grad[b1.start + o] += below[o];
        }
    }
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    let square = |(a, b): (&f32, &f32)| f64::from(b - a) * f64::from(b - a);
    a.iter().zip(b).map(square).sum::<f64>().sqrt()
}

/// Outputs of the two hidden layers.
fn hidden(net: &Mlp, image: &[f32]) -> [Vec<f32>; 2] {
    let layer = |l: usize, input: &[f32]| -> Vec<f32> {
        let rows = net.weights(l).chunks_exact(input.len().max(1));
        let unit = |(row, b): (&[f32], &f32)| {
            let z = row.iter().zip(input).fold(*b, |z, (w, x)| z + w * x);
            z.max(0.0)
        };
        rows.zip(net.biases(l)).map(unit).collect()
    };
    let first = layer(0, image);
    let second = layer(1, &first);
    [first, second]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng::{Stream, StreamId};

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let mut stream = Stream::new(5, StreamId::Test);
        let mut net = Mlp::new(&[6, 5, 5, 3], &mut stream).unwrap();
        let x: Vec<f32> = (0..6 * 4).map(|_| stream.normal_f32()).collect();
        let mut grad = vec![0.0; net.params().len()];
        add_gradient(&net, &x, 0.7, &mut grad);
        let mut moved = 0;
        for i in 0..grad.len() {
            let h = 1e-2;
            let old = net.params()[i];
            net.params_mut()[i] = old + h;
            let up = length(&net, &x);
            net.params_mut()[i] = old - h;
            let slope = 0.7 * (up - length(&net, &x)) / (2.0 * f64::from(h));
            net.params_mut()[i] = old;
            let got = f64::from(grad[i]);
            assert!((got - slope).abs() < 2e-3, "{i}: {got} {slope}");
            moved += usize::from(got != 0.0);
        }
        assert!(moved > 20, "{moved}");
    }
}
