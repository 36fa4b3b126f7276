// What the parts of kernels_bench share: time, numbers in device memory, tables. All sizes are those of Baichuan-13B.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "machine.h"

namespace bench {

constexpr int HIDDEN = 5120, HEADS = 40, HEAD_DIM = 128, INTERMEDIATE = 13696, VOCABULARY = 64000;

// What this machine does when it does nothing else.
struct Ceilings {
    double copied = 0;      // bytes a second, read and written
    double multiplied = 0;  // operations a second; 0 without cuBLAS
};

// Seconds that one call of `launch` takes on the GPU: the median of some series, after a warm-up. `launch` gets the
// number of the call, by which it takes turns among its buffers so that none is in the cache from the call before.
double seconds(const std::function<void(int)>& launch);

// As many buffers of `bytes` as pass every cache by far.
int turns(double bytes);

// Normally distributed numbers; a few million different ones, repeated.
template <class E>
E* random_halves(size_t count, float deviation);
float* random_floats(size_t count, float deviation);

// A row of a table in Markdown.
void row(const std::vector<std::string>& cells);
// The first row, and the line below it.
void head(const std::vector<std::string>& cells);
std::string text(const char* format, double value);

// Copies on the device, as the driver does it.
void copy(void* target, const void* source, size_t bytes);

Ceilings ceilings();
void elementwise(const Ceilings& ceilings);
void attention();
// The other divisions of attention's work that are in the image of alibi_attention_shapes.cu.
void attention_shapes();
void products(const Ceilings& ceilings);
// Do a row's bits depend on its place, or on the number of rows?
void bits_of_rows();

}  // namespace bench
