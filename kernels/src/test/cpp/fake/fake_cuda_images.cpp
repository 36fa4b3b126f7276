// Which images a driver takes: PTX that it knows the version of, cubins of the device's family.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "fake_cuda_modules.h"

namespace fake {
namespace {

// The driver that came with a version of PTX.
int driver_of_ptx(int major, int minor) {
    if (major == 6) return minor <= 4 ? 10010 : 10020;
    if (major == 7) return 11000 + 10 * minor;
    if (major == 8) return 12000 + 10 * (minor <= 5 ? minor : minor + 1);
    return (major + 4) * 1000 + 10 * minor;
}

std::set<std::string> kernels_of_ptx(const char* text) {
    const char* const version = strstr(text, ".version ");
    const char* const target = strstr(text, ".target sm_");
    int major, minor, compute;
    if (version == nullptr) throw Refusal{INVALID_IMAGE, ""};
    if (sscanf(version, ".version %d.%d", &major, &minor) != 2 || target == nullptr ||
            sscanf(target, ".target sm_%d", &compute) != 1) {
        throw Refusal{INVALID_PTX, ""};
    }
    if (settings().driver < driver_of_ptx(major, minor)) throw Refusal{UNSUPPORTED_PTX_VERSION, ""};
    if (compute > settings().compute) throw Refusal{NO_BINARY_FOR_GPU, ""};
    std::set<std::string> names;
    for (const char* at = text; (at = strstr(at, ".entry ")) != nullptr;) {
        at += strlen(".entry ");
        names.emplace(at, strcspn(at, "( \n"));
    }
    // A text that was cut ends inside a function.
    if (std::count(text, text + strlen(text), '{') != std::count(text, text + strlen(text), '}')) {
        throw Refusal{INVALID_PTX, ""};
    }
    return names;
}

struct Header {  // of a 64-bit ELF file
    unsigned char identity[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_bytes, program_entry_bytes, programs, section_entry_bytes, sections, names_section;
};
struct Section {
    uint32_t name, type;
    uint64_t flags, address, offset, bytes;
    uint32_t link, info;
    uint64_t alignment, entry_bytes;
};

std::set<std::string> kernels_of_cubin(const char* bytes) {
    Header header;
    memcpy(&header, bytes, sizeof header);
    constexpr int CUDA = 190, OSABI = 7, ABI_VERSION = 8;
    if (header.machine != CUDA) throw Refusal{INVALID_IMAGE, ""};
    // nvcc 13 writes an ABI that older drivers do not know, and the architecture one byte higher.
    const bool is_new = header.identity[OSABI] == 0x41 && header.identity[ABI_VERSION] == 8;
    if (is_new && settings().driver < 13000) throw Refusal{INVALID_IMAGE, ""};
    const int compute = is_new ? header.flags >> 8 & 0xff : header.flags & 0xff;
    const bool fits = compute / 10 == settings().compute / 10 && compute % 10 <= settings().compute % 10;
    if (!fits) throw Refusal{NO_BINARY_FOR_GPU, ""};
    const auto section = [&](int i) {
        Section read;
        memcpy(&read, bytes + header.section_offset + i * sizeof read, sizeof read);
        return read;
    };
    const Section names_section = section(header.names_section);
    std::set<std::string> names;
    for (int i = 0; i < header.sections; i++) {
        const char* const name = bytes + names_section.offset + section(i).name;
        if (strncmp(name, ".text.", 6) == 0) names.emplace(name + 6);
    }
    return names;
}

}  // namespace

std::set<std::string> kernels_of_image(const void* image) {
    if (image == nullptr) refuse(INVALID_VALUE, "a null pointer for the image");
    const char* const bytes = static_cast<const char*>(image);
    const bool is_cubin = strncmp(bytes, "\177ELF", 4) == 0;
    const int error = is_cubin ? cubin_error : ptx_error;
    if (error != 0) throw Refusal{error, ""};
    return is_cubin ? kernels_of_cubin(bytes) : kernels_of_ptx(bytes);
}

}  // namespace fake
