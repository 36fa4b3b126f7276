// How fast the kernels are on a GPU, beside its own ceilings and cuBLAS, as tables in Markdown on standard output.
//
//   kernels_bench --gpu IMAGE            everything but the next
//   kernels_bench --gpu IMAGE --shapes   attention divided otherwise; IMAGE of alibi_attention_shapes.cu
//
// Times are medians of nine series of 10 ms or more, on random numbers. Buffers take turns, so that none is in the
// cache from the call before, but for the x of products: in a model it has just been written.
#include <cstdio>
#include <cstring>

#include "bench.h"
#include "machine_facts.h"

using namespace bench;

static void title(const char* words) { printf("\n## %s\n", words); }

static void run_all() {
    printf("%s; %s.\n", machine_facts().c_str(), today().c_str());
    title("Ceilings");
    const Ceilings measured = ceilings();
    title("Memory");
    elementwise(measured);
    title("Attention");
    printf("\nCausal, 40 heads of 128; useful operations are 2 * heads * head_dim * sum of length^2.\n");
    attention();
    title("Products");
    products(measured);
    title("Do a row's bits depend on its place, or on the number of rows?");
    printf("\nAll rows of x are the same. A column is a number of rows; in a line, the same letter stands for the same "
           "bits of the first row, and `differ` counts the rows that have others than the first.\n");
    bits_of_rows();
}

int main(int argc, char** argv) {
    const bool is_shapes = argc == 4 && strcmp(argv[3], "--shapes") == 0;
    if (!(argc == 3 || is_shapes) || strcmp(argv[1], "--gpu") != 0) {
        fprintf(stderr, "usage: %s --gpu IMAGE [--shapes]; times are measured on a GPU only\n", argv[0]);
        return 2;
    }
    try {
        machine::use_gpu(argv[2]);
        if (is_shapes) {
            attention_shapes();
        } else {
            run_all();
        }
    } catch (const std::exception& e) {
        fprintf(stderr, "%s: %s\n", argv[0], e.what());
        return 1;
    }
    return 0;
}
