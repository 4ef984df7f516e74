// Invocations of a workgroup: chosen for the device when the kernel is compiled. No result depends on
// it.
override WIDTH: u32 = 64u;
