#include "machine_facts.h"

#include <dlfcn.h>

#include <cstdio>
#include <ctime>

#include "machine.h"

static std::string driver_release() {
    std::string release;
    if (FILE* answer = popen("nvidia-smi --query-gpu=driver_version --format=csv,noheader", "r")) {
        for (int c = fgetc(answer); c != EOF && c != '\n'; c = fgetc(answer)) release += (char) c;
        pclose(answer);
    }
    return release.empty() ? "of unknown release" : release;
}

static std::string cuda_version() {
    using Get = int(int*);
    void* library = dlopen("libcuda.so.1", RTLD_NOW);
    Get* get = library ? reinterpret_cast<Get*>(dlsym(library, "cuDriverGetVersion")) : nullptr;
    int version = 0;
    if (!get || get(&version) != 0) return "of unknown version";
    return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string machine_facts() {
    if (!machine::is_gpu()) return machine::name();
    return machine::name() + ", driver " + driver_release() + ", CUDA " + cuda_version();
}

std::string today() {
    const std::time_t now = std::time(nullptr);
    char text[16];
    std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
    return text;
}
