// Images of kernels, and the kernels that stand for theirs here.
#pragma once
#include <set>
#include <vector>

#include "fake_cuda_devices.h"
#include "kernels.h"

namespace fake {

// A kernel as the emulator runs it.
struct Kernel {
    std::string name;
    int threads;  // of a block, at most
    // What a launch with these parameters runs in each thread.
    std::function<std::function<void()>(void** parameters)> bind;
};
const std::vector<Kernel>& kernels();

// The names of kernels in a PTX or cubin image; refuses what this device and driver would.
std::set<std::string> kernels_of_image(const void* image);

// Lets a device break when its k-th launch from now on runs; and in how many launches it will, 0 for never.
void break_after(int device, uint64_t k);
uint64_t launches_to_break(int device);
void break_no_device();

// Forgets modules.
void end_modules(const Context& context);

}  // namespace fake
