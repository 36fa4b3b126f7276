// What a result has to say of the machine that it comes from.
#pragma once
#include <string>

// As in "NVIDIA H200, driver 580.65.06, CUDA 13.0"; the emulator where no GPU was chosen.
std::string machine_facts();
// Today, as 2026-11-25.
std::string today();
