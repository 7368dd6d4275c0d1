//! What the compiler cannot check: symbols of the library, memory of the GPU and of the driver, and runs on them.
//!
//! The types here hold everything that a pointer in them leads to.
#![expect(unsafe_code, reason = "the interfaces of CUDA and TensorRT take pointers; each block says why it may")]

use std::{path::Path, sync::Arc};

use cudarc::driver::{
    CudaContext, CudaSlice, CudaStream, DevicePtr, DevicePtrMut, DeviceRepr, DriverError, PinnedHostSlice,
    ValidAsZeroBits,
};
use libloading::Library;
use trtx::{CudaEngine, ExecutionContext, Runtime, TensorIOMode, TensorLocation, trtx_sys::Dims64};

use crate::engine::{DType, tensorrt::PlanTensor};

/// A library's version by its own word: major, minor, patch, build.
pub(super) fn library_version(path: &Path) -> Result<[i32; 4], String> {
    // SAFETY: loading runs the library's initialisers; it is one that the user has named or installed to be loaded. It is
    // never unloaded, since the bindings load it for good afterwards.
    let library = unsafe { Library::new(path) }.map_err(|error| format!("{error:?}"))?;
    let mut version = [0; 4];
    let names = ["Major", "Minor", "Patch", "Build"].map(|part| format!("getInferLib{part}Version"));
    for (part, name) in version.iter_mut().zip(names) {
        // SAFETY: NvInferRuntime.h declares these as `int32_t name() noexcept` with C linkage.
        let symbol = unsafe { library.get::<unsafe extern "C" fn() -> i32>(name.as_bytes()) };
        let symbol = symbol.map_err(|_| format!("no function {name} in it"))?;
        // SAFETY: as above; it takes nothing and has no conditions.
        *part = unsafe { symbol() };
    }
    std::mem::forget(library);
    Ok(version)
}

/// Whether the NVIDIA driver's library is there. Without it every call of `cudarc` panics.
pub(super) fn driver_present() -> bool {
    // SAFETY: loads and unloads the driver's library by its usual name; its initialisers have no conditions.
    unsafe { cudarc::driver::sys::is_culib_present() }
}

/// Why a stage could not be opened or run.
#[derive(Debug, thiserror::Error)]
pub(super) enum StageError {
    /// TensorRT says no.
    #[error(transparent)]
    TensorRt(#[from] trtx::Error),
    /// The driver says no.
    #[error("{0}")]
    Driver(#[from] DriverError),
    /// A tensor is of another kind than was asked for.
    #[error("tensor {name:?}: expected {expected}, found another kind")]
    Kind {
        /// Tensor.
        name: String,
        /// Kind.
        expected: &'static str,
    },
}

/// Memory of one tensor, as large as it can get, and with it on the host what goes in or comes out.
enum Memory {
    Floats {
        device: CudaSlice<f32>,
        host: PinnedHostSlice<f32>,
    },
    Longs {
        device: CudaSlice<i64>,
        host: PinnedHostSlice<i64>,
    },
    Ints {
        device: CudaSlice<i32>,
        host: PinnedHostSlice<i32>,
    },
    /// TensorRT reads sizes on the host.
    Sizes {
        host: PinnedHostSlice<i64>,
    },
}

struct Slot {
    name: String,
    memory: Memory,
}

/// An opened plan with memory for all its inputs and outputs. All its work goes to one stream, in order.
pub(super) struct Stage {
    // Before the engine that it is of: fields are dropped in their order.
    context: ExecutionContext<'static>,
    engine: CudaEngine<'static>,
    stream: Arc<CudaStream>,
    inputs: Vec<Slot>,
    outputs: Vec<Slot>,
}

// SAFETY: TensorRT allows an engine and a context to be used from any thread as long as it is one at a time, which `&mut`
// sees to; the memory is cudarc's, which may be sent. Before each use the CUDA context is bound to the thread.
unsafe impl Send for Stage {}

impl Stage {
    /// Opens a plan; `free` stands for every size that the plan leaves open, at its largest.
    pub(super) fn open(
        runtime: &mut Runtime<'static>,
        plan: &[u8],
        stream: &Arc<CudaStream>,
        free: usize,
    ) -> Result<Self, StageError> {
        stream.context().bind_to_thread()?;
        let mut engine = runtime.deserialize_cuda_engine(plan)?;
        let mut context = engine.create_execution_context()?;
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for index in 0..engine.nb_io_tensors()? {
            let name = engine.io_tensor_name(index)?;
            let sizes = engine.tensor_shape(&name)?;
            let length = sizes.iter().map(|size| usize::try_from(*size).unwrap_or(free)).product::<usize>().max(1);
            let on_host = engine.tensor_location(&name)? == TensorLocation::kHOST;
            let mut memory = Memory::new(stream, &name, &described(&engine, &name)?, length, on_host)?;
            let address = memory.address(stream)?;
            // SAFETY: the memory is as large as the tensor can get, on the side where TensorRT expects it, and is kept
            // beside the context until after it is dropped; it does not move when `memory` does.
            unsafe { context.set_tensor_address(&name, address)? };
            let slot = Slot { name, memory };
            if engine.tensor_io_mode(&slot.name)? == TensorIOMode::kINPUT { &mut inputs } else { &mut outputs }
                .push(slot);
        }
        Ok(Self { context, engine, stream: Arc::clone(stream), inputs, outputs })
    }

    /// Inputs and outputs as the opened plan has them.
    pub(super) fn tensors(&self) -> Result<[Vec<PlanTensor>; 2], StageError> {
        let all = |slots: &[Slot]| -> Result<Vec<_>, StageError> {
            slots.iter().map(|slot| described(&self.engine, &slot.name)).collect()
        };
        Ok([all(&self.inputs)?, all(&self.outputs)?])
    }

    fn input(&mut self, name: &str, shape: &[usize]) -> Result<&mut Memory, StageError> {
        self.stream.context().bind_to_thread()?;
        let sizes: Vec<i64> = shape.iter().map(|size| *size as i64).collect();
        self.context.set_input_shape(name, &Dims64::from_slice(&sizes))?;
        let slot = self.inputs.iter_mut().find(|slot| slot.name == name);
        slot.map(|slot| &mut slot.memory).ok_or_else(|| kind(name, "an input"))
    }

    fn output(&self, name: &str) -> Result<&Memory, StageError> {
        let slot = self.outputs.iter().find(|slot| slot.name == name);
        slot.map(|slot| &slot.memory).ok_or_else(|| kind(name, "an output"))
    }

    /// Sends floats to an input.
    pub(super) fn put(&mut self, name: &str, shape: &[usize], values: &[f32]) -> Result<(), StageError> {
        let stream = Arc::clone(&self.stream);
        let Memory::Floats { device, host } = self.input(name, shape)? else { return Err(kind(name, "floats")) };
        upload(&stream, values, host, device)
    }

    /// Sends an integer (a length, a token) to an input.
    pub(super) fn put_index(&mut self, name: &str, shape: &[usize], value: usize) -> Result<(), StageError> {
        let stream = Arc::clone(&self.stream);
        match self.input(name, shape)? {
            Memory::Longs { device, host } => upload(&stream, &[value as i64], host, device),
            Memory::Ints { device, host } => upload(&stream, &[value as i32], host, device),
            Memory::Sizes { host } => {
                host.as_mut_slice()?[0] = value as i64;
                Ok(())
            }
            Memory::Floats { .. } => Err(kind(name, "an integer")),
        }
    }

    /// Gives an input what an output of a stage on the same stream holds, without leaving the GPU.
    pub(super) fn put_from(&mut self, name: &str, shape: &[usize], from: &OnDevice<'_>) -> Result<(), StageError> {
        let (stream, length) = (Arc::clone(&self.stream), shape.iter().product::<usize>());
        let Memory::Floats { device, .. } = self.input(name, shape)? else { return Err(kind(name, "floats")) };
        Ok(stream.memcpy_dtod(&from.0.slice(..length), &mut device.slice_mut(..length))?)
    }

    /// What an output holds, on the GPU.
    pub(super) fn on_device(&self, name: &str) -> Result<OnDevice<'_>, StageError> {
        match self.output(name)? {
            Memory::Floats { device, .. } => Ok(OnDevice(device)),
            _ => Err(kind(name, "floats")),
        }
    }

    /// Gives one of this stage's own inputs what one of its outputs holds.
    pub(super) fn feed_back(&mut self, input: &str, output: &str, shape: &[usize]) -> Result<(), StageError> {
        let length = shape.iter().product::<usize>();
        let sizes: Vec<i64> = shape.iter().map(|size| *size as i64).collect();
        self.stream.context().bind_to_thread()?;
        self.context.set_input_shape(input, &Dims64::from_slice(&sizes))?;
        let to = self.inputs.iter_mut().find(|slot| slot.name == input).map(|slot| &mut slot.memory);
        let from = self.outputs.iter().find(|slot| slot.name == output).map(|slot| &slot.memory);
        let (Some(Memory::Floats { device: to, .. }), Some(Memory::Floats { device: from, .. })) = (to, from) else {
            return Err(kind(input, "floats"));
        };
        Ok(self.stream.memcpy_dtod(&from.slice(..length), &mut to.slice_mut(..length))?)
    }

    /// Computes; the stream goes on by itself.
    pub(super) fn run(&mut self) -> Result<(), StageError> {
        self.stream.context().bind_to_thread()?;
        // SAFETY: the stream is alive, every tensor has its address (set when the plan was opened) and every input its
        // shape, within the sizes that the memory was made for: TensorRT refuses shapes beyond the plan's profile.
        Ok(unsafe { self.context.enqueue_v3(self.stream.cu_stream().cast()) }?)
    }

    /// Fetches the first values of outputs and waits for them.
    pub(super) fn fetch(&mut self, wanted: &[(&str, usize)]) -> Result<(), StageError> {
        for (name, length) in wanted {
            let Some(slot) = self.outputs.iter_mut().find(|slot| slot.name == *name) else {
                return Err(kind(name, "an output"));
            };
            let Memory::Floats { device, host } = &mut slot.memory else { return Err(kind(name, "floats")) };
            self.stream.memcpy_dtoh(&device.slice(..*length), &mut host.as_mut_slice()?[..*length])?;
        }
        Ok(self.stream.synchronize()?)
    }

    /// What was fetched of an output.
    pub(super) fn fetched(&self, name: &str, length: usize) -> Result<&[f32], StageError> {
        match self.output(name)? {
            Memory::Floats { host, .. } => Ok(&host.as_slice()?[..length]),
            _ => Err(kind(name, "floats")),
        }
    }

    /// The shape that an output has after the inputs' shapes were set.
    pub(super) fn shape_of(&self, name: &str) -> Result<Vec<usize>, StageError> {
        let sizes = self.context.tensor_shape(name)?;
        let count = usize::try_from(sizes.nbDims).unwrap_or(0);
        Ok(sizes.d.iter().take(count).map(|size| usize::try_from(*size).unwrap_or(0)).collect())
    }
}

/// Values on the GPU.
pub(super) struct OnDevice<'a>(&'a CudaSlice<f32>);

impl Memory {
    fn new(
        stream: &Arc<CudaStream>,
        name: &str,
        tensor: &PlanTensor,
        length: usize,
        on_host: bool,
    ) -> Result<Self, StageError> {
        let context = stream.context();
        Ok(match (tensor.dtype, on_host) {
            (DType::F32, false) => Self::Floats { device: stream.alloc_zeros(length)?, host: pinned(context, length)? },
            (DType::I64, false) => Self::Longs { device: stream.alloc_zeros(length)?, host: pinned(context, length)? },
            (DType::I32, false) => Self::Ints { device: stream.alloc_zeros(length)?, host: pinned(context, length)? },
            (DType::I64, true) => Self::Sizes { host: pinned(context, length)? },
            _ => return Err(kind(name, "32-bit floats or integers on the GPU")),
        })
    }

    fn address(&mut self, stream: &Arc<CudaStream>) -> Result<*mut std::ffi::c_void, StageError> {
        let on_device = |address: cudarc::driver::sys::CUdeviceptr| address as *mut std::ffi::c_void;
        Ok(match self {
            Self::Floats { device, .. } => on_device(device.device_ptr_mut(stream).0),
            Self::Longs { device, .. } => on_device(device.device_ptr_mut(stream).0),
            Self::Ints { device, .. } => on_device(device.device_ptr(stream).0),
            Self::Sizes { host } => host.as_mut_ptr()?.cast(),
        })
    }
}

/// Memory of the host that the GPU reads and writes by itself. Not write-combined: that is slow to read.
fn pinned<T: DeviceRepr + ValidAsZeroBits>(
    context: &Arc<CudaContext>,
    length: usize,
) -> Result<PinnedHostSlice<T>, DriverError> {
    // SAFETY: what it holds is not read before it is zeroed, below.
    let mut memory = unsafe { context.alloc_pinned_with_flags::<T>(length, 0) }?;
    // SAFETY: the memory was just made for `length` values, of a type for which zero bits are a value.
    unsafe { memory.as_mut_ptr()?.write_bytes(0, length) };
    Ok(memory)
}

fn upload<T: DeviceRepr + ValidAsZeroBits + Copy>(
    stream: &Arc<CudaStream>,
    values: &[T],
    host: &mut PinnedHostSlice<T>,
    device: &mut CudaSlice<T>,
) -> Result<(), StageError> {
    // Nothing reads the host's side any more: every run ends with a fetch, which waits for the stream.
    let staged = &mut host.as_mut_slice()?[..values.len()];
    staged.copy_from_slice(values);
    Ok(stream.memcpy_htod(&*staged, &mut device.slice_mut(..values.len()))?)
}

fn described(engine: &CudaEngine<'_>, name: &str) -> Result<PlanTensor, StageError> {
    let dtype = match engine.tensor_data_type(name)? {
        trtx::DataType::kFLOAT => DType::F32,
        trtx::DataType::kHALF => DType::F16,
        trtx::DataType::kINT32 => DType::I32,
        trtx::DataType::kINT64 => DType::I64,
        _ => return Err(kind(name, "floats or integers")),
    };
    Ok(PlanTensor { name: name.to_owned(), dtype, shape: engine.tensor_shape(name)? })
}

fn kind(name: &str, expected: &'static str) -> StageError {
    StageError::Kind { name: name.to_owned(), expected }
}
