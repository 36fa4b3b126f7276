// Modules, functions and launches.
#include "fake_cuda_modules.h"

#include <algorithm>
#include <iterator>

#include "fake_cuda_memory.h"
#include "fake_cuda_streams.h"
#include "simt.h"

namespace fake {
namespace {

struct Module : Object {
    Context* context = nullptr;
    std::set<std::string> names;
};
struct Function : Object {
    Module* module = nullptr;
    const Kernel* kernel = nullptr;
    int shared_bytes = 48 << 10;  // that a launch may ask for
};
Table<Module>& modules = *new Table<Module>("module");
Table<Function>& functions = *new Table<Function>("function");

// Of each device, in how many launches it breaks; 0 for never.
uint64_t to_break[MAX_DEVICES];

std::string line_of(const Module& module) {
    return "module of device " + std::to_string(module.context->device) + ", loaded by call " +
           std::to_string(module.made_by);
}

const bool has_inventory = [] {
    add_inventory([](const auto& line) {
        for (const auto& [handle, module] : modules.all()) line(line_of(*module));
    });
    return true;
}();

void unload(const Module& module) {
    std::vector<Function*> its;
    for (const auto& [handle, function] : functions.all()) {
        if (function->module == &module) its.push_back(function.get());
    }
    for (const Function* function : its) functions.remove(*function);
    modules.remove(module);
}

int load(const char* name, void** handle, const void* image) {
    return call({.name = name}, [&] {
        if (handle == nullptr) refuse(INVALID_VALUE, "a null pointer for the result");
        const auto module = std::make_shared<Module>();
        module->context = &current();
        module->names = kernels_of_image(image);
        give(handle, modules.add(module)->pointer());
    });
}

const Kernel* kernel_of(const Module& module, const std::string& name) {
    if (!module.names.contains(name)) return nullptr;
    for (const Kernel& kernel : kernels()) {
        if (kernel.name == name) return &kernel;
    }
    refuse(NOT_FOUND, "%s is in the image, but not among the kernels that are emulated here", name.c_str());
}

Function& function_of(Module& module, const char* name) {
    if (name == nullptr) refuse(INVALID_VALUE, "a null pointer for the name");
    const Kernel* const kernel = kernel_of(module, name);
    if (kernel == nullptr) throw Refusal{NOT_FOUND, ""};
    for (const auto& [handle, function] : functions.all()) {
        if (function->module == &module && function->kernel == kernel) return *function;
    }
    Function* const function = functions.add(std::make_shared<Function>());
    function->module = &module;
    function->kernel = kernel;
    return *function;
}

enum Attribute { MAX_THREADS = 0, STATIC_SHARED = 1, CONSTANT = 2, LOCAL = 3, REGISTERS = 4, MAX_DYNAMIC_SHARED = 8 };

void set_attribute(Function& function, int attribute, int value) {
    if (attribute == 9) return;  // PREFERRED_SHARED_MEMORY_CARVEOUT, a wish
    if (attribute != MAX_DYNAMIC_SHARED) refuse(INVALID_VALUE, "attribute %d cannot be set", attribute);
    if (value < 0 || value > max_shared_bytes()) {
        refuse(INVALID_VALUE, "%s: %d bytes of shared memory; at most %d are possible", function.kernel->name.c_str(),
                value, max_shared_bytes());
    }
    function.shared_bytes = value;
}

int attribute_of(const Function& function, int attribute) {
    switch (attribute) {
        case MAX_THREADS:
            return function.kernel->threads;
        case STATIC_SHARED:
        case CONSTANT:
        case LOCAL:
            return 0;
        case REGISTERS:
            return 128;
        case MAX_DYNAMIC_SHARED:
            return function.shared_bytes;
        default:
            refuse(INVALID_VALUE, "attribute %d is not modelled", attribute);
    }
}

void require_possible(const Function& function, dim3 grid, dim3 block, unsigned shared_bytes) {
    const char* const name = function.kernel->name.c_str();
    const uint64_t threads = (uint64_t) block.x * block.y * block.z;
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > INT32_MAX || grid.y > UINT16_MAX || grid.z > UINT16_MAX) {
        refuse(INVALID_VALUE, "%s: a grid of (%u, %u, %u) blocks", name, grid.x, grid.y, grid.z);
    }
    if (threads == 0 || threads > (uint64_t) function.kernel->threads || block.z > 64) {
        refuse(INVALID_VALUE, "%s: blocks of (%u, %u, %u) threads; its launch bounds are %d", name, block.x, block.y,
                block.z, function.kernel->threads);
    }
    if (shared_bytes > (unsigned) function.shared_bytes) {
        refuse(INVALID_VALUE, "%s: %u bytes of dynamic shared memory; %d are allowed (cuFuncSetAttribute)", name,
                shared_bytes, function.shared_bytes);
    }
}

void launch(const Function& function, dim3 grid, dim3 block, unsigned shared_bytes, Stream& stream, void** parameters) {
    const Context* const context = stream.context;
    if (context != function.module->context || context != &current()) {
        refuse(INVALID_HANDLE, "%s: function, stream and current context are of devices %d, %d and %d",
                function.kernel->name.c_str(), function.module->context->device, context->device, current().device);
    }
    require_possible(function, grid, block, shared_bytes);
    if (parameters == nullptr) refuse(INVALID_VALUE, "%s: no parameters", function.kernel->name.c_str());
    launches++;
    enqueue(stream, function.kernel->name.c_str(), [=, run = function.kernel->bind(parameters)] {
        uint64_t& left = to_break[context->device];
        if (left > 0 && --left == 0) throw Refusal{ILLEGAL_ADDRESS, "the launch that was to break the device"};
        uint64_t owners = 1ull << context->device;
        for (const int peer : context->peers) owners |= 1ull << peer;
        simt::show_owners(owners);
        simt::seed = settings().seed;
        if (!simt::launch(grid, block, shared_bytes, run)) throw Refusal{ILLEGAL_ADDRESS, simt::error()};
    });
}

}  // namespace

void break_after(int device, uint64_t k) { to_break[device] = k; }
uint64_t launches_to_break(int device) { return to_break[device]; }
void break_no_device() { std::fill(std::begin(to_break), std::end(to_break), 0); }

void end_modules(const Context& context) {
    std::vector<Module*> left;
    for (const auto& [handle, module] : modules.all()) {
        if (module->context == &context) left.push_back(module.get());
    }
    for (const Module* module : left) {
        leaked(line_of(*module));
        unload(*module);
    }
}

}  // namespace fake

using namespace fake;

API cuModuleLoadData(void** module, const void* image) { return load("cuModuleLoadData", module, image); }

API cuModuleLoadDataEx(void** module, const void* image, unsigned, int*, void**) {
    return load("cuModuleLoadDataEx", module, image);
}

API cuModuleUnload(void* handle) {
    return call({.name = "cuModuleUnload", .acts_anyway = true}, [&] {
        const Module& module = modules.get(handle);
        finish_all(*module.context);
        unload(module);
    });
}

API cuModuleGetFunction(void** function, void* module, const char* name) {
    return call({.name = "cuModuleGetFunction"}, [&] {
        if (function == nullptr) refuse(INVALID_VALUE, "a null pointer for the result");
        give(function, function_of(modules.get(module), name).pointer());
    });
}

API cuFuncSetAttribute(void* function, int attribute, int value) {
    return call({.name = "cuFuncSetAttribute"}, [&] { set_attribute(functions.get(function), attribute, value); });
}

API cuFuncGetAttribute(int* value, int attribute, void* function) {
    return call({.name = "cuFuncGetAttribute"}, [&] { give(value, attribute_of(functions.get(function), attribute)); });
}

API cuFuncSetCacheConfig(void* function, int) {
    return call({.name = "cuFuncSetCacheConfig"}, [&] { functions.get(function); });
}

API cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void* function, int threads, size_t shared_bytes) {
    return call({.name = "cuOccupancyMaxActiveBlocksPerMultiprocessor"}, [&] {
        functions.get(function);
        if (threads <= 0) refuse(INVALID_VALUE, "blocks of %d threads", threads);
        const size_t by_memory = (max_shared_bytes() + 1024) / (shared_bytes + 1024);
        give(blocks, (int) std::min<size_t>(2048 / threads, by_memory));
    });
}

API cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
        unsigned block_y, unsigned block_z, unsigned shared_bytes, void* stream, void** parameters, void** extra) {
    return call({.name = "cuLaunchKernel"}, [&] {
        if (extra != nullptr) refuse(NOT_SUPPORTED, "parameters in a buffer are not modelled");
        launch(functions.get(function), {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared_bytes,
                stream_of(stream), parameters);
    });
}
