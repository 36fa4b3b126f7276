// What a GPU gave, in a text file: lines `name: value`, an empty line, then for each part its name and number of words,
// and the words in hexadecimal, eight a line.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

struct Golden {
    std::map<std::string, std::string> facts;
    std::map<std::string, std::vector<uint32_t>> parts;

    // Throws std::runtime_error, with the path, where the file cannot be read or is not of this form.
    static Golden read(const std::string& path);
    void write(const std::string& path) const;
};

// FNV-1a, 64 bits, as 16 hexadecimal digits.
std::string hash_of(const void* bytes, size_t count);
// The same of a text file, whose ends of lines do not count. Throws std::runtime_error where it cannot be read.
std::string hash_of_text(const std::string& path);
bool is_there(const std::string& path);
