#include "golden.h"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

Golden Golden::read(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("cannot read " + path);
    Golden golden;
    std::string line;
    while (std::getline(file, line) && !line.empty()) {
        const size_t colon = line.find(": ");
        if (colon == std::string::npos) throw std::runtime_error(path + " has a line without a colon: " + line);
        golden.facts[line.substr(0, colon)] = line.substr(colon + 2);
    }
    std::string name;
    size_t count;
    while (file >> name) {
        if (!(file >> std::dec >> count) || count > 1 << 24) throw std::runtime_error(path + " has no size of " + name);
        std::vector<uint32_t>& words = golden.parts[name];
        words.resize(count);
        for (uint32_t& word : words) {
            if (!(file >> std::hex >> word)) throw std::runtime_error(path + " ends, or is wrong, inside " + name);
        }
    }
    return golden;
}

void Golden::write(const std::string& path) const {
    std::ofstream file(path);
    for (const auto& [name, value] : facts) file << name << ": " << value << "\n";
    for (const auto& [name, words] : parts) {
        file << "\n" << name << " " << words.size();
        for (size_t i = 0; i < words.size(); i++) {
            char text[16];
            snprintf(text, sizeof text, "%c%08x", i % 8 == 0 ? '\n' : ' ', words[i]);
            file << text;
        }
        file << "\n";
    }
    if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

std::string hash_of(const void* bytes, size_t count) {
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < count; i++) hash = (hash ^ static_cast<const unsigned char*>(bytes)[i]) * 0x100000001b3;
    char text[24];
    snprintf(text, sizeof text, "%016llx", (unsigned long long) hash);
    return text;
}

std::string hash_of_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    std::erase(text, '\r');
    return hash_of(text.data(), text.size());
}

bool is_there(const std::string& path) { return std::ifstream(path).good(); }
