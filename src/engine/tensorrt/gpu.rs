//! The GPU that TensorRT would run on, asked in a way that never panics.

use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaStream};

use crate::engine::tensorrt::{Capability, TensorRtError, ffi};

/// A GPU of the machine.
#[derive(Clone, Debug)]
pub struct Gpu {
    context: Arc<CudaContext>,
    name: String,
    capability: Capability,
}

impl Gpu {
    /// A GPU, counted as CUDA does, whether TensorRT runs on it or not.
    pub fn find(number: u8) -> Result<Self, TensorRtError> {
        // Before any other call: without the driver's library they panic.
        if !ffi::driver_present() {
            return Err(TensorRtError::NoDriver);
        }
        let no_device = |error: cudarc::driver::DriverError| TensorRtError::NoDevice { reason: error.to_string() };
        let context = CudaContext::new(usize::from(number)).map_err(no_device)?;
        let name = context.name().map_err(no_device)?;
        let (major, minor) = context.compute_capability().map_err(no_device)?;
        let capability = Capability(major.unsigned_abs() * 10 + minor.unsigned_abs());
        Ok(Self { context, name, capability })
    }

    /// The same, if it can run plans; else an error that names what can, and the next engine to use.
    pub fn supported(self) -> Result<Self, TensorRtError> {
        if self.capability.is_supported() {
            return Ok(self);
        }
        Err(TensorRtError::Unsupported { device: self.name, found: self.capability })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its compute capability.
    pub fn capability(&self) -> Capability {
        self.capability
    }

    /// `NVIDIA GeForce RTX 4090, compute capability 8.9`.
    pub fn describe(&self) -> String {
        format!("{}, compute capability {}", self.name, self.capability)
    }

    pub(super) fn stream(&self) -> Result<Arc<CudaStream>, TensorRtError> {
        self.context.new_stream().map_err(|error| TensorRtError::NoDevice { reason: error.to_string() })
    }
}
