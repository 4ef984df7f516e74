//! A network trained here as a checkpoint.

use super::report::framed;
use crate::core::mlp::Mlp;
use serde_json::json;

/// Weights and biases as `layer1.weight`, `layer1.bias`, …
pub fn network_as_safetensors(net: &Mlp) -> Vec<u8> {
    let (mut object, mut data) = (Vec::new(), Vec::new());
    for l in 0..net.layers() {
        let (cols, rows) = (net.sizes()[l], net.sizes()[l + 1]);
        let tensors = [
            ("weight", vec![rows, cols], net.weights(l)),
            ("bias", vec![rows], net.biases(l)),
        ];
        for (what, shape, values) in tensors {
            let start = data.len();
            data.extend(values.iter().flat_map(|v| v.to_le_bytes()));
            let info = json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]});
            object.push((format!("layer{}.{what}", l + 1), info));
        }
    }
    let mut out = framed(&object);
    out.extend(data);
    out
}
