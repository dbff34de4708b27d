//! Backend API 2 with copies of two dimensions: ggml 0.10 to 0.25. (0.9.11 and older have API 2, too, without
//! these, and are another layout.)

use std::ffi::{c_char, c_int, c_void};
use std::ptr::{null, null_mut};

use super::{
    Backend, Buffer, BufferType, DEVICE_ACCEL, Device, Graph, Properties, Registry, Status, Tensor, Unit,
};
use crate::host::host;
use crate::{backend, buffer, device};

pub const UNIT: Unit = Unit {
    api: 2,
    versions: [(0, 10), (0, 25)],
    named: "0.10 to 0.25 (API 2)",
    register: || register(2, &BUFFER_TYPE),
    new_buffer,
    buffer_context,
    new_backend,
    backend_context,
    free_backend,
    properties,
};

/// A function that this backend leaves out.
type No = Option<unsafe extern "C" fn()>;

#[repr(C)]
#[derive(Clone, Copy)]
struct BufferTypeI {
    get_name: unsafe extern "C" fn(*mut BufferType) -> *const c_char,
    alloc_buffer: unsafe extern "C" fn(*mut BufferType, usize) -> *mut Buffer,
    get_alignment: unsafe extern "C" fn(*mut BufferType) -> usize,
    get_max_size: No,
    get_alloc_size: No,
    is_host: unsafe extern "C" fn(*mut BufferType) -> bool,
}

const BUFFER_TYPE: BufferTypeI = BufferTypeI {
    get_name: device::name_of_type,
    alloc_buffer: buffer::allocate,
    get_alignment: buffer::alignment,
    get_max_size: None,
    get_alloc_size: None,
    is_host: buffer::is_host,
};

/// `ggml_backend_buffer_type`, with the functions of its layout.
#[repr(C)]
struct TypeStruct<I> {
    iface: I,
    device: *mut Device,
    context: *mut c_void,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct BufferI {
    free_buffer: unsafe extern "C" fn(*mut Buffer),
    get_base: unsafe extern "C" fn(*mut Buffer) -> *mut c_void,
    init_tensor: No,
    memset_tensor: unsafe extern "C" fn(*mut Buffer, *mut Tensor, u8, usize, usize),
    set_tensor: unsafe extern "C" fn(*mut Buffer, *mut Tensor, *const c_void, usize, usize),
    get_tensor: unsafe extern "C" fn(*mut Buffer, *const Tensor, *mut c_void, usize, usize),
    set_tensor_2d: No,
    get_tensor_2d: No,
    cpy_tensor: No,
    clear: unsafe extern "C" fn(*mut Buffer, u8),
    reset: No,
}

const BUFFER: BufferI = BufferI {
    free_buffer: buffer::free,
    get_base: buffer::base,
    init_tensor: None,
    memset_tensor: buffer::fill_tensor,
    set_tensor: buffer::set_tensor,
    get_tensor: buffer::get_tensor,
    set_tensor_2d: None,
    get_tensor_2d: None,
    cpy_tensor: None,
    clear: buffer::clear,
    reset: None,
};

#[repr(C)]
struct BufferStruct {
    iface: BufferI,
    buft: *mut BufferType,
    context: *mut c_void,
    size: usize,
    usage: c_int,
}

/// The host's function that makes a buffer, which it later deletes itself.
type BufferInit = unsafe extern "C" fn(*mut BufferType, BufferI, *mut c_void, usize) -> *mut Buffer;

pub unsafe fn new_buffer(buft: *mut BufferType, context: *mut c_void, size: usize) -> *mut Buffer {
    // SAFETY: the symbol has this type in hosts of this layout.
    let init: BufferInit = unsafe { std::mem::transmute(host().buffer_init) };
    // SAFETY: the host copies what it is given.
    unsafe { init(buft, BUFFER, context, size) }
}

pub unsafe fn buffer_context(buffer: *const Buffer) -> *mut c_void {
    // SAFETY: the caller has a buffer of this layout from the host.
    unsafe { (*buffer.cast::<BufferStruct>()).context }
}

#[repr(C)]
struct BackendI {
    get_name: unsafe extern "C" fn(*mut Backend) -> *const c_char,
    free: unsafe extern "C" fn(*mut Backend),
    set_tensor_async: No,
    get_tensor_async: No,
    set_tensor_2d_async: No,
    get_tensor_2d_async: No,
    cpy_tensor_async: No,
    synchronize: No,
    graph_plan_create: No,
    graph_plan_free: No,
    graph_plan_update: No,
    graph_plan_compute: No,
    graph_compute: unsafe extern "C" fn(*mut Backend, *mut Graph) -> Status,
    event_record: No,
    event_wait: No,
    graph_optimize: No,
}

#[repr(C)]
struct BackendStruct {
    guid: *const [u8; 16],
    iface: BackendI,
    device: *mut Device,
    context: *mut c_void,
}

static GUID: [u8; 16] = *b"xnc 16-bit table";

pub unsafe fn new_backend(device: *mut Device, context: *mut c_void) -> *mut Backend {
    let iface = BackendI {
        get_name: backend::name,
        free: backend::free,
        set_tensor_async: None,
        get_tensor_async: None,
        set_tensor_2d_async: None,
        get_tensor_2d_async: None,
        cpy_tensor_async: None,
        synchronize: None,
        graph_plan_create: None,
        graph_plan_free: None,
        graph_plan_update: None,
        graph_plan_compute: None,
        graph_compute: backend::compute,
        event_record: None,
        event_wait: None,
        graph_optimize: None,
    };
    Box::into_raw(Box::new(BackendStruct { guid: &raw const GUID, iface, device, context })).cast()
}

pub unsafe fn backend_context(backend: *const Backend) -> *mut c_void {
    // SAFETY: the caller has what `new_backend` made.
    unsafe { (*backend.cast::<BackendStruct>()).context }
}

pub unsafe fn free_backend(backend: *mut Backend) {
    // SAFETY: the caller has what `new_backend` made, and nobody else uses it any more.
    drop(unsafe { Box::from_raw(backend.cast::<BackendStruct>()) });
}

#[repr(C)]
struct DeviceI {
    get_name: unsafe extern "C" fn(*mut Device) -> *const c_char,
    get_description: unsafe extern "C" fn(*mut Device) -> *const c_char,
    get_memory: unsafe extern "C" fn(*mut Device, *mut usize, *mut usize),
    get_type: unsafe extern "C" fn(*mut Device) -> c_int,
    get_props: unsafe extern "C" fn(*mut Device, *mut Properties),
    init_backend: unsafe extern "C" fn(*mut Device, *const c_char) -> *mut Backend,
    get_buffer_type: unsafe extern "C" fn(*mut Device) -> *mut BufferType,
    get_host_buffer_type: No,
    buffer_from_host_ptr: No,
    supports_op: unsafe extern "C" fn(*mut Device, *const Tensor) -> bool,
    supports_buft: unsafe extern "C" fn(*mut Device, *mut BufferType) -> bool,
    offload_op: No,
    event_new: No,
    event_free: No,
    event_synchronize: No,
}

#[repr(C)]
struct DeviceStruct {
    iface: DeviceI,
    reg: *mut Registry,
    context: *mut c_void,
}

#[repr(C)]
struct Caps {
    is_async: bool,
    host_buffer: bool,
    buffer_from_host_ptr: bool,
    events: bool,
    // From 0.20 or so on; older hosts have padding here.
    mmap_support: bool,
}

#[repr(C)]
struct Props {
    name: *const c_char,
    description: *const c_char,
    memory_free: usize,
    memory_total: usize,
    kind: c_int,
    device_id: *const c_char,
    caps: Caps,
}

pub unsafe fn properties(properties: *mut Properties, name: *const c_char, description: *const c_char) {
    // With none of the first four, a whole tensor comes in one call.
    let caps = Caps {
        is_async: false,
        host_buffer: false,
        buffer_from_host_ptr: false,
        events: false,
        mmap_support: true,
    };
    let props = Props {
        name,
        description,
        memory_free: 0,
        memory_total: 0,
        kind: DEVICE_ACCEL,
        device_id: null(),
        caps,
    };
    // SAFETY: the host gives room for its own structure, which is this one.
    unsafe { properties.cast::<Props>().write(props) };
}

#[repr(C)]
struct RegI {
    get_name: unsafe extern "C" fn(*mut Registry) -> *const c_char,
    get_device_count: unsafe extern "C" fn(*mut Registry) -> usize,
    get_device: unsafe extern "C" fn(*mut Registry, usize) -> *mut Device,
    get_proc_address: unsafe extern "C" fn(*mut Registry, *const c_char) -> *mut c_void,
}

#[repr(C)]
struct RegStruct {
    api_version: c_int,
    iface: RegI,
    context: *mut c_void,
}

/// Registry, device and buffer type, never given back. `types` has the functions of the buffer type.
pub fn register<I: Copy>(api: c_int, types: &I) -> *mut Registry {
    let iface = RegI {
        get_name: device::name_of_registry,
        get_device_count: device::count,
        get_device: device::at,
        get_proc_address: device::procedure,
    };
    let reg: *mut Registry =
        Box::into_raw(Box::new(RegStruct { api_version: api, iface, context: null_mut() })).cast();
    let iface = DeviceI {
        get_name: device::name,
        get_description: device::description,
        get_memory: device::memory,
        get_type: device::kind,
        get_props: device::properties,
        init_backend: backend::new,
        get_buffer_type: device::buffer_type,
        get_host_buffer_type: None,
        buffer_from_host_ptr: None,
        supports_op: device::supports,
        supports_buft: device::supports_type,
        offload_op: None,
        event_new: None,
        event_free: None,
        event_synchronize: None,
    };
    let device: *mut Device =
        Box::into_raw(Box::new(DeviceStruct { iface, reg, context: null_mut() })).cast();
    let buft = Box::into_raw(Box::new(TypeStruct { iface: *types, device, context: null_mut() })).cast();
    device::made(device, buft);
    reg
}
