// The GPU half of machine.h: device 0 through libcuda.so.1, which is opened only when a program asks for it.
#pragma once
#include <map>

#include "machine.h"

namespace machine {

class Gpu {
  public:
    // Loads the image, a PTX or cubin file.
    explicit Gpu(const std::string& image);
    std::string name() const { return name_; }
    void* allocate(size_t bytes);
    void free_all();
    void upload(void* target, const void* source, size_t bytes);
    void download(void* target, const void* source, size_t bytes);
    void launch(const char* kernel, const Launch& how, void** parameters);
    float milliseconds(const std::function<void()>& work);

  private:
    void* function(const std::string& kernel, size_t shared_bytes);

    struct Allocation {
        unsigned long long address;
        size_t bytes;
    };
    std::string name_;
    void* module_ = nullptr;
    std::map<std::string, std::pair<void*, size_t>> functions_;  // with the shared memory that each may have
    std::vector<Allocation> allocations_;
    bool timing_ = false;
};

}  // namespace machine
