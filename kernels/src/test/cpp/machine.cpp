#include "machine.h"

#include <memory>

#include "machine_gpu.h"

namespace machine {

static std::unique_ptr<Gpu> gpu;

void use_gpu(const std::string& image) { gpu = std::make_unique<Gpu>(image); }

bool is_gpu() { return gpu != nullptr; }

std::string name() { return gpu ? gpu->name() : "emulator"; }

void* allocate(size_t bytes) { return gpu ? gpu->allocate(bytes) : simt::allocate(bytes); }

void free_all() {
    if (gpu) {
        gpu->free_all();
    } else {
        simt::free_all();
    }
}

void upload(void* target, const void* source, size_t bytes) {
    if (gpu) {
        gpu->upload(target, source, bytes);
    } else {
        simt::upload(target, source, bytes);
    }
}

void download(void* target, const void* source, size_t bytes) {
    if (gpu) {
        gpu->download(target, source, bytes);
    } else {
        simt::download(target, source, bytes);
    }
}

void launch(const char* name, const Launch& how, const std::function<void()>& call, void** parameters) {
    if (gpu) {
        gpu->launch(name, how, parameters);
        return;
    }
    simt::first_block = how.first_block;
    if (!simt::launch(how.grid, how.block, how.shared_bytes, call)) {
        throw MachineError(std::string(name) + ": " + simt::error());
    }
}

float milliseconds(const std::function<void()>& work) {
    if (!gpu) throw MachineError("the emulator has no time; give --gpu IMAGE");
    return gpu->milliseconds(work);
}

}  // namespace machine
