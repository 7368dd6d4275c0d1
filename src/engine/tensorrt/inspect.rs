//! Inputs and outputs of a plan against the contract: names, element types, sizes.

use crate::engine::{Dim, EngineError, GraphSpec, tensorrt::PlanTensor};

/// Compares every tensor of the contract with those of the network that a plan is built from, or of an opened plan.
pub(super) fn check(spec: &GraphSpec, inputs: &[PlanTensor], outputs: &[PlanTensor]) -> Result<(), EngineError> {
    for (expected, found) in [(&spec.inputs, inputs), (&spec.outputs, outputs)] {
        for tensor in expected {
            let file = || spec.file.clone();
            let Some(plan) = found.iter().find(|plan| plan.name == tensor.name) else {
                let found = found.iter().map(|plan| plan.name.clone()).collect();
                return Err(EngineError::MissingTensor { file: file(), tensor: tensor.name.clone(), found });
            };
            if plan.dtype != tensor.dtype {
                return Err(EngineError::ElementType {
                    file: file(),
                    tensor: tensor.name.clone(),
                    expected: tensor.dtype,
                    found: format!("{:?}", plan.dtype),
                });
            }
            let agrees = plan.shape.len() == tensor.shape.len()
                && plan.shape.iter().zip(&tensor.shape).all(|(found, expected)| match expected {
                    Dim::Fixed(expected) => *found < 0 || *found == *expected as i64,
                    Dim::Free(_) => true,
                });
            if !agrees {
                return Err(EngineError::DeclaredShape {
                    file: file(),
                    tensor: tensor.name.clone(),
                    expected: tensor.shape.clone(),
                    found: format!("{:?}", plan.shape),
                });
            }
        }
    }
    Ok(())
}
