#include "simt_places.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <unordered_map>

extern char** environ;

namespace simt {

PlaceSlot place_slots[1 << 16];
static std::unordered_map<uintptr_t, Place> places;
static std::vector<uintptr_t> keys{0};

Place intern(uintptr_t key) {
    auto [entry, is_new] = places.try_emplace(key, 0);
    if (is_new && keys.size() <= UINT16_MAX) {
        entry->second = keys.size();
        keys.push_back(key);
    }
    slot_of(key) = {key, entry->second};
    return entry->second;
}

// What a program prints, or nothing where it cannot be run.
static std::string output_of(const std::vector<std::string>& command) {
    std::vector<char*> arguments;
    for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return "";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    pid_t child;
    const bool started = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    std::string output;
    char buffer[4096];
    for (ssize_t count; (count = read(ends[0], buffer, sizeof buffer)) > 0;) output.append(buffer, count);
    close(ends[0]);
    if (started) waitpid(child, nullptr, 0);
    return output;
}

// "file+0x..." where the line is not known.
std::vector<std::string> lines_of_code(uintptr_t return_address) {
    const uintptr_t call = return_address - 1;
    Dl_info info;
    link_map* map;
    if (!dladdr1(reinterpret_cast<void*>(call), &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP)) return {};
    // The program itself has no name here; argv[0], which info has, may be relative to another directory.
    char program[4096] = "";
    const bool is_program = map->l_name[0] == 0;
    if (is_program && readlink("/proc/self/exe", program, sizeof program - 1) < 0) return {};
    const std::string file = is_program ? program : map->l_name;
    char address[32];
    snprintf(address, sizeof address, "0x%zx", static_cast<size_t>(call - map->l_addr));
    std::vector<std::string> lines;
    const std::string output = output_of({"addr2line", "-i", "-e", file, address});
    for (size_t begin = 0, end; (end = output.find('\n', begin)) != std::string::npos; begin = end + 1) {
        std::string line = output.substr(begin, end - begin);
        line = line.substr(0, line.find(" (discriminator"));
        if (line[0] != '?') lines.push_back(line);
    }
    if (lines.empty()) lines.push_back(file + "+" + address);
    return lines;
}

std::string name_of(Place place) {
    const uintptr_t key = keys[place];
    if (key == 0) return "an unknown place";
    if (key & CODE) {
        const std::vector<std::string> lines = lines_of_code(key & ~CODE);
        return lines.empty() ? "an unknown place" : lines[0];
    }
    const auto where = std::bit_cast<std::source_location>(key);
    return std::string(where.file_name()) + ":" + std::to_string(where.line());
}

}  // namespace simt
